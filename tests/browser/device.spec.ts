/** `LabClient` across a Worker; devices that are lost, Workers that die, adapters that lack something. */
import type { Page } from "@playwright/test";
import type { DeviceChoice, DistillOptions, EvaluationReport, LabClient } from "../../pkg/client.js";
import { expect, test } from "./fixtures";
import { expectClose, fromBase64, openLab, Safetensors, smallFile, type PageTools } from "./golden";

/** Two teachers and a student, small enough for a software adapter. */
const FILES = { t1: smallFile("t1", 100, 1), t2: smallFile("t2", 100, 2), s: smallFile("s", 100, 3) };

interface Lossy {
  client: LabClient;
  restarts: string[];
  workers: Worker[];
  /** Tells the Worker of now. */
  tell(message: object): void;
}

declare global {
  var lossy: (device: DeviceChoice, ...first: object[]) => Promise<Lossy>;
}

/** A page whose `lossy` makes a client with a Worker that can have accidents. */
async function openLossy(page: Page): Promise<void> {
  await openLab(page, FILES);
  await page.evaluate(() => {
    globalThis.lossy = async (device, ...first) => {
      const workers: Worker[] = [];
      const restarts: string[] = [];
      const createWorker = () => {
        const worker = new Worker("/tests/browser/lossy_worker.js", { type: "module" });
        workers.push(worker);
        first.forEach((message) => worker.postMessage(message));
        return worker;
      };
      const client = await fl.client({ device, createWorker, onRestart: (why) => void restarts.push(why) });
      await fl.load(client, "teacher", "t1", "t2");
      await fl.load(client, "student", "s");
      return { client, restarts, workers, tell: (message) => workers.at(-1)!.postMessage(message) };
    };
  });
}

/** Numbers of a report in order. */
function numbers(report: EvaluationReport): number[] {
  const of = (value: unknown): number[] =>
    typeof value === "number" ? [value] : typeof value === "object" && value ? Object.values(value).flatMap(of) : [];
  return of({ ...report });
}

function expectSameReport(found: EvaluationReport, expected: EvaluationReport): void {
  expect(found).toMatchObject({
    nImages: expected.nImages,
    cancelled: expected.cancelled,
    teachers: expected.teachers,
  });
  expectClose("figures", numbers(found), numbers(expected), 1e-6);
}

function expectSameModel(found: string, expected: string): void {
  const [a, b] = [new Safetensors(fromBase64(found)), new Safetensors(fromBase64(expected))];
  expect(a.names).toEqual(b.names);
  for (const name of a.names) expectClose(name, a.values(name), b.values(name), 1e-5);
}

