/** Statistics from stored logits, in this thread and in a Worker of their own, as a page calls them. */
import { readFileSync } from "node:fs";
import type { AnalysisInterface } from "../../pkg/analysis_api.js";
import { expect, test } from "./fixtures";
import { expectClose, openLab } from "./golden";

const TEACHERS = ["teacher0", "teacher1", "teacher2"];
/** From NumPy, SciPy and statsmodels. */
const golden = JSON.parse(readFileSync(new URL("../golden/statistics.json", import.meta.url), "utf8"));

declare global {
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
        const [report, quick, cells, test, intervals, baselines, calibration] = await Promise.all([
          analysis.report(pair),
          analysis.report({ ...pair, sizes: false }),
          analysis.cells(pair),
          analysis.mcnemar({ first: teachers, second: "student0" }),
          analysis.intervals({ ...pair, nResamples: 200 }),
          analysis.baselines(pair),
          analysis.calibration({ models: [teachers], nBins: 1000 }),
        ]);
        return {
          models: analysis.models,
          report,
          quick,
          cells,
          test,
          intervals,
          baselines,
          emptyBin: calibration.models[0]!.bins[0]!,
        };
      }, TEACHERS);
      const { report, cells, intervals, baselines } = found;
      expect(found.models).toEqual([...TEACHERS, "student0"]);
      expect(report).toMatchObject({ nImages: 10_000, nClasses: 100, teachers: TEACHERS });
      expect(report.students.student0!.agreement).toBeCloseTo(golden.agreement, 9);
      expect(report.students.student0!.kl).toBeCloseTo(golden.kl, 6);
      expect([report.ensemble.accuracy, report.models.student0!.accuracy]).toEqual(golden.accuracy);
      expect(report.sizes.map(({ size }) => size)).toEqual([1, 2, 3]);
      expect(report.sizes[2]!.ensemble).toEqual(report.ensemble);
      expect(found.quick).toEqual({ ...report, sizes: [] });
      expect([
        cells.bothRight,
        cells.onlyTeacher,
        cells.onlyStudent,
        cells.bothWrongSame,
        cells.bothWrongOther,
      ]).toEqual(golden.cells);
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
          await fl.failure(analysis.report({} as never)),
          await fl.failure(analysis.report(undefined as never)),
          await fl.failure(analysis.images({ ...pair, filter: { bin: { of: "truth" as never, index: 0 } } })),
          await fl.failure(analysis.images({ ...pair, filter: { trueClass: 100 } })),
          await fl.failure(analysis.imageAnswers({ teachers, index: 10_000 })),
          await fl.failure(analysis.temperatureCurves({ teachers, temperatures: [1, 0] })),
          await fl.failure(analysis.verify({ name: "teacher0", logits: new Float32Array(1) })),
          await fl.failure(analysis.verify({ name: "teacher0", logits: [1] as never })),
          await fl.failure(analysis.report({ ...pair, temprature: 2 } as never)),
          await fl.failure(analysis.report({ teachers: "teacher0" as never })),
          await fl.failure(analysis.report({ ...pair, level: "medium" as never })),
          await fl.failure(analysis.report({ ...pair, student: ["student0", 1] as never })),
          await fl.failure(analysis.calibration({ models: [teachers, 3 as never] })),
          await fl.failure(analysis.images({ ...pair, filter: { bin: { of: "teacher", index: -1 } } })),
          await fl.failure(analysis.add("other", new Float32Array(1), { role: "pupil" as never })),
        ];
        const same = before === JSON.stringify(await analysis.report(pair));
        const models = analysis.models;
        analysis.dispose();
        all.push(await fl.failure(analysis.report(pair)));
        return { all, same, models };
      }, TEACHERS);
      const codes = failures.all.map(({ code }) => code);
      expect(codes).toEqual([
        "name_taken",
        "bad_argument",
        "bad_argument",
        "unknown_model",
        "bad_argument",
        "bad_argument",
        "cancelled",
        ...Array<string>(15).fill("bad_argument"),
        "disposed",
      ]);
      const named = [
        "teachers is missing",
        "teachers is missing; it must be an array",
        "filter.bin.of",
        "trueClass",
        "index is 10000",
        "temperature is 0",
        "1 values",
        "logits is [1]; it must be a Float32Array",
        "temprature is not an option; the options are teachers, student, level, temperature, sizes",
        'teachers is "teacher0"; it must be an array',
        'level is "medium"; it must be "fine" or "coarse"',
        "student is [\"student0\",1]; it must be a network's name or an array of networks' names",
        "models[1] is 3; it must be a network's name or an array of networks' names",
        "filter.bin.index is -1; it must be a whole number from 0",
        'role is "pupil"; it must be "teacher" or "student"',
      ];
      named.forEach((part, i) => expect(failures.all[7 + i]!.message).toContain(part));
      expect(failures.all[1]!.message).toMatch(/999999|1999998|1,?000,?000|2,?000,?000/);
      expect(failures.same).toBe(true);
      expect(failures.models).toEqual([...TEACHERS, "student0"]);
    });

    test("images in order, one image's answers, pairs and temperatures are those of the references", async ({
      page,
    }) => {
      const found = await page.evaluate(async (teachers) => {
        const pair = { teachers, student: "student0" };
        const images = await analysis.images({ ...pair, sort: "kl", descending: true });
        const alike = await analysis.images({
          ...pair,
          filter: { cells: ["bothWrongSame"], bin: { of: "student", index: 9, nBins: 10, binning: "equal_mass" } },
        });
        const { models, agreement } = await analysis.pairs({ models: [...teachers, "student0"] });
        const curves = await analysis.temperatureCurves({ ...pair, temperatures: [0.5, 1, 3] });
        return {
          kinds: Object.fromEntries(
            Object.entries(images).map(([name, values]) => [name, `${values.constructor.name} ${values.length}`]),
          ),
          mostKl: Array.from(images.indices.slice(0, 50)),
          cells: [0, 1, 2, 3, 4].map((cell) => images.cell.filter((one) => one === cell).length),
          alike: [...alike.indices],
          answers: await analysis.imageAnswers({ ...pair, index: 7 }),
          pairs: { models, agreement: [...agreement] },
          fits: await analysis.fitTemperature(pair),
          curves,
          nDefault: (await analysis.temperatureCurves({ teachers })).temperatures,
        };
      }, TEACHERS);
      expect(found.kinds).toEqual({
        indices: "Uint32Array 10000",
        trueClass: "Uint8Array 10000",
        teacherClass: "Uint8Array 10000",
        studentClass: "Uint8Array 10000",
        cell: "Uint8Array 10000",
        kl: "Float32Array 10000",
        teacherConfidence: "Float32Array 10000",
        studentConfidence: "Float32Array 10000",
        teacherMargin: "Float32Array 10000",
        studentMargin: "Float32Array 10000",
      });
      expect(found.mostKl).toEqual(golden.images.most_kl);
      expect(found.cells).toEqual(golden.cells);
      expect(found.alike).toEqual(golden.images.wrong_alike_and_sure);
      expect(found.answers.classes).toEqual(golden.image_answers.classes);
      expectClose("the student's answers", found.answers.models.student0!, golden.image_answers.student0, 1e-9);
      expect(found.pairs.models).toEqual([...TEACHERS, "student0"]);
      expectClose("agreements", found.pairs.agreement, golden.pairs.flat(), 1e-12);
      const { ensemble, models } = found.fits;
      expect(found.fits).toMatchObject({ seed: 0, nFitted: 5000, nReported: 5000 });
      expect(Object.keys(models)).toEqual(["student0", ...TEACHERS]);
      expect(ensemble.temperature).toBeCloseTo(golden.temperature_fits.ensemble[0], 5);
      expect(ensemble.before.kl).toBeNull();
      expect(models.student0!.after.kl).toBeCloseTo(golden.temperature_fits.student0[2][2], 5);
      expect(found.curves).toMatchObject({ temperatures: [0.5, 1, 3], cancelled: false });
      expectClose("the ensemble's KL", found.curves.ensemble.kl!, golden.temperature_curves.kl[0], 1e-9);
      expectClose("the student's NLL", found.curves.students.student0!.nll, golden.temperature_curves.nll[1], 1e-9);
      expect([found.nDefault.length, found.nDefault[0], found.nDefault[16], found.nDefault[32]]).toEqual([
        33, 0.25, 1, 4,
      ]);
    });

    test("computed logits are verified, and features aligned", async ({ page }) => {
      const found = await page.evaluate(async () => {
        const n = 64;
        const gram = (seed: number) => {
          const rows = Array.from({ length: n }, (_, i) =>
            Array.from({ length: 5 }, (_, j) => Math.sin(seed + i * 1.7 + j * i * 0.3)),
          );
          return Float32Array.from(rows.flatMap((a) => rows.map((b) => a.reduce((sum, x, k) => sum + x * b[k]!, 0))));
        };
        const indices = Uint32Array.from({ length: 100 }, (_, i) => i);
        const words = new Uint16Array((await fl.bytes("/tests/golden/teacher1.logits.f16")).buffer).slice(0, 10_000);
        const half = (bits: number) => {
          const [sign, exponent, fraction] = [bits & 0x8000 ? -1 : 1, (bits >> 10) & 31, bits & 1023];
          return sign * (exponent ? 2 ** (exponent - 15) * (1 + fraction / 1024) : 2 ** -24 * fraction);
        };
        const logits = Float32Array.from(words, half);
        const verification = await analysis.verify({ name: "teacher0", logits, indices });
        const own = await analysis.verify({ name: "teacher1", logits, indices });
        const cka = await analysis.cka();
        const same = await cka.push(gram(1), gram(1), n);
        const other = await cka.push(gram(1), gram(2), n);
        const few = await fl.failure(cka.push(new Float32Array(9), new Float32Array(9), 3));
        cka.free();
        const alike = await (await analysis.cka()).push(gram(1), new Float32Array(n * n), n);
        return { verification, own, same, other, few, freed: await fl.failure(cka.push(gram(1), gram(1), n)), alike };
      });
      const [maxDifference, nTop1Changed] = golden.verification;
      expect(found.verification).toEqual({ nImages: 100, maxDifference, nTop1Changed });
      expect(found.own).toEqual({ nImages: 100, maxDifference: 0, nTop1Changed: 0 });
      expect(found.same).toMatchObject({ nImages: 64, nBatches: 1 });
      expect(found.same.linear).toBeCloseTo(1, 6);
      expect(found.same.rbf).toBeCloseTo(1, 6);
      expect(found.other.linear).toBeLessThan(0.999);
      expect(found.other.bandwidths).toEqual(found.same.bandwidths);
      expect([found.few.code, found.freed.code]).toEqual(["bad_argument", "disposed"]);
      expect(found.alike).toMatchObject({ linear: null, rbf: null });
    });

    test("long calls tell of progress, and what is done when they are aborted is not lost", async ({ page }) => {
      const found = await page.evaluate(async (teachers) => {
        const pair = { teachers, student: "student0" };
        const stop = new AbortController();
        let last = { nDone: 0, nTotal: 0 };
        let isRising = true;
        const watching = analysis.intervals({
          ...pair,
          nResamples: 100_000,
          signal: stop.signal,
          onProgress: (progress) => {
            isRising &&= progress.nDone > last.nDone;
            last = progress;
            if (progress.nDone >= 150) stop.abort();
          },
        });
        // Answered while the other is computed.
        const cells = await analysis.cells(pair);
        const between = last.nDone;
        const part = await watching;
        const soon = new AbortController();
        const curves = analysis.temperatureCurves({
          ...pair,
          temperatures: Array.from({ length: 2000 }, (_, i) => 0.5 + i / 1000),
          signal: soon.signal,
        });
        await analysis.cells(pair);
        await analysis.cells(pair);
        soon.abort();
        return {
          part,
          last,
          isRising,
          between,
          cells,
          curves: await curves,
          whole: await analysis.intervals({ ...pair, nResamples: 150 }),
        };
      }, TEACHERS);
      expect(found.part.cancelled).toBe(true);
      expect(found.part.nResamples).toBeGreaterThanOrEqual(150);
      expect(found.part.nResamples).toBeLessThan(100_000);
      expect(found.last.nTotal).toBe(100_000);
      expect(found.isRising).toBe(true);
      expect(found.between).toBeLessThan(found.last.nDone);
      expect(found.cells.nImages).toBe(10_000);
      expect(found.whole).toMatchObject({ cancelled: false, nResamples: 150 });
      const { temperatures, ensemble, cancelled } = found.curves;
      expect(cancelled).toBe(true);
      expect(temperatures.length).toBeLessThan(2000);
      expect(ensemble.nll.length).toBe(temperatures.length);
    });
  });
}

