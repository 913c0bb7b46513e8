import type { ComponentChildren } from "preact";
import { signal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { brief, megabytes, percent } from "../../common/format.ts";
import { N_TEST_IMAGES } from "../../state/class_names.ts";
import type { ManifestNetwork } from "../../state/manifest.ts";
import { words } from "../../common/strings.ts";
import { findingsWords } from "./strings.ts";
import { useAsked } from "../../test_set/asked.ts";
import {
  differences,
  evidence,
  isFromScratch,
  policyOf,
  reports,
  students,
  wantedNames,
  type Evidence,
} from "./evidence.ts";
import { Figure, type Table } from "../../test_set/figure.tsx";
import {
  CLIFF,
  GRID_TEMPERATURES,
  PLANE,
  POLICIES,
  SIZES,
  TEMPERATURE_GRID,
  TRAIN_AND_TEST,
  TRAIN_BY_POLICY,
  type Source,
} from "../../test_set/paper.ts";
import type { Axis } from "../../charts/axis.ts";
import { Plot, type PlotLine, type PlotMark } from "../../charts/plot.tsx";
import { PlotKey, type Look } from "../../charts/shape.tsx";
import { ValuesTable } from "../../charts/values_table.tsx";
import { RowsPlot, type Row } from "../../charts/rows_plot.tsx";
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
import "../../test_set/test_set.css";
import "./findings.css";

const sourceOf = ({ source, kind }: Source) => findingsWords.source(source, kind);
const whole = (value: number) => (Number.isInteger(value) ? String(value) : "");
/** Of shares, in tenths that hold all values. */
const shareAxis = (label: string, values: readonly number[]): Axis => ({
  label,
  min: Math.max(0, Math.floor(Math.min(...values) * 20 - 0.2) / 20),
  max: Math.min(1, Math.ceil(Math.max(...values) * 20 + 0.2) / 20),
  format: (value) => `${Math.round(100 * value)}%`,
});

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
      class="lab findings-list"
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

interface Part {
  all: readonly Evidence[];
}
type Cell = string | number | null;

/** A figure with its table and what it lacks. */
function Finding({
  title,
  hint,
  testId,
  all,
  header,
  rows,
  missing = [],
  isWide = false,
  isDrawn = true,
  children,
}: {
  title: string;
  hint?: string;
  testId: string;
  all: readonly Evidence[];
  header: readonly string[];
  rows: readonly (readonly Cell[])[];
  missing?: readonly (string | false)[];
  isWide?: boolean;
  isDrawn?: boolean;
  children: ComponentChildren;
}) {
  const table: Table = { header, rows };
  const networks = all.map(({ network }) => network.name);
  const lacking = missing.filter((line) => line !== false);
  const shown = rows.map((row) =>
    row.map((cell) => (cell === null ? "–" : typeof cell === "number" ? brief(cell) : cell)),
  );
  return (
    <div class={`finding-figure${isWide ? " wide" : ""}`}>
      <Figure
        title={title}
        hint={hint}
        testId={testId}
        question={null}
        table={table}
        isDrawn={isDrawn}
        about={{
          lines: findingsWords.about(networks, N_TEST_IMAGES, __VERSION__),
          facts: {
            version: __VERSION__,
            nImages: N_TEST_IMAGES,
            networks,
            paper: "Stanton et al. 2021, arXiv 2106.05945v2",
          },
        }}
      >
        {children}
      </Figure>
      {lacking.length > 0 && (
        <ul class="missing" aria-label={`${findingsWords.missing}: ${title}`} data-testid={`${testId}-missing`}>
          {lacking.map((line) => (
            <li key={line}>
              <strong>{findingsWords.missing}.</strong> {line}
            </li>
          ))}
        </ul>
      )}
      <ValuesTable title={title} header={header} rows={shown} testId={`${testId}-values`} />
    </div>
  );
}

function recipeOf(network: ManifestNetwork): string {
  const found = differences(network);
  const text =
    found === null
      ? findingsWords.recipe.unknown
      : found.length === 0
        ? findingsWords.recipe.same
        : findingsWords.recipe.differs(found);
  return isFromScratch(network) ? text : `${findingsWords.recipe.near(network.recipe!.lambda!)} ${text}`;
}

function detailOf({ network, isTaught, isComputed, ensembleOf, accuracy, agreement }: Evidence): string {
  const what = (isTaught ? findingsWords.detail.taught : findingsWords.detail.untaught)(
    ensembleOf,
    accuracy,
    agreement ?? 0,
  );
  return `${what} ${isComputed ? findingsWords.detail.computed : findingsWords.detail.measured} ${recipeOf(network)}`;
}

const OURS = (look: Look, name: string, x: number, y: number, detail: string): PlotMark => ({
  name,
  look,
  x,
  y,
  detail,
});
const PAPER = (name: string, x: number, y: number, detail: string): PlotMark => ({
  name,
  look: "control",
  x,
  y,
  isOutline: true,
  detail,
});
const ours = "ours";
const theirs = "paper";

function Plane({ all }: Part) {
  const w = findingsWords.plane;
  const known = all.filter(({ agreement }) => agreement !== null);
  const marks = [
    ...PLANE.map((point) =>
      PAPER(
        point.setting,
        point.accuracy,
        point.agreement,
        findingsWords.detail.paper(point.accuracy, point.agreement, sourceOf(point)),
      ),
    ),
    ...known.map((point) =>
      OURS(
        point.isTaught ? "student" : "member",
        point.network.name,
        point.accuracy,
        point.agreement!,
        detailOf(point),
      ),
    ),
  ];
  const rows = [
    ...known.map(({ network, accuracy, agreement, ensembleOf, isComputed }) => [
      network.name,
      ours,
      accuracy,
      agreement,
      ensembleOf.join(" "),
      isComputed ? findingsWords.detail.computed : findingsWords.detail.measured,
    ]),
    ...PLANE.map((point) => [point.setting, theirs, point.accuracy, point.agreement, null, sourceOf(point)]),
  ];
  return (
    <Finding
      title={w.title}
      hint={w.hint}
      testId="finding-plane"
      all={all}
      header={w.header}
      rows={rows}
      missing={[w.missing]}
      isWide
    >
      <Plot
        label={w.title}
        x={shareAxis(
          w.x,
          marks.map(({ x }) => x),
        )}
        y={shareAxis(
          w.y,
          marks.map(({ y }) => y),
        )}
        marks={marks}
        diagonal={w.title}
        height={420}
        testId="plane"
      />
    </Finding>
  );
}

/** Each student of several teachers, and the paper's students of as many teachers as stand below. */
function Sizes({ all }: Part) {
  const w = findingsWords.sizes;
  const answered = all.filter(({ isTaught, report }) => isTaught && (report?.sizes.length ?? 0) > 1);
  const lines = answered.map(
    ({ network, report }): PlotLine => ({
      name: network.name,
      look: "student",
      isMarked: true,
      points: report!.sizes.map(({ size, students: found }) => ({ x: size, y: found[network.name]!.agreement })),
    }),
  );
  const single = all.filter(
    ({ network, isTaught, agreement, ensembleOf }) =>
      isTaught && isFromScratch(network) && agreement !== null && ensembleOf.length === 1,
  );
  const marks = [
    ...SIZES.map((point) =>
      PAPER(theirs, point.m, point.agreement, w.detail(point.m, point.agreement, sourceOf(point))),
    ),
    ...single.map((point) => OURS("student", point.network.name, 1, point.agreement!, detailOf(point))),
  ];
  const paperLine: PlotLine = {
    name: theirs,
    look: "control",
    isDashed: true,
    points: SIZES.map(({ m, agreement }) => ({ x: m, y: agreement })),
  };
  const values = [...marks.map(({ y }) => y), ...lines.flatMap(({ points }) => points.flatMap(({ y }) => y ?? []))];
  const trained = new Set(students.value.filter(isFromScratch).map(({ taughtBy }) => taughtBy?.length ?? 0));
  const rows = [
    ...lines.flatMap(({ name, points }) => points.map(({ x, y }) => [name, x, y, findingsWords.detail.computed])),
    ...single.map(({ network, agreement, isComputed }) => [
      network.name,
      1,
      agreement,
      isComputed ? findingsWords.detail.computed : findingsWords.detail.measured,
    ]),
    ...SIZES.map((point) => [theirs, point.m, point.agreement, sourceOf(point)]),
  ];
  return (
    <Finding
      title={w.title}
      hint={w.hint}
      testId="finding-sizes"
      all={all}
      header={w.header}
      rows={rows}
      missing={[1, 3, 5].filter((m) => !trained.has(m)).map(w.missing)}
    >
      <Plot
        label={w.title}
        x={{ label: w.x, min: 1, max: 12, format: whole }}
        y={shareAxis(w.y, values)}
        lines={[paperLine, ...lines]}
        marks={marks}
        testId="sizes"
      />
      <p class="legend">
        {lines.map(({ name }) => (
          <PlotKey key={name} look="student">
            <span class="export-text">{name}</span>
          </PlotKey>
        ))}
        <PlotKey look="control" isDashed>
          <span class="export-text">{findingsWords.paper}</span>
        </PlotKey>
      </p>
    </Finding>
  );
}

function Calibration({ all }: Part) {
  const w = findingsWords.calibration;
  const taught = all.filter(
    ({ network, isTaught, agreement }) => isTaught && isFromScratch(network) && agreement !== null,
  );
  const marks = taught.map((point) =>
    OURS(
      "student",
      point.network.name,
      point.agreement!,
      point.ece,
      `${w.detail(point.agreement!, point.ece)} ${recipeOf(point.network)}`,
    ),
  );
  const eces = marks.map(({ y }) => y);
  return (
    <Finding
      title={w.title}
      hint={w.hint}
      testId="finding-calibration"
      all={all}
      header={w.header}
      missing={[w.noPaper, taught.length < 3 && w.few(taught.length)]}
      rows={taught.map(({ network, agreement, ece, ensembleOf }) => [network.name, agreement, ece, ensembleOf.length])}
    >
      {marks.length > 0 && (
        <Plot
          label={w.title}
          x={shareAxis(
            w.x,
            marks.map(({ x }) => x),
          )}
          y={{ label: w.y, min: 0, max: Math.max(...eces) * 1.25, format: brief }}
          marks={marks}
          testId="calibration"
        />
      )}
    </Finding>
  );
}

/** Students of ours with this policy and, where it is named, this temperature; teachers of several are what the paper had. */
const matching = (all: readonly Evidence[], policy: string, temperature: number | undefined) =>
  all.filter(
    ({ isTaught, network }) =>
      isTaught &&
      isFromScratch(network) &&
      policyOf(network) === policy &&
      (temperature === undefined || network.recipe?.temperature === temperature),
  );

function Policies({ all }: Part) {
  const w = findingsWords.policies;
  const found = POLICIES.map((point) => ({
    point,
    label: w.row(point.policy!, point.temperature),
    own: matching(all, point.policy!, point.temperature).filter(({ agreement }) => agreement !== null),
  }));
  const rows = found.map(
    ({ point, label, own }): Row => ({
      label,
      values: w.values(
        percent(point.agreement),
        own.length > 0 ? own.map(({ agreement }) => percent(agreement!)).join(", ") : findingsWords.notTrained,
      ),
      marks: [
        { look: "control", low: point.agreement, high: point.agreement, isOutline: true },
        ...own.map(({ agreement }) => ({ look: "student" as const, low: agreement!, high: agreement! })),
      ],
    }),
  );
  const table = found.flatMap(({ point, own }): Cell[][] => [
    [point.policy!, point.temperature ?? null, theirs, point.agreement, point.accuracy, sourceOf(point)],
    ...own.map(({ network, agreement, accuracy }) => [
      point.policy!,
      network.recipe?.temperature ?? null,
      network.name,
      agreement,
      accuracy,
      recipeOf(network),
    ]),
  ]);
  const lacking = found.filter(({ own }) => own.length === 0).map(({ label }) => label);
  return (
    <Finding
      title={w.title}
      hint={`${w.hint} ${findingsWords.paperValues(sourceOf(POLICIES[0]!))}`}
      testId="finding-policies"
      all={all}
      header={w.header}
      rows={table}
      missing={[lacking.length > 0 && w.missing(lacking)]}
    >
      <RowsPlot
        label={w.title}
        x={shareAxis(
          w.x,
          rows.flatMap(({ marks }) => marks.map(({ low }) => low)),
        )}
        rows={rows}
        testId="policies"
      />
    </Finding>
  );
}

function Temperatures({ all }: Part) {
  const w = findingsWords.policies;
  const lines = [1, 3, 5].map(
    (m): PlotLine => ({
      name: String(m),
      look: "control",
      isDashed: true,
      points: TEMPERATURE_GRID.filter(({ nTeachers }) => nTeachers === m).map(({ temperature, agreement }) => ({
        x: temperature!,
        y: agreement,
      })),
    }),
  );
  const own = all.filter(
    ({ isTaught, agreement, network }) =>
      isTaught && isFromScratch(network) && agreement !== null && network.recipe?.temperature !== undefined,
  );
  const marks = [
    ...TEMPERATURE_GRID.map((point) =>
      PAPER(
        point.setting,
        point.temperature!,
        point.agreement,
        findingsWords.detail.paper(point.accuracy, point.agreement, sourceOf(point)),
      ),
    ),
    ...own.map((point) =>
      OURS("student", point.network.name, point.network.recipe!.temperature!, point.agreement!, detailOf(point)),
    ),
  ];
  const rows = [
    ...own.map(({ network, agreement, accuracy }) => [
      policyOf(network),
      network.recipe!.temperature!,
      network.name,
      agreement,
      accuracy,
      recipeOf(network),
    ]),
    ...TEMPERATURE_GRID.map((point) => [
      point.setting,
      point.temperature!,
      theirs,
      point.agreement,
      point.accuracy,
      sourceOf(point),
    ]),
  ];
  const onHalf = own.some(({ network }) => network.recipe?.split !== undefined);
  return (
    <Finding
      title={w.grid}
      hint={w.gridHint}
      testId="finding-temperatures"
      all={all}
      header={w.header}
      rows={rows}
      missing={[!onHalf && w.gridMissing]}
    >
      <Plot
        label={w.grid}
        x={{ label: w.gridX, min: 0, max: GRID_TEMPERATURES.at(-1)! + 1, format: brief }}
        y={shareAxis(
          w.gridY,
          marks.map(({ y }) => y),
        )}
        lines={lines}
        marks={marks}
        height={320}
        testId="temperatures"
      />
    </Finding>
  );
}

function Cliff({ all }: Part) {
  const w = findingsWords.cliff;
  const own = all.filter(({ network }) => network.recipe?.lambda !== undefined && network.trainAgreement !== undefined);
  const marks = [
    ...CLIFF.map((point) =>
      PAPER(
        theirs,
        point.lambda,
        (point.low + point.high) / 2,
        w.detail(point.lambda, point.low, point.high, sourceOf(point)),
      ),
    ),
    ...own.map(({ network }) =>
      OURS(
        "student",
        network.name,
        network.recipe!.lambda!,
        network.trainAgreement!,
        `${w.ours(network.recipe!.lambda!, network.trainAgreement!)} ${recipeOf(network)}`,
      ),
    ),
  ];
  const lines: PlotLine[] = [
    {
      name: theirs,
      look: "control",
      isDashed: true,
      points: CLIFF.map(({ lambda, low, high }) => ({ x: lambda, y: (low + high) / 2 })),
    },
  ];
  const ownLine = own
    .map(({ network }) => ({ x: network.recipe!.lambda!, y: network.trainAgreement! }))
    .sort((a, b) => a.x - b.x);
  if (ownLine.length > 1) lines.push({ name: ours, look: "student", points: ownLine });
  const lacking = CLIFF.map(({ lambda }) => lambda).filter(
    (lambda) => !own.some(({ network }) => Math.abs(network.recipe!.lambda! - lambda) < 0.01),
  );
  const rows = [
    ...own.map(({ network }) => [
      network.name,
      network.recipe!.lambda!,
      network.trainAgreement!,
      network.trainAgreement!,
      recipeOf(network),
    ]),
    ...CLIFF.map((point) => [theirs, point.lambda, point.low, point.high, sourceOf(point)]),
  ];
  return (
    <Finding
      title={w.title}
      hint={w.hint}
      testId="finding-cliff"
      all={all}
      header={w.header}
      rows={rows}
      missing={[own.length === 0 ? w.missing : lacking.length > 0 && w.missingSome(lacking)]}
    >
      <Plot
        label={w.title}
        x={{ label: w.x, min: 0, max: 1, format: brief }}
        y={shareAxis(
          w.y,
          marks.map(({ y }) => y),
        )}
        lines={lines}
        marks={marks}
        testId="cliff"
      />
    </Finding>
  );
}

function TrainTest({ all }: Part) {
  const w = findingsWords.trainTest;
  const taught = all.filter(({ isTaught }) => isTaught);
  const own = taught.filter(({ network, agreement }) => network.trainAgreement !== undefined && agreement !== null);
  const marks = [
    ...TRAIN_AND_TEST.map((point) =>
      PAPER(point.setting, point.train, point.test, `${w.detail(point.train, point.test)} ${sourceOf(point)}.`),
    ),
    ...own.map(({ network, agreement }) =>
      OURS(
        "student",
        network.name,
        network.trainAgreement!,
        agreement!,
        `${w.detail(network.trainAgreement!, agreement!)} ${recipeOf(network)}`,
      ),
    ),
  ];
  const without = taught.filter((point) => !own.includes(point)).map(({ network }) => network.name);
  const rows = [
    ...own.map(({ network, agreement }) => [network.name, ours, network.trainAgreement!, agreement, recipeOf(network)]),
    ...TRAIN_AND_TEST.map((point) => [point.setting, theirs, point.train, point.test, sourceOf(point)]),
  ];
  return (
    <Finding
      title={w.title}
      hint={w.hint}
      testId="finding-train-test"
      all={all}
      header={w.header}
      rows={rows}
      missing={[without.length > 0 && w.missing(without)]}
    >
      <Plot
        label={w.title}
        x={shareAxis(
          w.x,
          marks.map(({ x }) => x),
        )}
        y={shareAxis(
          w.y,
          marks.map(({ y }) => y),
        )}
        marks={marks}
        diagonal={w.title}
        testId="train-test"
      />
    </Finding>
  );
}

const followed = signal<string | null>(null);

function CurveByEpoch({ all }: Part) {
  const w = findingsWords.curve;
  const recorded = students.value.filter(({ curve }) => curve && curve.loss.length > 0);
  const network = recorded.find(({ name }) => name === followed.value) ?? recorded[0];
  const curve = network?.curve;
  const line = (look: Look, name: string, values: readonly (number | null)[], isDashed = false): PlotLine => ({
    name,
    look,
    isDashed,
    points: values.map((y, i) => ({ x: i + 1, y })).filter(({ y }) => y !== null),
  });
  const lines = curve
    ? [
        line("student", w.test, curve.agreement),
        line("student", w.train, curve.trainAgreement, true),
        line("control", w.accuracy, curve.accuracy),
      ]
    : [];
  const values = lines.flatMap(({ points }) => points.flatMap(({ y }) => y ?? []));
  const rows =
    curve?.loss.map((loss, i) => [
      i + 1,
      loss,
      curve.trainAgreement[i] ?? null,
      curve.agreement[i] ?? null,
      curve.accuracy[i] ?? null,
    ]) ?? [];
  return (
    <Finding
      title={w.title}
      hint={w.hint}
      testId="finding-curve"
      all={all.filter(({ network: { name } }) => name === network?.name)}
      header={w.header}
      rows={rows}
      missing={[!curve && w.missing]}
      isWide
      isDrawn={curve !== undefined}
    >
      {recorded.length > 1 && (
        <label class="field inline">
          {w.student}
          <select
            value={network!.name}
            onChange={(event) => {
              followed.value = event.currentTarget.value;
            }}
            data-testid="finding-curve-student"
          >
            {recorded.map(({ name }) => (
              <option key={name} value={name}>
                {name}
              </option>
            ))}
          </select>
        </label>
      )}
      {curve && (
        <>
          <Plot
            label={`${w.title}: ${network.name}`}
            x={{ label: w.x, min: 1, max: Math.max(2, curve.loss.length), format: whole }}
            y={shareAxis(w.y, values)}
            lines={lines}
            testId="curve-by-epoch"
          />
          <p class="legend">
            {lines.map(({ name, look, isDashed }) => (
              <PlotKey key={name} look={look} isDashed={isDashed ?? false}>
                <span class="export-text">{name}</span>
              </PlotKey>
            ))}
          </p>
        </>
      )}
    </Finding>
  );
}

function Trade({ all }: Part) {
  const w = findingsWords.trade;
  const span = (low: number, high: number) => (low === high ? percent(low) : `${percent(low)} to ${percent(high)}`);
  const found = TRAIN_BY_POLICY.map((point) => ({
    point,
    own: matching(all, point.policy, undefined).filter(({ network }) => network.trainAgreement !== undefined),
  }));
  const rows = found.map(
    ({ point, own }): Row => ({
      label: point.policy,
      values: findingsWords.policies.values(
        span(point.low, point.high),
        own.length > 0
          ? own.map(({ network }) => percent(network.trainAgreement!)).join(", ")
          : findingsWords.notTrained,
      ),
      marks: [
        { look: "control", low: point.low, high: point.high, isOutline: true },
        ...own.map(({ network }) => ({
          look: "student" as const,
          low: network.trainAgreement!,
          high: network.trainAgreement!,
        })),
      ],
    }),
  );
  const table = found.flatMap(({ point, own }): Cell[][] => [
    [point.policy, theirs, point.low, point.high, sourceOf(point)],
    ...own.map(({ network }) => [
      point.policy,
      network.name,
      network.trainAgreement!,
      network.trainAgreement!,
      recipeOf(network),
    ]),
  ]);
  const lacking = found.filter(({ own }) => own.length === 0).map(({ point }) => point.policy);
  return (
    <Finding
      title={w.title}
      hint={`${w.hint} ${findingsWords.paperValues(sourceOf(TRAIN_BY_POLICY[0]!))}`}
      testId="finding-trade"
      all={all}
      header={w.header}
      rows={table}
      missing={[lacking.length > 0 && w.missing(lacking)]}
      isWide
    >
      <RowsPlot
        label={w.title}
        x={shareAxis(
          w.x,
          rows.flatMap(({ marks }) => marks.flatMap(({ low, high }) => [low, high])),
        )}
        rows={rows}
        testId="trade"
      />
    </Finding>
  );
}
