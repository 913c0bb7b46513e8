/** Agreement by augmentation, in the test and in training, and by temperature. */
import { Plot, type PlotLine } from "../../charts/plot.tsx";
import { RowsPlot, type Row } from "../../charts/rows_plot.tsx";
import { brief, percent } from "../../common/format.ts";
import { GRID_TEMPERATURES, POLICIES, TEMPERATURE_GRID, TRAIN_BY_POLICY } from "../../test_set/paper.ts";
import { isFromScratch, policyOf, type Evidence } from "./evidence.ts";
import {
  detailOf,
  Finding,
  ourMark,
  paperMark,
  PAPERS,
  recipeOf,
  shareAxis,
  sourceOf,
  type Cell,
  type Part,
} from "./finding.tsx";
import { findingsWords } from "./strings.ts";

/** Our students that were trained with this policy and, if one is given, at this temperature. */
const matching = (all: readonly Evidence[], policy: string, temperature: number | undefined) =>
  all.filter(
    ({ isTaught, network }) =>
      isTaught &&
      isFromScratch(network) &&
      policyOf(network) === policy &&
      (temperature === undefined || network.recipe?.temperature === temperature),
  );

export function Policies({ all }: Part) {
  const text = findingsWords.policies;
  const byPolicy = POLICIES.map((point) => ({
    point,
    label: text.row(point.policy!, point.temperature),
    own: matching(all, point.policy!, point.temperature).filter(({ agreement }) => agreement !== null),
  }));
  const rows = byPolicy.map(
    ({ point, label, own }): Row => ({
      label,
      values: text.values(
        percent(point.agreement),
        own.length > 0 ? own.map(({ agreement }) => percent(agreement!)).join(", ") : findingsWords.notTrained,
      ),
      marks: [
        { look: "control", low: point.agreement, high: point.agreement, isOutline: true },
        ...own.map(({ agreement }) => ({ look: "student" as const, low: agreement!, high: agreement! })),
      ],
    }),
  );
  const table = byPolicy.flatMap(({ point, own }): Cell[][] => [
    [point.policy!, point.temperature ?? null, PAPERS, point.agreement, point.accuracy, sourceOf(point)],
    ...own.map(({ network, agreement, accuracy }) => [
      point.policy!,
      network.recipe?.temperature ?? null,
      network.name,
      agreement,
      accuracy,
      recipeOf(network),
    ]),
  ]);
  const lacking = byPolicy.filter(({ own }) => own.length === 0).map(({ label }) => label);
  return (
    <Finding
      title={text.title}
      hint={`${text.hint} ${findingsWords.paperValues(sourceOf(POLICIES[0]!))}`}
      testId="finding-policies"
      all={all}
      header={text.header}
      rows={table}
      missing={[lacking.length > 0 && text.missing(lacking)]}
    >
      <RowsPlot
        label={text.title}
        x={shareAxis(
          text.x,
          rows.flatMap(({ marks }) => marks.map(({ low }) => low)),
        )}
        rows={rows}
        testId="policies"
      />
    </Finding>
  );
}

export function Temperatures({ all }: Part) {
  const text = findingsWords.policies;
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
      paperMark(
        point.setting,
        point.temperature!,
        point.agreement,
        findingsWords.detail.paper(point.accuracy, point.agreement, sourceOf(point)),
      ),
    ),
    ...own.map((point) =>
      ourMark("student", point.network.name, point.network.recipe!.temperature!, point.agreement!, detailOf(point)),
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
      PAPERS,
      point.agreement,
      point.accuracy,
      sourceOf(point),
    ]),
  ];
  const onHalf = own.some(({ network }) => network.recipe?.split !== undefined);
  return (
    <Finding
      title={text.grid}
      hint={text.gridHint}
      testId="finding-temperatures"
      all={all}
      header={text.header}
      rows={rows}
      missing={[!onHalf && text.gridMissing]}
    >
      <Plot
        label={text.grid}
        x={{ label: text.gridX, min: 0, max: GRID_TEMPERATURES.at(-1)! + 1, format: brief }}
        y={shareAxis(
          text.gridY,
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

export function Trade({ all }: Part) {
  const text = findingsWords.trade;
  const span = (low: number, high: number) => (low === high ? percent(low) : `${percent(low)} to ${percent(high)}`);
  const byPolicy = TRAIN_BY_POLICY.map((point) => ({
    point,
    own: matching(all, point.policy, undefined).filter(({ network }) => network.trainAgreement !== undefined),
  }));
  const rows = byPolicy.map(
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
  const table = byPolicy.flatMap(({ point, own }): Cell[][] => [
    [point.policy, PAPERS, point.low, point.high, sourceOf(point)],
    ...own.map(({ network }) => [
      point.policy,
      network.name,
      network.trainAgreement!,
      network.trainAgreement!,
      recipeOf(network),
    ]),
  ]);
  const lacking = byPolicy.filter(({ own }) => own.length === 0).map(({ point }) => point.policy);
  return (
    <Finding
      title={text.title}
      hint={`${text.hint} ${findingsWords.paperValues(sourceOf(TRAIN_BY_POLICY[0]!))}`}
      testId="finding-trade"
      all={all}
      header={text.header}
      rows={table}
      missing={[lacking.length > 0 && text.missing(lacking)]}
      isWide
    >
      <RowsPlot
        label={text.title}
        x={shareAxis(
          text.x,
          rows.flatMap(({ marks }) => marks.flatMap(({ low, high }) => [low, high])),
        )}
        rows={rows}
        testId="trade"
      />
    </Finding>
  );
}
