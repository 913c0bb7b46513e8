import type { Locator, Page } from "@playwright/test";
import { roundRange, ticksOf } from "../../www/page/charts/axis";
import { decimate, nearest } from "../../www/page/charts/decimate";
import { expect, test } from "./fixtures";
import {
  addNetwork,
  addPictures,
  answered,
  go,
  goldenNetworks,
  loseDevice,
  numberIn,
  open,
  openPanel,
  pathOf,
  payload,
  ready,
  rowsOfCsv,
  saved,
  ship,
  smallNetworks,
  thumbs,
  withoutData,
} from "./page";

type Setting = "steps" | "learningRate" | "batchSize" | "weightDecay" | "alpha" | "seed" | "nImages" | "nHeldOut";

const status = (page: Page): Locator => page.getByTestId("run-status");
async function phase(page: Page, name: "done" | "paused" | "stopped", timeout = 60_000): Promise<void> {
  await expect(status(page)).toHaveAttribute("data-phase", new RegExp(`${name}|failed`), { timeout });
  await expect(page.getByTestId("alerts")).toBeEmpty();
  await expect(status(page)).toHaveAttribute("data-phase", name);
}
/** Steps of the run that are done, as the page says. */
const stepsDone = async (page: Page): Promise<number> =>
  Number(/step ([\d,]+) of/.exec((await status(page).textContent()) ?? "")?.[1]?.replaceAll(",", "") ?? NaN);

async function settle(page: Page, settings: Partial<Record<Setting, number>>): Promise<void> {
  const more = page.getByTestId("recipe").locator("details");
  if ((await more.getAttribute("open")) === null) await more.locator("summary").click();
  for (const [name, value] of Object.entries(settings)) await page.getByTestId(`setting-${name}`).fill(String(value));
}

async function opened(page: Page, device: "cpu" | "webgpu" = "cpu"): Promise<void> {
  await open(page, "distil", device);
  await ready(page, device);
}

/** By keyboard, by pointer and as a table, the charts say what the exported rows say. */
async function theCurvesAreRead(page: Page, rows: readonly Record<string, string>[]): Promise<void> {
  const chart = (name: string) => page.getByTestId(`chart-${name}`);
  for (const name of ["loss", "agreement", "accuracy"])
    await expect(chart(name).locator(".plot-line path").first()).toHaveAttribute("d", /^M[\d.]+ [\d.]+/);
  const textAt = (step: number) => {
    const { loss, loss_floor: floor } = rows[step]!;
    return `step ${step}: loss − floor ${(Number(loss) - Number(floor)).toFixed(3)}`;
  };
  const [slider, reading] = [chart("loss").getByTestId("reading-slider"), page.getByTestId("chart-loss-plot-reading")];
  const last = rows.length - 1;
  await slider.focus();
  await expect(reading).toHaveText(textAt(last));
  await slider.press("ArrowLeft");
  await expect(reading).toHaveText(textAt(last - 1));
  await expect(slider).toHaveAttribute("aria-valuetext", textAt(last - 1));
  await slider.press("Home");
  await expect(reading).toHaveText(textAt(1));
  await slider.blur();
  await expect(reading).toContainText("Point at the chart");
  const box = (await slider.boundingBox())!;
  await slider.hover({ position: { x: box.width - 2, y: box.height / 2 } });
  await expect(reading).toHaveText(textAt(last));
  await chart("agreement").locator("summary").click();
  await expect(page.getByTestId("chart-agreement-values").getByRole("row")).toHaveCount(rows.length + 1);
  const { name, bytes } = await saved(page, "chart-agreement-svg");
  expect(name).toBe("student0-distilled-1-agreement.svg");
  expect(bytes.toString()).toContain("student0-distilled-1: student0 distilled from");
}

test("names both image sets before and after a run, and never measures on what it distils on", async ({ page }) => {
  await opened(page);
  await expect(page.getByTestId("training-title")).toHaveText("CIFAR-100 training set, 2,000 images");
  await expect(page.getByTestId("held-out-title")).toHaveText("CIFAR-100 test set, 200 images");
  await expect(page.getByTestId("nothing-yet")).toBeVisible();
  await expect(page.getByTestId("start")).toBeEnabled();
  await page.getByTestId("training-source-samples").check();
  await expect(page.getByTestId("training-title")).toHaveText("20 samples");
  await settle(page, { steps: 1, batchSize: 4, nHeldOut: 30 });
  await expect(page.getByTestId("held-out-title")).toHaveText("CIFAR-100 test set, 30 images");
  await page.getByTestId("start").click();
  await phase(page, "done");
  // The samples are among the first test images; 30 others measure.
  const run = JSON.parse((await saved(page, "export-run")).bytes.toString()) as {
    trainedOn: string;
    heldOut: string;
    report: { before: { nImages: number } };
  };
  expect(run).toMatchObject({ trainedOn: "20 samples", heldOut: "CIFAR-100 test set, 30 images" });
  expect(run.report.before.nImages).toBe(30);
});

