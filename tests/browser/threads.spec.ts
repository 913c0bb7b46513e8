/** The threaded CPU module: where it is used, that it computes as one thread does, and what happens where it cannot be had. */
import type { Page } from "@playwright/test";
import { expect, test } from "./fixtures";
import { expectClose, openLab, smallFile } from "./golden";
import { open } from "./page";

const FILES = { t1: smallFile("t1", 100, 1), s: smallFile("s", 100, 3) };

/** As a host without the headers of isolation serves it. */
async function withoutIsolation(page: Page): Promise<void> {
  await page.route("**/tests/browser/blank.html", async (route) => {
    const response = await route.fetch();
    const headers = response.headers();
    delete headers["cross-origin-opener-policy"];
    delete headers["cross-origin-embedder-policy"];
    await route.fulfill({ response, headers });
  });
}

/** Logits of all images and the losses of three steps, by a client of at most `threads`. */
function answers(page: Page, threads?: number) {
  return page.evaluate(async (threads) => {
    const client = await fl.client({ device: "cpu", ...(threads !== undefined && { threads }) });
    await fl.load(client, "teacher", "t1");
    await fl.load(client, "student", "s");
    const { logits } = await client.predict(fl.pixels, 20);
    const losses: number[] = [];
    await client.distill(fl.pixels, null, {
      student: "s",
      outputName: "made",
      steps: 3,
      batchSize: 8,
      seed: 1,
      onStep: ({ loss }) => void (loss !== null && losses.push(loss)),
    });
    const { device } = client;
    client.dispose();
    return {
      device,
      logits: [...logits],
      losses,
      cores: navigator.hardwareConcurrency,
      isIsolated: crossOriginIsolated,
    };
  }, threads);
}

test("an isolated page uses all threads, and computes as with one", async ({ page }) => {
  await openLab(page, FILES);
  const all = await answers(page);
  const one = await answers(page, 1);
  expect(all.isIsolated).toBe(true);
  expect(all.cores, "this test needs two cores").toBeGreaterThan(1);
  expect(all.device).toMatchObject({ kind: "cpu", threads: all.cores, description: `CPU, ${all.cores} threads` });
  expect(one.device).toMatchObject({ kind: "cpu", threads: 1, description: "CPU, one thread" });
  expectClose("logits", all.logits, one.logits, 1e-5);
  expect(all.losses).toHaveLength(3);
  expect(all.losses).toEqual(one.losses);
});

test("a page that is not isolated uses one", async ({ page }) => {
  await withoutIsolation(page);
  await openLab(page, FILES);
  const { device, isIsolated, losses } = await answers(page);
  expect(isIsolated).toBe(false);
  expect(device).toMatchObject({ kind: "cpu", threads: 1, description: "CPU, one thread" });
  expect(losses).toHaveLength(3);
});

test("so does a page's main thread, which must not wait for others; a number that is none is refused", async ({
  page,
}) => {
  await openLab(page, FILES);
  const found = await page.evaluate(async () => {
    const lab = await fl.lab("cpu");
    const { threads } = lab.device;
    lab.dispose();
    const refusals = [];
    for (const wrong of [0, 1.5, Number.NaN])
      refusals.push(await fl.failure(fl.client({ device: "cpu", threads: wrong })));
    return { threads, codes: refusals.map(({ code }) => code) };
  });
  expect(found).toEqual({ threads: 1, codes: ["bad_argument", "bad_argument", "bad_argument"] });
});

test("labs beside one another share threads, and those that come after all are gone start their own", async ({
  page,
}) => {
  await openLab(page, FILES);
  const found = await page.evaluate(
    () =>
      new Promise<{ threads: number[]; logits: number[][] }>((resolve, reject) => {
        const worker = new Worker("/tests/browser/labs_worker.js", { type: "module" });
        worker.onmessage = ({ data }) => (data.error ? reject(new Error(data.error)) : resolve(data));
        worker.onerror = (event) => reject(new Error(event.message));
        worker.postMessage({ file: fl.files.t1, pixels: fl.pixels });
      }),
  );
  const cores = await page.evaluate(() => navigator.hardwareConcurrency);
  // Two at once, one that may have one only, and one after them.
  expect(found.threads).toEqual([cores, cores, 1, cores]);
  for (const logits of found.logits) expect(logits).toEqual(found.logits[0]);
});

test.describe("threads that cannot start", () => {
  test.use({ allowedErrors: [/404/] });
  test("leave one, which says why", async ({ page }) => {
    await openLab(page, FILES);
    const found = await page.evaluate(async () => {
      const createWorker = () => {
        const worker = new Worker("/tests/browser/lossy_worker.js", { type: "module" });
        worker.postMessage({ test: "no-threads" });
        return worker;
      };
      const client = await fl.client({ device: "cpu", createWorker });
      await fl.load(client, "teacher", "t1");
      const { logits } = await client.predict(fl.pixels, 20);
      const { device } = client;
      client.dispose();
      return { device, n: logits.length };
    });
    expect(found.device.threads).toBe(1);
    expect(found.device.description).toMatch(/^CPU, one thread \(more could not be started: .+\)$/);
    expect(found.n).toBe(2000);
  });
});

test("the page's own build uses all threads, under its policy and with hashed names", async ({ page }) => {
  await open(page, "compare", "cpu");
  await page.getByTestId("device-badge").click();
  const cores = await page.evaluate(() => navigator.hardwareConcurrency);
  await expect(page.getByTestId("device-adapter")).toHaveText(`CPU, ${cores} threads`);
});
