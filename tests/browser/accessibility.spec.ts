import AxeBuilder from "@axe-core/playwright";
import type { Page } from "@playwright/test";
import { expect, test } from "./fixtures";
import {
  addPictures,
  answered,
  bytesOf,
  closePanel,
  go,
  hold,
  open,
  openPanel,
  pathOf,
  payload,
  ready,
  withoutData,
} from "./page";

const manifest = JSON.parse(bytesOf("www/weights/manifest.json").toString()) as { networks: { logits?: unknown }[] };
const nWithLogits = manifest.networks.filter(({ logits }) => logits).length;

/** Nothing serious or critical, and nothing beside the screen. */
async function isFine(page: Page, state: string): Promise<void> {
  const { violations } = await new AxeBuilder({ page }).analyze();
  const serious = violations.filter(({ impact }) => impact === "serious" || impact === "critical");
  expect
    .soft(
      serious.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html.slice(0, 160)).join(" | ")}`),
      `${state}: axe`,
    )
    .toEqual([]);
  const [content, screen] = await page.evaluate(() => [
    document.documentElement.scrollWidth,
    document.documentElement.clientWidth,
  ]);
  expect.soft(content, `${state}: width of the content`).toBeLessThanOrEqual(screen);
}

for (const colorScheme of ["light", "dark"] as const) {
  for (const width of [1280, 375]) {
    test.describe(`${colorScheme}, ${width} px`, () => {
      // Colours at rest: half way from a disabled button to one that is not, there is little contrast for a moment.
      test.use({ colorScheme, viewport: { width, height: 800 }, contextOptions: { reducedMotion: "reduce" } });

      test("every view in each of its states", async ({ page }) => {
        const release = await hold(page, /-teacher\d-[^/]*\.safetensors$/);
        await open(page);
        await expect(page.getByTestId("load-state")).toContainText("Loading networks");
        await isFine(page, "Compare, loading");
        release();
        await ready(page);
        await answered(page);
        await isFine(page, "Compare, done");
        await addPictures(page, [payload("letter.png", Buffer.from("a letter"), "image/png")]);
        await expect(page.getByTestId("notice-error")).toBeVisible();
        await isFine(page, "Compare, error");
        await addPictures(page, [pathOf("tests/browser/fixtures/large.jpg")]);
        await answered(page, 21);
        await isFine(page, "Compare, own picture");
        await openPanel(page, "networks");
        await page
          .getByTestId("network-input")
          .setInputFiles(payload("a-network-with-a-rather-long-name-of-its-own.safetensors", Buffer.from("x")));
        await isFine(page, "Networks panel");
        await page.getByTestId("network-input").setInputFiles(payload("mine.json", Buffer.from("{}")));
        await expect(page.getByTestId("alerts")).toContainText("mine.json was not imported");
        await isFine(page, "Networks panel, a manifest refused");
        await page.getByTestId("place-student").click();
        await closePanel(page, "networks");
        await openPanel(page, "device");
        await isFine(page, "Device panel");
        await closePanel(page, "device");
        await page.getByTestId("under-change").locator("summary").first().click();
        await expect(page.locator('[data-testid="change-curves"][data-done="21"]')).toBeVisible();
        await page.getByTestId("change-values").locator("summary").click();
        await isFine(page, "Compare, picture under change");
        await page.getByTestId("under-change").locator("summary").first().click();

        await go(page, "findings");
        await expect(page.locator(`[data-testid="findings"][data-answered="${nWithLogits}"]`)).toBeVisible();
        await page.getByTestId("plane").getByTestId("mark").last().focus();
        await page.getByTestId("finding-plane-values").locator("summary").click();
        await isFine(page, "Findings");

        await go(page, "fidelity");
        const evaluation = page.getByTestId("evaluation-status");
        await expect(evaluation).toHaveAttribute("data-phase", "done");
        await page.getByTestId("shipped-figures").locator("summary").click();
        await isFine(page, "Fidelity, done");
        await page.getByTestId("source-test").check();
        await page.getByTestId("run-evaluation").click();
        await expect(page.getByTestId("rate")).toBeVisible();
        await isFine(page, "Fidelity, running");
        await page.getByTestId("cancel-evaluation").click();
        await expect(evaluation).toHaveAttribute("data-phase", "cancelled");
        await isFine(page, "Fidelity, cancelled");

        for (const [section, shown] of [
          ["worth", "lab-intervals"],
          ["images", "explorer"],
          ["confusion", "lab-confusion"],
          ["calibration", "lab-curves"],
          ["inside", "inside-answer"],
        ] as const) {
          await page.getByTestId(`section-${section}`).click();
          await expect(page.getByTestId(shown)).toBeVisible();
          await isFine(page, `Fidelity, ${section}`);
        }
        await page.getByTestId("inside-run").click();
        await expect(page.getByTestId("inside-status")).toHaveAttribute("data-phase", "done");
        await page.getByTestId("inside-pairs").locator("summary").click();
        await isFine(page, "Fidelity, inside, done");
        await page.getByTestId("section-overview").click();
        await page.getByTestId("lesson").locator("summary").click();
        await isFine(page, "Fidelity, making a lesson");
        const lesson = await page.getByTestId("lesson-link").inputValue();
        await page.evaluate((address) => {
          location.href = address;
        }, lesson);
        await expect(page.getByTestId("guess")).toBeVisible();
        await isFine(page, "Fidelity, a lesson's question");
        await page.getByTestId("guess-reveal").click();
        await expect(page.getByTestId("guess-result")).toBeVisible();
        await isFine(page, "Fidelity, a lesson's answer");

        await go(page, "distil");
        await page.getByTestId("recipe").locator("summary").click();
        for (const [name, value] of [
          ["steps", "0"],
          ["batchSize", "4"],
          ["nImages", "12"],
          ["nHeldOut", "5"],
        ] as const)
          await page.getByTestId(`setting-${name}`).fill(value);
        await isFine(page, "Distil, wrong settings");
        await page.getByTestId("setting-steps").fill("40");
        await page.getByTestId("start").click();
        await expect(page.getByTestId("loss")).toHaveText(/^\d/);
        await isFine(page, "Distil, running");
        await page.getByTestId("stop").click();
        await expect(page.getByTestId("run-status")).toHaveAttribute("data-phase", "stopped");
        await isFine(page, "Distil, stopped");
      });
    });
  }
}

test("finds what it should find", async ({ page }) => {
  await withoutData(page);
  await open(page);
  await ready(page);
  await page.evaluate(() => {
    document.querySelector("main")!.insertAdjacentHTML("beforeend", "<button id='planted'></button>");
  });
  const { violations } = await new AxeBuilder({ page }).include("#planted").analyze();
  expect(violations.map(({ id, impact }) => `${id} ${impact}`)).toContain("button-name critical");
});

test.describe("an engine that does not start", () => {
  test.use({ allowedErrors: [/404/], viewport: { width: 375, height: 800 } });

  test("is told in a page that is fine as well", async ({ page }) => {
    await page.route(/\.wasm$/, (route) => route.fulfill({ status: 404, body: "" }));
    for (const view of ["compare", "fidelity", "distil", "findings"] as const) {
      await open(page, view);
      await expect(page.getByTestId("boot-failed")).toBeVisible();
      await isFine(page, `${view}, failed`);
    }
  });
});