test("without data it distils on half of the samples and measures on the other half", async ({ page }) => {
  await withoutData(page);
  await opened(page);
  await expect(page.getByTestId("training-title")).toHaveText("10 samples");
  await expect(page.getByTestId("held-out-title")).toHaveText("the other 10 samples");
  await go(page, "compare");
  await addPictures(
    page,
    ["exact.png", "transparent.png"].map((name) => pathOf(`tests/browser/fixtures/${name}`)),
  );
  await answered(page, 22);
  await go(page, "distil");
  await expect(page.getByTestId("training-title")).toHaveText("2 pictures of yours");
  await expect(page.getByTestId("held-out-title")).toHaveText("20 samples");
  await settle(page, { alpha: 0.5 });
  await expect(page.getByTestId("start"), "the labels' weight needs labels").toBeDisabled();
  await expect(page.getByTestId("recipe")).toContainText("Your pictures have no true classes");
});

test("starts with the defaults, pauses, goes on, stops; the charts follow and the other views stay usable", async ({
  page,
}) => {
  await ship(page, goldenNetworks());
  await opened(page);
  await settle(page, { steps: 12, batchSize: 4, nImages: 40, nHeldOut: 10 });
  await page.getByTestId("start").click();
  await expect(page.getByTestId("setting-steps")).toBeDisabled();
  await expect(page.getByTestId("before-kl")).toHaveText(/^\d\.\d{3}$/);
  await expect.poll(() => stepsDone(page)).toBeGreaterThan(0);
  await expect(page.getByTestId("run-time-left")).toHaveText(/left$/);
  await expect(page.getByTestId("loss")).toHaveText(/^\d+\.\d{3}$/);
  expect(await numberIn(page.getByTestId("loss"))).toBeGreaterThan(await numberIn(page.getByTestId("loss-floor")));

  await page.getByTestId("pause").click();
  await phase(page, "paused");
  const paused = await stepsDone(page);
  const loss = await page.getByTestId("loss").textContent();
  await go(page, "compare");
  await addPictures(page, [pathOf("tests/browser/fixtures/exact.png")]);
  await answered(page, 21);
  await openPanel(page, "networks");
  await expect(page.getByTestId("networks-panel")).toContainText(
    "You cannot change the networks while a student is being distilled.",
  );
  await page.keyboard.press("Escape");
  await go(page, "distil");
  await phase(page, "paused");
  expect(await stepsDone(page), "no step during the pause").toBe(paused);

  await page.getByTestId("go-on").click();
  await expect.poll(() => stepsDone(page)).toBeGreaterThan(paused);
  await expect(page.getByTestId("loss"), "the curves move").not.toHaveText(loss!);
  await go(page, "compare");
  await thumbs(page).nth(3).click();
  await expect(page.getByTestId("verdict"), "a run does not keep Compare").toBeVisible();
  await go(page, "distil");
  await page.getByTestId("stop").click();
  await phase(page, "stopped");
  const done = await stepsDone(page);
  expect(done).toBeLessThan(12);
  await expect(status(page)).toContainText(`The run made student0-distilled-1 in ${done} steps`);
  await expect(page.getByTestId("after-kl")).toHaveText(/^\d\.\d{3}$/);
  const rows = rowsOfCsv((await saved(page, "export-curves")).bytes);
  expect(rows.map(({ step }) => Number(step))).toEqual(Array.from({ length: done + 1 }, (_, i) => i));
  expect(rows.slice(1).every(({ loss, loss_floor: floor }) => Number(loss) > Number(floor))).toBe(true);
  await theCurvesAreRead(page, rows);

  await page.getByTestId("reset").click();
  await expect(page.getByTestId("nothing-yet")).toBeVisible();
  await expect(page.getByTestId("charts")).toHaveCount(0);
  await expect(page.getByTestId("student-choice"), "back to the student it began with; the new one stays").toHaveValue(
    "student0",
  );
  await expect(page.getByTestId("student-choice").locator("option")).toHaveCount(2);
});