test("a Worker that dies is started anew with its networks, and the calls under way come true", async ({ page }) => {
  const found = await page.evaluate(async (teachers) => {
    const path = "/pkg/analysis_client.js";
    const { AnalysisClient } = await import(path);
    const workers: Worker[] = [];
    const why: string[] = [];
    const createWorker = () => {
      workers.push(new Worker("/tests/browser/lossy_analysis_worker.js", { type: "module" }));
      return workers.at(-1)!;
    };
    const labels = (await fl.bytes("/www/weights/test-labels.bin")).slice(0, 10_000);
    const client = await AnalysisClient.create({
      labels,
      nClasses: 100,
      createWorker,
      onRestart: (text: string) => why.push(text),
    });
    for (const name of [...teachers, "student0"]) {
      const logits = await fl.bytes(`/tests/golden/${name}.logits.f16`);
      await client.add(name, logits);
      logits.fill(255); // The client's copy is its own.
    }
    await client.remove("teacher2");
    const pair = { teachers: teachers.slice(0, 2), student: "student0" };
    const before = await client.report(pair);
    const cka = await client.cka();
    const underWay = client.intervals({ ...pair, nResamples: 2000 });
    workers[0]!.postMessage({ test: "crash" });
    const intervals = await underWay;
    const after = await client.report(pair);
    const gram = new Float32Array(16);
    const lost = await fl.failure(cka.push(gram, gram, 4));
    const models = client.models;
    // One that dies again and again is given up.
    const always = setInterval(() => workers.at(-1)!.postMessage({ test: "crash" }), 5);
    const end = await fl.failure(client.intervals({ ...pair, nResamples: 100_000 }));
    clearInterval(always);
    return {
      same: JSON.stringify(before) === JSON.stringify(after),
      n: intervals.nResamples,
      lost,
      models,
      why: why[0],
      end,
    };
  }, TEACHERS);
  expect(found).toMatchObject({ same: true, n: 2000, models: ["teacher0", "teacher1", "student0"] });
  expect(found.why).toContain("the Worker stopped");
  expect(found.lost.message).toContain("begin a new alignment");
  expect(["internal", "device_unavailable"]).toContain(found.end.code);
});

