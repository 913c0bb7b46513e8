/** The picture under change: what the networks see, what they answer, and that nothing is computed that nobody waits for. */
import type { Page } from "@playwright/test";
import { expect, test } from "./fixtures";
import {
  addPictures,
  answered,
  goldenNetworks,
  goldenTensor,
  numberIn,
  open,
  openPanel,
  parseSafetensors,
  bytesOf,
  pathOf,
  payload,
  ready,
  rowsOfCsv,
  saved,
  ship,
  thumbs,
} from "./page";

const curves = (page: Page) => page.getByTestId("change-curves");
const complete = (page: Page, axis: string, n: number) =>
  expect(
    page.locator(`[data-testid="change-curves"][data-axis="${axis}"][data-done="${n}"][data-total="${n}"]`),
  ).toBeVisible({ timeout: 120_000 });
const move = (page: Page, kind: string, value: string) => page.getByTestId(`change-${kind}`).fill(value);
const image = (i: number): Buffer => {
  const { header, data } = parseSafetensors(bytesOf("tests/golden/golden.safetensors"));
  const start = header.images!.data_offsets[0] + 3072 * i;
  return data.subarray(start, start + 3072);
};

async function opened(page: Page): Promise<void> {
  await ship(page, goldenNetworks());
  await open(page, "compare", "cpu");
  await ready(page);
  await answered(page);
  await page.getByTestId("under-change").locator("summary").first().click();
  await expect(page.getByTestId("change-blur")).toBeVisible();
}

/** RGB of the picture as it is now. */
const pixelsNow = (page: Page): Promise<number[]> =>
  page
    .getByTestId("picture-change")
    .locator("canvas.pixels")
    .evaluate((canvas: HTMLCanvasElement) =>
      Array.from(canvas.getContext("2d")!.getImageData(0, 0, 32, 32).data).filter((_, i) => i % 4 !== 3),
    );
const pngNow = (page: Page): Promise<string> =>
  page
    .getByTestId("picture-change")
    .locator("canvas.pixels")
    .evaluate((canvas: HTMLCanvasElement) => canvas.toDataURL("image/png").split(",")[1]!);

test("its code and its module come when it is opened, not before", async ({ page }) => {
  const requests: string[] = [];
  page.on("request", (request) => requests.push(request.url()));
  await open(page, "compare", "cpu");
  await ready(page);
  await answered(page);
  const late = (url: string) => /picture_change|statistics/.test(url);
  expect(requests.filter(late)).toEqual([]);
  await page.getByTestId("under-change").locator("summary").first().click();
  await complete(page, "blur", 21);
  expect(requests.filter(late).length).toBeGreaterThanOrEqual(3); // script, style, module
});

test("unchanged, the answers are those above; changed, those of the changed picture", async ({ page }) => {
  await opened(page);
  await complete(page, "blur", 21);
  expect(Buffer.from(await pixelsNow(page))).toEqual(Buffer.from(image(0)));
  expect(await page.getByTestId("change-kl").textContent()).toBe(await page.getByTestId("picture-kl").textContent());

  await move(page, "shift", "3");
  await move(page, "brightness", "-0.5");
  await complete(page, "brightness", 21);
  const [now, was] = [await pixelsNow(page), image(0)];
  for (const [row, column] of [
    [4, 9],
    [31, 31],
    [0, 3],
  ] as const) {
    for (let c = 0; c < 3; c++)
      expect(
        Math.abs(now[3 * (32 * row + column) + c]! - was[3 * (32 * row + column - 3) + c]! / 2),
        `pixel ${row} ${column}`,
      ).toBeLessThanOrEqual(0.51);
  }
  expect(now.slice(0, 9)).toEqual(Array(9).fill(0));

  const changed = await page.getByTestId("change-kl").textContent();
  const verdict = await page.getByTestId("change-now").getAttribute("data-agrees");
  const png = Buffer.from(await pngNow(page), "base64");
  await addPictures(page, [payload("changed.png", png, "image/png")]);
  await answered(page, 21);
  expect(await page.getByTestId("picture-kl").textContent()).toBe(changed);
  await expect(page.getByTestId("verdict")).toHaveAttribute("data-agrees", verdict!);
});

