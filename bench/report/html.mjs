/** Writes a run as one HTML file with bars. */
import { BUSY, BUSY_LOAD, comparison, figure, groupsOf } from "./text.mjs";

const escape = (text) => String(text).replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`);

const STYLE = `
body { font: 15px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem; color: #1a1a1a; background: #fff }
h1 { font-size: 1.5rem } h2 { font-size: 1.15rem; margin-top: 2.5rem } h3 { font-size: 0.95rem; margin: 1.25rem 0 0.25rem }
.bar { display: grid; grid-template-columns: 17rem 1fr 12rem; gap: 0.75rem; align-items: center; font-size: 0.85rem }
.bar i { display: block; height: 0.9rem; min-width: 2px; border-radius: 2px; background: #9aa4b2 }
.bar.ours i { background: #2457c5 } .bar.ours { font-weight: 600 }
.note { color: #555 } .warning { color: #8a4b00 }
@media (prefers-color-scheme: dark) { body { color: #e8e8e8; background: #16181d } .bar i { background: #5b6472 } .bar.ours i { background: #6f9bff } .note { color: #aaa } .warning { color: #e0a458 } }
@media (max-width: 40rem) { .bar { grid-template-columns: 1fr } }
`;

/** Groups rows that differ only in the peer. */
function cases(rows) {
  const byCase = new Map();
  for (const row of rows) {
    const key = JSON.stringify([
      row.measure,
      row.network,
      row.device,
      row.batch,
      row.threads,
      row.simd,
      row.layer,
      row.ours,
    ]);
    byCase.set(key, [...(byCase.get(key) ?? []), row]);
  }
  return [...byCase.values()];
}

function bar(name, value, unit, longest, note, isOurs) {
  const width = longest > 0 ? (100 * value) / longest : 0;
  const text = `${figure(value, unit)} ${unit === "bytes" || unit === "count" ? "" : unit} ${note}`;
  return `<div class="bar${isOurs ? " ours" : ""}"><span>${escape(name)}</span><i style="width:${width.toFixed(2)}%"></i><span>${escape(text)}</span></div>`;
}

function chart(rows) {
  const [{ measure, network, device, batch, threads, simd, layer, count, unit, ours }] = rows;
  const peers = rows.filter(({ peer }) => peer !== null);
  const longest = Math.max(ours, ...peers.map(({ peer }) => peer));
  const title = [
    ...(layer ? [`${layer} (${count})`] : [measure]),
    network,
    device,
    ...(batch === null ? [] : [`batch ${batch}`]),
    ...(device === "cpu" ? [threads === 1 ? "one thread" : `${threads} threads`, `${simd} SIMD`] : []),
  ];
  const bars = [
    bar("this project", ours, unit, longest, "", true),
    ...peers.map((row) =>
      bar(row.peer_name, row.peer, unit, longest, row.ratio === null ? "" : `(${comparison(row)})`, false),
    ),
  ];
  return `<h3>${escape(title.join(", "))}</h3>\n${bars.join("\n")}`;
}

export function htmlReport(results) {
  const { date, runtime, adapter, cpu, load_before, rows, left_out, quick } = results;
  const about = `${date}, ${runtime}${quick ? ", a quick run" : ""}. WebGPU: ${adapter.name}${adapter.isSoftware ? " (a software adapter, not a GPU)" : ""}. CPU: ${cpu}. Less is better; in brackets, the peer's figure divided by ours (for a layer, the share of its roofline that is reached).`;
  const groups = groupsOf(rows).map(({ title, rows: some, notes }) =>
    [
      `<h2>${escape(title)}</h2>`,
      ...cases(some).map(chart),
      ...notes.map((note) => `<p class="note">${escape(note)}</p>`),
    ].join("\n"),
  );
  const missing = left_out.map(({ what, why }) => `<li>${escape(what)}: ${escape(why)}</li>`).join("\n");
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Fidelity Lab's benchmark</title>
<style>${STYLE}</style>
<h1>Fidelity Lab's benchmark</h1>
<p class="note">${escape(about)}</p>
${load_before > BUSY_LOAD ? `<p class="warning">${escape(BUSY)}</p>` : ""}
${groups.join("\n")}
${missing ? `<h2>Left out</h2>\n<ul>\n${missing}\n</ul>` : ""}
</html>
`;
}