test.describe("across a Worker", () => {
  test("LabClient answers as Lab does, and detaches nothing", async ({ page }) => {
    await openLab(page, FILES);
    const { client, inThread, sizes, models, device } = await page.evaluate(async () => {
      const answers = async (lab: Parameters<PageTools["load"]>[0]) => {
        await fl.load(lab, "teacher", "t1", "t2");
        await fl.load(lab, "student", "s");
        const { logits, ensemble, ...rest } = await lab.predict(fl.pixels, 20);
        const report = await lab.evaluate(fl.pixels, fl.labels);
        const distilled = await lab.distill(fl.pixels, fl.labels, {
          student: "s",
          outputName: "made",
          steps: 2,
          batchSize: 4,
          holdOut: { pixels: fl.pixels, labels: fl.labels },
        });
        const made = fl.base64(await lab.exportModel("made"));
        const png = await lab.prepareImage(await (await fetch("/www/samples/cifar100_00_49.png")).blob());
        await lab.removeModel("t2");
        return {
          rest,
          logits: [...logits],
          ensemble: [...ensemble!],
          report,
          distilled,
          made,
          png: [...png.pixels],
          names: lab.models.map(({ name }) => name),
        };
      };
      const client = await fl.client({ device: "cpu" });
      const lab = await fl.lab("cpu");
      const result = { client: await answers(client), inThread: await answers(lab) };
      const sizes = [fl.pixels.length, fl.labels.length, fl.files.s!.length];
      const { models, device } = client;
      client.dispose();
      lab.dispose();
      return { ...result, sizes, models, device };
    });
    expect(client).toEqual(inThread);
    expect(client.names).toEqual(["t1", "s", "made"]);
    expect(sizes).toEqual([20 * 3072, 20, FILES.s.length]);
    expect(models[0]).toMatchObject({ name: "t1", role: "teacher", family: "PreResNet-8" });
    expect(device).toMatchObject({ kind: "cpu", reason: "You chose the CPU." });
  });

  test("a Promise pauses the runs while other calls are served; aborting ends them with what was done", async ({
    page,
  }) => {
    await openLab(page, FILES);
    const found = await page.evaluate(async () => {
      const client = await fl.client({ device: "cpu" });
      await fl.load(client, "teacher", "t1");
      await fl.load(client, "student", "s");
      // Without a pause, a run would do a batch or a step between these calls.
      const serve = async () => {
        let nValues = 0;
        for (let i = 0; i < 8; i++) nValues += (await client.predict(fl.pixels.slice(0, 3072), 1)).logits.length;
        return nValues;
      };
      const abort = new AbortController();
      let progress = 0;
      let afterPause = 0;
      let served = 0;
      const report = await client.evaluate(fl.pixels, fl.labels, {
        batchSize: 2,
        signal: abort.signal,
        onProgress: async () => {
          progress++;
          if (progress !== 3) return;
          served = await serve();
          afterPause = progress;
          abort.abort();
        },
      });
      const stop = new AbortController();
      const seen: number[] = [];
      const distilled = await client.distill(fl.pixels, null, {
        student: "s",
        outputName: "made",
        steps: 5,
        batchSize: 4,
        signal: stop.signal,
        onStep: async ({ step }) => {
          seen.push(step);
          if (step !== 2) return;
          await serve();
          stop.abort();
        },
      });
      client.dispose();
      return { report, served, afterPause, distilled, seen };
    });
    // Two networks answer each call with 100 logits.
    expect(found.served).toBe(8 * 200);
    expect(found.afterPause).toBe(3);
    expect(found.report).toMatchObject({ nImages: 6, cancelled: true });
    expect(found.distilled).toMatchObject({ stepsDone: 2, totalSteps: 5, cancelled: true });
    expect(found.seen).toEqual([0, 1, 2]);
  });

  test("errors keep their code and message; calls after dispose are refused", async ({ page }) => {
    await openLab(page, FILES);
    const found = await page.evaluate(async () => {
      const client = await fl.client({ device: "cpu" });
      await fl.load(client, "student", "s");
      const failures = [
        await fl.failure(client.removeModel("nobody")),
        await fl.failure(client.predict(fl.pixels, 3)),
        await fl.failure(client.distill(fl.pixels, null, { student: "s", outputName: "x" })),
        await fl.failure(client.loadModel(new Uint8Array(), { role: "teacher" })),
      ];
      const pending = fl.failure(client.evaluate(fl.pixels, null));
      client.dispose();
      client.dispose();
      return {
        failures,
        after: [
          await pending,
          await fl.failure(client.predict(fl.pixels, 20)),
          await fl.failure(client.distill(fl.pixels, null, { student: "s", outputName: "y" })),
        ],
      };
    });
    expect(found.failures.map(({ code }) => code)).toEqual([
      "unknown_model",
      "bad_argument",
      "no_teacher",
      "weights_invalid",
    ]);
    expect(found.failures[0]!.message).toContain("nobody");
    expect(found.after.map(({ code }) => code)).toEqual(["disposed", "disposed", "disposed"]);
  });

  test.describe("a Worker that is not there", () => {
    test.use({ allowedErrors: [/404/] });
    test("is a clear error", async ({ page }) => {
      await openLab(page);
      const failure = await page.evaluate(() =>
        fl.failure(fl.client({ createWorker: () => new Worker("/tests/browser/nothing.js", { type: "module" }) })),
      );
      expect(failure.code).toBe("device_unavailable");
      expect(failure.message).toContain("Worker could not start");
    });
  });
});

