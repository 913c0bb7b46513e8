import { BeforeAfter } from "./before_after.tsx";
import { Help } from "../../components/help.tsx";
import { RecipeForm } from "./recipe_form.tsx";
import { brief, nats, percent } from "../../common/format.ts";
import { saveCsv, saveJson } from "../../common/save.ts";
import {
  canStart,
  downloadNetwork,
  goOn,
  isActive,
  nPoints,
  pause,
  pointsSoFar,
  reset,
  run,
  start,
  stop,
  type Run,
} from "../../state/distillation.ts";
import { client } from "../../state/client.ts";
import { hrefOf } from "../../state/route.ts";
import { words } from "../../common/strings.ts";
import { Lazy } from "../../components/lazy.tsx";

const loadCharts = async () => (await import("./run_charts.tsx")).RunCharts;

export function Distil() {
  const current = run.value;
  return (
    <div class="view distil">
      <div class="view-head">
        <div>
          <h1>{words.distil.heading}</h1>
          <p class="lead">{words.distil.lead}</p>
        </div>
      </div>
      <div class="distil-grid">
        <section class="card recipe-card" aria-label={words.distil.recipe}>
          <Buttons current={current} />
          <RecipeForm />
        </section>
        <div class="run-column">
          {current ? (
            <Progress current={current} />
          ) : (
            <section class="card before-run" data-testid="nothing-yet">
              <h2>{words.distil.whatHappens}</h2>
              <ol>
                {words.distil.steps.map((text) => (
                  <li key={text}>{text}</li>
                ))}
              </ol>
            </section>
          )}
          {current?.before && <Result current={current} />}
          {nPoints.value > 0 && <Lazy load={loadCharts} props={{}} />}
          {current && nPoints.value > 0 && <Latest current={current} />}
        </div>
      </div>
    </div>
  );
}

function Buttons({ current }: { current: Run | null }) {
  const phase = current?.phase;
  return (
    <div class="row run-buttons">
      {!isActive.value && (
        <button
          type="button"
          class="primary large"
          disabled={!canStart.value}
          onClick={() => void start()}
          data-testid="start"
        >
          {words.distil.start}
        </button>
      )}
      {isActive.value &&
        (phase === "paused" || phase === "pausing" ? (
          <button type="button" class="primary large" onClick={goOn} data-testid="go-on">
            {words.distil.goOn}
          </button>
        ) : (
          <button type="button" class="large" disabled={phase === "stopping"} onClick={pause} data-testid="pause">
            {words.distil.pause}
          </button>
        ))}
      {isActive.value && (
        <button type="button" class="large" disabled={phase === "stopping"} onClick={stop} data-testid="stop">
          {words.distil.stop}
        </button>
      )}
      {!isActive.value && current && (
        <button type="button" class="large" onClick={reset} data-testid="reset">
          {words.distil.reset}
        </button>
      )}
    </div>
  );
}

function Progress({ current: { phase, latest, recipe, outputName, report } }: { current: Run }) {
  const step = latest?.step ?? 0;
  return (
    <section class="card run-status" data-testid="run-status" data-phase={phase}>
      <h2>
        <span role="status">{words.distil.phase[phase]}</span> <small>{words.distil.step(step, recipe.steps)}</small>
      </h2>
      <progress value={step} max={recipe.steps} aria-label={words.distil.progressLabel} />
      {isActive.value && (
        <p class="numbers">
          {latest && latest.imagesPerSecond > 0 && <>{words.fidelity.rate(brief(latest.imagesPerSecond))} · </>}
          <span data-testid="run-time-left">
            {latest?.secondsLeft === null || latest?.secondsLeft === undefined
              ? words.distil.firstSteps
              : words.fidelity.left(latest.secondsLeft)}
          </span>
        </p>
      )}
      {report && report.stepsDone > 0 && (
        <>
          <p>{words.distil.made(outputName, report.stepsDone)}</p>
          <div class="row">
            <button
              type="button"
              class="student"
              onClick={() => void downloadNetwork(outputName)}
              data-testid="download-student"
            >
              {words.distil.download}
            </button>
            <a class="button" href={hrefOf("compare")}>
              {words.distil.compareLink}
            </a>
            <a class="button" href={hrefOf("fidelity")}>
              {words.distil.fidelityLink}
            </a>
          </div>
        </>
      )}
    </section>
  );
}

