/**
 * The engine in the browser against PyTorch's numbers, on each device. Mirrors tests/session_golden.rs.
 *
 * On WebGPU there are two families of kernels. The tests' adapter is a software one, so the kernels that a visitor's GPU runs are
 * asked for by name, and the labels of the kernels tell which ran.
 */
import type { Page } from "@playwright/test";
import type { DistillOptions, EvaluationReport, LabOptions } from "../../pkg/fidelity_lab.js";
import { expect, test } from "./fixtures";
import {
  argmaxes,
  expectClose,
  fromBase64,
  goldenFile,
  goldenValues,
  gradientBound,
  largest,
  LOGITS,
  LOSS,
  openLab,
  RELATIVE,
  Safetensors,
} from "./golden";

interface Target {
  device: "cpu" | "webgpu";
  kernels?: NonNullable<LabOptions["kernels"]>;
}

const CPU: Target = { device: "cpu" };
const TARGETS: Target[] = [
  CPU,
  { device: "webgpu", kernels: "gpu" },
  { device: "webgpu", kernels: "software-adapter" },
];

const NETWORKS = ["teacher0", "teacher1", "teacher2", "student0", "arbitrary20"];
const LEARNING_RATE = 0.01;
const WEIGHT_DECAY = 1e-4;

/** Distils `student` from the three teachers on the first `n` images as golden.py does. */
async function distill(page: Page, { device, kernels }: Target, student: string, n: number, steps: number) {
  const { losses, model, labels } = await page.evaluate(
    async ({ device, kernels, student, n, steps, learningRate, weightDecay }) => {
      const lab = await fl.lab(device, kernels);
      if (lab.device.kind !== device) throw new Error(`this runs on ${lab.device.kind}`);
      await fl.load(lab, "teacher", "teacher0", "teacher1", "teacher2");
      await fl.load(lab, "student", student);
      const losses: number[] = [];
      const options: DistillOptions = {
        student,
        outputName: "made",
        teachers: ["teacher0", "teacher1", "teacher2"],
        temperature: 4,
        learningRate,
        weightDecay,
        steps,
        batchSize: n,
        policy: "none",
        schedule: "constant",
        onStep: ({ step, loss }) => void (step > 0 && losses.push(loss!)),
      };
      await lab.distill(fl.pixels.slice(0, n * 3072), null, options);
      const model = fl.base64(await lab.exportModel("made"));
      const labels = lab.kernelLabels;
      lab.dispose();
      return { losses, model, labels };
    },
    { device, kernels, student, n, steps, learningRate: LEARNING_RATE, weightDecay: WEIGHT_DECAY },
  );
  return { losses, model: new Safetensors(fromBase64(model)), labels };
}

/** Kernels for evaluation are named for what they compute, those for training for their workgroups too. */
function expectKernels({ kernels }: Target, labels: string[], trained: boolean): void {
  if (!kernels) return expect(labels).toEqual([]);
  const count = (text: string) => labels.filter((label) => label.includes(text)).length;
  const convolutions = count("convolution");
  const sizes = new Set(labels.flatMap((label) => /workgroups of (\d+)$/.exec(label)?.[1] ?? []));
  expect(convolutions, labels.join("\n")).toBeGreaterThanOrEqual(10);
  expect(count("stationary"), labels.join("\n")).toBe(kernels === "gpu" ? 0 : convolutions);
  expect([...sizes].sort()).toEqual(!trained ? [] : kernels === "gpu" ? ["64"] : ["4", "64"]);
  for (const kernel of trained ? ["forward: ", "backward: ", "Weight(", "NormGradients(", "Sgd {"] : [])
    expect(count(kernel), `kernels ${kernel}`).toBeGreaterThan(0);
}

function expectLosses(found: number[], expected: number[]): void {
  expect(found.length).toBe(expected.length);
  found.forEach((loss, i) => expectClose(`loss of step ${i + 1}`, [loss], [expected[i]!], LOSS));
}