/** An evaluation of 6 images, undisturbed and then with an accident while a batch is computed and, if `isTwice`, another between two batches. */
async function evaluateWithAccidents(page: Page, device: DeviceChoice, accident: object, isTwice: boolean) {
  await openLossy(page);
  return page.evaluate(
    async ({ device, accident, isTwice }) => {
      const { client, restarts, tell } = await lossy(device);
      const [pixels, labels] = [fl.pixels.slice(0, 6 * 3072), fl.labels.slice(0, 6)];
      const undisturbed = await client.evaluate(pixels, labels, { batchSize: 2 });
      const seen: number[] = [];
      const report = await client.evaluate(pixels, labels, {
        batchSize: 2,
        onProgress: ({ nDone }) => {
          seen.push(nDone);
          // The CPU is busy while it computes: what happens to it then is noticed between batches.
          if (nDone === 2 && device === "cpu") tell(accident);
          else if (nDone === 2) setTimeout(() => tell(accident), 30);
          if (nDone === 4 && isTwice) tell(accident);
        },
      });
      const { device: info } = client;
      client.dispose();
      return { info, undisturbed, report, seen, restarts };
    },
    { device, accident, isTwice },
  );
}

function expectSameEvaluation({
  undisturbed,
  report,
  seen,
  restarts,
}: Awaited<ReturnType<typeof evaluateWithAccidents>>): void {
  expect(restarts.length).toBeGreaterThanOrEqual(1);
  expectSameReport(report, undisturbed);
  expect(report).toMatchObject({ nImages: 6, cancelled: false });
  // Nothing is done twice.
  expect(seen).toEqual([2, 4, 6]);
}

/** A distillation of 3 steps, undisturbed and then with an accident after step 2, in a pause, and if `isTwice` one after step 1 before it. */
async function distillWithAccidents(page: Page, device: DeviceChoice, accident: object, isTwice: boolean) {
  await openLossy(page);
  return page.evaluate(
    async ({ device, accident, isTwice }) => {
      const { client, restarts, tell } = await lossy(device);
      const options: DistillOptions = {
        student: "s",
        outputName: "undisturbed",
        steps: 3,
        batchSize: 2,
        seed: 3,
        holdOut: { pixels: fl.pixels.slice(4 * 3072, 6 * 3072), labels: fl.labels.slice(4, 6), every: 3 },
      };
      const pixels = fl.pixels.slice(0, 4 * 3072);
      const before = await client.distill(pixels, null, options);
      const seen: number[] = [];
      const accidents = new Set(isTwice ? [1, 2] : [2]);
      let nCheckpoints = 0;
      const report = await client.distill(pixels, null, {
        ...options,
        outputName: "disturbed",
        onCheckpoint: () => void nCheckpoints++,
        onStep: async ({ step }) => {
          seen.push(step);
          if (!accidents.delete(step)) return;
          if (step === 1) return tell(accident);
          while (nCheckpoints === 0) await fl.sleep(20);
          tell(accident);
          while (restarts.length < (isTwice ? 2 : 1)) await fl.sleep(20);
        },
      });
      const models = {
        undisturbed: fl.base64(await client.exportModel("undisturbed")),
        disturbed: fl.base64(await client.exportModel("disturbed")),
      };
      const names = client.models.map(({ name }) => name);
      client.dispose();
      return { before, report, seen, restarts, models, names };
    },
    { device, accident, isTwice },
  );
}

