import { Plot } from "../../charts/plot.tsx";
import { PLANE } from "../../test_set/paper.ts";
import { detailOf, Finding, OURS, ourMark, paperMark, PAPERS, shareAxis, sourceOf, type Part } from "./finding.tsx";
import { findingsWords } from "./strings.ts";

/** Accuracy against agreement, one mark per network. */
export function Plane({ all }: Part) {
  const text = findingsWords.plane;
  const known = all.filter(({ agreement }) => agreement !== null);
  const marks = [
    ...PLANE.map((point) =>
      paperMark(
        point.setting,
        point.accuracy,
        point.agreement,
        findingsWords.detail.paper(point.accuracy, point.agreement, sourceOf(point)),
      ),
    ),
    ...known.map((point) =>
      ourMark(
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
      OURS,
      accuracy,
      agreement,
      ensembleOf.join(" "),
      isComputed ? findingsWords.detail.computed : findingsWords.detail.measured,
    ]),
    ...PLANE.map((point) => [point.setting, PAPERS, point.accuracy, point.agreement, null, sourceOf(point)]),
  ];
  return (
    <Finding
      title={text.title}
      hint={text.hint}
      testId="finding-plane"
      all={all}
      header={text.header}
      rows={rows}
      missing={[text.missing]}
      isWide
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
        height={420}
        testId="plane"
      />
    </Finding>
  );
}