/** What one step made of the parameters and running statistics, and the gradients that it must have had. */
function expectStep({ device }: Target, prefix: string, before: Safetensors, after: Safetensors): void {
  const golden = goldenValues();
  const watched = (kind: string) =>
    golden.names
      .filter((name) => name.startsWith(`${prefix}.${kind}.`))
      .map((name) => name.slice(prefix.length + kind.length + 2));
  const made = watched("after");
  expect(made.filter((name) => name.endsWith("running_var")).length).toBeGreaterThan(1);
  for (const name of made) {
    const expected = golden.values(`${prefix}.after.${name}`);
    expectClose(`${name} after the step`, after.values(name), expected, RELATIVE * largest(expected));
  }
  const gradients = watched("grad");
  expect(gradients.length).toBeGreaterThanOrEqual(8);
  for (const name of gradients) {
    const p = before.values(name);
    // The first step with Nesterov momentum: p_after = p - lr * 1.9 * (g + wd * p).
    const scale = LEARNING_RATE * 1.9;
    const recovered = after.values(name).map((value, i) => (p[i]! - value) / scale - WEIGHT_DECAY * p[i]!);
    const expected = golden.values(`${prefix}.grad.${name}`);
    const rounding = (1.2e-7 * largest(p)) / scale;
    expectClose(
      `gradient of ${name}`,
      recovered,
      expected,
      gradientBound(`${prefix}.grad.${name}`, device) * largest(expected) + rounding,
    );
  }
}

for (const target of TARGETS) {
  const { device, kernels } = target;
  test.describe(kernels ? `${device}, kernels for a ${kernels}` : device, () => {
    test("logits of every network and the ensemble", async ({ page }) => {
      await openLab(page);
      const found = await page.evaluate(
        async ({ device, kernels, networks }) => {
          const lab = await fl.lab(device, kernels);
          for (const name of networks) await fl.load(lab, name.startsWith("teacher") ? "teacher" : "student", name);
          const { models, nClasses, logits, ensemble } = await lab.predict(fl.pixels, 20, { models: networks });
          const { kind, selfTestError } = lab.device;
          const labels = lab.kernelLabels;
          lab.dispose();
          return { kind, selfTestError, labels, models, nClasses, logits: [...logits], ensemble: [...ensemble!] };
        },
        { device, kernels, networks: NETWORKS },
      );
      expect(found).toMatchObject({ kind: device, models: NETWORKS, nClasses: 100 });
      expect(found.selfTestError).toBeLessThanOrEqual(1e-4);
      expectKernels(target, found.labels, false);
      const golden = goldenValues();
      NETWORKS.forEach((name, i) => {
        const logits = found.logits.slice(i * 2000, (i + 1) * 2000);
        const expected = golden.values(`${name}.logits`);
        expectClose(`${name}'s logits`, logits, expected, LOGITS);
        expect(argmaxes(logits, 100), name).toEqual(argmaxes(expected, 100));
      });
      expectClose("the ensemble's log-probabilities", found.ensemble, golden.values("ensemble.log_probs"), LOGITS);
    });

    for (const [blocks, student, prefix] of [
      ["bottleneck", "student0", "step8"],
      ["basic", "arbitrary20", "arbitrary20.step8"],
    ] as const) {
      test(`one step of ${blocks} blocks: loss, gradients, parameters, running statistics`, async ({ page }) => {
        await openLab(page);
        const { losses, model, labels } = await distill(page, target, student, 8, 1);
        expectKernels(target, labels, true);
        expectLosses(losses, goldenValues().values(`${prefix}.losses`).slice(0, 1));
        expectStep(target, prefix, new Safetensors(goldenFile(`${student}.safetensors`)), model);
      });
    }
  });
}

test("ten losses of a distillation", async ({ page }) => {
  await openLab(page);
  const { losses } = await distill(page, CPU, "student0", 20, 10);
  expectLosses(losses, goldenValues().values("step.losses_f64"));
  expect(losses[9]).toBeLessThan(losses[0]!);
});