function expectSameDistillation({
  before,
  report,
  seen,
  restarts,
  models,
  names,
}: Awaited<ReturnType<typeof distillWithAccidents>>): void {
  expect(report).toMatchObject({ stepsDone: 3, totalSteps: 3, cancelled: false });
  for (const end of ["before", "after"] as const)
    expectClose(`held-out KL ${end}`, [report[end]!.kl], [before[end]!.kl], 1e-6);
  expectSameModel(models.disturbed, models.undisturbed);
  // Without a checkpoint from the start (a Worker that dies may still end its step), with one from there.
  expect(seen.filter((step) => step === 0)).toHaveLength(restarts.length);
  expect(seen.slice(-5)).toEqual([0, 1, 2, 2, 3]);
  expect(names).toEqual(expect.arrayContaining(["t1", "t2", "s", "undisturbed", "disturbed"]));
}

test.describe("a lost WebGPU device", () => {
  test("in an evaluation: it goes on from the last batch", async ({ page }) => {
    const found = await evaluateWithAccidents(page, "webgpu", { test: "lose-device" }, false);
    expectSameEvaluation(found);
    expect(found.restarts).toHaveLength(1);
    expect(found.restarts[0]).toContain("lost");
    expect(found.info).toMatchObject({ kind: "webgpu", isSoftware: true, reason: "You chose WebGPU." });
    expect(found.info.features).toContain("timestamp-query");
    expect(`${found.info.vendor} ${found.info.architecture} ${found.info.description}`).toMatch(/swiftshader/i);
  });

  test("in a distillation: it goes on from the checkpoint and ends as an undisturbed one", async ({ page }) => {
    const found = await distillWithAccidents(page, "webgpu", { test: "lose-device" }, false);
    expect(found.restarts).toHaveLength(1);
    expectSameDistillation(found);
  });

  test("when idle: the next call works, also one that comes before the loss is known", async ({ page }) => {
    await openLossy(page);
    const found = await page.evaluate(async () => {
      const { client, restarts, workers, tell } = await lossy("webgpu");
      const answer = async () => [...(await client.predict(fl.pixels.slice(0, 3072), 1)).logits];
      const answers = [await answer()];
      tell({ test: "lose-device" });
      while (restarts.length < 1) await fl.sleep(20);
      answers.push(await answer());
      tell({ test: "lose-device" });
      answers.push(await answer());
      client.dispose();
      return { answers, restarts, nWorkers: workers.length };
    });
    expect(found.restarts).toHaveLength(2);
    expect(found.nWorkers).toBe(3);
    for (const answer of found.answers.slice(1)) expectClose("logits", answer, found.answers[0]!, 1e-6);
  });

  test("again and again ends with device_lost", async ({ page }) => {
    await openLossy(page);
    const found = await page.evaluate(async () => {
      const { client, workers, tell } = await lossy("webgpu");
      const before = workers.length;
      // Every Worker from here on loses its device at once.
      const post = Worker.prototype.postMessage as (this: Worker, message: unknown) => void;
      Worker.prototype.postMessage = function (this: Worker, message: { type?: string }) {
        if (message.type === "create") post.call(this, { test: "lose-always" });
        post.call(this, message);
      } as Worker["postMessage"];
      const call = fl.failure(client.evaluate(fl.pixels, null, { onProgress: () => fl.sleep(100_000) }));
      tell({ test: "lose-device" });
      const failure = await call;
      return { failure, nRestarts: workers.length - before, after: await fl.failure(client.predict(fl.pixels, 20)) };
    });
    expect(found.failure.code).toBe("device_lost");
    expect(found.nRestarts).toBe(3);
    expect(found.after.code).toBe("device_lost");
  });

  test("without a Worker: the call and all later ones are refused with device_lost, and a new lab works", async ({
    page,
  }) => {
    await openLab(page, FILES);
    const found = await page.evaluate(async () => {
      const devices: GPUDevice[] = [];
      const request = GPUAdapter.prototype.requestDevice;
      GPUAdapter.prototype.requestDevice = async function (descriptor) {
        const device = await request.call(this, descriptor);
        devices.push(device);
        return device;
      };
      const lab = await fl.lab("webgpu");
      await fl.load(lab, "student", "s");
      const reason = lab.device.reason;
      const { logits } = await lab.predict(fl.pixels.slice(0, 3072), 1);
      const pending = fl.failure(lab.evaluate(fl.pixels, null, { batchSize: 2 }));
      const predicting = fl.failure(lab.predict(fl.pixels, 20));
      await fl.sleep(50);
      devices.splice(0).forEach((device) => device.destroy());
      const during = [await pending, await predicting];
      const after = [
        await fl.failure(lab.predict(fl.pixels, 20)),
        await fl.failure(lab.evaluate(fl.pixels, null)),
        await fl.failure(lab.exportModel("s")),
        await fl.failure(() => lab.models),
        await fl.failure(lab.whenEnded),
      ];
      lab.dispose();
      lab.dispose();
      const disposed = await fl.failure(lab.predict(fl.pixels, 20));
      const again = await fl.lab("webgpu");
      await fl.load(again, "student", "s");
      const { logits: anew } = await again.predict(fl.pixels.slice(0, 3072), 1);
      again.dispose();
      return { reason, during, after, disposed, logits: [...logits], anew: [...anew] };
    });
    expect(found.reason).toBe("You chose WebGPU.");
    for (const failure of [...found.during, ...found.after])
      expect(failure).toMatchObject({ code: "device_lost", message: expect.stringContaining("lost") });
    expect(found.disposed.code).toBe("disposed");
    expectClose("logits of the new lab", found.anew, found.logits, 1e-6);
  });
});

