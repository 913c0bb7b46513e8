/** How far students match their teachers in training: by their first weights, against the test, and by epoch. */
import { signal } from "@preact/signals";
import { Plot, type PlotLine } from "../../charts/plot.tsx";
import { PlotKey, type Look } from "../../charts/shape.tsx";
import { brief } from "../../common/format.ts";
import { CLIFF, TRAIN_AND_TEST } from "../../test_set/paper.ts";
import { students } from "./evidence.ts";
import {
  Finding,
  OURS,
  ourMark,
  paperMark,
  PAPERS,
  recipeOf,
  shareAxis,
  sourceOf,
  wholeTick,
  type Part,
} from "./finding.tsx";
import { findingsWords } from "./strings.ts";

export function Cliff({ all }: Part) {
  const text = findingsWords.cliff;
  const own = all.filter(({ network }) => network.recipe?.lambda !== undefined && network.trainAgreement !== undefined);
  const marks = [
    ...CLIFF.map((point) =>
      paperMark(
        PAPERS,
        point.lambda,
        (point.low + point.high) / 2,
        text.detail(point.lambda, point.low, point.high, sourceOf(point)),
      ),
    ),
    ...own.map(({ network }) =>
      ourMark(
        "student",
        network.name,
        network.recipe!.lambda!,
        network.trainAgreement!,
        `${text.ours(network.recipe!.lambda!, network.trainAgreement!)} ${recipeOf(network)}`,
      ),
    ),
  ];
  const lines: PlotLine[] = [
    {
      name: PAPERS,
      look: "control",
      isDashed: true,
      points: CLIFF.map(({ lambda, low, high }) => ({ x: lambda, y: (low + high) / 2 })),
    },
  ];
  const ownLine = own
    .map(({ network }) => ({ x: network.recipe!.lambda!, y: network.trainAgreement! }))
    .sort((a, b) => a.x - b.x);
  if (ownLine.length > 1) lines.push({ name: OURS, look: "student", points: ownLine });
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
    ...CLIFF.map((point) => [PAPERS, point.lambda, point.low, point.high, sourceOf(point)]),
  ];
  return (
    <Finding
      title={text.title}
      hint={text.hint}
      testId="finding-cliff"
      all={all}
      header={text.header}
      rows={rows}
      missing={[own.length === 0 ? text.missing : lacking.length > 0 && text.missingSome(lacking)]}
    >
      <Plot
        label={text.title}
        x={{ label: text.x, min: 0, max: 1, format: brief }}
        y={shareAxis(
          text.y,
          marks.map(({ y }) => y),
        )}
        lines={lines}
        marks={marks}
        testId="cliff"
      />
    </Finding>
  );
}

export function TrainTest({ all }: Part) {
  const text = findingsWords.trainTest;
  const taught = all.filter(({ isTaught }) => isTaught);
  const own = taught.filter(({ network, agreement }) => network.trainAgreement !== undefined && agreement !== null);
  const marks = [
    ...TRAIN_AND_TEST.map((point) =>
      paperMark(point.setting, point.train, point.test, `${text.detail(point.train, point.test)} ${sourceOf(point)}.`),
    ),
    ...own.map(({ network, agreement }) =>
      ourMark(
        "student",
        network.name,
        network.trainAgreement!,
        agreement!,
        `${text.detail(network.trainAgreement!, agreement!)} ${recipeOf(network)}`,
      ),
    ),
  ];
  const without = taught.filter((point) => !own.includes(point)).map(({ network }) => network.name);
  const rows = [
    ...own.map(({ network, agreement }) => [network.name, OURS, network.trainAgreement!, agreement, recipeOf(network)]),
    ...TRAIN_AND_TEST.map((point) => [point.setting, PAPERS, point.train, point.test, sourceOf(point)]),
  ];
  return (
    <Finding
      title={text.title}
      hint={text.hint}
      testId="finding-train-test"
      all={all}
      header={text.header}
      rows={rows}
      missing={[without.length > 0 && text.missing(without)]}
    >
      <Plot
        label={text.title}
        x={shareAxis(
          text.x,
          marks.map(({ x }) => x),
        )}
        y={shareAxis(
          text.y,
          marks.map(({ y }) => y),
        )}
        marks={marks}
        diagonal={text.title}
        testId="train-test"
      />
    </Finding>
  );
}

const followed = signal<string | null>(null);

export function CurveByEpoch({ all }: Part) {
  const text = findingsWords.curve;
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
        line("student", text.test, curve.agreement),
        line("student", text.train, curve.trainAgreement, true),
        line("control", text.accuracy, curve.accuracy),
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
      title={text.title}
      hint={text.hint}
      testId="finding-curve"
      all={all.filter(({ network: { name } }) => name === network?.name)}
      header={text.header}
      rows={rows}
      missing={[!curve && text.missing]}
      isWide
      isDrawn={curve !== undefined}
    >
      {recorded.length > 1 && (
        <label class="field inline">
          {text.student}
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
            label={`${text.title}: ${network.name}`}
            x={{ label: text.x, min: 1, max: Math.max(2, curve.loss.length), format: wholeTick }}
            y={shareAxis(text.y, values)}
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
