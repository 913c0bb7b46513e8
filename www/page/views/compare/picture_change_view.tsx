import { signal } from "@preact/signals";
import { useEffect, useId } from "preact/hooks";
import { Mark } from "../../components/gallery.tsx";
import { Help } from "../../components/help.tsx";
import { Pixels } from "../../components/pixels.tsx";
import { nats, percent, probability } from "../../common/format.ts";
import { argmax, klNats } from "../../common/numbers.ts";
import { saveCsv } from "../../common/save.ts";
import { className } from "../../state/class_names.ts";
import { isReady, student, teachers } from "../../state/networks.ts";
import { selected } from "../../state/pictures.ts";
import { words } from "../../common/strings.ts";
import { changeWords } from "./change_strings.ts";
import {
  predictionAt,
  predictionNow,
  axis,
  drawOtherNoise,
  grid,
  isChanged,
  KINDS,
  move,
  pixelsNow,
  RANGES,
  reset,
  strengths,
  watchChange,
  type Prediction,
  type Kind,
} from "./picture_change.ts";
import type { Axis } from "../../charts/axis.ts";
import { Plot, type PlotLine } from "../../charts/plot.tsx";
import { PlotKey } from "../../charts/shape.tsx";
import { ValuesTable } from "../../charts/values_table.tsx";
import "./picture_change.css";

/** The class whose probability is drawn; null stands for the ensemble's class on the unchanged picture. */
const followed = signal<number | null>(null);

const nameOf = (index: number, { ensemble }: Prediction) => className(index, ensemble.length);
const agrees = ({ ensemble, student: own }: Prediction) => argmax(ensemble) === argmax(own);

export function PictureChangeView() {
  useEffect(watchChange, []);
  useEffect(() => {
    followed.value = null;
  }, [selected.value?.id]);
  if (isReady.value && !student.value) return <p class="empty">{words.compare.noStudent}</p>;
  if (isReady.value && teachers.value.length === 0) return <p class="empty">{words.compare.noTeacher}</p>;
  return (
    <div class="change" data-testid="picture-change">
      <p class="lead">{changeWords.lead}</p>
      <div class="change-grid">
        <Now />
        <div class="sliders" role="group" aria-label={changeWords.changes}>
          {KINDS.map((kind) => (
            <Slider key={kind} kind={kind} />
          ))}
          <div class="row">
            <button type="button" disabled={!isChanged.value} onClick={reset} data-testid="change-reset">
              {changeWords.reset}
            </button>
            <button type="button" onClick={drawOtherNoise} data-testid="change-other-noise">
              {changeWords.otherNoise}
            </button>
          </div>
        </div>
      </div>
      <Curves />
    </div>
  );
}

function Slider({ kind }: { kind: Kind }) {
  const id = useId();
  const { min, max, step } = RANGES[kind];
  const value = strengths.value[kind];
  return (
    <div class={`field${axis.value === kind ? " active" : ""}`}>
      <label class="field-head" for={id}>
        {changeWords.kinds[kind].name}
        <output>{changeWords.kinds[kind].text(value)}</output>
      </label>
      <input
        id={id}
        type="range"
        min={min}
        max={max}
        step={step}
        value={value}
        aria-valuetext={changeWords.kinds[kind].text(value)}
        data-testid={`change-${kind}`}
        onInput={(event) => move(kind, event.currentTarget.valueAsNumber)}
      />
    </div>
  );
}

