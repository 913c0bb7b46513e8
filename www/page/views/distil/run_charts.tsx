import { nats, percent } from "../../common/format.ts";
import { nPoints, pointsSoFar } from "../../state/distillation.ts";
import { words } from "../../common/strings.ts";
import { Curve } from "../../charts/curve.tsx";

/** Loss above its floor, agreement in training and held out, accuracy of student and ensemble. */
export function RunCharts() {
  if (nPoints.value === 0) return null;
  const points = pointsSoFar().slice(0, nPoints.value);
  const steps = points.map(({ step }) => step);
  const c = words.distil.charts;
  const hasLabels = points.some(({ holdOut }) => typeof holdOut?.accuracy === "number");
  return (
    <div class="charts" data-testid="charts">
      <Curve
        title={c.loss}
        term="lossFloor"
        testId="chart-loss"
        steps={steps}
        format={nats}
        series={[
          {
            label: c.lossSeries,
            colour: "student",
            values: points.map(({ loss, lossFloor }) =>
              loss === null || lossFloor === null ? null : loss - lossFloor,
            ),
          },
        ]}
      />
      <Curve
        title={c.agreement}
        term="agreement"
        testId="chart-agreement"
        steps={steps}
        format={percent}
        series={[
          { label: c.train, colour: "muted", values: points.map(({ trainAgreement }) => trainAgreement) },
          {
            label: c.heldOut,
            colour: "student",
            isSparse: true,
            values: points.map(({ holdOut }) => holdOut?.agreement ?? null),
          },
        ]}
      />
      <Curve
        title={c.accuracy}
        term="heldOut"
        testId="chart-accuracy"
        steps={steps}
        format={percent}
        emptyText={hasLabels ? undefined : c.noLabels}
        series={[
          {
            label: c.studentSeries,
            colour: "student",
            isSparse: true,
            values: points.map(({ holdOut }) => holdOut?.accuracy ?? null),
          },
          {
            label: c.ensembleSeries,
            colour: "ensemble",
            isSparse: true,
            isDashed: true,
            values: points.map(({ holdOut }) => holdOut?.ensembleAccuracy ?? null),
          },
        ]}
      />
    </div>
  );
}
