/** Writes docs/performance.json and docs/performance.md: the latest run of each adapter, and a section written by hand. */
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { BUSY, BUSY_LOAD, groupsOf, rowsTable } from "./text.mjs";

const BEGIN = "<!-- by hand: begin -->";
const END = "<!-- by hand: end -->";
const EMPTY = "\n## What was tried and did not help\n\nNothing is noted yet.\n";

/** Returns what stands between the two marks, byte for byte. A file without them is not overwritten. */
export function byHand(text) {
  if (text === null) return EMPTY;
  const [begin, end] = [text.indexOf(BEGIN), text.indexOf(END)];
  if (begin < 0 || end < begin)
    throw new Error(`docs/performance.md has no part between ${BEGIN} and ${END}: write them around what must stay`);
  return text.slice(begin + BEGIN.length, end);
}

/** Runs are identified by where they ran, so a graphics card's rows stay when the software adapter is measured again. */
const place = ({ runtime, adapter }) => `${runtime.split(" ")[0]} ${adapter.name}`;

/** Merges the earlier runs with this one, which replaces the earlier run at the same place. */
export function merged(earlier, results) {
  const { rows, downloads, left_out, ...run } = results;
  const id = place(run);
  const others = (earlier?.runs ?? []).filter((known) => place(known) !== id);
  const kept = (earlier?.rows ?? []).filter((row) => row.run !== id);
  return {
    runs: [{ id, ...run, downloads, left_out }, ...others],
    rows: [...rows.map((row) => ({ run: id, ...row })), ...kept],
  };
}

function section({ id, date, runtime, adapter, cpu, quick, load_before, left_out }, rows) {
  const groups = groupsOf(rows.filter(({ run }) => run === id)).map(({ title, rows: some, notes }) =>
    [`### ${title}`, rowsTable(some), ...notes].join("\n\n"),
  );
  const missing = left_out.map(({ what, why }) => `- ${what}: ${why}`);
  return [
    `## ${adapter.name}${adapter.isSoftware ? " (a software adapter, not a GPU)" : ""}, ${runtime.split(" ")[0]}`,
    `${date}, ${runtime}${quick ? ", a quick run" : ""}. CPU: ${cpu}.`,
    ...(load_before > BUSY_LOAD ? [BUSY] : []),
    ...groups,
    ...(missing.length > 0 ? [`### Left out\n\n${missing.join("\n")}`] : []),
  ].join("\n\n");
}

export function page({ runs, rows }, kept) {
  return `# Performance

Written by \`cargo xtask bench --write-docs\`, from [performance.json](performance.json). \`ours\` and \`peer\` are in the row's unit;
less is better. \`ratio\` is the peer's figure divided by ours. [bench/README.md](../bench/README.md) explains how they are
measured. A software adapter is not a GPU: its figures say nothing about speed on one.

${runs.map((run) => section(run, rows)).join("\n\n")}

${BEGIN}${kept}${END}
`;
}

const readIfThere = (path) =>
  readFile(path, "utf8").catch((error) => {
    if (error.code === "ENOENT") return null;
    throw error;
  });

export async function writeDocs(folder, results) {
  await mkdir(folder, { recursive: true });
  const [json, markdown] = [join(folder, "performance.json"), join(folder, "performance.md")];
  const kept = byHand(await readIfThere(markdown));
  const all = merged(JSON.parse((await readIfThere(json)) ?? "null"), results);
  await writeFile(json, `${JSON.stringify(all, null, 1)}\n`);
  await writeFile(markdown, page(all, kept));
  return [json, markdown];
}
