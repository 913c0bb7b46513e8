/** Rows as text. */

/** In a row about a layer, `peer` is the adapter's roofline and `ratio` the share of it that is reached. */
const LAYER_COLUMNS = ["layer", "batch", "count", "ours", "roofline", "share", "unit", "bound"];
const COLUMNS = [
  "measure",
  "network",
  "device",
  "batch",
  "threads",
  "simd",
  "ours",
  "peer",
  "ratio",
  "unit",
  "peer_name",
];

/** Formats a number with its unit's usual digits; empty if there is no number. */
export function figure(value, unit) {
  if (value === null || value === undefined) return "";
  if (unit === "bytes") return value >= 1e6 ? `${(value / 1e6).toFixed(1)} MB` : `${(value / 1e3).toFixed(0)} kB`;
  if (unit === "count" || value >= 1000) return value.toFixed(0);
  return value.toPrecision(3);
}

export const isLayer = ({ measure }) => measure.startsWith("layer");

const columnsOf = (row) => (isLayer(row) ? LAYER_COLUMNS : COLUMNS);

/** Compares ours with the peer's figure; empty if there is no peer. */
export function comparison(row) {
  if (row.ratio === null) return "";
  return isLayer(row) ? `${(100 * row.ratio).toFixed(0)} %` : `${row.ratio.toFixed(2)}x`;
}

export function cells(row) {
  const { unit, ours, peer } = row;
  const shown = {
    ...row,
    threads: row.device === "webgpu" ? "" : row.threads,
    ours: figure(ours, unit),
    peer: figure(peer, unit),
    ratio: comparison(row),
    simd: row.device === "webgpu" ? "" : row.simd,
    unit: unit === "bytes" || unit === "count" ? "" : unit,
    roofline: figure(peer, unit),
    share: comparison(row),
  };
  return columnsOf(row).map((column) => String(shown[column] ?? ""));
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

export const rowsTable = (rows) => table(columnsOf(rows[0]), rows.map(cells));

/** Headings and the measures below each, in the order of the document. */
const GROUPS = [
  ["Forward passes", /^forward$/],
  ["Layers against the roofline", /^layer/],
  ["Distillation steps", /^step$/],
  ["An ensemble of five against five single passes", /^ensemble5$/],
  ["Whole evaluations with six networks", /^evaluate$/],
  ["Statistics of a whole test set, from stored logits", /^statistics_/],
  ["From navigation to the first prediction", /^first_prediction/],
  ["Downloads (wasm and JavaScript, brotli)", /^download/],
  ["Bytes of GPU buffers", /bytes/],
  ["WebGPU calls", /_(dispatches|submits|readbacks)$/],
];

export function groupsOf(rows) {
  const groups = GROUPS.map(([title, pattern]) => ({
    title,
    rows: rows.filter(({ measure }) => pattern.test(measure)),
  }));
  return groups
    .filter((group) => group.rows.length > 0)
    .map((group) => ({ ...group, notes: group.rows.flatMap(notesOf) }));
}

/** Returns what a table of layers does not say. */
function notesOf({ measure, batch, flops_a_second, bytes_a_second, ours, forward_ms, timed_ms }) {
  if (measure !== "layers_sum") return [];
  const rates = `${figure(flops_a_second / 1e9)} GFLOP/s of f32 arithmetic and ${figure(bytes_a_second / 1e9)} GB/s between buffers`;
  return [
    `Batch ${batch}: the adapter reaches at best ${rates}, measured in this run. All layers take ${figure(ours)} ms, the passes in which they are timed ${figure(timed_ms)} ms, and a pass in which nothing is timed ${figure(forward_ms)} ms.`,
  ];
}

export const BUSY_LOAD = 0.5;
export const BUSY = "Other programs kept this machine busy, so compare these figures with care.";

export function tables({ rows, load_before, left_out }) {
  const parts = groupsOf(rows).map(({ title, rows: some, notes }) => [title, rowsTable(some), ...notes].join("\n\n"));
  const missing = left_out.map(({ what, why }) => `- left out: ${what} (${why})`).join("\n");
  return [...(load_before > BUSY_LOAD ? [BUSY] : []), ...parts, ...(missing ? [missing] : [])].join("\n\n");
}
