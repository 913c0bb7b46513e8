import { brief, inWords, nats, percent } from "../../common/format.ts";
import { words } from "../../common/strings.ts";
import { nPoints, pointsSoFar, run } from "../../state/distillation.ts";
import { RunCurve } from "./run_curve.tsx";

const SHARE = { lowest: 0, highest: 1 };

/** Draws the loss above its floor, the agreement in training and held out, and the accuracy of student and ensemble. */
export function RunCharts() {
  const current = run.value;
  if (nPoints.value === 0 || !current) return null;
  const points = pointsSoFar().slice(0, nPoints.value);
  const steps = points.map(({ step }) => step);
  const chartWords = words.distil.charts;
  const hasLabels = points.some(({ holdOut }) => typeof holdOut?.accuracy === "number");
  const { outputName, student, teachers, recipe, trainingTitle, heldOutTitle } = current;
  const file = {
    name: outputName,
    caption: [
      chartWords.about(outputName, student, inWords(teachers), brief(recipe.temperature)),
      chartWords.imagesOf(trainingTitle, heldOutTitle, __VERSION__),
    ],
  };
  return (
    <div class="charts" data-testid="charts">
      <RunCurve
        title={chartWords.loss}
        term="lossFloor"
        axis={chartWords.lossAxis}
        testId="chart-loss"
        file={file}
        steps={steps}
        format={nats}
        series={[
          {
            label: chartWords.lossSeries,
            look: "student",
            values: points.map(({ loss, lossFloor }) =>
              loss === null || lossFloor === null ? null : loss - lossFloor,
            ),
          },
        ]}
      />
      <RunCurve
        title={chartWords.agreement}
        term="agreement"
        axis={chartWords.agreementAxis}
        testId="chart-agreement"
        file={file}
        steps={steps}
        format={percent}
        limits={SHARE}
        series={[
          { label: chartWords.train, look: "control", values: points.map(({ trainAgreement }) => trainAgreement) },
          {
            label: chartWords.heldOut,
            look: "student",
            isSparse: true,
            values: points.map(({ holdOut }) => holdOut?.agreement ?? null),
          },
        ]}
      />
      <RunCurve
        title={chartWords.accuracy}
        term="heldOut"
        axis={chartWords.accuracyAxis}
        testId="chart-accuracy"
        file={file}
        steps={steps}
        format={percent}
        limits={SHARE}
        emptyText={hasLabels ? undefined : chartWords.noLabels}
        series={[
          {
            label: chartWords.studentSeries,
            look: "student",
            isSparse: true,
            values: points.map(({ holdOut }) => holdOut?.accuracy ?? null),
          },
          {
            label: chartWords.ensembleSeries,
            look: "ensemble",
            isSparse: true,
            isDashed: true,
            values: points.map(({ holdOut }) => holdOut?.ensembleAccuracy ?? null),
          },
        ]}
      />
    </div>
  );
}
