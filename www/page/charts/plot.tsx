import { useState } from "preact/hooks";
import { useWidth } from "../components/use_width.ts";
import { ticksOf, type Axis } from "./axis.ts";
import { decimate, type Point } from "./decimate.ts";
import { ReadingSlider, readingAt, type Reading } from "./reading.tsx";
import { Shape, type Look } from "./shape.tsx";
import { chartWords } from "./strings.ts";
import "./plot.css";

export interface PlotLine {
  name: string;
  look: Look;
  /** In the order in which they are joined. */
  points: readonly Point[];
  isDashed?: boolean;
  isMarked?: boolean;
  /** Drawn thin, for values that jump from point to point. */
  isThin?: boolean;
}

/** A single point. The reader points at it to see `detail`. An outline marks someone else's result. */
export interface PlotMark {
  name: string;
  look: Look;
  x: number;
  y: number;
  isOutline?: boolean;
  detail: string;
}

interface Props {
  /** Says what the figure shows, for screen readers. */
  label: string;
  x: Axis;
  y: Axis;
  lines?: readonly PlotLine[];
  marks?: readonly PlotMark[];
  /** What the reader can step through along the x axis. */
  reading?: Reading;
  /** Where a vertical line stands. */
  cursor?: number | null;
  /** Draws the line of equal values. */
  diagonal?: string;
  height?: number;
  testId: string;
}

const MARGIN = { left: 60, right: 14, top: 10, bottom: 42 };
const X_TICK_PX = 64;
const Y_TICK_PX = 44;
/** Marks of a line stand at least this far apart on average; a denser line gets none. */
const MARK_PX = 10;
const HIT_RADIUS = 12;