/** Shows the picture as it is changed now, beside the predictions for it. */
function Now() {
  const [pixels, prediction] = [pixelsNow.value, predictionNow.value];
  return (
    <figure class="sees now">
      {pixels ? (
        <Pixels pixels={pixels} label={changeWords.nowOf(selected.value?.name ?? "")} />
      ) : (
        <div class="pixels" />
      )}
      <figcaption data-testid="change-now" data-agrees={prediction ? String(agrees(prediction)) : "unknown"}>
        <span>{changeWords.now}</span>
        {prediction ? (
          <>
            <strong>
              <Mark agrees={agrees(prediction)} /> {agrees(prediction) ? words.compare.agree : words.compare.differ}
            </strong>
            <Says who="ensemble" prediction={prediction} />
            <Says who="student" prediction={prediction} />
            <span>
              {words.fidelity.kl}
              <Help term="kl" />{" "}
              <strong data-testid="change-kl">
                {nats(klNats(prediction.ensemble, prediction.student))} {words.fidelity.nats}
              </strong>
            </span>
          </>
        ) : (
          <span>{isReady.value ? words.compare.thinking : words.compare.waiting} …</span>
        )}
      </figcaption>
    </figure>
  );
}

function Says({ who, prediction }: { who: "ensemble" | "student"; prediction: Prediction }) {
  const top = argmax(prediction[who]);
  return (
    <span class={`says ${who}`} data-testid={`change-${who}`}>
      {who === "ensemble" ? words.ensemble : student.value}:{" "}
      {changeWords.says(nameOf(top, prediction), Math.exp(prediction[who][top]!))}
    </span>
  );
}

function Curves() {
  const kind = axis.value;
  const points = grid.value.map((value) => ({ value, prediction: predictionAt(value) }));
  const known = points.flatMap(({ value, prediction }) => (prediction ? [{ value, prediction }] : []));
  const now = strengths.value[kind];
  const { min, max } = RANGES[kind];
  const strengthAxis: Axis = { label: changeWords.kinds[kind].axis, min, max, format: changeWords.kinds[kind].text };
  const asItIs = known.find(({ value }) => value === 0)?.prediction ?? predictionNow.value;
  const classes = [
    ...new Set(known.flatMap(({ prediction }) => [argmax(prediction.ensemble), argmax(prediction.student)])),
  ].sort((a, b) => a - b);
  const follow = followed.value ?? (asItIs ? argmax(asItIs.ensemble) : null);
  const line = (look: "ensemble" | "student", y: (prediction: Prediction) => number): PlotLine => ({
    name: look,
    look,
    isMarked: true,
    points: points.map(({ value, prediction }) => ({ x: value, y: prediction ? y(prediction) : null })),
  });
  const kls = known.map(({ prediction }) => klNats(prediction.ensemble, prediction.student));
  const nDiffer = known.filter(({ prediction }) => !agrees(prediction)).length;
  const rows = known.map(({ value, prediction }) => rowOf(value, prediction, follow));
  const header = [
    changeWords.strength,
    changeWords.ensembleSays,
    changeWords.studentSays,
    ...(follow === null
      ? []
      : [changeWords.ensembleSays, changeWords.studentSays].map(
          (who) => `${who}: ${asItIs ? nameOf(follow, asItIs) : follow}`,
        )),
    `${words.fidelity.kl}, ${words.fidelity.nats}`,
  ];
  return (
    <div
      class="change-curves"
      data-testid="change-curves"
      data-axis={kind}
      data-done={known.length}
      data-total={points.length}
    >
      <p class="hint">
        {known.length < points.length
          ? changeWords.progress(known.length, points.length)
          : changeWords.parted(percent(nDiffer / points.length))}
      </p>
      <Strip points={points} axis={strengthAxis} now={now} />
      <div class="change-plots">
        <figure>
          <figcaption class="row spread">
            <label class="field inline">
              {changeWords.follow}
              <select
                value={follow ?? ""}
                disabled={classes.length === 0}
                onChange={(event) => {
                  followed.value = Number(event.currentTarget.value);
                }}
                data-testid="change-follow"
              >
                {(follow !== null && !classes.includes(follow) ? [follow, ...classes] : classes).map((index) => (
                  <option key={index} value={index}>
                    {asItIs ? nameOf(index, asItIs) : index}
                  </option>
                ))}
              </select>
            </label>
            <span class="legend">
              <PlotKey look="ensemble">{words.ensemble}</PlotKey>
              <PlotKey look="student">{student.value}</PlotKey>
            </span>
          </figcaption>
          {follow !== null && asItIs && (
            <Plot
              label={changeWords.followLabel(nameOf(follow, asItIs))}
              x={strengthAxis}
              y={{ label: changeWords.probability, min: 0, max: 1, format: String }}
              cursor={now}
              testId="change-probability"
              lines={[
                line("student", (prediction) => Math.exp(prediction.student[follow]!)),
                line("ensemble", (prediction) => Math.exp(prediction.ensemble[follow]!)),
              ]}
            />
          )}
        </figure>
        <figure>
          <figcaption>
            <h3>{changeWords.klLabel}</h3>
          </figcaption>
          {known.length > 0 && (
            <Plot
              label={changeWords.klLabel}
              x={strengthAxis}
              y={{
                label: `${words.fidelity.kl}, ${words.fidelity.nats}`,
                min: 0,
                max: Math.max(0.1, ...kls) * 1.05,
                format: (value) => String(value),
              }}
              cursor={now}
              testId="change-kl-curve"
              lines={[line("student", (prediction) => klNats(prediction.ensemble, prediction.student))]}
            />
          )}
        </figure>
      </div>
      <div class="row">
        <button
          type="button"
          disabled={known.length < points.length}
          data-testid="change-csv"
          onClick={() => saveCsv(`${selected.value?.name ?? "picture"}-${kind}.csv`, header, rows)}
        >
          {changeWords.saveCsv}
        </button>
      </div>
      <ValuesTable
        title={changeWords.tableTitle(strengthAxis.label)}
        header={header}
        rows={rows}
        testId="change-values"
      />
    </div>
  );
}

