import { useSignal } from "@preact/signals";
import { useId } from "preact/hooks";
import type {
  Binning,
  Calibration as Bins,
  CalibrationBin,
  TemperatureCurves,
  TemperatureFits,
} from "../../../../pkg/analysis_api.js";
import { DataTable } from "../../components/data_table.tsx";
import { ScrollingTable } from "../../components/scrolling_table.tsx";
import { Segmented } from "../../components/segmented.tsx";
import { brief, count, nats, percent } from "../../common/format.ts";
import { words } from "../../common/strings.ts";
import { testSetWords } from "../../test_set/strings.ts";
import { useAsked } from "../../test_set/asked.ts";
import { change, choice, families, showImages } from "../../test_set/choice.ts";
import { Figure, type Table } from "../../test_set/figure.tsx";
import { around } from "./overview.tsx";
import { ticksOf, type Axis } from "../../charts/axis.ts";
import { Plot, type PlotLine, type PlotMark } from "../../charts/plot.tsx";
import { PlotKey } from "../../charts/shape.tsx";
import { allReports, calibration, curves, fits, type Pair } from "../../test_set/questions.ts";
import { listed } from "../../test_set/stored_logits.ts";

/** Shows how far confidence can be trusted, and how a temperature changes that. */
export function Calibration() {
  const bins = useAsked(calibration);
  const scaled = useAsked(fits);
  const over = useAsked(curves);
  const error = bins.error ?? scaled.error ?? over.error;
  if (error)
    return (
      <p class="notice error" role="alert">
        {error}
      </p>
    );
  if (!bins.answer) return <p class="empty">{testSetWords.waiting} …</p>;
  return (
    <div class="rooms" data-testid="calibration-answer">
      <div class="calibration-top">
        <Reliability question={bins.answer.question} value={bins.answer.value} isBusy={bins.isBusy} />
        <div class="rooms">
          {scaled.answer && (
            <Scaling question={scaled.answer.question} value={scaled.answer.value} isBusy={scaled.isBusy} />
          )}
          <Plane />
        </div>
      </div>
      {over.answer && <Curves question={over.answer.question} value={over.answer.value} isBusy={over.isBusy} />}
    </div>
  );
}

const [SIDE, LEFT, TOP, COUNTS] = [360, 48, 8, 56];
const COUNTS_TOP = TOP + SIDE + 46;
const [WIDTH, HEIGHT] = [LEFT + SIDE + 12, COUNTS_TOP + COUNTS + 36];
const x = (share: number) => LEFT + SIDE * share;
const y = (share: number) => TOP + SIDE * (1 - share);
const N_BINS = [5, 10, 15, 20, 30];

type Known = CalibrationBin & { lower: number; upper: number; confidence: number; accuracy: number };
const isKnown = (bin: CalibrationBin): bin is Known =>
  bin.count > 0 && bin.lower !== null && bin.upper !== null && bin.confidence !== null && bin.accuracy !== null;

