/** The JavaScript API: what each method gives, and what it says to arguments that it cannot take. */
import type { Page } from "@playwright/test";
import type { DistillOptions, EvaluateOptions, Lab, PredictOptions, StepProgress } from "../../pkg/fidelity_lab.js";
import { expect, test } from "./fixtures";
import { type Failure, fromBase64, openLab, Safetensors, safetensors, smallFile, smallNetwork } from "./golden";

const FILES = {
  t1: smallFile("t1", 100, 1),
  t2: smallFile("t2", 100, 2),
  s: smallFile("s", 100, 3),
  ten: smallFile("ten", 10, 4),
};

async function open(page: Page, more: Record<string, Uint8Array> = {}): Promise<void> {
  await openLab(page, { ...FILES, ...more });
}

function expectFailure(found: Failure | undefined, code: string, ...words: (string | RegExp)[]): void {
  expect(found).toMatchObject({ code });
  for (const word of words)
    expect(found!.message).toMatch(
      typeof word === "string" ? new RegExp(word.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"), "i") : word,
    );
}

test("loading, listing, removing and exporting networks", async ({ page }) => {
  await open(page, { plain: safetensors(smallNetwork("plain", 100).tensors) });
  const found = await page.evaluate(async () => {
    const lab = await fl.lab("cpu");
    const before = lab.models;
    const info = await lab.loadModel(await fl.bytes("/tests/golden/arbitrary20.safetensors"), { role: "student" });
    const named = await lab.loadModel(fl.files.t1!, { role: "teacher", name: "other" });
    const plain = await lab.loadModel(fl.files.plain!, { role: "teacher", name: "plain" });
    const all = lab.models;
    const exported = await lab.exportModel("other");
    const again = await lab.loadModel(exported, { role: "student", name: "again" });
    const exportedAgain = await lab.exportModel("again");
    await lab.removeModel("plain");
    const left = lab.models.map(({ name }) => name);
    lab.dispose();
    return {
      before,
      info,
      named,
      plain,
      all,
      again,
      left,
      exported: fl.base64(exported),
      exportedAgain: fl.base64(exportedAgain),
    };
  });
  expect(found.before).toEqual([]);
  expect(found.info).toMatchObject({
    role: "student",
    family: "PreResNet-20",
    depth: 20,
    nClasses: 100,
    mean: [0.5, 0.5, 0.5],
    std: [0.5, 0.5, 0.5],
    notices: [],
  });
  expect(found.info.nParameters).toBeGreaterThan(270_000);
  expect(found.named).toMatchObject({ name: "other", role: "teacher", family: "PreResNet-8" });
  expect(found.plain.notices.join()).toMatch(/normali[sz]ation/);
  expect(found.all).toEqual([found.info, found.named, found.plain]);
  expect(found.left).toEqual([found.info.name, "other", "again"]);
  const [first, second, source] = [
    new Safetensors(fromBase64(found.exported)),
    new Safetensors(fromBase64(found.exportedAgain)),
    new Safetensors(FILES.t1),
  ];
  expect(first.names.sort()).toEqual(source.names.sort());
  for (const name of source.names) {
    expect(first.values(name), name).toEqual(source.values(name));
    expect(second.values(name), name).toEqual(source.values(name));
    expect(first.tensors.get(name)!.shape).toEqual(source.tensors.get(name)!.shape);
  }
  expect(first.metadata).toMatchObject({ architecture: "preresnet", depth: "8", classes: "100", name: "other" });
});

test("Gram matrices: shapes, progress, cancel, bad arguments", async ({ page }) => {
  await open(page);
  const found = await page.evaluate(async () => {
    const lab = await fl.lab("cpu");
    await fl.load(lab, "teacher", "t1");
    await fl.load(lab, "student", "s");
    const done: number[] = [];
    const { values, ...rest } = await lab.gram(fl.pixels.slice(0, 5 * 3072), 5, {
      onProgress: (progress) => void done.push(progress.done),
    });
    const again = await lab.gram(fl.pixels.slice(0, 5 * 3072), 5, { models: ["s"] });
    const abort = new AbortController();
    const failures = {
      aborted: await fl.failure(lab.gram(fl.pixels, 20, { signal: abort.signal, onProgress: () => abort.abort() })),
      one: await fl.failure(lab.gram(fl.pixels.slice(0, 3072), 1)),
      length: await fl.failure(lab.gram(fl.pixels, 5)),
      unknown: await fl.failure(lab.gram(fl.pixels, 20, { models: ["x"] })),
    };
    lab.dispose();
    return { ...rest, values: [...values], again: [...again.values], done, failures };
  });
  expect(found).toMatchObject({ models: ["t1", "s"], nImages: 5, nStages: 3 });
  expect(found.values).toHaveLength(2 * 3 * 25);
  expect(found.again).toEqual(found.values.slice(75));
  for (let i = 0; i < 5; i++)
    for (let j = 0; j < 5; j++) {
      expect(found.values[5 * i + j]).toBe(found.values[5 * j + i]);
      expect(found.values[5 * i + j]! ** 2).toBeLessThanOrEqual(found.values[6 * i]! * found.values[6 * j]! * 1.0001);
    }
  expect(found.done).toEqual([...found.done].sort((a, b) => a - b));
  expect(found.done.at(-1)).toBe(1);
  expectFailure(found.failures.aborted, "cancelled");
  expectFailure(found.failures.one, "bad_argument", "2 to 512");
  expectFailure(found.failures.length, "bad_argument", "61440 bytes", "n is 5");
  expectFailure(found.failures.unknown, "unknown_model", "x");
});

test("predictions: shapes, the ensemble, defaults", async ({ page }) => {
  await open(page);
  const found = await page.evaluate(async () => {
    const lab = await fl.lab("cpu");
    await fl.load(lab, "teacher", "t1", "t2");
    await fl.load(lab, "student", "s");
    const run = async (n: number, options?: PredictOptions) => {
      const { logits, ensemble, ...rest } = await lab.predict(fl.pixels.slice(0, n * 3072), n, options);
      return {
        ...rest,
        logits: [...logits],
        ensemble: ensemble && [...ensemble],
        types: [logits.constructor.name, ensemble?.constructor.name],
      };
    };
    const result = {
      all: await run(3),
      student: await run(2, { models: ["s"] }),
      one: await run(1, { models: ["s", "t2"] }),
      chosen: await run(1, { models: ["t1", "t2", "s"], teachers: ["s"] }),
      none: await run(1, { teachers: [] }),
      intact: fl.pixels.length,
    };
    lab.dispose();
    return result;
  });
  const { all, student, one, chosen, none } = found;
  expect(all).toMatchObject({ models: ["t1", "t2", "s"], nClasses: 100, types: ["Float32Array", "Float32Array"] });
  expect([all.logits.length, all.ensemble!.length]).toEqual([900, 300]);
  expect(student.ensemble).toBeNull();
  expect(none.ensemble).toBeNull();
  expect(student.logits).toEqual(all.logits.slice(600, 800));
  expect(one.models).toEqual(["s", "t2"]);
  expect(found.intact).toBe(20 * 3072);
  const logProbs = (logits: number[]) => {
    const sum = Math.log(logits.reduce((total, v) => total + Math.exp(v), 0));
    return logits.map((v) => v - sum);
  };
  const [a, b] = [logProbs(all.logits.slice(0, 100)), logProbs(all.logits.slice(300, 400))];
  all
    .ensemble!.slice(0, 100)
    .forEach((value, i) => expect(value).toBeCloseTo(Math.log((Math.exp(a[i]!) + Math.exp(b[i]!)) / 2), 4));
  one.ensemble!.forEach((value, i) => expect(value).toBeCloseTo(b[i]!, 4));
  chosen.ensemble!.forEach((value, i) => expect(value).toBeCloseTo(logProbs(student.logits.slice(0, 100))[i]!, 4));
});

test("evaluations: default sides, figures without labels or teachers, progress", async ({ page }) => {
  await open(page);
  const found = await page.evaluate(async () => {
    const lab = await fl.lab("cpu");
    await fl.load(lab, "teacher", "t1", "arbitrary20", "t2", "ten");
    await fl.load(lab, "student", "s");
    const progress: unknown[] = [];
    const run = (labels: Uint8Array | null, options?: EvaluateOptions) => lab.evaluate(fl.pixels, labels, options);
    const result = {
      // PreResNet-20 and ten classes are not the student's family and classes.
      defaults: await run(fl.labels, {
        batchSize: 8,
        onProgress: ({ nDone, nTotal, imagesPerSecond, report }) =>
          void progress.push([nDone, nTotal, imagesPerSecond > 0, report.nImages]),
      }),
      unlabelled: await run(null, { student: "s" }),
      crossed: await run(fl.labels, { teachers: ["arbitrary20"], student: ["s"] }),
      alone: await run(fl.labels, { teachers: [], student: "s" }),
      progress,
    };
    lab.dispose();
    return result;
  });
  const { defaults, unlabelled, crossed, alone } = found;
  expect(defaults).toMatchObject({ nImages: 20, cancelled: false, teachers: ["t1", "t2"] });
  expect(Object.keys(defaults.models).sort()).toEqual(["s", "t1", "t2"]);
  for (const figures of [...Object.values(defaults.models), defaults.ensemble!]) {
    expect(Object.keys(figures).sort()).toEqual(["accuracy", "ece", "nll", "reliability", "top5Accuracy"]);
    expect(figures.nll).toBeGreaterThan(0);
    expect(figures.reliability).toHaveLength(10);
    expect(figures.reliability!.reduce((sum, { count }) => sum + count, 0)).toBe(20);
  }
  expect(Object.keys(defaults.students)).toEqual(["s"]);
  expect(Object.keys(defaults.students.s!).sort()).toEqual([
    "agreement",
    "agreementTeacherRight",
    "agreementTeacherWrong",
    "kl",
    "klStandardError",
  ]);
  expect(found.progress).toEqual([
    [8, 20, true, 8],
    [16, 20, true, 16],
    [20, 20, true, 20],
  ]);
  expect(unlabelled.models.s).toEqual({ accuracy: null, top5Accuracy: null, nll: null, ece: null, reliability: null });
  expect(unlabelled.ensemble).toEqual(unlabelled.models.s);
  expect(unlabelled.students.s).toMatchObject({
    agreementTeacherRight: null,
    agreementTeacherWrong: null,
    kl: defaults.students.s!.kl,
  });
  expect(crossed.teachers).toEqual(["arbitrary20"]);
  expect(alone).toMatchObject({ teachers: [], ensemble: null, students: {} });
  expect(alone.models.s).toEqual(defaults.models.s);
});

test("a distillation: steps, hold-out, the new model, the untouched source", async ({ page }) => {
  await open(page);
  const found = await page.evaluate(async () => {
    const lab = await fl.lab("cpu");
    await fl.load(lab, "teacher", "t1", "t2");
    await fl.load(lab, "student", "s");
    const source = fl.base64(await lab.exportModel("s"));
    const steps: StepProgress[] = [];
    const pixels = fl.pixels.slice(0, 8 * 3072);
    const holdOut = { pixels: fl.pixels.slice(8 * 3072), labels: fl.labels.slice(8) };
    const report = await lab.distill(pixels, fl.labels.slice(0, 8), {
      student: "s",
      outputName: "made",
      steps: 4,
      batchSize: 4,
      alpha: 0.1,
      holdOut: { ...holdOut, every: 3 },
      onStep: (step) => void steps.push(step),
    });
    const own = await lab.evaluate(holdOut.pixels, holdOut.labels, { student: ["s", "made"] });
    const same = fl.base64(await lab.exportModel("s")) === source;
    const info = lab.models.at(-1)!;
    const made = await lab.loadModel(await lab.exportModel("made"), { role: "student", name: "reloaded" });
    const reloaded = await lab.evaluate(holdOut.pixels, holdOut.labels, { student: "reloaded" });
    lab.dispose();
    return { steps, report, own, same, info, made, reloaded, intact: pixels.length };
  });
  const { steps, report, own } = found;
  expect(steps.map(({ step }) => step)).toEqual([0, 1, 2, 3, 4]);
  expect(steps.map(({ holdOut }) => holdOut !== null)).toEqual([true, false, false, true, true]);
  expect(steps[0]).toMatchObject({
    loss: null,
    lossFloor: null,
    trainAgreement: null,
    totalSteps: 4,
    secondsLeft: null,
  });
  for (const { loss, lossFloor, trainAgreement, learningRate, imagesPerSecond, secondsLeft } of steps.slice(1)) {
    expect(loss).toBeGreaterThan(lossFloor!);
    expect(trainAgreement).toBeGreaterThanOrEqual(0);
    expect(learningRate).toBeGreaterThan(0);
    expect(imagesPerSecond).toBeGreaterThan(0);
    expect(secondsLeft).toBeGreaterThanOrEqual(0);
  }
  expect(steps[4]!.learningRate).toBeLessThan(steps[1]!.learningRate);
  expect(report).toMatchObject({ outputName: "made", stepsDone: 4, totalSteps: 4, cancelled: false, nImages: 8 });
  expect(report.before).toEqual(steps[0]!.holdOut);
  expect(report.after).toEqual(steps[4]!.holdOut);
  for (const [name, metrics] of [
    ["s", report.before!],
    ["made", report.after!],
  ] as const) {
    expect(metrics.nImages).toBe(12);
    expect(metrics.kl).toBeCloseTo(own.students[name]!.kl, 5);
    expect(metrics.agreement).toBe(own.students[name]!.agreement);
    expect(metrics.accuracy).toBe(own.models[name]!.accuracy);
    expect(metrics.ensembleAccuracy).toBe(own.ensemble!.accuracy);
  }
  expect(found.same).toBe(true);
  expect(found.info).toMatchObject({ name: "made", role: "student", family: "PreResNet-8", nClasses: 100 });
  expect(JSON.parse(found.info.provenance!)).toMatchObject({
    distilledFrom: "s",
    teachers: ["t1", "t2"],
    stepsDone: 4,
  });
  expect(found.made).toMatchObject({ name: "reloaded", provenance: found.info.provenance });
  expect(found.reloaded.students.reloaded!.kl).toBe(own.students.made!.kl);
  expect(found.intact).toBe(8 * 3072);
});

test("a resumed distillation ends as an uninterrupted one", async ({ page }) => {
  await open(page);
  const found = await page.evaluate(async () => {
    const lab = await fl.lab("cpu");
    await fl.load(lab, "teacher", "t1");
    await fl.load(lab, "student", "s");
    const pixels = fl.pixels.slice(0, 8 * 3072);
    const options = { student: "s", steps: 4, batchSize: 5, seed: 7 };
    await lab.distill(pixels, null, { ...options, outputName: "whole" });
    const stop = new AbortController();
    let checkpoint: Uint8Array | undefined;
    const first = await lab.distill(pixels, null, {
      ...options,
      outputName: "part",
      signal: stop.signal,
      onCheckpoint: (bytes) => void (checkpoint = bytes),
      onStep: async ({ step }) => {
        if (step !== 2) return;
        while (!checkpoint) await fl.sleep(20);
        stop.abort();
      },
    });
    const seen: number[] = [];
    const second = await lab.distill(pixels, null, {
      ...options,
      outputName: "resumed",
      resume: checkpoint!,
      onStep: ({ step }) => void seen.push(step),
    });
    const [whole, resumed] = [fl.base64(await lab.exportModel("whole")), fl.base64(await lab.exportModel("resumed"))];
    const refuse = (change: Partial<DistillOptions>) =>
      fl.failure(lab.distill(pixels, null, { ...options, outputName: "x", resume: checkpoint!, ...change }));
    const failures = [
      await refuse({ seed: 8 }),
      await refuse({ resume: new Uint8Array([1, 2, 3]) }),
      await refuse({ resume: fl.files.s! }),
    ];
    lab.dispose();
    return { first, second, seen, whole, resumed, failures };
  });
  expect(found.first).toMatchObject({ stepsDone: 2, totalSteps: 4, cancelled: true });
  expect(found.second).toMatchObject({ stepsDone: 4, totalSteps: 4, cancelled: false });
  expect(found.seen).toEqual([2, 3, 4]);
  const [whole, resumed] = [new Safetensors(fromBase64(found.whole)), new Safetensors(fromBase64(found.resumed))];
  for (const name of whole.names) expect(resumed.values(name), name).toEqual(whole.values(name));
  expectFailure(found.failures[0], "checkpoint_invalid", "recipe", "seed");
  expectFailure(found.failures[1], "checkpoint_invalid", "after 3 of the 8 bytes");
  expectFailure(found.failures[2], "checkpoint_invalid", "not a distillation checkpoint");
});

test("arguments that cannot be taken are named", async ({ page }) => {
  await open(page);
  const found = await page.evaluate(async () => {
    const lab = await fl.lab("cpu");
    await fl.load(lab, "teacher", "t1", "ten");
    await fl.load(lab, "student", "s");
    const two = fl.pixels.slice(0, 6144);
    const failures: Record<string, Failure> = {};
    const fails = async (what: string, call: () => Promise<unknown>) => void (failures[what] = await fl.failure(call));
    const any = (value: unknown) => value as never;
    await fails("n = 0", () => lab.predict(new Uint8Array(), 0));
    await fails("n = 1.5", () => lab.predict(two, 1.5));
    await fails("n of another length", () => lab.predict(two, 3));
    await fails("pixels an array", () => lab.predict(any([1, 2, 3]), 1));
    await fails("unknown model", () => lab.predict(two, 2, { models: ["nobody"] }));
    await fails("no model", () => lab.predict(two, 2, { models: [] }));
    await fails("models a string", () => lab.predict(two, 2, { models: any("s") }));
    await fails("mixed classes", () => lab.predict(two, 2, { models: ["s", "ten"] }));
    await fails("evaluate: length", () => lab.evaluate(two.slice(1), null));
    await fails("evaluate: no image", () => lab.evaluate(new Uint8Array(), null));
    await fails("evaluate: labels' length", () => lab.evaluate(two, new Uint8Array(3)));
    await fails("evaluate: label 100", () => lab.evaluate(two, new Uint8Array([0, 100])));
    await fails("evaluate: batchSize", () => lab.evaluate(two, null, { batchSize: 0 }));
    await fails("evaluate: classes", () => lab.evaluate(two, null, { student: "s", teachers: ["ten"] }));
    await fails("evaluate: unknown", () => lab.evaluate(two, null, { student: "nobody" }));
    await fails("evaluate: unknown teacher", () => lab.evaluate(two, null, { teachers: ["nobody"] }));
    await fails("evaluate: student a number", () => lab.evaluate(two, null, { student: any(1) }));
    const distill = (options: object) => () => lab.distill(two, null, { student: "s", outputName: "made", ...options });
    await fails("distill: no options", () => lab.distill(two, null, any(undefined)));
    await fails("distill: no outputName", distill({ outputName: undefined }));
    await fails("distill: empty outputName", distill({ outputName: "" }));
    await fails("distill: taken", distill({ outputName: "t1" }));
    await fails("distill: unknown", distill({ student: "nobody" }));
    await fails("distill: no student", distill({ student: undefined }));
    await fails("distill: no teacher", distill({ teachers: [] }));
    await fails("distill: classes", distill({ teachers: ["ten"] }));
    await fails("distill: one image", () => lab.distill(two.slice(3072), null, { student: "s", outputName: "made" }));
    await fails("distill: label 100", () =>
      lab.distill(two, new Uint8Array([0, 100]), { student: "s", outputName: "made" }),
    );
    await fails("distill: hold-out length", distill({ holdOut: { pixels: two.slice(1), labels: null } }));
    await fails("distill: hold-out label", distill({ holdOut: { pixels: two, labels: new Uint8Array([0, 200]) } }));
    await fails("distill: resume", distill({ resume: any("text") }));
    await fails("distill: every", distill({ holdOut: { pixels: two, labels: null, every: 0 } }));
    for (const [key, value] of Object.entries({
      temperature: 0,
      alpha: 2,
      learningRate: -1,
      weightDecay: NaN,
      steps: 0,
      batchSize: 1,
      policy: "mirror",
      schedule: "linear",
      seed: -1,
    }))
      await fails(`recipe: ${key}`, distill({ [key]: value }));
    await fails("recipe: alpha without labels", distill({ alpha: 0.5 }));
    await fails("recipe: steps 1.5", distill({ steps: 1.5 }));
    await fails("load: taken", () => lab.loadModel(fl.files.s!, { role: "student" }));
    await fails("load: role", () => lab.loadModel(fl.files.s!, { role: any("pupil") }));
    await fails("load: no options", () => lab.loadModel(fl.files.s!, any(undefined)));
    await fails("load: empty name", () => lab.loadModel(fl.files.s!, { role: "student", name: "" }));
    await fails("load: name a number", () => lab.loadModel(fl.files.s!, { role: "student", name: any(7) }));
    await fails("remove", () => lab.removeModel("nobody"));
    await fails("remove nothing", () => lab.removeModel(any(undefined)));
    await fails("export", () => lab.exportModel("nobody"));
    // After all this the lab works as before.
    const { nImages } = await lab.evaluate(two, null, { batchSize: 1 });
    const names = lab.models.map(({ name }) => name);
    lab.dispose();
    return { failures, nImages, names };
  });
  const check = (what: string, code: string, ...words: (string | RegExp)[]) =>
    test.step(what, () => expectFailure(found.failures[what], code, ...words));
  await check("n = 0", "bad_argument", "n is 0");
  await check("n = 1.5", "bad_argument", "n is 1.5");
  await check("n of another length", "bad_argument", "6144 bytes", "n is 3");
  await check("pixels an array", "bad_argument", "pixels", "Uint8Array");
  await check("unknown model", "unknown_model", "nobody", "loaded models");
  await check("no model", "bad_argument", "no model");
  await check("models a string", "bad_argument", "models");
  await check("mixed classes", "class_mismatch", "`s`", "`ten`", "10");
  await check("evaluate: length", "bad_argument", "6143 bytes");
  await check("evaluate: no image", "bad_argument", "0 bytes");
  await check("evaluate: labels' length", "bad_argument", "3 labels", "2 images");
  await check("evaluate: label 100", "bad_argument", "label", "100");
  await check("evaluate: batchSize", "bad_argument", "batchSize is 0");
  await check("evaluate: classes", "class_mismatch", "ten");
  await check("evaluate: unknown", "unknown_model", "nobody");
  await check("evaluate: unknown teacher", "unknown_model", "nobody");
  await check("evaluate: student a number", "bad_argument", "student");
  await check("distill: no options", "bad_argument", "student");
  await check("distill: no outputName", "bad_argument", "outputName");
  await check("distill: empty outputName", "bad_argument", "name is empty");
  await check("distill: taken", "name_taken", "t1");
  await check("distill: unknown", "unknown_model", "nobody");
  await check("distill: no student", "bad_argument", "student");
  await check("distill: no teacher", "no_teacher", "teacher");
  await check("distill: classes", "class_mismatch", "ten");
  await check("distill: one image", "bad_argument", "images is 1");
  await check("distill: label 100", "bad_argument", "100");
  await check("distill: hold-out length", "bad_argument", "6143 bytes");
  await check("distill: hold-out label", "bad_argument", "200");
  await check("distill: resume", "bad_argument", "resume");
  await check("distill: every", "bad_argument", "every");
  for (const key of ["temperature", "alpha", "learningRate", "weightDecay", "steps", "batchSize"])
    await check(`recipe: ${key}`, "bad_argument", key);
  await check("recipe: policy", "bad_argument", "mirror");
  await check("recipe: schedule", "bad_argument", "linear");
  await check("recipe: seed", "bad_argument", "-1");
  await check("recipe: alpha without labels", "bad_argument", "alpha", "labels");
  await check("recipe: steps 1.5", "bad_argument", "1.5");
  await check("load: taken", "name_taken", "`s`");
  await check("load: role", "bad_argument", "pupil");
  await check("load: no options", "bad_argument", "role");
  await check("load: empty name", "bad_argument", "name is empty");
  await check("load: name a number", "bad_argument", "name");
  await check("remove", "unknown_model", "nobody");
  await check("remove nothing", "bad_argument", "name");
  await check("export", "unknown_model", "nobody");
  expect(found.nImages).toBe(2);
  expect(found.names).toEqual(["t1", "ten", "s"]);
});

test("weights that cannot be loaded say what is wrong", async ({ page }) => {
  const { tensors, metadata } = smallNetwork("bad", 10);
  const header = (length: bigint) => {
    const bytes = new Uint8Array(64);
    new DataView(bytes.buffer).setBigUint64(0, length, true);
    return bytes;
  };
  const edited = (name: string, value: number) =>
    safetensors(
      tensors.map((t) => (t.name === name ? { ...t, values: [value, ...Array.from(t.values).slice(1)] } : t)),
      metadata,
    );
  const files: Record<string, Uint8Array> = {
    empty: new Uint8Array(),
    short: new Uint8Array(5),
    random: Uint8Array.from({ length: 5000 }, (_, i) => (i * 7919) % 251),
    "4 GB": header(4_000_000_000n),
    cut: smallFile("bad", 10).slice(0, 500),
    "cut data": smallFile("bad", 10).slice(0, -100),
    beyond: safetensors(tensors, metadata, (h) => (h["head.bias"].data_offsets = [9_999_960, 10_000_000])),
    overlap: safetensors(tensors, metadata, (h) => (h["norm.bias"].data_offsets = h["norm.weight"].data_offsets)),
    dtype: safetensors(tensors, metadata, (h) => (h["head.bias"].dtype = "I32")),
    depth: safetensors(tensors, { ...metadata, depth: "20" }),
    classes: safetensors(tensors, { ...metadata, classes: "100" }),
    missing: safetensors(
      tensors.filter(({ name }) => name !== "stem.weight" && name !== "head.bias"),
      metadata,
    ),
    extra: safetensors([...tensors, { name: "more.weight", shape: [1], values: [1] }], metadata),
    shape: safetensors(
      tensors.map((t) => (t.name === "stem.weight" ? { ...t, shape: [16, 27, 1, 1] } : t)),
      metadata,
    ),
    nan: edited("stage1.0.conv1.weight", NaN),
    variance: edited("norm.running_var", -1),
  };
  await openLab(page, files);
  const found = await page.evaluate(async () => {
    const lab = await fl.lab("cpu");
    const failures: Record<string, Failure> = {};
    for (const [what, bytes] of Object.entries(fl.files))
      failures[what] = await fl.failure(lab.loadModel(bytes, { role: "teacher" }));
    const { length } = lab.models;
    lab.dispose();
    return { failures, length };
  });
  const words: Record<string, (string | RegExp)[]> = {
    empty: ["empty"],
    short: ["after 5 of the 8 bytes"],
    random: ["safetensors"],
    "4 GB": ["4000000000"],
    cut: ["truncated"],
    "cut data": ["head.bias", "follow the header"],
    beyond: ["head.bias", "10000000"],
    overlap: [/norm\.(bias|weight)/],
    dtype: ["head.bias", "I32"],
    depth: ["depth", "20"],
    classes: ["classes", "100"],
    missing: ["stem.weight", "head.bias", "missing"],
    extra: ["more.weight"],
    shape: ["stem.weight", "[16, 27, 1, 1]", "[16, 3, 3, 3]"],
    nan: ["stage1.0.conv1.weight", "NaN"],
    variance: ["norm.running_var", "below 0"],
  };
  expect(Object.keys(found.failures)).toEqual(Object.keys(words));
  for (const [what, expected] of Object.entries(words))
    await test.step(what, () => expectFailure(found.failures[what], "weights_invalid", ...expected));
  expect(found.length).toBe(0);
});

test("records and images: what is read and what is refused", async ({ page }) => {
  await open(page);
  const found = await page.evaluate(async () => {
    const lab = await fl.lab("cpu");
    const records = new Uint8Array(2 * 3074);
    records.set([3, 44, 255], 0);
    records.set([19, 99], 3074);
    const read = await lab.readRecords(records);
    const hashed = await lab.readRecords(records, await fl.bytes("/www/weights/test-records.bin"));
    const failures: Record<string, Failure> = {};
    const fails = async (what: string, call: () => Promise<unknown>) => void (failures[what] = await fl.failure(call));
    await fails("cut", () => lab.readRecords(records.slice(1)));
    await fails("no records", () => lab.readRecords(new Uint8Array()));
    records[3075] = 100;
    await fails("label 100", () => lab.readRecords(records));
    await fails("hashes", () => lab.readRecords(records.slice(0, 3074), new Uint8Array(7)));
    const png = await fl.bytes("/www/samples/cifar100_00_49.png");
    const sample = await lab.prepareImage(new Blob([png.slice()]));
    const huge = png.slice();
    new DataView(huge.buffer).setUint32(16, 30_000);
    new DataView(huge.buffer).setUint32(20, 30_000);
    await fails("no image", () => lab.prepareImage(new Blob(["what is this"])));
    await fails("empty image", () => lab.prepareImage(new Blob([])));
    await fails("truncated", () => lab.prepareImage(new Blob([png.slice(0, 40)])));
    await fails("huge", () => lab.prepareImage(new Blob([huge])));
    await fails("no blob", () => lab.prepareImage("text" as never));
    lab.dispose();
    return {
      read: {
        ...read,
        pixels: Array.from(read.pixels.slice(0, 4)),
        length: read.pixels.length,
        labels: [...read.labels],
        coarseLabels: [...read.coarseLabels],
      },
      isTest: hashed.isCifar100Test,
      failures,
      sample: [...sample.pixels],
      size: [sample.width, sample.height],
      golden: Array.from(fl.pixels.slice(0, 3072)),
    };
  });
  expect(found.read).toMatchObject({
    nImages: 2,
    labels: [44, 99],
    coarseLabels: [3, 19],
    isCifar100Test: null,
    length: 6144,
    pixels: [255, 0, 0, 0],
  });
  expect(found.isTest).toBe(false);
  expect(found.size).toEqual([32, 32]);
  expect(found.sample).toEqual(found.golden);
  expectFailure(found.failures.cut, "records_invalid", "6147", "3074");
  expectFailure(found.failures["no records"], "records_invalid");
  expectFailure(found.failures["label 100"], "records_invalid", "100");
  expectFailure(found.failures.hashes, "records_invalid");
  expectFailure(found.failures["no image"], "image_invalid");
  expectFailure(found.failures["empty image"], "image_invalid", "empty");
  expectFailure(found.failures.truncated, "image_invalid");
  expectFailure(found.failures.huge, "image_too_large", "30000");
  expectFailure(found.failures["no blob"], "bad_argument", "Blob");
});

test("a Promise of the callback pauses a run; other calls are served meanwhile", async ({ page }) => {
  await open(page);
  const found = await page.evaluate(async () => {
    const lab = await fl.lab("cpu");
    await fl.load(lab, "teacher", "t1");
    await fl.load(lab, "student", "s");
    const one = () => lab.predict(fl.pixels.slice(0, 3072), 1);
    const paused = async (start: (callback: () => Promise<void>) => Promise<unknown>) => {
      let calls = 0;
      let resume = () => undefined as void;
      let reached = () => undefined as void;
      const isPaused = new Promise<void>((resolve) => (reached = resolve));
      const run = start(() => {
        if (++calls !== 2) return Promise.resolve();
        reached();
        return new Promise<void>((resolve) => (resume = resolve));
      });
      await isPaused;
      // Without a pause, the run would do a batch or a step between these calls.
      for (let i = 0; i < 8; i++) await one();
      const during = calls;
      resume();
      await run;
      return [during, calls];
    };
    let served = 0;
    let isDone = false;
    // Also without a pause, calls are served between batches.
    const long = lab.evaluate(fl.pixels, null, { batchSize: 1 }).then(() => (isDone = true));
    while (!isDone) {
      await one();
      if (!isDone) served++;
    }
    await long;
    const both = await Promise.all([
      lab.evaluate(fl.pixels, fl.labels, { batchSize: 3 }),
      lab.evaluate(fl.pixels, fl.labels, { batchSize: 3 }),
    ]);
    const result = {
      evaluation: await paused((onProgress) => lab.evaluate(fl.pixels, null, { batchSize: 5, onProgress })),
      distillation: await paused((onStep) =>
        lab.distill(fl.pixels, null, { student: "s", outputName: "made", steps: 3, batchSize: 2, onStep }),
      ),
      served,
      both,
    };
    const running = lab.distill(fl.pixels, null, { student: "s", outputName: "twice", steps: 1, batchSize: 2 });
    const taken = await fl.failure(
      lab.distill(fl.pixels, null, { student: "s", outputName: "twice", steps: 1, batchSize: 2 }),
    );
    await running;
    lab.dispose();
    return { ...result, taken };
  });
  expect(found.evaluation).toEqual([2, 4]);
  expect(found.distillation).toEqual([2, 4]);
  expect(found.served).toBeGreaterThan(1);
  expect(found.both[0]).toEqual(found.both[1]);
  expectFailure(found.taken, "name_taken", "twice");
});

test("aborting resolves with what was done", async ({ page }) => {
  await open(page);
  const found = await page.evaluate(async () => {
    const lab = await fl.lab("cpu");
    await fl.load(lab, "teacher", "t1");
    await fl.load(lab, "student", "s");
    const abort = new AbortController();
    const part = await lab.evaluate(fl.pixels, fl.labels, {
      batchSize: 3,
      signal: abort.signal,
      onProgress: ({ nDone }) => void (nDone === 9 && abort.abort()),
    });
    const nine = await lab.evaluate(fl.pixels.slice(0, 9 * 3072), fl.labels.slice(0, 9), { batchSize: 3 });
    const none = await lab.evaluate(fl.pixels, fl.labels, { signal: AbortSignal.abort() });
    const stop = new AbortController();
    const holdOut = { pixels: fl.pixels.slice(0, 3072 * 2), labels: null };
    const distilled = await lab.distill(fl.pixels, null, {
      student: "s",
      outputName: "some",
      steps: 5,
      batchSize: 4,
      holdOut,
      signal: stop.signal,
      onStep: ({ step }) => void (step === 2 && stop.abort()),
    });
    const before = await lab.distill(fl.pixels, null, {
      student: "s",
      outputName: "none",
      steps: 5,
      batchSize: 4,
      signal: AbortSignal.abort(),
    });
    const own = await lab.evaluate(holdOut.pixels, null, { student: "some" });
    lab.dispose();
    return { part, nine, none, distilled, before, own };
  });
  expect(found.part).toEqual({ ...found.nine, cancelled: true });
  expect(found.none).toMatchObject({ nImages: 0, cancelled: true, ensemble: null, students: {} });
  expect(found.distilled).toMatchObject({ stepsDone: 2, totalSteps: 5, cancelled: true });
  expect(found.distilled.after!.kl).toBeCloseTo(found.own.students.some!.kl, 6);
  expect(found.before).toMatchObject({ stepsDone: 0, cancelled: true });
});

for (const device of ["cpu", "webgpu"] as const) {
  test(`on ${device}: create, dispose, create; what comes after dispose is refused`, async ({ page }) => {
    await open(page);
    const found = await page.evaluate(async (device) => {
      const answers: number[][] = [];
      const failures: Failure[] = [];
      for (let i = 0; i < 2; i++) {
        const lab: Lab = await fl.lab(device);
        await fl.load(lab, "student", "s");
        answers.push([...(await lab.predict(fl.pixels.slice(0, 3072), 1)).logits]);
        const pending = fl.failure(lab.evaluate(fl.pixels, null, { onProgress: () => fl.sleep(100_000) }));
        await fl.sleep(50);
        lab.dispose();
        lab.dispose();
        failures.push(
          await pending,
          await fl.failure(lab.predict(fl.pixels, 20)),
          await fl.failure(lab.evaluate(fl.pixels, null)),
          await fl.failure(() => lab.models),
        );
        failures.push(
          await fl.failure(lab.loadModel(fl.files.s!, { role: "student" })),
          await fl.failure(lab.distill(fl.pixels, null, { student: "s", outputName: "x" })),
        );
      }
      return { answers, failures };
    }, device);
    expect(found.answers[0]).toEqual(found.answers[1]);
    expect(found.failures.map(({ code }) => code)).toEqual(Array(12).fill("disposed"));
    expect(found.failures[1]!.message).toContain("disposed");
  });
}

test("a distillation lowers the mean KL on a fixed batch, with each of three seeds", async ({ page }) => {
  await open(page);
  const found = await page.evaluate(async () => {
    const lab = await fl.lab("cpu");
    await fl.load(lab, "teacher", "t1", "t2");
    await fl.load(lab, "student", "s");
    const students = ["s"];
    for (const seed of [1, 2, 3]) {
      students.push(`seed${seed}`);
      await lab.distill(fl.pixels, null, {
        student: "s",
        outputName: `seed${seed}`,
        steps: 30,
        batchSize: 10,
        learningRate: 0.02,
        seed,
      });
    }
    const report = await lab.evaluate(fl.pixels, null, { student: students });
    lab.dispose();
    return students.map((name) => report.students[name]!.kl);
  });
  const [before, ...after] = found;
  expect(after).toHaveLength(3);
  for (const kl of after) expect(kl).toBeLessThan(0.9 * before!);
  expect(new Set(after).size).toBe(3);
});