test.describe("a Worker that dies", () => {
  test.use({ allowedErrors: [/unreachable/] });

  test("in an evaluation: it goes on from the last batch", async ({ page }) => {
    const found = await evaluateWithAccidents(page, "cpu", { test: "crash" }, true);
    expectSameEvaluation(found);
    expect(found.restarts[0]).toContain("unreachable");
  });

  test("in a distillation, without and with a checkpoint: it begins again or goes on from there", async ({ page }) => {
    const found = await distillWithAccidents(page, "cpu", { test: "crash" }, true);
    expect(found.restarts).toHaveLength(2);
    expectSameDistillation(found);
  });

  test("while its models are loaded again: another one is started", async ({ page }) => {
    await openLossy(page);
    const found = await page.evaluate(async () => {
      const { client, restarts, workers, tell } = await lossy("cpu");
      // The next Worker crashes at the first network that it is given.
      const post = Worker.prototype.postMessage as (this: Worker, message: unknown) => void;
      let crashes = 1;
      Worker.prototype.postMessage = function (this: Worker, message: { call?: { method: string } }) {
        if (message.call?.method === "loadModel" && crashes-- > 0) return post.call(this, { test: "crash" });
        post.call(this, message);
      } as Worker["postMessage"];
      tell({ test: "crash" });
      const { models } = await client.predict(fl.pixels, 20);
      client.dispose();
      return { models, restarts, nWorkers: workers.length };
    });
    expect(found).toMatchObject({ models: ["t1", "t2", "s"], nWorkers: 3 });
    expect(found.restarts).toHaveLength(1);
  });

  test("calls and aborts that come during the restart wait for the new Worker", async ({ page }) => {
    await openLab(page, FILES);
    const found = await page.evaluate(async () => {
      const workers: Worker[] = [];
      let onSecond = () => undefined as void;
      let onRestart = () => undefined as void;
      const second = new Promise<void>((resolve) => (onSecond = resolve));
      const restarted = new Promise<void>((resolve) => (onRestart = resolve));
      const createWorker = () => {
        workers.push(new Worker("/tests/browser/lossy_worker.js", { type: "module" }));
        if (workers.length === 2) onSecond();
        return workers.at(-1)!;
      };
      const client = await fl.client({ device: "cpu", createWorker, onRestart: () => onRestart() });
      await fl.load(client, "teacher", "t1");
      const answer = async () => [...(await client.predict(fl.pixels.slice(0, 3072), 1)).logits];
      const before = await answer();
      const abort = new AbortController();
      const evaluating = client.evaluate(fl.pixels, null, {
        batchSize: 2,
        signal: abort.signal,
        onProgress: ({ nDone }) => void (nDone === 2 && workers[0]!.postMessage({ test: "crash" })),
      });
      await second;
      const during = answer();
      abort.abort();
      await restarted;
      const after = await answer();
      const result = { answers: [before, await during, after], report: await evaluating, nWorkers: workers.length };
      client.dispose();
      return result;
    });
    expect(found.nWorkers).toBe(2);
    for (const answer of found.answers.slice(1)) expect(answer).toEqual(found.answers[0]);
    expect(found.report.cancelled).toBe(true);
    expect(found.report.nImages).toBeLessThan(20);
  });

  test("a callback that throws is reported to the page and stops nothing", async ({ page }) => {
    await openLossy(page);
    const found = await page.evaluate(async () => {
      const { client, tell } = await lossy("cpu");
      const reported: string[] = [];
      addEventListener("error", (event) => {
        event.preventDefault();
        reported.push((event.error as Error).message);
      });
      const { nImages } = await client.evaluate(fl.pixels, null, {
        batchSize: 10,
        onProgress: async ({ nDone }) => {
          if (nDone === 10) tell({ test: "crash" });
          throw new Error(`at ${nDone}`);
        },
      });
      client.dispose();
      return { nImages, reported };
    });
    expect(found).toEqual({ nImages: 20, reported: ["at 10", "at 20"] });
  });
});