function Result({ current: { before, report, heldOutTitle } }: { current: Run }) {
  void nPoints.value;
  const latest = report?.after ?? pointsSoFar().findLast((point) => point.holdOut && point.step > 0)?.holdOut ?? null;
  return (
    <section class="card" aria-label={words.distil.result}>
      <h2>{words.distil.result}</h2>
      <p class="hint">{words.distil.resultOn(heldOutTitle)}</p>
      <BeforeAfter before={before!} after={latest} isOver={report !== null} />
    </section>
  );
}

function Latest({ current }: { current: Run }) {
  const { latest } = current;
  const show = (value: number | null | undefined, format: (value: number) => string) =>
    value === null || value === undefined ? "–" : format(value);
  const above = latest?.loss != null && latest.lossFloor != null ? latest.loss - latest.lossFloor : null;
  return (
    <section class="card" aria-label={words.distil.now}>
      <h2>{words.distil.now}</h2>
      <dl class="small-facts">
        <div>
          <dt>{words.distil.loss}</dt>
          <dd data-testid="loss">{show(latest?.loss, nats)}</dd>
        </div>
        <div>
          <dt>
            {words.distil.lossFloor}
            <Help term="lossFloor" />
          </dt>
          <dd data-testid="loss-floor">{show(latest?.lossFloor, nats)}</dd>
        </div>
        <div>
          <dt>{words.distil.aboveFloor}</dt>
          <dd>{show(above, nats)}</dd>
        </div>
        <div>
          <dt>{words.distil.trainAgreement}</dt>
          <dd>{show(latest?.trainAgreement, percent)}</dd>
        </div>
        <div>
          <dt>{words.distil.learningRate}</dt>
          <dd>{show(latest?.learningRate, brief)}</dd>
        </div>
        <div>
          <dt>{words.distil.nImages}</dt>
          <dd>{current.trainingTitle || "–"}</dd>
        </div>
      </dl>
      <div class="row">
        <button type="button" onClick={() => exportCurves(current)} data-testid="export-curves">
          {words.distil.exportCsv}
        </button>
        <button type="button" onClick={() => exportRun(current)} data-testid="export-run">
          {words.distil.exportJson}
        </button>
      </div>
    </section>
  );
}

function exportCurves({ outputName }: Run): void {
  const header = [
    "step",
    "loss",
    "loss_floor",
    "train_agreement",
    "learning_rate",
    "held_out_n_images",
    "held_out_agreement",
    "held_out_kl_nats",
    "held_out_accuracy",
    "held_out_ensemble_accuracy",
    "held_out_nll",
    "held_out_ece",
  ];
  const rows = pointsSoFar().map(({ step, loss, lossFloor, trainAgreement, learningRate, holdOut: held }) => [
    step,
    loss,
    lossFloor,
    trainAgreement,
    learningRate,
    held?.nImages,
    held?.agreement,
    held?.kl,
    held?.accuracy,
    held?.ensembleAccuracy,
    held?.nll,
    held?.ece,
  ]);
  saveCsv(`${outputName}.csv`, header, rows);
}

function exportRun({ recipe, student, teachers, outputName, trainingTitle, heldOutTitle, report }: Run): void {
  saveJson(`${outputName}.json`, {
    outputName,
    student,
    teachers,
    recipe,
    trainedOn: trainingTitle,
    heldOut: heldOutTitle,
    device: client.value?.device ?? null,
    report,
    steps: pointsSoFar(),
  });
}
