import { signal } from "@preact/signals";
import { Segmented } from "../components/segmented.tsx";
import { ScrollingTable } from "../components/scrolling_table.tsx";
import { brief, nats } from "../format.ts";
import { testTitle } from "../state/data_sets.ts";
import { isReady, student, teachers } from "../state/networks.ts";
import { samples } from "../state/pictures.ts";
import { t } from "../strings.ts";
import { ckaWords as words } from "../strings_cka.ts";
import { cancelComparison, compare, comparison, isComparing, size, sizes, type Comparison, type PairCka } from "./cka.ts";
import { Figure, type Table } from "./figure.tsx";
import { INSIDE } from "./paper.ts";
import { PlotKey } from "./plot.tsx";
import { RowsPlot, type Row, type RowMark } from "./rows_plot.tsx";
import "./lab.css";
import "./cka.css";

type Kernel = "linear" | "rbf";
const kernel = signal<Kernel>("linear");
const FEW_IMAGES = 200;

export function CkaView() {
  const current = comparison.value;
  return (
    <div class="cka lab" data-testid="cka">
      <p class="lead">{words.lead}</p>
      <div class="row">
        <label class="field inline">{words.images}
          <select value={size.value} disabled={isComparing.value} onChange={(event) => { size.value = Number(event.currentTarget.value); }} data-testid="cka-size">
            {sizes.value.map((n) => <option key={n} value={n}>{n === 0 ? words.source(t.fidelity.sources.samples, samples.value.length) : words.source(testTitle.value, n)}</option>)}
          </select>
        </label>
        {isComparing.value
          ? <button type="button" onClick={cancelComparison} data-testid="cka-cancel">{words.cancel}</button>
          : <button type="button" class="primary" disabled={!isReady.value} onClick={() => void compare()} data-testid="cka-run">{words.run}</button>}
      </div>
      {current && <Status current={current} />}
      {current?.pairs.some(({ stages }) => stages.length > 0) && <Likeness current={current} />}
    </div>
  );
}

function Status({ current: { phase, nDone, nTotal, title, secondsLeft, networks } }: { current: Comparison }) {
  const inUse = [...teachers.value, ...(student.value === null ? [] : [student.value])];
  return (
    <div class={`status${phase === "running" ? " running" : ""}`} data-testid="cka-status" data-phase={phase} data-done={nDone}>
      {phase === "running" ? (
        <>
          <span>{words.running(nDone, nTotal)}</span>
          <progress aria-label={words.progressLabel} value={nDone} max={Math.max(1, nTotal)} />
          <span>{secondsLeft === null ? "" : words.left(secondsLeft)}</span>
        </>
      ) : <p>{phase === "done" ? words.done(nDone, title) : words.cancelled(nDone, nTotal, title)}{nDone < FEW_IMAGES && ` ${words.few}`}{inUse.join() !== networks.join() && ` ${words.outdated}`}</p>}
    </div>
  );
}

function Likeness({ current: { pairs, networks, nDone, title } }: { current: Comparison }) {
  const nStages = pairs[0]!.stages.length;
  const stages = Array.from({ length: nStages }, (_, stage) => stage);
  const known = (isTaught: boolean, stage: number) => pairs.filter((pair) => pair.isTaught === isTaught).flatMap((pair) => pair.stages[stage]?.[kernel.value] ?? []);
  const markOf = (isTaught: boolean, stage: number): RowMark[] => {
    const values = known(isTaught, stage);
    return values.length > 0 ? [{ look: isTaught ? "student" : "member", low: Math.min(...values), high: Math.max(...values) }] : [];
  };
  const text = ([mark]: RowMark[]) => (!mark ? null : mark.low === mark.high ? nats(mark.low) : words.span(nats(mark.low), nats(mark.high)));
  const rows = stages.map((stage): Row => {
    const [taught, among] = [markOf(true, stage), markOf(false, stage)];
    return { label: words.stage(stage), values: words.values(text(taught), text(among)), marks: [...among, ...taught] };
  });
  const lowest = Math.min(...rows.flatMap(({ marks }) => marks.map(({ low }) => low)));
  const nImages = pairs[0]!.stages[0]?.nImages ?? nDone;
  const table: Table = {
    header: words.header,
    rows: pairs.flatMap(({ first, second, stages: found }) => found.map((cka, stage) => [first, second, stage + 1, cka?.nImages ?? null, cka?.linear ?? null, cka?.rbf ?? null, cka?.bandwidths[0] ?? null, cka?.bandwidths[1] ?? null])),
  };
  return (
    <>
      <Figure
        title={words.title} hint={words.kernelText[kernel.value]} testId="cka-figure" question={null} table={table}
        about={{ lines: words.about(networks, `${title}, ${words.kernels[kernel.value]}`, nImages, __VERSION__), facts: { version: __VERSION__, nImages, images: title, networks } }}
      >
        <Segmented
          label={words.kernel} testId="cka-kernel" value={kernel.value} onChange={(next) => { kernel.value = next; }}
          options={(["linear", "rbf"] as const).map((value) => ({ value, text: words.kernels[value] }))}
        />
        <RowsPlot label={words.title} x={{ label: words.axis, min: Math.min(0, Math.floor(lowest * 10) / 10), max: 1, format: brief }} rows={rows} testId="cka-plot" />
        <p class="legend">
          {pairs.some(({ isTaught }) => isTaught) && <PlotKey look="student" isOutline={false}><span class="export-text">{words.student(pairs[0]!.first)}</span></PlotKey>}
          {pairs.some(({ isTaught }) => !isTaught) && <PlotKey look="member" isOutline={false}><span class="export-text">{words.teachers}</span></PlotKey>}
        </p>
        <p class="hint">{words.paper(INSIDE.cka.map((value) => value.toFixed(3)), INSIDE.source, INSIDE.kind)}</p>
      </Figure>
      <details data-testid="cka-pairs">
        <summary>{words.pairs}</summary>
        <ScrollingTable label={words.pairs}><PairsTable pairs={pairs} stages={stages} /></ScrollingTable>
      </details>
    </>
  );
}

function PairsTable({ pairs, stages }: { pairs: readonly PairCka[]; stages: readonly number[] }) {
  const value = (of: number | null | undefined) => (of === null || of === undefined ? "–" : nats(of));
  return (
    <table class="results">
      <thead><tr><th scope="col">{words.pair}</th>{stages.flatMap((stage) => words.columns(words.stage(stage))).map((word) => <th key={word} scope="col">{word}</th>)}</tr></thead>
      <tbody>
        {pairs.map(({ first, second, stages: found }) => (
          <tr key={`${first} ${second}`} data-testid={`cka-pair-${first}-${second}`}>
            <th scope="row">{words.names(first, second)}</th>
            {found.flatMap((cka, i) => [value(cka?.linear), value(cka?.rbf), cka ? cka.bandwidths.map(brief).join(", ") : "–"].map((cell, j) => <td key={`${i} ${j}`}>{cell}</td>))}
          </tr>
        ))}
      </tbody>
    </table>
  );
}