test.describe("which device", () => {
  const CASES = [
    [
      "an adapter without timestamp-query",
      { test: "mask", features: ["timestamp-query"] },
      /lacks the feature "timestamp-query"/,
    ],
    ["no adapter", { test: "no-adapter" }, /no adapter/],
    ["no WebGPU", { test: "no-gpu" }, /no WebGPU/],
  ] as const;
  for (const [what, message, reason] of CASES) {
    test(`${what}: "auto" takes the CPU and says why, "webgpu" is refused`, async ({ page }) => {
      await openLossy(page);
      const { device, failure, isAlive } = await page.evaluate(async (message) => {
        const { client } = await lossy("auto", message);
        const { device } = client;
        const { nImages } = await client.evaluate(fl.pixels, null);
        client.dispose();
        return { device, failure: await fl.failure(lossy("webgpu", message)), isAlive: nImages === 20 };
      }, message);
      expect(device.kind).toBe("cpu");
      expect(device.reason).toMatch(reason);
      expect(isAlive).toBe(true);
      expect(failure.code).toBe("device_unavailable");
      expect(failure.message).toMatch(reason);
    });
  }

  test('on a software adapter "auto" takes the CPU and says why', async ({ page }) => {
    await openLab(page);
    const found = await page.evaluate(async () => {
      const requests: string[] = [];
      const lab = await fl.lab("auto");
      requests.push(...performance.getEntriesByType("resource").map(({ name }) => name));
      const { device } = lab;
      lab.dispose();
      return {
        device,
        wasm: requests.filter((name) => name.endsWith(".wasm")),
        unknown: await fl.failure(fl.lab("gpu" as DeviceChoice)),
      };
    });
    expect(found.device).toMatchObject({ kind: "cpu", isSoftware: false });
    expect(found.device.reason).toMatch(/software/);
    // Only the module of the chosen device is fetched.
    expect(found.wasm.map((name) => name.split("/").at(-1))).toEqual(["fidelity_lab_cpu_relaxed_bg.wasm"]);
    expect(found.unknown).toMatchObject({ code: "bad_argument", message: expect.stringContaining("gpu") });
  });
});
