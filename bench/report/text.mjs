/** Rows as text. */

const COLUMNS = ["measure", "network", "device", "batch", "threads", "simd", "ours", "peer", "ratio", "unit", "peer_name"];

/** A number with its unit's usual digits; nothing where there is none. */
export function figure(value, unit) {
  if (value === null || value === undefined) return "";
  if (unit === "bytes") return value >= 1e6 ? `${(value / 1e6).toFixed(1)} MB` : `${(value / 1e3).toFixed(0)} kB`;
  if (unit === "count" || value >= 1000) return value.toFixed(0);
  return value.toPrecision(3);
}

export function cells(row) {
  const { unit, ours, peer, ratio } = row;
  const shown = {
    ...row, threads: row.device === "webgpu" ? "" : row.threads, ours: figure(ours, unit), peer: figure(peer, unit),
    ratio: ratio === null ? "" : `${ratio.toFixed(2)}x`, simd: row.device === "webgpu" ? "" : row.simd, unit: unit === "bytes" || unit === "count" ? "" : unit,
  };
  return COLUMNS.map((column) => String(shown[column] ?? ""));
}

export function line(row) {
  return cells(row).filter(Boolean).join("  ");
}

/** A markdown table, padded so that a terminal shows it well. */
export function table(head, rows) {
  const width = head.map((_, i) => Math.max(...[head, ...rows].map((row) => row[i].length)));
  const pad = (row) => `| ${row.map((cell, i) => cell.padEnd(width[i])).join(" | ")} |`;
  return [pad(head), pad(width.map((n) => "-".repeat(n))), ...rows.map(pad)].join("\n");
}

export const rowsTable = (rows) => table(COLUMNS, rows.map(cells));

/** What a row is about, for a heading: in this order. */
const GROUPS = [
  ["Forward passes", /^forward$/],
  ["Distillation steps", /^step$/],
  ["An ensemble of five against five single passes", /^ensemble5$/],
  ["Whole evaluations with six networks", /^evaluate$/],
  ["From navigation to the first prediction", /^first_prediction/],
  ["Downloads (wasm and JavaScript, brotli)", /^download/],
  ["Bytes of GPU buffers", /bytes/],
  ["WebGPU calls", /_(dispatches|submits|readbacks)$/],
];

export function groupsOf(rows) {
  return GROUPS.map(([title, pattern]) => ({ title, rows: rows.filter(({ measure }) => pattern.test(measure)) })).filter((group) => group.rows.length > 0);
}

export const BUSY_LOAD = 0.5;
export const BUSY = "Other programs kept this machine busy: compare these figures with care.";

export function tables({ rows, load_before, left_out }) {
  const parts = groupsOf(rows).map(({ title, rows: some }) => `${title}\n\n${rowsTable(some)}`);
  const missing = left_out.map(({ what, why }) => `- left out: ${what} (${why})`).join("\n");
  return [...(load_before > BUSY_LOAD ? [BUSY] : []), ...parts, ...(missing ? [missing] : [])].join("\n\n");
}
