/** Agreement by the size of the ensemble, and calibration by agreement. */
import { Plot, type PlotLine } from "../../charts/plot.tsx";
import { PlotKey } from "../../charts/shape.tsx";
import { brief } from "../../common/format.ts";
import { SIZES } from "../../test_set/paper.ts";
import { isFromScratch, students } from "./evidence.ts";
import {
  detailOf,
  Finding,
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

/** Each student of several teachers against growing ensembles, beside the paper's students of as many teachers. */
export function Sizes({ all }: Part) {
  const text = findingsWords.sizes;
  const answered = all.filter(({ isTaught, report }) => isTaught && (report?.sizes.length ?? 0) > 1);
  const lines = answered.map(
    ({ network, report }): PlotLine => ({
      name: network.name,
      look: "student",
      isMarked: true,
      points: report!.sizes.map(({ size, students: bySize }) => ({ x: size, y: bySize[network.name]!.agreement })),
    }),
  );
  const single = all.filter(
    ({ network, isTaught, agreement, ensembleOf }) =>
      isTaught && isFromScratch(network) && agreement !== null && ensembleOf.length === 1,
  );
  const marks = [
    ...SIZES.map((point) =>
      paperMark(PAPERS, point.m, point.agreement, text.detail(point.m, point.agreement, sourceOf(point))),
    ),
    ...single.map((point) => ourMark("student", point.network.name, 1, point.agreement!, detailOf(point))),
  ];
  const paperLine: PlotLine = {
    name: PAPERS,
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
    ...SIZES.map((point) => [PAPERS, point.m, point.agreement, sourceOf(point)]),
  ];
  return (
    <Finding
      title={text.title}
      hint={text.hint}
      testId="finding-sizes"
      all={all}
      header={text.header}
      rows={rows}
      missing={[1, 3, 5].filter((m) => !trained.has(m)).map(text.missing)}
    >
      <Plot
        label={text.title}
        x={{ label: text.x, min: 1, max: 12, format: wholeTick }}
        y={shareAxis(text.y, values)}
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

export function Calibration({ all }: Part) {
  const text = findingsWords.calibration;
  const taught = all.filter(
    ({ network, isTaught, agreement }) => isTaught && isFromScratch(network) && agreement !== null,
  );
  const marks = taught.map((point) =>
    ourMark(
      "student",
      point.network.name,
      point.agreement!,
      point.ece,
      `${text.detail(point.agreement!, point.ece)} ${recipeOf(point.network)}`,
    ),
  );
  const eces = marks.map(({ y }) => y);
  return (
    <Finding
      title={text.title}
      hint={text.hint}
      testId="finding-calibration"
      all={all}
      header={text.header}
      missing={[text.noPaper, taught.length < 3 && text.few(taught.length)]}
      rows={taught.map(({ network, agreement, ece, ensembleOf }) => [network.name, agreement, ece, ensembleOf.length])}
    >
      {marks.length > 0 && (
        <Plot
          label={text.title}
          x={shareAxis(
            text.x,
            marks.map(({ x }) => x),
          )}
          y={{ label: text.y, min: 0, max: Math.max(...eces) * 1.25, format: brief }}
          marks={marks}
          testId="calibration"
        />
      )}
    </Finding>
  );
}