function Reliability({
  question,
  value: { models },
  isBusy,
}: {
  question: Pair & { nBins: number; binning: Binning };
  value: Bins;
  isBusy: boolean;
}) {
  const series = [
    { of: "teacher" as const, name: words.ensemble as string, look: "ensemble" as const, ...models[0]! },
    { of: "student" as const, name: question.student, look: "student" as const, ...models[1]! },
  ];
  const most = Math.max(1, ...series.flatMap(({ bins }) => bins.map((bin) => bin.count)));
  const table: Table = {
    header: ["of", "bin", "lower", "upper", "images", "mean_confidence", "accuracy"],
    rows: series.flatMap(({ name, bins }) =>
      bins.map((bin, i) => [name, i, bin.lower, bin.upper, bin.count, bin.confidence, bin.accuracy]),
    ),
  };
  const label = (name: string, bin: Known) =>
    testSetWords.calibration.binLabel(
      name,
      percent(bin.lower),
      percent(bin.upper),
      bin.count,
      percent(bin.accuracy),
      percent(bin.confidence),
    );
  return (
    <Figure
      title={testSetWords.calibration.title}
      term="reliability"
      hint={testSetWords.calibration.hint}
      testId="lab-reliability"
      isBusy={isBusy}
      question={question}
      table={table}
      json={{ nBins: question.nBins, binning: question.binning, models: series }}
    >
      <div class="row">
        <Segmented
          label={testSetWords.calibration.nBins}
          testId="bins"
          value={choice.value.nBins}
          options={(N_BINS.includes(choice.value.nBins) ? N_BINS : [...N_BINS, choice.value.nBins]).map((n) => ({
            value: n,
            text: count(n),
          }))}
          onChange={(nBins) => change({ nBins, bin: null })}
        />
        <Segmented
          label={testSetWords.calibration.binning}
          testId="binning"
          value={choice.value.binning}
          options={(["equal_width", "equal_mass"] as const).map((value) => ({
            value,
            text: testSetWords.calibration.binnings[value],
          }))}
          onChange={(binning) => change({ binning, bin: null })}
        />
      </div>
      <svg
        class="reliability-plot"
        viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
        role="group"
        aria-label={testSetWords.calibration.title}
      >
        <g aria-hidden="true">
          {ticksOf(0, 1, 5).map((tick) => (
            <g key={tick}>
              <line class="grid" x1={x(0)} x2={x(1)} y1={y(tick)} y2={y(tick)} />
              <line class="grid" x1={x(tick)} x2={x(tick)} y1={y(0)} y2={y(1)} />
              <text class="tick" x={LEFT - 6} y={y(tick) + 4} text-anchor="end">
                {tick}
              </text>
              <text class="tick" x={x(tick)} y={y(0) + 16} text-anchor="middle">
                {tick}
              </text>
            </g>
          ))}
          <line class="diagonal" x1={x(0)} y1={y(0)} x2={x(1)} y2={y(1)} />
          <text class="axis" transform={`translate(12 ${y(0.5)}) rotate(-90)`} text-anchor="middle">
            {words.fidelity.accuracy}
          </text>
          <text class="axis" x={x(0.5)} y={COUNTS_TOP + COUNTS + 26} text-anchor="middle">
            {words.fidelity.confidence}
          </text>
          {question.binning === "equal_width" && (
            <text class="tick" x={LEFT - 6} y={COUNTS_TOP + 8} text-anchor="end">
              {count(most)}
            </text>
          )}
          <text class="axis" x={x(0)} y={COUNTS_TOP - 6}>
            {question.binning === "equal_mass" ? testSetWords.calibration.lanes(count(most)) : words.fidelity.binCount}
          </text>
          <line class="grid" x1={x(0)} x2={x(1)} y1={COUNTS_TOP + COUNTS} y2={COUNTS_TOP + COUNTS} />
          {series.map(({ look, bins }) => (
            <polyline
              key={look}
              class={`plot-line ${look}`}
              points={bins
                .filter(isKnown)
                .map((bin) => `${x(bin.confidence)},${y(bin.accuracy)}`)
                .join(" ")}
            />
          ))}
        </g>
        {series.map(({ of, name, look, bins }, s) =>
          bins.map(
            (bin, index) =>
              isKnown(bin) && (
                <g
                  key={`${of}${index}`}
                  class={`bin mark-point ${look}`}
                  role="button"
                  tabIndex={0}
                  aria-label={label(name, bin)}
                  data-testid={`bin-${of}-${index}`}
                  onClick={() => showImages({ bin: { of, index } })}
                  onKeyDown={(event) => {
                    if (event.key === "Enter" || event.key === " ") {
                      event.preventDefault();
                      showImages({ bin: { of, index } });
                    }
                  }}
                >
                  <title>{label(name, bin)}</title>
                  <rect class="bin-count" {...countBar(bin, s, most, question.binning)} />
                  <circle class="hit" cx={x(bin.confidence)} cy={y(bin.accuracy)} r={9} />
                  <Point look={look} bin={bin} most={most} />
                </g>
              ),
          ),
        )}
      </svg>
      <p class="legend">
        <PlotKey look="ensemble">
          <span class="export-text">{testSetWords.calibration.ece(words.ensemble, nats(models[0]!.ece))}</span>
        </PlotKey>
        <PlotKey look="student">
          <span class="export-text">{testSetWords.calibration.ece(question.student, nats(models[1]!.ece))}</span>
        </PlotKey>
        <span>
          <span class="key diagonal" aria-hidden="true" />
          {words.fidelity.perfect}
        </span>
      </p>
    </Figure>
  );
}

/** Bins of equal width are the same for both networks and share a lane; bins of equal count differ, so each network has its own. */
function countBar({ lower, upper, count: n }: Known, s: number, most: number, binning: Binning) {
  const width = x(upper) - x(lower) - 2;
  if (binning === "equal_mass")
    return { x: x(lower) + 1, width: Math.max(1, width), y: COUNTS_TOP + (s * COUNTS) / 2 + 2, height: COUNTS / 2 - 4 };
  return {
    x: x(lower) + 1 + (s * width) / 2,
    width: Math.max(1, width / 2),
    y: COUNTS_TOP + COUNTS * (1 - n / most),
    height: COUNTS * (n / most),
  };
}

