/** Rows as text. */

const COLUMNS = ["measure", "network", "device", "batch", "ours", "peer", "ratio", "images/s", "peer_name"];

const figure = (value) => (value === null || value === undefined ? "" : value >= 1000 ? value.toFixed(0) : value.toPrecision(3));

function cells(row) {
  const perSecond = row.batch === null ? null : 1000 / row.ours;
  const shown = { ...row, ours: figure(row.ours), peer: figure(row.peer), ratio: row.ratio === null ? "" : `${row.ratio.toFixed(2)}x`, "images/s": figure(perSecond) };
  return COLUMNS.map((column) => String(shown[column] ?? ""));
}

export function line(row) {
  return cells(row).filter(Boolean).join("  ");
}

/** A markdown table, padded so that a terminal shows it well. */
function table(head, rows) {
  const width = head.map((_, i) => Math.max(...[head, ...rows].map((row) => row[i].length)));
  const pad = (row) => `| ${row.map((cell, i) => cell.padEnd(width[i])).join(" | ")} |`;
  return [pad(head), pad(width.map((n) => "-".repeat(n))), ...rows.map(pad)].join("\n");
}

const kilobytes = (bytes) => `${(bytes / 1000).toFixed(0)} kB`;

export function tables({ rows, downloads, load_before }) {
  const parts = [table(COLUMNS, rows.map(cells))];
  if (downloads.length > 0) {
    const head = ["wasm + JS", "brotli", "raw", "largest file, brotli"];
    const largest = ({ files }) => files.reduce((best, file) => (file.brotli > best.brotli ? file : best));
    parts.push(table(head, downloads.map((sum) => [sum.of, kilobytes(sum.brotli), kilobytes(sum.raw), kilobytes(largest(sum).brotli)])));
  }
  const busy = "Other programs kept this machine busy: compare these figures with care.";
  return [...(load_before > 0.5 ? [busy] : []), ...parts].join("\n\n");
}

export function document(results) {
  const { date, chromium, adapter, cpu, quick } = results;
  return `# Performance

Written by \`cargo xtask bench ${quick ? "--quick " : ""}--write-docs\` on ${date}, with Chromium ${chromium}.
WebGPU adapter: ${adapter.name}${adapter.isSoftware ? " (a software adapter, not a GPU)" : ""}. CPU: ${cpu}.
\`ours\` and \`peer\` are ms an image (for first predictions, ms), \`ratio\` is the peer's time over ours. How they are measured: [bench/README.md](../bench/README.md).

${tables(results)}
`;
}
