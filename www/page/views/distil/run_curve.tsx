import { useRef } from "preact/hooks";
import { roundRange } from "../../charts/axis.ts";
import { nearest } from "../../charts/decimate.ts";
import { ExportButtons } from "../../charts/export_buttons.tsx";
import { savePng, saveSvg } from "../../charts/export_figure.ts";
import { Plot } from "../../charts/plot.tsx";
import { PlotKey, type Look } from "../../charts/shape.tsx";
import { ValuesTable } from "../../charts/values_table.tsx";
import { count } from "../../common/format.ts";
import { words, type TermName } from "../../common/strings.ts";
import { Help } from "../../components/help.tsx";

export interface CurveSeries {
  label: string;
  look: Look;
  isDashed?: boolean;
  /** Few values, joined over the steps between them and marked. */
  isSparse?: boolean;
  /** One value per step; null where the step has none. */
  values: readonly (number | null)[];
}

interface Props {
  title: string;
  term: TermName;
  axis: string;
  steps: readonly number[];
  series: readonly CurveSeries[];
  format: (value: number) => string;
  /** The lowest and the highest value that the figure can take. */
  limits?: { lowest?: number; highest?: number };
  testId: string;
  emptyText?: string | undefined;
  /** The name of exported files, without their ending, and the lines of their captions. */
  file: { name: string; caption: readonly string[] };
}

const TABLE_ROWS = 12;

/** A figure of a running distillation over its steps. */
export function RunCurve({ title, term, axis, steps, series, format, limits, testId, emptyText, file }: Props) {
  const body = useRef<HTMLDivElement>(null);
  const lines = series.map(({ label, look, isDashed = false, isSparse = false, values }) => {
    const points = values.map((y, i) => ({ x: steps[i]!, y }));
    return {
      name: label,
      look,
      isDashed,
      isMarked: isSparse && !isDashed,
      isThin: !isSparse,
      points: isSparse ? points.filter(({ y }) => y !== null) : points,
    };
  });
  const textOf = (value: number | null | undefined) => (value === null || value === undefined ? "–" : format(value));
  const knownAt = (i: number) => series.filter(({ values }) => typeof values[i] === "number");
  const reading = {
    xs: steps.filter((_, i) => series.some(({ values }) => typeof values[i] === "number")),
    at: (step: number) => {
      const i = nearest(steps, step);
      return {
        text: `${words.distil.charts.step} ${count(step)}: ${knownAt(i)
          .map(({ label, values }) => `${label} ${format(values[i]!)}`)
          .join(", ")}`,
        values: knownAt(i).map(({ look, values }) => ({ look, y: values[i]! })),
      };
    },
  };
  const save = (write: typeof saveSvg | typeof savePng) => () =>
    write(`${file.name}-${testId.replace(/^chart-/, "")}`, body.current!, { title, lines: file.caption });
  return (
    <figure class="card curve-card" data-testid={testId}>
      <figcaption>
        <h2>
          {title}
          <Help term={term} />
        </h2>
        {emptyText && <p class="hint">{emptyText}</p>}
      </figcaption>
      <div class="curve-body" ref={body}>
        <p class="legend">
          {series.map(({ label, look, isDashed = false, isSparse = false, values }) => (
            <PlotKey key={label} look={look} isDashed={isDashed} isMarked={isSparse && !isDashed}>
              <span class="export-text">{label}</span>{" "}
              <strong>{textOf(values.findLast((value) => value !== null))}</strong>
            </PlotKey>
          ))}
        </p>
        <Plot
          label={title}
          x={{
            label: words.distil.charts.step,
            min: steps[0] ?? 0,
            max: Math.max(1, steps.at(-1) ?? 0),
            format: (step) => (Number.isInteger(step) ? count(step) : ""),
          }}
          y={{ label: axis, format, ...roundRange(allValues(series), limits) }}
          lines={lines}
          reading={reading}
          height={220}
          testId={`${testId}-plot`}
        />
      </div>
      <ExportButtons title={title} testId={testId} savers={{ svg: save(saveSvg), png: save(savePng) }} />
      <ValuesTable
        title={words.distil.charts.tableOf(title)}
        header={[words.distil.charts.step, ...series.map(({ label }) => label)]}
        rows={tableRows(steps, series).map((i) => [count(steps[i]!), ...series.map(({ values }) => textOf(values[i]))])}
        testId={`${testId}-values`}
      />
    </figure>
  );
}

function* allValues(series: readonly CurveSeries[]): Iterable<number | null> {
  for (const { values } of series) yield* values;
}

/** About a dozen steps, and every step at which a sparse series has a value. */
function tableRows(steps: readonly number[], series: readonly CurveSeries[]): number[] {
  const every = Math.max(1, Math.ceil(steps.length / TABLE_ROWS));
  const sparse = series.filter(({ isSparse }) => isSparse);
  return Array.from(steps.keys()).filter(
    (i) => i % every === 0 || i === steps.length - 1 || sparse.some(({ values }) => typeof values[i] === "number"),
  );
}