function Point({ look, bin, most }: { look: "ensemble" | "student"; bin: Known; most: number }) {
  const [cx, cy, r] = [x(bin.confidence), y(bin.accuracy), 3 + 5 * Math.sqrt(bin.count / most)];
  return look === "ensemble" ? (
    <circle class="shape" cx={cx} cy={cy} r={r} />
  ) : (
    <rect class="shape" x={cx - r} y={cy - r} width={2 * r} height={2 * r} transform={`rotate(45 ${cx} ${cy})`} />
  );
}

function Scaling({
  question,
  value: { ensemble, models, seed, nFitted, nReported },
  isBusy,
}: {
  question: Pair;
  value: TemperatureFits;
  isBusy: boolean;
}) {
  const rows = [[words.ensemble as string, ensemble] as const, ...Object.entries(models)];
  const c = testSetWords.calibration;
  const header = [
    "network",
    "temperature",
    "nll_before",
    "nll_after",
    "ece_before",
    "ece_after",
    "kl_before",
    "kl_after",
  ];
  const values = rows.map(
    ([name, { temperature, before, after }]) =>
      [name, temperature, before.nll, after.nll, before.ece, after.ece, before.kl, after.kl] as const,
  );
  const pair = (before: number | null, after: number | null) =>
    before === null || after === null ? (
      "–"
    ) : (
      <>
        {nats(before)}&nbsp;→ <span class={after < before ? "better" : ""}>{nats(after)}</span>
      </>
    );
  const kind = (name: string) =>
    name === words.ensemble ? "ensemble" : question.teachers.includes(name) ? "member" : "student";
  return (
    <Figure
      title={c.fits}
      hint={c.fitsHint(count(nFitted), count(nReported), String(seed))}
      testId="lab-fits"
      isBusy={isBusy}
      question={question}
      table={{ header, rows: values }}
      isDrawn={false}
    >
      <ScrollingTable label={c.fits}>
        <table class="results fits">
          <thead>
            <tr>
              {[
                words.fidelity.network,
                c.fitted,
                words.fidelity.nll,
                words.fidelity.ece,
                `${words.fidelity.kl}, ${words.fidelity.nats}`,
              ].map((word) => (
                <th key={word} scope="col">
                  {word}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {rows.map(([name, { temperature, before, after }]) => (
              <tr key={name} data-testid={`fit-${name}`}>
                <th scope="row">
                  <span class={`key ${kind(name)}`} aria-hidden="true" />
                  {name}
                </th>
                <td>{brief(temperature)}</td>
                <td>{pair(before.nll, after.nll)}</td>
                <td>{pair(before.ece, after.ece)}</td>
                <td>{pair(before.kl, after.kl)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </ScrollingTable>
    </Figure>
  );
}

function Curves({
  question,
  value: { temperatures, ensemble, students },
  isBusy,
}: {
  question: Pair;
  value: TemperatureCurves;
  isBusy: boolean;
}) {
  const id = useId();
  const c = testSetWords.calibration;
  const own = students[question.student]!;
  const neutral = temperatures.reduce(
    (best, value, i) => (Math.abs(Math.log(value)) < Math.abs(Math.log(temperatures[best]!)) ? i : best),
    0,
  );
  const chosen = useSignal(neutral);
  const at = Math.min(chosen.value, temperatures.length - 1);
  const log = temperatures.map(Math.log2);
  const axis: Axis = {
    label: c.temperatureAxis,
    min: log[0]!,
    max: log.at(-1)!,
    format: (value) => (Number.isInteger(value) ? brief(2 ** value) : ""),
  };
  const line = (look: "ensemble" | "student", values: readonly number[]): PlotLine => ({
    name: look,
    look,
    points: log.map((x, i) => ({ x, y: values[i] ?? null })),
  });
  const charts: [string, PlotLine[]][] = [
    [words.fidelity.nll, [line("ensemble", ensemble.nll), line("student", own.nll)]],
    [words.fidelity.ece, [line("ensemble", ensemble.ece), line("student", own.ece)]],
    [`${words.fidelity.kl}, ${words.fidelity.nats}`, [line("student", own.kl ?? [])]],
  ];
  const header = ["temperature", "ensemble_nll", "ensemble_ece", "student_nll", "student_ece", "student_kl_nats"];
  const rows = temperatures.map((temperature, i) => [
    temperature,
    ensemble.nll[i]!,
    ensemble.ece[i]!,
    own.nll[i]!,
    own.ece[i]!,
    own.kl?.[i] ?? null,
  ]);
  const temperature = brief(temperatures[at]!);
  return (
    <Figure
      title={c.curves}
      hint={c.curvesHint}
      testId="lab-curves"
      isBusy={isBusy}
      question={question}
      table={{ header, rows }}
    >
      <div class="field curve-slider">
        <span class="field-head">
          <label for={id}>{c.slider}</label>
          <output>{temperature}</output>
        </span>
        <input
          id={id}
          type="range"
          min={0}
          max={temperatures.length - 1}
          step={1}
          value={at}
          aria-valuetext={temperature}
          data-testid="curve-temperature"
          onInput={(event) => {
            chosen.value = event.currentTarget.valueAsNumber;
          }}
        />
      </div>
      <p data-testid="at-temperature">
        <span class="says ensemble">
          {c.atTemperature(temperature, words.ensemble, nats(ensemble.nll[at]!), nats(ensemble.ece[at]!), null)}
        </span>
        <br />
        <span class="says student">
          {c.atTemperature(
            temperature,
            question.student,
            nats(own.nll[at]!),
            nats(own.ece[at]!),
            own.kl ? nats(own.kl[at]!) : null,
          )}
        </span>
      </p>
      <div class="multiples three">
        {charts.map(([name, lines]) => (
          <div key={name}>
            <p class="chart-title export-text">{name}</p>
            <Plot
              label={`${name}, ${c.temperatureAxis}`}
              x={axis}
              y={around(
                lines.flatMap(({ points }) => points.map(({ y }) => y)),
                "",
                nats,
              )}
              lines={lines}
              cursor={log[at]!}
              height={210}
              testId={`lab-curve-${name}`}
            />
          </div>
        ))}
      </div>
      <p class="legend">
        <PlotKey look="ensemble">
          <span class="export-text">{words.ensemble}</span>
        </PlotKey>
        <PlotKey look="student">
          <span class="export-text">{question.student}</span>
        </PlotKey>
      </p>
    </Figure>
  );
}

function Plane() {
  const { answer, isBusy } = useAsked(allReports);
  const by = useSignal<"agreement" | "kl">("agreement");
  if (!answer) return null;
  const { question, value } = answer;
  const c = testSetWords.calibration;
  const here = Object.entries(value.students).map(([name, { agreement, kl }]) => ({
    name,
    agreement,
    kl,
    ece: value.models[name]!.ece ?? 0,
    how: c.chosenTeachers(question.family),
    isHere: true,
  }));
  // Students of other families are not loaded for a point each: their listed figures stand for them.
  const elsewhere = listed.value
    .filter(
      (entry) => entry.role === "student" && entry.family !== question.family && families.value.includes(entry.family),
    )
    .flatMap(({ name, family, taughtBy, metrics: { agreement, kl, ece } }) =>
      agreement === undefined || kl === undefined
        ? []
        : [{ name, agreement, kl, ece, how: c.ownTeachers(family, (taughtBy ?? []).join(", ")), isHere: false }],
    );
  const points = [...here, ...elsewhere];
  const format = by.value === "kl" ? nats : percent;
  const marks: PlotMark[] = points.map((point) => ({
    name: point.name,
    look: "student",
    x: point[by.value],
    y: point.ece,
    isOutline: !point.isHere,
    detail: c.inPlane(percent(point.agreement), nats(point.kl), nats(point.ece), point.how),
  }));
  const table: Table = {
    header: ["student", "agreement", "kl_nats", "ece", "against"],
    rows: points.map(({ name, agreement, kl, ece, how }) => [name, agreement, kl, ece, how]),
  };
  return (
    <Figure
      title={c.plane}
      hint={`${c.planeHint}${points.length < 4 ? ` ${c.planeFew}` : ""}`}
      testId="lab-plane"
      isBusy={isBusy}
      question={question}
      table={table}
    >
      <Segmented
        label={c.x}
        testId="plane-x"
        value={by.value}
        options={[
          { value: "agreement", text: words.fidelity.agreement },
          { value: "kl", text: words.fidelity.kl },
        ]}
        onChange={(value) => {
          by.value = value;
        }}
      />
      <Plot
        label={c.plane}
        x={around(
          points.map((point) => point[by.value]),
          by.value === "kl" ? c.klAxis : c.agreementAxis,
          format,
        )}
        y={around(
          points.map(({ ece }) => ece),
          words.fidelity.ece,
          nats,
        )}
        marks={marks}
        height={300}
        testId="plane"
      />
      <div class="sr-only">
        <DataTable
          caption={c.plane}
          header={table.header}
          rows={points.map(({ name, agreement, kl, ece, how }) => [name, percent(agreement), nats(kl), nats(ece), how])}
        />
      </div>
    </Figure>
  );
}