for (const where of ["Lab", "LabClient"] as const) {
  test(`${where} reports on answers and compares two students`, async ({ page }) => {
    const found = await page.evaluate(
      async ([teachers, where]) => {
        const lab = await (where === "Lab" ? fl.lab("cpu") : fl.client({ device: "cpu" }));
        const requests = () =>
          performance.getEntriesByType("resource").filter(({ name }) => name.includes("statistics")).length;
        const atFirst = requests();
        const labels = (await fl.bytes("/www/weights/test-labels.bin")).slice(0, 10_000);
        const logits: Record<string, Uint8Array> = {};
        for (const name of [...teachers, "student0"]) logits[name] = await fl.bytes(`/tests/golden/${name}.logits.f16`);
        const answers = { labels, nClasses: 100, logits };
        const report = await lab.report(answers, { teachers, student: "student0" });
        const progress: number[] = [];
        const pair = { teachers: teachers.slice(0, 2), student: "student0", other: "teacher2" };
        const comparison = await lab.compare(answers, {
          ...pair,
          nResamples: 300,
          onProgress: ({ nDone }) => progress.push(nDone),
        });
        const stop = new AbortController();
        const onProgress = ({ nDone }: { nDone: number }) => {
          if (nDone > 200) stop.abort();
        };
        const part = await lab.compare(answers, { ...pair, nResamples: 100_000, onProgress, signal: stop.signal });
        const failures = [
          await fl.failure(lab.report(answers, { teachers: ["nobody"] })),
          await fl.failure(lab.report({ ...answers, labels: labels.slice(1) }, { teachers })),
          await fl.failure(lab.report({} as never, { teachers })),
          await fl.failure(lab.compare(answers, { teachers, student: "student0" } as never)),
          await fl.failure(lab.compare(answers, { ...pair, signal: AbortSignal.abort() })),
        ];
        lab.dispose();
        return { atFirst, report, comparison, last: progress.at(-1), cancelled: part.intervals.cancelled, failures };
      },
      [TEACHERS, where] as const,
    );
    const { report, comparison } = found;
    expect(found.atFirst).toBe(0);
    expect(report.students.student0!.agreement).toBeCloseTo(golden.agreement, 9);
    expect(Object.keys(comparison.report.students)).toEqual(["student0", "teacher2"]);
    expect(comparison.intervals.difference!.accuracy.estimate).toBeCloseTo(
      comparison.report.models.student0!.accuracy! - comparison.report.models.teacher2!.accuracy!,
      12,
    );
    expect(comparison.intervals).toMatchObject({ nResamples: 300, cancelled: false });
    expect(comparison.mcnemar.bothRight + comparison.mcnemar.onlyFirst).toBe(
      comparison.student.bothRight + comparison.student.onlyStudent,
    );
    expect(comparison.mcnemar.bothRight + comparison.mcnemar.onlySecond).toBe(
      comparison.other.bothRight + comparison.other.onlyStudent,
    );
    expect([found.last, found.cancelled]).toEqual([300, true]);
    expect(found.failures.map(({ code }) => code)).toEqual([
      "unknown_model",
      "bad_argument",
      "bad_argument",
      "bad_argument",
      "cancelled",
    ]);
    expect(found.failures[3]!.message).toContain("other is missing");
  });
}
