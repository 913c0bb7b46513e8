import { ScrollingTable } from "../../components/scrolling_table.tsx";
import { Segmented } from "../../components/segmented.tsx";
import { brief, nats } from "../../common/format.ts";
import { hasTestSet, testTitle } from "../../state/data_sets.ts";
import { isReady } from "../../state/networks.ts";
import { areSamplesDecoded, samples } from "../../state/pictures.ts";
import { words } from "../../common/strings.ts";
import { testSetWords } from "../../test_set/strings.ts";
import { ckaWords } from "./inside_strings.ts";
import { change, choice, KERNELS } from "../../test_set/choice.ts";
import {
  cancelComparison,
  chosen,
  compare,
  comparison,
  isComparing,
  size,
  sizes,
  type Comparison,
  type PairCka,
} from "./cka.ts";
import { Figure, type Table } from "../../test_set/figure.tsx";
import { INSIDE } from "../../test_set/paper.ts";
import { PlotKey } from "../../charts/shape.tsx";
import { RowsPlot, type Row, type RowMark } from "../../charts/rows_plot.tsx";
import "./inside.css";

const FEW_IMAGES = 200;

/** Compares the activations of the chosen networks on a choice of images. */
export function Inside() {
  const current = comparison.value;
  const isPair = chosen.value.length > 1;
  const canRun = isPair && isReady.value && (size.value > 0 || areSamplesDecoded.value);
  return (
    <div class="rooms" data-testid="inside-answer">
      <section class="card inside" aria-labelledby="inside-heading">
        <h3 id="inside-heading">{ckaWords.heading}</h3>
        <p class="hint">{ckaWords.lead}</p>
        <div class="row">
          <label class="field inline">
            {ckaWords.images}
            <select
              value={size.value}
              disabled={isComparing.value}
              onChange={(event) => change({ insideImages: Number(event.currentTarget.value) })}
              data-testid="inside-images"
            >
              {sizes.value.map((n) => (
                <option key={n} value={n}>
                  {n === 0
                    ? ckaWords.source(words.fidelity.sources.samples, samples.value.length)
                    : ckaWords.source(testTitle.value, n)}
                </option>
              ))}
            </select>
          </label>
          {isComparing.value ? (
            <button type="button" onClick={cancelComparison} data-testid="inside-cancel">
              {ckaWords.cancel}
            </button>
          ) : (
            <button
              type="button"
              class="primary"
              disabled={!canRun}
              onClick={() => void compare()}
              data-testid="inside-run"
            >
              {ckaWords.run}
            </button>
          )}
        </div>
        {!isPair && <p class="hint">{ckaWords.needs}</p>}
        {!hasTestSet.value && (
          <p class="hint" data-testid="inside-no-images">
            {ckaWords.onlySamples} {testSetWords.images.howToAdd}
          </p>
        )}
        {current ? <Status current={current} /> : <p class="status empty">{ckaWords.empty}</p>}
      </section>
      {current?.pairs.some(({ stages }) => stages.length > 0) && <Likeness current={current} />}
    </div>
  );
}

function Status({ current: { phase, nDone, nTotal, title, secondsLeft, networks } }: { current: Comparison }) {
  if (phase === "running") {
    return (
      <div class="status running" data-testid="inside-status" data-phase={phase} data-done={nDone}>
        <span>{ckaWords.running(nDone, nTotal)}</span>
        <progress aria-label={ckaWords.progressLabel} value={nDone} max={Math.max(1, nTotal)} />
        <span>{secondsLeft === null ? "" : ckaWords.left(secondsLeft)}</span>
      </div>
    );
  }
  return (
    <p class="status" role="status" data-testid="inside-status" data-phase={phase} data-done={nDone}>
      {phase === "done" ? ckaWords.done(nDone, title) : ckaWords.cancelled(nDone, nTotal, title)}
      {nDone < FEW_IMAGES && ` ${ckaWords.few}`}
      {chosen.value.join() !== networks.join() && <strong data-testid="inside-outdated"> {ckaWords.outdated}</strong>}
    </p>
  );
}