test("one step on all 20 images: gradients, parameters, running statistics", async ({ page }) => {
  await openLab(page);
  const { model } = await distill(page, CPU, "student0", 20, 1);
  expectStep(CPU, "step", new Safetensors(goldenFile("student0.safetensors")), model);
});

test("three losses of basic blocks", async ({ page }) => {
  await openLab(page);
  const { losses } = await distill(page, CPU, "arbitrary20", 8, 3);
  expectLosses(losses, goldenValues().values("arbitrary20.step8.losses"));
});

/** Every figure of a report by its path, `null` where it is null. */
function figures(value: unknown, path = ""): [string, number | null][] {
  if (value === null || typeof value === "number") return [[path, value]];
  if (typeof value !== "object") return [];
  return Object.entries(value).flatMap(([key, inner]) => figures(inner, `${path}/${key}`));
}

test("the batch size changes no figure", async ({ page }) => {
  await openLab(page);
  const reports = await page.evaluate(async () => {
    const lab = await fl.lab("cpu");
    await fl.load(lab, "teacher", "teacher0", "teacher1", "teacher2");
    await fl.load(lab, "student", "student0");
    const reports: EvaluationReport[] = [];
    for (const batchSize of [20, 1, 7, 64])
      reports.push(await lab.evaluate(fl.pixels, fl.labels, { student: "student0", batchSize }));
    lab.dispose();
    return reports;
  });
  const [all, ...others] = reports.map((report) => new Map(figures(report)));
  expect(all!.size).toBeGreaterThan(200);
  for (const other of others) {
    expect([...other.keys()]).toEqual([...all!.keys()]);
    for (const [path, value] of all!) {
      if (value === null) expect(other.get(path), path).toBeNull();
      // A bin may hold a single image, whose confidence is f32's to round.
      else
        expect(Math.abs(other.get(path)! - value), path).toBeLessThanOrEqual(
          path.includes("/reliability/") ? 1e-5 : 1e-6,
        );
    }
  }
  const { agreement, kl } = reports[0]!.students.student0!;
  expect(agreement).toBeCloseTo(0.85, 9);
  expect(Math.abs(kl - 0.237472977)).toBeLessThan(1e-4);
});

test("live figures on the first 100 test images", async ({ page }) => {
  await openLab(page);
  const report = await page.evaluate(async () => {
    const response = await fetch("/data/cifar-100/test.bin", { headers: { range: `bytes=0-${100 * 3074 - 1}` } });
    const bytes = new Uint8Array(await response.arrayBuffer()).slice(0, 100 * 3074);
    const lab = await fl.lab("cpu");
    const { pixels, labels, nImages } = await lab.readRecords(bytes);
    if (nImages !== 100) throw new Error(`${nImages} records`);
    await fl.load(lab, "teacher", "teacher0", "teacher1", "teacher2");
    await fl.load(lab, "student", "student0");
    const report = await lab.evaluate(pixels, labels);
    lab.dispose();
    return report;
  });
  const metrics = JSON.parse(new TextDecoder().decode(goldenFile("golden-metrics.json")));
  const expected = metrics.first["100"];
  expect(report.nImages).toBe(100);
  const close = (what: string, found: number | null, value: number, bound: number) =>
    expectClose(what, [found ?? NaN], [value], bound);
  for (const [name, found] of [
    ["ensemble", report.ensemble!],
    ["student0", report.models.student0!],
  ] as const) {
    close(`${name} accuracy`, found.accuracy, expected[name].acc, 1e-9);
    close(`${name} top5Accuracy`, found.top5Accuracy, expected[name].top5, 1e-9);
    close(`${name} nll`, found.nll, expected[name].nll, 1e-4);
    close(`${name} ece`, found.ece, expected[name].ece, 1e-3);
  }
  close("agreement", report.students.student0!.agreement, expected.fidelity.agreement, 1e-9);
  close("kl", report.students.student0!.kl, expected.fidelity.kl, 1e-4);
});
