import { useWidth } from "../components/use_width.ts";
import { ticksOf, type Axis } from "./axis.ts";
import { Shape, type Look } from "./shape.tsx";

/** A range from `low` to `high`, or a single value if both are the same. */
export interface RowMark {
  look: Look;
  low: number;
  high: number;
  isOutline?: boolean;
}
export interface Row {
  label: string;
  values: string;
  marks: readonly RowMark[];
}

const ROW_HEIGHT = 44;
/** In a box narrower than this, such as a phone's, the values stand below the label. */
const NARROW = 520;
const LINE_HEIGHT = 18;
const SIDE = 22;
const BOTTOM = 42;

/** Named rows over one axis: a label and the values in words above each row's marks. */
export function RowsPlot({ label, x, rows, testId }: { label: string; x: Axis; rows: readonly Row[]; testId: string }) {
  const [box, width] = useWidth();
  const isNarrow = width < NARROW;
  const rowHeight = ROW_HEIGHT + (isNarrow ? LINE_HEIGHT : 0);
  const bottom = rows.length * rowHeight + 4;
  const px = (value: number) => SIDE + ((width - 2 * SIDE) * (value - x.min)) / (x.max - x.min);
  return (
    <div ref={box} class="plot rows-plot" data-testid={testId}>
      {width > 0 && (
        <svg
          width={width}
          height={bottom + BOTTOM}
          viewBox={`0 0 ${width} ${bottom + BOTTOM}`}
          role="img"
          aria-label={`${label}. ${rows.map((row) => `${row.label}: ${row.values}`).join("; ")}`}
        >
          {ticksOf(x.min, x.max, (width - 2 * SIDE) / 80).map((tick) => (
            <g key={tick}>
              <line class="grid" x1={px(tick)} x2={px(tick)} y1={0} y2={bottom} />
              <text class="tick" x={px(tick)} y={bottom + 16} text-anchor="middle">
                {x.format(tick)}
              </text>
            </g>
          ))}
          <text class="axis" x={width / 2} y={bottom + BOTTOM - 6} text-anchor="middle">
            {x.label}
          </text>
          {rows.map((row, i) => {
            const [top, y] = [i * rowHeight, (i + 1) * rowHeight - 12];
            return (
              <g key={row.label}>
                <text class="row-label" x={0} y={top + 17}>
                  {row.label}
                </text>
                <text
                  class="row-values"
                  x={isNarrow ? 0 : width}
                  y={top + 17 + (isNarrow ? LINE_HEIGHT : 0)}
                  text-anchor={isNarrow ? "start" : "end"}
                >
                  {row.values}
                </text>
                <line class="row-track" x1={px(x.min)} x2={px(x.max)} y1={y} y2={y} />
                {row.marks.map(({ look, low, high, isOutline }, j) => (
                  <g key={j} class={`mark-point ${look}${isOutline ? " outline" : ""}`}>
                    {low < high && <line class={`range ${look}`} x1={px(low)} x2={px(high)} y1={y} y2={y} />}
                    {(low < high ? [low, high] : [low]).map((value) => (
                      <Shape key={value} look={look} cx={px(value)} cy={y} r={6} />
                    ))}
                  </g>
                ))}
              </g>
            );
          })}
        </svg>
      )}
    </div>
  );
}
