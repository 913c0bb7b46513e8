import { Figures, FEW_IMAGES } from "./figures.tsx";
import { FileButton } from "../../components/file_button.tsx";
import { Help } from "../../components/help.tsx";
import { Lazy } from "../../components/lazy.tsx";
import { Reliability, type ReliabilitySeries } from "../../charts/reliability.tsx";
import { ResultsTable, rowsOf } from "./results_table.tsx";
import { Segmented } from "../../components/segmented.tsx";
import { ShippedFigures } from "./shipped_figures.tsx";
import { StudentChoice } from "../../components/student_choice.tsx";
import { brief, count } from "../../common/format.ts";
import { saveCsv, saveJson } from "../../common/save.ts";
import { hasTestSet, testTitle } from "../../state/data_sets.ts";
import {
  cancelEvaluation,
  evaluate,
  evaluation,
  isEvaluating,
  isLiveHidden,
  size,
  sizes,
  source,
  type Evaluation,
} from "../../state/evaluation.ts";
import { takeIn } from "../../state/intake.ts";
import { client, clientState } from "../../state/client.ts";
import { activeFamily, isReady, student } from "../../state/networks.ts";
import { ownPictures } from "../../state/pictures.ts";
import { words } from "../../common/strings.ts";

export function Fidelity() {
  return (
    <div class="view fidelity">
      <div class="view-head">
        <div>
          <h1>
            {words.fidelity.heading}
            <Help term="fidelity" />
          </h1>
          <p class="lead">{words.fidelity.lead}</p>
        </div>
        <StudentChoice />
      </div>
      <div class="test-set-room">
        <Lazy load={async () => (await import("./test_set_view.tsx")).TestSetView} props={{}} />
      </div>
      {!isLiveHidden.value && <Live />}
    </div>
  );
}

/** Shows what this device measures itself, on images. */
function Live() {
  const current = evaluation.value;
  const report = current?.report ?? null;
  return (
    <>
      <h2 class="live-heading">{words.fidelity.live}</h2>
      <Controls />
      <Status current={current} />
      <Figures report={report} />
      {report && current && (
        <>
          <div class="fidelity-grid">
            {report.ensemble?.reliability || report.models[student.value ?? ""]?.reliability ? (
              <Reliability series={seriesOf(current)} />
            ) : null}
            <section class="card" aria-label={words.fidelity.results}>
              <h2>{words.fidelity.results}</h2>
              <ResultsTable report={report} />
              <div class="row">
                <button
                  type="button"
                  disabled={isEvaluating.value}
                  onClick={() => exportCsv(current)}
                  data-testid="export-csv"
                >
                  {words.fidelity.exportCsv}
                </button>
                <button
                  type="button"
                  disabled={isEvaluating.value}
                  onClick={() => exportJson(current)}
                  data-testid="export-json"
                >
                  {words.fidelity.exportJson}
                </button>
              </div>
            </section>
          </div>
        </>
      )}
      <ShippedFigures />
    </>
  );
}

function Controls() {
  const options = [
    { value: "samples" as const, text: words.fidelity.sources.samples },
    {
      value: "test" as const,
      text: hasTestSet.value ? testTitle.value : words.fidelity.noTestSet,
      isDisabled: !hasTestSet.value,
    },
    ...(ownPictures.value.length > 0 ? [{ value: "own" as const, text: words.fidelity.sources.own }] : []),
  ];
  return (
    <section class="card controls" aria-label={words.fidelity.images}>
      <div class="row">
        <Segmented
          label={words.fidelity.images}
          testId="source"
          value={source.value}
          options={options}
          isDisabled={isEvaluating.value}
          onChange={(value) => {
            source.value = value;
          }}
        />
        {source.value === "test" && (
          <Segmented
            label={words.fidelity.howMany}
            testId="size"
            value={size.value}
            options={sizes.value.map((n) => ({ value: n, text: count(n) }))}
            isDisabled={isEvaluating.value}
            onChange={(value) => {
              size.value = value;
            }}
          />
        )}
        {isEvaluating.value ? (
          <button type="button" onClick={cancelEvaluation} data-testid="cancel-evaluation">
            {words.fidelity.cancel}
          </button>
        ) : (
          <button
            type="button"
            class="primary"
            disabled={!isReady.value}
            onClick={() => void evaluate()}
            data-testid="run-evaluation"
          >
            {words.fidelity.run}
          </button>
        )}
      </div>
      <div class="row">
        <FileButton text={words.sets.add} accept=".gz,.tgz,.tar,.bin" testId="archive-input" onFiles={takeIn} />
        <span class="hint">{words.sets.addHint}</span>
      </div>
    </section>
  );
}