test("the curves are saved as they are drawn", async ({ page }) => {
  await opened(page);
  await move(page, "noise", "0.3");
  await complete(page, "noise", 21);
  const { name, bytes } = await saved(page, "change-csv");
  expect(name).toBe("Sample 1-noise.csv");
  // The last column's name holds a comma, so it is quoted.
  const rows = rowsOfCsv(Buffer.from(bytes.toString().replace('"KL, nats"', "KL")));
  expect(rows.map((row) => Number(row.Strength))).toEqual(
    Array.from({ length: 21 }, (_, i) => Number((i * 0.05).toFixed(2))),
  );
  expect(Number(rows[0]!.KL)).toBeCloseTo(await numberIn(page.getByTestId("picture-kl")), 6);
  expect(Number(rows[6]!.KL)).toBeCloseTo(await numberIn(page.getByTestId("change-kl")), 6);
  await page.getByTestId("change-values").locator("summary").click();
  await expect(page.getByTestId("change-values").locator("tbody tr")).toHaveCount(21);
  // The same noise whenever it is drawn, other noise where it is asked for.
  const [first, kl] = [await pixelsNow(page), rows[6]!.KL];
  await page.getByTestId("change-other-noise").click();
  await complete(page, "noise", 21);
  const second = await pixelsNow(page);
  expect(second).not.toEqual(first);
  const share = second.filter((value, i) => value !== image(0)[i]).length / 3072;
  expect(Math.abs(share - 0.3)).toBeLessThan(0.05);
  expect(Number(kl)).toBeGreaterThan(0);
  await page.getByTestId("change-reset").click();
  expect(Buffer.from(await pixelsNow(page))).toEqual(Buffer.from(image(0)));
});

test("what the slider leaves behind is not computed", async ({ page }) => {
  await page.addInitScript(() => {
    const counts = { images: 0 };
    Object.assign(window, { counts });
    // oxlint-disable-next-line typescript/unbound-method -- called with the Worker as `this` below
    const post = Worker.prototype.postMessage;
    Worker.prototype.postMessage = function (
      this: Worker,
      message: { call?: { method: string; n: number } },
      ...rest: never[]
    ) {
      if (message.call?.method === "predict") counts.images += message.call.n;
      return post.call(this, message, ...rest);
    };
  });
  await opened(page);
  await complete(page, "blur", 21);
  const nImages = () => page.evaluate(() => (window as unknown as { counts: { images: number } }).counts.images);
  const before = await nImages();
  // Faster than any device here computes 21 points of each: only the last axis is computed in full.
  await page.evaluate(() => {
    for (const kind of ["rotation", "shift", "brightness", "contrast", "noise"]) {
      const input = document.querySelector<HTMLInputElement>(`[data-testid="change-${kind}"]`)!;
      for (const value of [0.2, 0.4, 0.6, 0.8]) {
        input.value = String(value);
        input.dispatchEvent(new Event("input", { bubbles: true }));
      }
    }
  });
  await complete(page, "noise", 21);
  const n = (await nImages()) - before;
  expect(n).toBeGreaterThanOrEqual(21);
  expect(n).toBeLessThanOrEqual(21 + 2 * 8); // and no more than a batch that was under way, and its successor
  await expect(curves(page)).toHaveAttribute("data-axis", "noise");
});

test("another picture, another network: the curves follow", async ({ page }) => {
  await opened(page);
  await complete(page, "blur", 21);
  const first = await page.getByTestId("change-kl").textContent();
  await thumbs(page).nth(3).click();
  await expect(page.getByTestId("change-kl")).not.toHaveText(first!);
  await complete(page, "blur", 21);
  expect(await page.getByTestId("change-kl").textContent()).toBe(await page.getByTestId("picture-kl").textContent());
  await openPanel(page, "networks");
  for (const name of ["teacher0", "teacher1", "teacher2"])
    await page.getByTestId(`network-${name}`).getByRole("checkbox").uncheck();
  await page.keyboard.press("Escape");
  await expect(page.getByTestId("under-change")).toContainText("No teacher is in use.");
});

test.describe("on a phone", () => {
  test.use({ viewport: { width: 375, height: 800 } });

  test("it is used by keyboard alone, and fits", async ({ page }) => {
    await opened(page);
    await page.getByTestId("change-blur").focus();
    for (let i = 0; i < 10; i++) await page.keyboard.press("ArrowRight");
    await expect(page.getByTestId("change-blur")).toHaveAttribute("aria-valuetext", "1.0 px");
    await complete(page, "blur", 21);
    expect(await pixelsNow(page)).not.toEqual([...image(0)]);
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(375);
    await addPictures(page, [pathOf("tests/browser/fixtures/large.jpg")]);
    await complete(page, "blur", 21);
  });
});

test("KL at no strength is PyTorch's", async ({ page }) => {
  await opened(page);
  const rowOf = (name: string) => Array.from(goldenTensor(name).subarray(0, 100));
  const softmax = (logits: number[]) => {
    const exps = logits.map((z) => Math.exp(z - Math.max(...logits)));
    return exps.map((e) => e / exps.reduce((a, b) => a + b, 0));
  };
  const members = [0, 1, 2].map((m) => softmax(rowOf(`teacher${m}.logits`)));
  const student = softmax(rowOf("student0.logits"));
  const kl = student.reduce((sum, q, c) => {
    const p = members.reduce((total, member) => total + member[c]!, 0) / 3;
    return sum + p * Math.log(p / q);
  }, 0);
  await expect(page.getByTestId("change-kl")).toBeVisible();
  expect(Math.abs((await numberIn(page.getByTestId("change-kl"))) - kl)).toBeLessThan(2e-3);
});
