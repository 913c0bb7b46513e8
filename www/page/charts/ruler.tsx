import { percent } from "../common/format.ts";
import { RowsPlot } from "./rows_plot.tsx";
import type { Look } from "./shape.tsx";

export interface RulerMark {
  name: string;
  value: number;
  look: Look;
  range?: { low: number; high: number };
  isOutline?: boolean;
}

/** Shares from 0 to 1, one per line on a common axis, for comparison. */
export function Ruler({ label, marks }: { label: string; marks: readonly RulerMark[] }) {
  const rows = marks.map(({ name, value, look, range, isOutline = false }) => ({
    label: name,
    values: range ? `${percent(value)} (${percent(range.low)} – ${percent(range.high)})` : percent(value),
    marks: [{ look, isOutline, ...(range ?? { low: value, high: value }) }],
  }));
  return (
    <RowsPlot
      label={label}
      x={{ label, min: 0, max: 1, format: (share) => `${Math.round(100 * share)}%` }}
      rows={rows}
      testId="ruler"
    />
  );
}