function Likeness({ current: { pairs, networks, nDone, title } }: { current: Comparison }) {
  const { kernel } = choice.value;
  const nStages = pairs[0]!.stages.length;
  const stages = Array.from({ length: nStages }, (_, stage) => stage);
  const known = (isTaught: boolean, stage: number) =>
    pairs.filter((pair) => pair.isTaught === isTaught).flatMap((pair) => pair.stages[stage]?.[kernel] ?? []);
  const markOf = (isTaught: boolean, stage: number): RowMark[] => {
    const values = known(isTaught, stage);
    return values.length > 0
      ? [{ look: isTaught ? "student" : "member", low: Math.min(...values), high: Math.max(...values) }]
      : [];
  };
  const text = ([mark]: RowMark[]) =>
    !mark ? null : mark.low === mark.high ? nats(mark.low) : ckaWords.span(nats(mark.low), nats(mark.high));
  const rows = stages.map((stage): Row => {
    const [taught, among] = [markOf(true, stage), markOf(false, stage)];
    return {
      label: ckaWords.stage(stage),
      values: ckaWords.values(text(taught), text(among)),
      marks: [...among, ...taught],
    };
  });
  const lowest = Math.min(...rows.flatMap(({ marks }) => marks.map(({ low }) => low)));
  const nImages = pairs[0]!.stages[0]?.nImages ?? nDone;
  const table: Table = {
    header: ckaWords.header,
    rows: pairs.flatMap(({ first, second, stages: found }) =>
      found.map((cka, stage) => [first, second, stage + 1, cka.nImages, cka.linear, cka.rbf, ...cka.bandwidths]),
    ),
  };
  return (
    <>
      <Figure
        title={ckaWords.title}
        hint={ckaWords.kernelText[kernel]}
        testId="lab-inside"
        question={null}
        table={table}
        about={{
          lines: ckaWords.about(networks, `${title}, ${ckaWords.kernels[kernel]}`, nImages, __VERSION__),
          facts: { version: __VERSION__, nImages, images: title, networks },
        }}
      >
        <Segmented
          label={ckaWords.kernel}
          testId="inside-kernel"
          value={kernel}
          onChange={(next) => change({ kernel: next })}
          options={KERNELS.map((value) => ({ value, text: ckaWords.kernels[value] }))}
        />
        <RowsPlot
          label={ckaWords.title}
          x={{ label: ckaWords.axis, min: Math.min(0, Math.floor(lowest * 10) / 10), max: 1, format: brief }}
          rows={rows}
          testId="inside-plot"
        />
        <p class="legend">
          {pairs.some(({ isTaught }) => isTaught) && (
            <PlotKey look="student" isOutline={false}>
              <span class="export-text">{ckaWords.student(pairs[0]!.first)}</span>
            </PlotKey>
          )}
          {pairs.some(({ isTaught }) => !isTaught) && (
            <PlotKey look="member" isOutline={false}>
              <span class="export-text">{ckaWords.teachers}</span>
            </PlotKey>
          )}
        </p>
        <p class="hint">
          {ckaWords.paper(
            INSIDE.cka.map((value) => value.toFixed(3)),
            INSIDE.source,
            INSIDE.kind,
          )}
        </p>
      </Figure>
      <details data-testid="inside-pairs">
        <summary>{ckaWords.pairs}</summary>
        <ScrollingTable label={ckaWords.pairs}>
          <PairsTable pairs={pairs} stages={stages} />
        </ScrollingTable>
      </details>
    </>
  );
}

function PairsTable({ pairs, stages }: { pairs: readonly PairCka[]; stages: readonly number[] }) {
  const value = (of: number | null) => (of === null ? "–" : nats(of));
  return (
    <table class="results">
      <thead>
        <tr>
          <th scope="col">{ckaWords.pair}</th>
          {stages
            .flatMap((stage) => ckaWords.columns(ckaWords.stage(stage)))
            .map((word) => (
              <th key={word} scope="col">
                {word}
              </th>
            ))}
        </tr>
      </thead>
      <tbody>
        {pairs.map(({ first, second, stages: found }) => (
          <tr key={`${first} ${second}`} data-testid={`inside-pair-${first}-${second}`}>
            <th scope="row">{ckaWords.names(first, second)}</th>
            {found.flatMap(({ linear, rbf, bandwidths }, i) =>
              [value(linear), value(rbf), bandwidths.map(brief).join(", ")].map((cell, j) => (
                <td key={`${i} ${j}`}>{cell}</td>
              )),
            )}
          </tr>
        ))}
      </tbody>
    </table>
  );
}
