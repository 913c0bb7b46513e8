import { useEffect } from "preact/hooks";
import { PlotKey } from "../../charts/shape.tsx";
import { megabytes } from "../../common/format.ts";
import { words } from "../../common/strings.ts";
import { useAsked } from "../../test_set/asked.ts";
import {
  failure,
  failures,
  isListed,
  loaded,
  openStoredLogits,
  progress,
  retry,
  want,
} from "../../test_set/stored_logits.ts";
import { Calibration, Sizes } from "./ensembles.tsx";
import { evidence, reports, wantedNames } from "./evidence.ts";
import { Cliff, CurveByEpoch, TrainTest } from "./optimisation.tsx";
import { Plane } from "./plane.tsx";
import { Policies, Temperatures, Trade } from "./policies.tsx";
import { findingsWords } from "./strings.ts";
import "../../test_set/test_set.css";
import "./findings.css";

/** The five points of the paper, each with its figures. */
export function FindingsView() {
  useEffect(() => void openStoredLogits(), []);
  const known = isListed.value;
  useEffect(() => {
    if (known) want(wantedNames());
  }, [known]);
  const { answer, error } = useAsked(reports);
  if (failure.value !== null) {
    return (
      <div class="notice error" role="alert" data-testid="findings-failed">
        <div>
          <p>{findingsWords.failed}</p>
          <p>{failure.value}</p>
        </div>
        <button type="button" onClick={() => void openStoredLogits()}>
          {words.compare.retry}
        </button>
      </div>
    );
  }
  if (!known) return <p class="empty">{findingsWords.opening} …</p>;
  const all = evidence(answer?.value ?? []);
  const figures = [[Plane], [Sizes, Calibration], [Policies, Temperatures], [Cliff, TrainTest, CurveByEpoch], [Trade]];
  const now = progress.value;
  return (
    <div
      class="test-set findings-list"
      data-testid="findings"
      data-loaded={wantedNames().filter((name) => loaded.value.has(name)).length}
      data-answered={answer?.value.length ?? 0}
    >
      <p class="hint">{findingsWords.legend}</p>
      <p class="legend">
        <PlotKey look="student" isOutline={false}>
          {findingsWords.oursTaught}
        </PlotKey>
        <PlotKey look="member" isOutline={false}>
          {findingsWords.oursUntaught}
        </PlotKey>
        <PlotKey look="control" isOutline>
          {findingsWords.paper}
        </PlotKey>
      </p>
      {now && (
        <label class="line">
          <span>
            {findingsWords.loading(now.name, megabytes(now.nBytesDone), megabytes(now.nBytesTotal), now.nLeft)}
          </span>
          <progress value={now.nBytesDone} max={now.nBytesTotal} />
        </label>
      )}
      {error && (
        <p class="notice error" role="alert">
          {error}
        </p>
      )}
      {failures.value.size > 0 && (
        <div class="notice error" role="alert">
          <div>
            <p>{findingsWords.withoutLogits}</p>
            <ul>
              {[...failures.value].map(([name, why]) => (
                <li key={name}>
                  {name}: {why}
                </li>
              ))}
            </ul>
          </div>
          <button type="button" onClick={retry}>
            {words.compare.retry}
          </button>
        </div>
      )}
      {findingsWords.points.map(({ title, text }, i) => (
        <section key={title} class="finding" aria-labelledby={`finding-${i}`} data-testid={`finding-${i + 1}`}>
          <h2 id={`finding-${i}`}>
            <span class="finding-number" aria-hidden="true">
              {i + 1}
            </span>
            {title}
          </h2>
          <p>{text}</p>
          <div class="finding-figures">
            {figures[i]!.map((Part, j) => (
              <Part key={j} all={all} />
            ))}
          </div>
        </section>
      ))}
    </div>
  );
}