test("the new student is downloaded, and gives the same answers when it is brought back", async ({ page }) => {
  await ship(page, goldenNetworks());
  await opened(page);
  await settle(page, { steps: 3, batchSize: 4, nImages: 12, nHeldOut: 5 });
  await page.getByTestId("start").click();
  await phase(page, "done");
  const { name, bytes } = await saved(page, "download-student");
  expect(name).toBe("student0-distilled-1.safetensors");
  await go(page, "compare");
  await answered(page);
  await expect(page.getByTestId("student-choice")).toHaveValue("student0-distilled-1");
  const kls = async () => {
    const all: string[] = [];
    for (let i = 0; i < 5; i++) {
      await thumbs(page).nth(i).click();
      all.push((await page.getByTestId("picture-kl").textContent())!);
    }
    return all;
  };
  const distilled = await kls();
  await page.getByTestId("student-choice").selectOption("student0");
  expect(await kls(), "it is another network than before").not.toEqual(distilled);

  await page.reload();
  await ready(page);
  await addNetwork(page, payload(name, bytes), "student");
  await expect(page.getByTestId("statuses")).toContainText("student0-distilled-1 (PreResNet-56) was added as student.");
  await answered(page);
  await expect(page.getByTestId("student-choice")).toHaveValue("student0-distilled-1");
  expect(await kls()).toEqual(distilled);
});

test("brings the student closer to the ensemble on a fixed, unaugmented batch, for each of three seeds", async ({
  page,
}) => {
  await ship(page, smallNetworks());
  await opened(page);
  await page.getByTestId("training-source-samples").check();
  await settle(page, { steps: 20, batchSize: 10, nHeldOut: 5, learningRate: 0.02 });
  await page.getByTestId("setting-policy").selectOption("none");
  for (const seed of [0, 1, 2]) {
    await settle(page, { seed });
    await page.getByTestId("start").click();
    await phase(page, "done", 180_000);
    await page.getByTestId("reset").click(); // to the student that ships; the new one stays
  }
  // The samples, without augmentation, in all four students.
  await go(page, "fidelity");
  await expect(page.getByTestId("result-small-student-distilled-3")).toBeVisible();
  await expect(page.getByTestId("evaluation-status")).toHaveAttribute("data-phase", "done");
  const { report } = JSON.parse((await saved(page, "export-json")).bytes.toString()) as {
    report: { nImages: number; students: Record<string, { kl: number }> };
  };
  expect(report.nImages).toBe(20);
  const kl = (name: string) => report.students[name]!.kl;
  const after = [1, 2, 3].map((i) => kl(`small-student-distilled-${i}`));
  expect(new Set(after).size, "each seed is another run").toBe(3);
  for (const [seed, value] of after.entries()) expect(value, `seed ${seed}`).toBeLessThan(kl("small-student"));
});

test("wrong settings are named at once and keep the run from starting; the default recipe mends them", async ({
  page,
}) => {
  await opened(page);
  await settle(page, { steps: 0 });
  await expect(page.getByTestId("start")).toBeDisabled();
  await expect(page.getByTestId("recipe")).toContainText("Enter a whole number between 1 and 100,000.");
  await settle(page, { steps: 5, learningRate: 7 });
  await expect(page.getByTestId("setting-learningRate")).toHaveAttribute("aria-invalid", "true");
  await expect(page.getByTestId("start")).toBeDisabled();
  await page.getByTestId("default-recipe").click();
  await settle(page, { alpha: 0.5 });
  await expect(page.getByTestId("start")).toBeEnabled();
  await page.getByTestId("setting-policy").selectOption("mixup");
  await expect(page.getByTestId("recipe")).toContainText("MixUp makes images that no label fits");
  await expect(page.getByTestId("start")).toBeDisabled();
  await page.getByTestId("default-recipe").click();
  await expect(page.getByTestId("setting-policy")).toHaveValue("flip_crop");
  await expect(page.getByTestId("start")).toBeEnabled();
  await expect(page.getByTestId("setting-steps")).toHaveValue("60");
});

test("every augmentation of the command line trains here too, and each another student", async ({ page }) => {
  await ship(page, smallNetworks());
  await opened(page);
  const policies = await page
    .getByTestId("setting-policy")
    .locator("option")
    .evaluateAll((options) => options.map((option) => (option as HTMLOptionElement).value));
  expect(policies.toSorted()).toEqual([
    "color_jitter",
    "combined",
    "flip_crop",
    "mixup",
    "noise",
    "none",
    "rotation",
    "vertical_flip",
  ]);
  await page.getByTestId("training-source-samples").check();
  const losses: number[] = [];
  for (const policy of policies) {
    await settle(page, { steps: 2, batchSize: 10, nHeldOut: 5 });
    await page.getByTestId("setting-policy").selectOption(policy);
    await page.getByTestId("start").click();
    await phase(page, "done", 180_000);
    const run = JSON.parse((await saved(page, "export-run")).bytes.toString()) as {
      recipe: { policy: string };
      steps: { loss: number | null }[];
    };
    expect(run.recipe.policy).toBe(policy);
    losses.push(run.steps.at(-1)!.loss!);
    await page.getByTestId("reset").click();
  }
  expect(new Set(losses).size).toBe(policies.length);
});

