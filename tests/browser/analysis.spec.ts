/** Statistics from stored logits, in this thread and in a Worker of their own, as a page calls them. */
import { readFileSync } from "node:fs";
import type { AnalysisInterface } from "../../pkg/analysis_api.js";
import { expect, test } from "./fixtures";
import { openLab } from "./golden";

const TEACHERS = ["teacher0", "teacher1", "teacher2"];
/** From NumPy, SciPy and statsmodels. */
const golden = JSON.parse(readFileSync(new URL("../golden/statistics.json", import.meta.url), "utf8"));

declare global {
  // eslint-disable-next-line no-var
  var analysis: AnalysisInterface;
}

test.beforeEach(({ page }) => openLab(page));

for (const { where, module, name } of [
  { where: "in this thread", module: "analysis.js", name: "Analysis" },
  { where: "in a Worker", module: "analysis_client.js", name: "AnalysisClient" },
]) {
  test.describe(where, () => {
    test.beforeEach(async ({ page }) => {
      await page.evaluate(
        async ([path, name]) => {
          const { [name]: kind } = await import(path);
          const labels = (await fl.bytes("/www/weights/test-labels.bin")).slice(0, 10_000);
          globalThis.analysis = await kind.create({ labels, nClasses: 100 });
          for (const network of ["teacher0", "teacher1", "teacher2", "student0"])
            await analysis.add(network, await fl.bytes(`/tests/golden/${network}.logits.f16`));
        },
        [`/pkg/${module}`, name] as const,
      );
    });

    test("the whole test set's figures are those of the references", async ({ page }) => {
      const found = await page.evaluate(async (teachers) => {
        const pair = { teachers, student: "student0" };
        const [report, cells, test, intervals, baselines, calibration] = await Promise.all([
          analysis.report(pair),
          analysis.cells(pair),
          analysis.mcnemar({ first: teachers, second: "student0" }),
          analysis.intervals({ ...pair, nResamples: 200 }),
          analysis.baselines(pair),
          analysis.calibration({ models: [teachers], nBins: 1000 }),
        ]);
        return { models: analysis.models, report, cells, test, intervals, baselines, emptyBin: calibration.models[0]!.bins[0]! };
      }, TEACHERS);
      const { report, cells, intervals, baselines } = found;
      expect(found.models).toEqual([...TEACHERS, "student0"]);
      expect(report).toMatchObject({ nImages: 10_000, nClasses: 100, teachers: TEACHERS });
      expect(report.students.student0!.agreement).toBeCloseTo(golden.agreement, 9);
      expect(report.students.student0!.kl).toBeCloseTo(golden.kl, 6);
      expect([report.ensemble.accuracy, report.models.student0!.accuracy]).toEqual(golden.accuracy);
      expect(report.sizes.map(({ size }) => size)).toEqual([1, 2, 3]);
      expect(report.sizes[2]!.ensemble).toEqual(report.ensemble);
      expect([cells.bothRight, cells.onlyTeacher, cells.onlyStudent, cells.bothWrongSame, cells.bothWrongOther]).toEqual(golden.cells);
      expect(found.test.statistic).toBeCloseTo(golden.mcnemar[0], 6);
      const { estimate, lower, upper } = intervals.student!.agreement;
      expect(estimate).toBeCloseTo(golden.agreement, 9);
      expect(lower).toBeGreaterThan(golden.agreement - 0.015);
      expect(upper).toBeLessThan(golden.agreement + 0.015);
      expect(lower).toBeLessThan(estimate);
      expect(upper).toBeGreaterThan(estimate);
      expect(found.emptyBin).toEqual({ lower: 0, upper: 0.001, count: 0, confidence: null, accuracy: null });
      expect(baselines.chance).toBeCloseTo(golden.chance, 6);
      expect(baselines).toMatchObject({ control: null, noControl: "none_fits", ceiling: null });
    });

    test("what is wrong is told by code, and changes nothing", async ({ page }) => {
      const failures = await page.evaluate(async (teachers) => {
        const pair = { teachers, student: "student0" };
        const before = JSON.stringify(await analysis.report(pair));
        const aborted = AbortSignal.abort();
        const all = [
          await fl.failure(analysis.add("teacher0", new Uint8Array(2_000_000))),
          await fl.failure(analysis.add("short", new Uint8Array(1_999_998))),
          await fl.failure(analysis.add("diverged", new Float32Array(1_000_000).fill(NaN))),
          await fl.failure(analysis.report({ teachers: ["nobody"] })),
          await fl.failure(analysis.report({ teachers: [] })),
          await fl.failure(analysis.report({ ...pair, temperature: 0 })),
          await fl.failure(analysis.intervals({ ...pair, signal: aborted })),
        ];
        const same = before === JSON.stringify(await analysis.report(pair));
        const models = analysis.models;
        analysis.dispose();
        all.push(await fl.failure(analysis.report(pair)));
        return { all, same, models };
      }, TEACHERS);
      const codes = failures.all.map(({ code }) => code);
      expect(codes).toEqual([
        "name_taken", "bad_argument", "bad_argument", "unknown_model", "bad_argument", "bad_argument", "cancelled", "disposed",
      ]);
      expect(failures.all[1]!.message).toMatch(/999999|1999998|1,?000,?000|2,?000,?000/);
      expect(failures.same).toBe(true);
      expect(failures.models).toEqual([...TEACHERS, "student0"]);
    });
  });
}
