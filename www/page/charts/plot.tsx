import type { ComponentChildren } from "preact";
import { useLayoutEffect, useRef, useState } from "preact/hooks";
import { ScrollingTable } from "../components/scrolling_table.tsx";
import { plotWords } from "./strings.ts";
import "./plot.css";

/** Whose: the colours of the style sheet; the shape tells them apart without colour. */
export type Look = "ensemble" | "student" | "member" | "control";

export interface Axis {
  label: string;
  min: number;
  max: number;
  format: (value: number) => string;
}

/** Points in the order in which they are joined; null where a value is not known, which is a gap. */
export interface PlotLine {
  name: string;
  look: Look;
  points: readonly { x: number; y: number | null }[];
  isDashed?: boolean;
  isMarked?: boolean;
}

/** A single point that can be pointed at; `detail` is what is then told. An outline is somebody else's. */
export interface PlotMark {
  name: string;
  look: Look;
  x: number;
  y: number;
  isOutline?: boolean;
  detail: string;
}

interface Props {
  /** What the figure shows, for who does not see it. */
  label: string;
  x: Axis;
  y: Axis;
  lines?: readonly PlotLine[];
  marks?: readonly PlotMark[];
  /** A vertical line. */
  cursor?: number | null;
  /** The line of equal values. */
  diagonal?: string;
  height?: number;
  testId: string;
}

const MARGIN = { left: 60, right: 14, top: 10, bottom: 42 };
const TICK_PX = 64;
const HIT_RADIUS = 12;

/** About `n` round numbers from `min` to `max`. */
export function ticksOf(min: number, max: number, n: number): number[] {
  const raw = (max - min) / Math.max(1, n);
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = power * ([1, 2, 5].find((factor) => factor * power >= raw) ?? 10);
  const ticks: number[] = [];
  for (let i = Math.ceil(min / step - 1e-9); i * step <= max + 1e-9 * step; i++)
    ticks.push(Number((i * step).toPrecision(12)));
  return ticks;
}

/** Lines and points over two axes, drawn in the page's own pixels so that text keeps its size on a phone. */
export function Plot({ label, x, y, lines = [], marks = [], cursor = null, diagonal, height = 260, testId }: Props) {
  const box = useRef<HTMLDivElement>(null);
  const [width, setWidth] = useState(0);
  const [shown, setShown] = useState<number | null>(null);
  useLayoutEffect(() => {
    const element = box.current!;
    const observer = new ResizeObserver(() => setWidth(element.clientWidth));
    observer.observe(element);
    setWidth(element.clientWidth);
    return () => observer.disconnect();
  }, []);
  const [right, bottom] = [width - MARGIN.right, height - MARGIN.bottom];
  const at = (axis: Axis, value: number, from: number, to: number) =>
    from + ((to - from) * (value - axis.min)) / (axis.max - axis.min || 1);
  const px = (value: number) => at(x, value, MARGIN.left, right);
  const py = (value: number) => at(y, value, bottom, MARGIN.top);
  const mark = shown === null ? undefined : marks[shown];
  return (
    <div ref={box} class="plot" data-testid={testId}>
      {width > 0 && (
        <svg width={width} height={height} viewBox={`0 0 ${width} ${height}`} role="group" aria-label={label}>
          {ticksOf(y.min, y.max, (bottom - MARGIN.top) / 44).map((tick) => (
            <g key={`y${tick}`} aria-hidden="true">
              <line class="grid" x1={MARGIN.left} x2={right} y1={py(tick)} y2={py(tick)} />
              <text class="tick" x={MARGIN.left - 6} y={py(tick) + 4} text-anchor="end">
                {y.format(tick)}
              </text>
            </g>
          ))}
          {ticksOf(x.min, x.max, (right - MARGIN.left) / TICK_PX).map((tick) => (
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
              <Line key={line.name} line={line} px={px} py={py} />
            ))}
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
        </svg>
      )}
      {marks.length > 0 && (
        <p class="mark-detail" data-testid="mark-detail">
          {mark ? (
            <>
              <strong>{mark.name}</strong> {mark.detail}
            </>
          ) : (
            <span class="hint">{plotWords.point}</span>
          )}
        </p>
      )}
    </div>
  );
}

interface Placed {
  px: (value: number) => number;
  py: (value: number) => number;
}

function Diagonal({ px, py, x, y }: Placed & { x: Axis; y: Axis }) {
  const [from, to] = [Math.max(x.min, y.min), Math.min(x.max, y.max)];
  return from < to ? <line class="diagonal" x1={px(from)} y1={py(from)} x2={px(to)} y2={py(to)} /> : null;
}

function Line({ line: { look, points, isDashed, isMarked }, px, py }: Placed & { line: PlotLine }) {
  const known = points.filter((point): point is { x: number; y: number } => point.y !== null);
  const path = points
    .map(({ x, y }, i) =>
      y === null ? "" : `${i > 0 && points[i - 1]!.y !== null ? "L" : "M"}${px(x).toFixed(1)} ${py(y).toFixed(1)}`,
    )
    .join("");
  return (
    <g class={`plot-line ${look}`}>
      <path d={path} stroke-dasharray={isDashed ? "6 4" : undefined} />
      {isMarked && known.map(({ x, y }) => <Shape key={x} look={look} cx={px(x)} cy={py(y)} r={4} />)}
    </g>
  );
}

/** A circle for teachers, a diamond for students, a square for controls. */
export function Shape({ look, cx, cy, r }: { look: Look; cx: number; cy: number; r: number }) {
  if (look === "ensemble" || look === "member") return <circle class="shape" cx={cx} cy={cy} r={r} />;
  return (
    <rect
      class="shape"
      x={cx - r}
      y={cy - r}
      width={2 * r}
      height={2 * r}
      transform={look === "student" ? `rotate(45 ${cx} ${cy})` : undefined}
    />
  );
}

/** What a line or an outline means. */
export function PlotKey({
  look,
  isDashed = false,
  isOutline,
  children,
}: {
  look: Look;
  isDashed?: boolean;
  isOutline?: boolean;
  children: ComponentChildren;
}) {
  return (
    <span>
      <svg width="24" height="16" aria-hidden="true">
        {isOutline === undefined ? (
          <g class={`plot-line ${look}`}>
            <path d="M0 8L24 8" stroke-dasharray={isDashed ? "6 4" : undefined} />
            <Shape look={look} cx={12} cy={8} r={4} />
          </g>
        ) : (
          <g class={`mark-point ${look}${isOutline ? " outline" : ""}`}>
            <Shape look={look} cx={12} cy={8} r={5} />
          </g>
        )}
      </svg>
      {children}
    </span>
  );
}

/** The figure's numbers, for who reads rather than looks. */
export function ValuesTable({
  title,
  header,
  rows,
  testId,
}: {
  title: string;
  header: readonly string[];
  rows: readonly (readonly string[])[];
  testId: string;
}) {
  return (
    <details class="values" data-testid={testId}>
      <summary>{plotWords.table}</summary>
      <ScrollingTable label={title}>
        <table class="results">
          <thead>
            <tr>
              {header.map((word) => (
                <th key={word} scope="col">
                  {word}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {rows.map((row, i) => (
              <tr key={i}>
                {row.map((cell, j) =>
                  j === 0 ? (
                    <th key={j} scope="row">
                      {cell}
                    </th>
                  ) : (
                    <td key={j}>{cell}</td>
                  ),
                )}
              </tr>
            ))}
          </tbody>
        </table>
      </ScrollingTable>
    </details>
  );
}