/** Lines and points over two axes, drawn in the page's own pixels so that text keeps its size on a phone. */
export function Plot({
  label,
  x,
  y,
  lines = [],
  marks = [],
  reading,
  cursor = null,
  diagonal,
  height = 260,
  testId,
}: Props) {
  const [box, width] = useWidth();
  const [shown, setShown] = useState<number | null>(null);
  const [readX, setReadX] = useState<number | null>(null);
  const [right, bottom] = [width - MARGIN.right, height - MARGIN.bottom];
  const scale = (axis: Axis, from: number, to: number) => (value: number) =>
    from + ((to - from) * (value - axis.min)) / (axis.max - axis.min || 1);
  const [px, py] = [scale(x, MARGIN.left, right), scale(y, bottom, MARGIN.top)];
  const mark = shown === null ? undefined : marks[shown];
  const read = reading && readX !== null ? readingAt(reading, readX) : null;
  return (
    <div ref={box} class="plot" data-testid={testId}>
      {width > 0 && (
        <svg width={width} height={height} viewBox={`0 0 ${width} ${height}`} role="group" aria-label={label}>
          {ticksOf(y.min, y.max, (bottom - MARGIN.top) / Y_TICK_PX).map((tick) => (
            <g key={`y${tick}`} aria-hidden="true">
              <line class="grid" x1={MARGIN.left} x2={right} y1={py(tick)} y2={py(tick)} />
              <text class="tick" x={MARGIN.left - 6} y={py(tick) + 4} text-anchor="end">
                {y.format(tick)}
              </text>
            </g>
          ))}
          {ticksOf(x.min, x.max, (right - MARGIN.left) / X_TICK_PX).map((tick) => (
            <g key={`x${tick}`} aria-hidden="true">
              <line class="grid" x1={px(tick)} x2={px(tick)} y1={MARGIN.top} y2={bottom} />
              <text class="tick" x={px(tick)} y={bottom + 16} text-anchor="middle">
                {x.format(tick)}
              </text>
            </g>
          ))}
          <g aria-hidden="true">
            <text class="axis" x={(MARGIN.left + right) / 2} y={height - 6} text-anchor="middle">
              {x.label}
            </text>
            <text
              class="axis"
              transform={`translate(11 ${(MARGIN.top + bottom) / 2}) rotate(-90)`}
              text-anchor="middle"
            >
              {y.label}
            </text>
            {diagonal && <Diagonal px={px} py={py} x={x} y={y} />}
            {cursor !== null && <line class="cursor" x1={px(cursor)} x2={px(cursor)} y1={MARGIN.top} y2={bottom} />}
            {lines.map((line) => (
              <Line key={line.name} line={line} px={px} py={py} width={right - MARGIN.left} />
            ))}
            {read && (
              <g class="reading-place">
                <line class="cursor" x1={px(read.x)} x2={px(read.x)} y1={MARGIN.top} y2={bottom} />
                {read.values.map(({ look, y: value }) => (
                  <g key={look} class={`plot-line ${look}`}>
                    <Shape look={look} cx={px(read.x)} cy={py(value)} r={5} />
                  </g>
                ))}
              </g>
            )}
          </g>
          {marks.map((point, i) => (
            <g
              key={`${point.name}${i}`}
              class={`mark-point ${point.look}${point.isOutline ? " outline" : ""}`}
              role="button"
              tabIndex={0}
              aria-label={`${point.name}. ${point.detail}`}
              aria-pressed={shown === i}
              data-testid="mark"
              data-name={point.name}
              onPointerEnter={() => setShown(i)}
              onFocus={() => setShown(i)}
              onClick={() => setShown(i)}
              onKeyDown={(event) => {
                if (event.key === "Escape") setShown(null);
              }}
            >
              <circle class="hit" cx={px(point.x)} cy={py(point.y)} r={HIT_RADIUS} />
              <Shape look={point.look} cx={px(point.x)} cy={py(point.y)} r={6} />
            </g>
          ))}
          {reading && reading.xs.length > 0 && (
            <ReadingSlider
              label={label}
              reading={reading}
              at={readX}
              area={{ left: MARGIN.left, right, top: MARGIN.top, bottom }}
              valueAt={(pixel) => x.min + ((x.max - x.min) * (pixel - MARGIN.left)) / (right - MARGIN.left)}
              onRead={setReadX}
            />
          )}
        </svg>
      )}
      {marks.length > 0 && (
        <p class="mark-detail" data-testid="mark-detail">
          {mark ? (
            <>
              <strong>{mark.name}</strong> {mark.detail}
            </>
          ) : (
            <span class="hint">{chartWords.point}</span>
          )}
        </p>
      )}
      {reading && (
        <p class="mark-detail" data-testid={`${testId}-reading`}>
          {read ? read.text : <span class="hint">{chartWords.follow}</span>}
        </p>
      )}
    </div>
  );
}

interface Scales {
  px: (value: number) => number;
  py: (value: number) => number;
}

function Diagonal({ px, py, x, y }: Scales & { x: Axis; y: Axis }) {
  const [from, to] = [Math.max(x.min, y.min), Math.min(x.max, y.max)];
  return from < to ? <line class="diagonal" x1={px(from)} y1={py(from)} x2={px(to)} y2={py(to)} /> : null;
}

function Line({
  line: { look, points, isDashed, isMarked, isThin },
  px,
  py,
  width,
}: Scales & { line: PlotLine; width: number }) {
  const drawn = decimate(points, Math.max(1, Math.round(width)));
  let path = "";
  let isGap = true;
  for (const { x, y } of drawn) {
    if (y !== null) path += `${isGap ? "M" : "L"}${px(x).toFixed(1)} ${py(y).toFixed(1)}`;
    isGap = y === null;
  }
  const known = drawn.filter((point): point is { x: number; y: number } => point.y !== null);
  return (
    <g class={`plot-line ${look}${isThin ? " thin" : ""}`}>
      <path d={path} stroke-dasharray={isDashed ? "6 4" : undefined} />
      {isMarked &&
        known.length * MARK_PX <= width &&
        known.map(({ x, y }) => <Shape key={x} look={look} cx={px(x)} cy={py(y)} r={4} />)}
    </g>
  );
}
