import { signal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import { count } from "../common/format.ts";
import { words, type TermName } from "../common/strings.ts";
import { Help } from "../components/help.tsx";

export interface CurveSeries {
  label: string;
  /** A custom property of the style sheet. */
  colour: string;
  isDashed?: boolean;
  /** Few points, joined over the steps between them and marked. */
  isSparse?: boolean;
  values: (number | null)[];
}

interface Props {
  title: string;
  term: TermName;
  steps: number[];
  series: CurveSeries[];
  format: (value: number) => string;
  testId: string;
  emptyText?: string | undefined;
}

const HEIGHT = 200;
const ROWS = 12;
/** Changes when the system's theme does: canvas colours do not follow by themselves. */
const theme = signal(0);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => theme.value++);

export function Curve({ title, term, steps, series, format, testId, emptyText }: Props) {
  const box = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const data = [steps, ...series.map(({ values }) => values)] as uPlot.AlignedData;
  const shape = JSON.stringify([theme.value, series.map(({ label, colour }) => [label, colour])]);

  useEffect(() => {
    const element = box.current!;
    plot.current = new uPlot(optionsOf(element, series, format), data, element);
    const observer = new ResizeObserver(() => plot.current?.setSize({ width: element.clientWidth, height: HEIGHT }));
    observer.observe(element);
    return () => {
      observer.disconnect();
      plot.current?.destroy();
      plot.current = null;
    };
  }, [shape]);
  useEffect(() => plot.current?.setData(data), [steps.length]);

  return (
    <figure class="card curve-card" data-testid={testId}>
      <figcaption>
        <h2>
          {title}
          <Help term={term} />
        </h2>
        <p class="legend">
          {series.map(({ label, colour, isDashed, values }) => (
            <span key={label}>
              <svg width="24" height="8" aria-hidden="true">
                <line
                  x1="0"
                  x2="24"
                  y1="4"
                  y2="4"
                  class={`stroke-${colour}`}
                  stroke-dasharray={isDashed ? "6 4" : undefined}
                />
              </svg>
              {label} <strong>{latest(values, format)}</strong>
            </span>
          ))}
        </p>
        {emptyText && <p class="hint">{emptyText}</p>}
      </figcaption>
      <div ref={box} class="curve-box" aria-hidden="true" />
      <Values title={title} steps={steps} series={series} format={format} />
    </figure>
  );
}

function latest(values: readonly (number | null)[], format: Props["format"]): string {
  const value = values.findLast((candidate) => candidate !== null);
  return value === undefined || value === null ? "–" : format(value);
}

function optionsOf(element: HTMLElement, series: readonly CurveSeries[], format: Props["format"]): uPlot.Options {
  const style = getComputedStyle(element);
  const colour = (name: string) => style.getPropertyValue(`--${name}`).trim();
  const axis: uPlot.Axis = {
    stroke: colour("muted"),
    grid: { stroke: colour("line"), width: 1 },
    ticks: { show: false },
    font: "12px system-ui",
    gap: 6,
  };
  return {
    width: element.clientWidth || 320,
    height: HEIGHT,
    legend: { show: false },
    cursor: { y: false, drag: { x: false, y: false } },
    scales: { x: { time: false } },
    axes: [
      { ...axis, size: 28, values: (_, ticks) => ticks.map((tick) => (Number.isInteger(tick) ? count(tick) : "")) },
      { ...axis, size: 60, values: (_, ticks) => ticks.map(format) },
    ],
    series: [
      { label: words.distil.charts.step },
      ...series.map(
        ({ label, colour: name, isDashed, isSparse }): uPlot.Series => ({
          label,
          stroke: colour(name),
          width: isSparse ? 2 : 1.25,
          spanGaps: isSparse ?? false,
          points: { show: (isSparse && !isDashed) ?? false, size: 6, fill: colour(name) },
          ...(isDashed ? { dash: [6, 4] } : {}),
        }),
      ),
    ],
  };
}

/** The same curve for who does not see it: about a dozen of its steps. */
function Values({ title, steps, series, format }: Pick<Props, "title" | "steps" | "series" | "format">) {
  const every = Math.max(1, Math.ceil(steps.length / ROWS));
  const rows = steps
    .map((_, i) => i)
    .filter(
      (i) =>
        i % every === 0 ||
        i === steps.length - 1 ||
        series.some(({ isSparse, values }) => isSparse && values[i] !== null),
    );
  return (
    <div class="sr-only">
      <table>
        <caption>{words.distil.charts.tableOf(title)}</caption>
        <thead>
          <tr>
            <th scope="col">{words.distil.charts.step}</th>
            {series.map(({ label }) => (
              <th key={label} scope="col">
                {label}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((i) => (
            <tr key={i}>
              <th scope="row">{count(steps[i]!)}</th>
              {series.map(({ label, values }) => (
                <td key={label}>{values[i] === null || values[i] === undefined ? "–" : format(values[i])}</td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