test("a long run is drawn with a few points per pixel and keeps its extremes", () => {
  const points = Array.from({ length: 100_000 }, (_, x) => ({ x, y: x === 54_321 ? 9 : Math.sin(x / 900) }));
  const drawn = decimate(points, 800);
  expect(drawn.length).toBeLessThanOrEqual(4 * 800);
  expect(drawn).toContain(points[54_321]);
  expect([drawn[0], drawn.at(-1)]).toEqual([points[0], points.at(-1)]);
  expect(drawn.map(({ x }) => x)).toEqual(drawn.map(({ x }) => x).toSorted((a, b) => a - b));
  expect(decimate(points.slice(0, 100), 800)).toHaveLength(100);
  const gap = points.map(({ x, y }) => ({ x, y: x > 20_000 && x < 30_000 ? null : y }));
  expect(decimate(gap, 800).filter(({ y }) => y === null).length, "the gap stays").toBeGreaterThan(50);
  expect([0.2, 2.6, 99, -5].map((x) => nearest([0, 1, 2, 3, 7], x))).toEqual([0, 3, 4, 0]);
});

test("axes begin and end on ticks", () => {
  expect(roundRange([1.36, 4.2])).toEqual({ min: 0, max: 6 });
  expect(roundRange([0.8, 0.9], { lowest: 0, highest: 1 })).toEqual({ min: 0.8, max: 0.9 });
  expect(roundRange([1, 1], { lowest: 0, highest: 1 })).toEqual({ min: 0.4, max: 1 });
  expect(roundRange([null])).toEqual({ min: 0, max: 1 });
  expect(roundRange([0, 0])).toEqual({ min: -0.5, max: 0.5 });
  expect(ticksOf(0, 6, 3.5)).toEqual([0, 2, 4, 6]);
  expect(ticksOf(3, 3, 4)).toEqual([]);
});

test.describe("WebGPU", () => {
  test("distils, and goes on when the device is lost in the middle of a run", async ({ page }) => {
    await ship(page, smallNetworks());
    await withoutData(page);
    await opened(page, "webgpu");
    await settle(page, { steps: 3, batchSize: 8 });
    await page.getByTestId("start").click();
    await expect.poll(() => stepsDone(page), { timeout: 120_000 }).toBe(1);
    await loseDevice(page);
    await expect(page.getByTestId("statuses")).toContainText("The engine was restarted and the work continued.", {
      timeout: 120_000,
    });
    await phase(page, "done", 180_000);
    expect(await stepsDone(page)).toBe(3);
    await expect(page.getByTestId("notice-error")).toHaveCount(0);
    const rows = rowsOfCsv((await saved(page, "export-curves")).bytes);
    expect(
      rows.map(({ step }) => Number(step)),
      "each step once, in order",
    ).toEqual([0, 1, 2, 3]);
    expect(rows.slice(1).every(({ loss }) => Number(loss) > 0)).toBe(true);
    await expect(page.getByTestId("before-kl")).toHaveText(/^\d+\.\d{3}$/);
    await expect(page.getByTestId("after-kl")).toHaveText(/^\d+\.\d{3}$/);
  });

  test("gives the losses that the CPU gives", async ({ page }) => {
    await ship(page, smallNetworks());
    await withoutData(page);
    const losses: number[][] = [];
    for (const device of ["cpu", "webgpu"] as const) {
      await opened(page, device);
      await settle(page, { steps: 2, batchSize: 8 });
      await page.getByTestId("setting-policy").selectOption("none");
      await page.getByTestId("start").click();
      await phase(page, "done", 180_000);
      const rows = rowsOfCsv((await saved(page, "export-curves")).bytes).slice(1);
      losses.push(rows.map(({ loss }) => Number(loss)));
    }
    expect(losses[0]).toHaveLength(2);
    expect(Math.abs(losses[0]![0]! - losses[1]![0]!), losses.join(" | ")).toBeLessThan(2e-3);
    expect(Math.abs(losses[0]![1]! - losses[1]![1]!), losses.join(" | ")).toBeLessThan(1e-2);
  });
});