function rowOf(value: number, prediction: Prediction, follow: number | null): string[] {
  const top = (who: "ensemble" | "student") => nameOf(argmax(prediction[who]), prediction);
  const followedShares =
    follow === null
      ? []
      : [probability(Math.exp(prediction.ensemble[follow]!)), probability(Math.exp(prediction.student[follow]!))];
  return [
    String(value),
    top("ensemble"),
    top("student"),
    ...followedShares,
    nats(klNats(prediction.ensemble, prediction.student)),
  ];
}

/** Shows stretches of the same class, ensemble above student: where only one of them changes, they start or cease to differ. */
function Strip({
  points,
  axis: { label, min, max, format },
  now,
}: {
  points: readonly { value: number; prediction: Prediction | null }[];
  axis: Axis;
  now: number;
}) {
  const nearest = points.reduce(
    (best, { value }, i) => (Math.abs(value - now) < Math.abs(points[best]!.value - now) ? i : best),
    0,
  );
  return (
    <div class="strip" role="img" aria-label={changeWords.answersLabel(label)} data-testid="change-strip">
      {(["ensemble", "student"] as const).map((who) => (
        <div key={who} class={`strip-row ${who}`}>
          {stretches(
            points.map(({ prediction }) => (prediction ? nameOf(argmax(prediction[who]), prediction) : null)),
          ).map(({ text, from, n }) => (
            <span
              key={from}
              class={`${text === null ? "unknown" : ""}${nearest >= from && nearest < from + n ? " here" : ""}`}
              style={{ flexGrow: n }}
              title={text ?? ""}
            >
              {text ?? "…"}
            </span>
          ))}
        </div>
      ))}
      <div class="strip-row marks">
        {points.map(({ value, prediction }) => (
          <span key={value} style={{ flexGrow: 1 }}>
            <Mark agrees={prediction ? agrees(prediction) : null} />
          </span>
        ))}
      </div>
      <div class="row spread hint">
        {[min, (min + max) / 2, max].map((value) => (
          <span key={value}>{format(value)}</span>
        ))}
      </div>
    </div>
  );
}

function stretches(texts: readonly (string | null)[]): { text: string | null; from: number; n: number }[] {
  const found: { text: string | null; from: number; n: number }[] = [];
  texts.forEach((text, i) => {
    const last = found.at(-1);
    if (last && last.text === text) last.n++;
    else found.push({ text, from: i, n: 1 });
  });
  return found;
}