function Status({ current }: { current: Evaluation | null }) {
  if (!current && clientState.value.phase === "failed") return null;
  if (!current) return <p class="status empty">{isReady.value ? words.fidelity.empty : words.fidelity.waiting}</p>;
  const { phase, title, nTotal, report, imagesPerSecond, secondsLeft } = current;
  const n = report?.nImages ?? 0;
  if (phase === "running") {
    return (
      <div class="status running" data-testid="evaluation-status" data-phase={phase}>
        <span>{title ? words.fidelity.runningOn(title) : words.fidelity.preparing}</span>
        <progress value={n} max={Math.max(1, nTotal)} aria-label={words.fidelity.progressLabel} />
        <span class="numbers">
          {words.fidelity.running(n, nTotal)}
          {imagesPerSecond > 0 && (
            <>
              {" "}
              · <span data-testid="rate">{words.fidelity.rate(brief(imagesPerSecond))}</span>
            </>
          )}
          {secondsLeft !== null && (
            <>
              {" "}
              · <span data-testid="time-left">{words.fidelity.left(secondsLeft)}</span>
            </>
          )}
        </span>
      </div>
    );
  }
  return (
    <p class="status" role="status" data-testid="evaluation-status" data-phase={phase}>
      {phase === "done" ? words.fidelity.done(n, title) : words.fidelity.cancelled(n, nTotal, title)}
      {n < FEW_IMAGES && ` ${words.fidelity.small}`}
    </p>
  );
}

function seriesOf({ report }: Evaluation): ReliabilitySeries[] {
  const own = student.value ? report?.models[student.value]?.reliability : null;
  return [
    ...(report?.ensemble?.reliability
      ? [{ name: words.ensemble, kind: "ensemble" as const, bins: report.ensemble.reliability }]
      : []),
    ...(own ? [{ name: student.value!, kind: "student" as const, bins: own }] : []),
  ];
}

const fileStem = ({ source: from, report }: Evaluation) => `fidelity-${from}-${report?.nImages ?? 0}`;

function exportCsv(current: Evaluation): void {
  const header = [
    "network",
    "role",
    "n_images",
    "accuracy",
    "top5_accuracy",
    "nll",
    "ece",
    "agreement",
    "agreement_teacher_right",
    "agreement_teacher_wrong",
    "kl_nats",
  ];
  const rows = rowsOf(current.report!).map(({ name, kind, general, agreement, agreementRight, agreementWrong, kl }) => [
    name,
    kind === "member" ? "teacher" : kind,
    current.report!.nImages,
    general.accuracy,
    general.top5Accuracy,
    general.nll,
    general.ece,
    agreement,
    agreementRight,
    agreementWrong,
    kl,
  ]);
  saveCsv(`${fileStem(current)}.csv`, header, rows);
}

function exportJson(current: Evaluation): void {
  saveJson(`${fileStem(current)}.json`, {
    images: current.title,
    finishedAt: current.finishedAt?.toISOString() ?? null,
    family: activeFamily.value,
    device: client.value?.device ?? null,
    report: current.report,
  });
}
