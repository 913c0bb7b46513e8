import type { Page } from "@playwright/test";
import { expect, test } from "./fixtures";
import { addPictures, answered, bytesOf, open, pathOf, payload, pixelsSeen, ready, thumbs } from "./page";

interface Expected {
  name: string;
  width: number;
  height: number;
}
const { pictures } = JSON.parse(bytesOf("tests/browser/fixtures/pictures.json").toString()) as { pictures: Expected[] };
const all = bytesOf("tests/browser/fixtures/pictures.bin");
const pillow = (name: string): Buffer => {
  const i = pictures.findIndex((picture) => picture.name === name);
  return all.subarray(i * 3072, (i + 1) * 3072);
};
const fixture = (name: string): string => pathOf(`tests/browser/fixtures/${name}`);
const largestDifference = (a: Buffer, b: Buffer): number =>
  a.reduce((most, value, i) => Math.max(most, Math.abs(value - b[i]!)), 0);

async function opened(page: Page): Promise<void> {
  await open(page);
  await ready(page);
}

/** The picture was added, is the one shown, and has its answers. */
async function isShown(page: Page, { name, width, height }: Expected, n = 21): Promise<void> {
  await expect(page.getByTestId("detail")).toHaveAccessibleName(name);
  await expect(page.getByTestId("detail")).toContainText(
    `from ${width.toLocaleString("en")} × ${height.toLocaleString("en")} pixels`,
  );
  await expect(page.getByTestId("truth")).toContainText("unknown");
  await answered(page, n);
  await expect(page.getByTestId("verdict")).toBeVisible();
}

// Lossless ones are exactly Pillow's, up to the rounding of a mean; two JPEG decoders may differ by a level more.
const bounds: Record<string, number> = {
  "exact.png": 0,
  "transparent.png": 1,
  "lossless.webp": 1,
  "orientation6.jpg": 2,
  "large.jpg": 2,
};

test("PNG, WebP, JPEG, turned by EXIF, with alpha, large: the network sees what Pillow makes of each", async ({
  page,
}) => {
  await opened(page);
  for (const [i, picture] of pictures.entries()) {
    await addPictures(page, [fixture(picture.name)]);
    await isShown(page, picture, 21 + i);
    expect(largestDifference(await pixelsSeen(page), pillow(picture.name)), picture.name).toBeLessThanOrEqual(
      bounds[picture.name]!,
    );
  }
});

test("several at once: each is added, the last one is shown, and each can be removed", async ({ page }) => {
  await opened(page);
  await addPictures(
    page,
    pictures.map(({ name }) => fixture(name)),
  );
  await isShown(page, pictures.at(-1)!, 25);
  await expect(page.getByTestId("agreement-summary")).toContainText("of 25 images");
  await page.getByTestId("remove-picture").click();
  await expect(thumbs(page)).toHaveCount(24);
  await expect(page.getByTestId("detail")).toBeVisible();
});

/** A drop or a paste as the browser would report it. */
async function give(page: Page, type: "drop" | "paste", names: string[]): Promise<void> {
  const files = names.map((name) => ({ name, data: bytesOf(`tests/browser/fixtures/${name}`).toString("base64") }));
  await page.evaluate(
    ({ type, files }) => {
      const transfer = new DataTransfer();
      for (const { name, data } of files)
        transfer.items.add(
          new File([Uint8Array.from(atob(data), (c) => c.charCodeAt(0))], name, { type: "image/png" }),
        );
      const event =
        type === "drop"
          ? new DragEvent("drop", { dataTransfer: transfer, bubbles: true, cancelable: true })
          : new ClipboardEvent("paste", { clipboardData: transfer, bubbles: true, cancelable: true });
      document.querySelector("main")!.dispatchEvent(event);
      if (type === "drop" && !event.defaultPrevented) throw new Error("the browser would leave the page");
    },
    { type, files },
  );
}

test("a drop anywhere adds the pictures, and leads to Compare", async ({ page }) => {
  await open(page, "distil");
  await ready(page);
  await page.evaluate(() => {
    const dataTransfer = new DataTransfer();
    dataTransfer.items.add(new File(["x"], "x.png"));
    document.body.dispatchEvent(new DragEvent("dragenter", { dataTransfer, bubbles: true }));
  });
  await expect(page.locator(".drop-veil")).toContainText("Drop pictures");
  await give(page, "drop", ["exact.png", "transparent.png"]);
  await expect(page.locator(".drop-veil")).toHaveCount(0);
  await expect(page.getByTestId("view-compare")).toBeVisible();
  await isShown(page, pictures[1]!, 22);
});

test("a paste adds the picture", async ({ page }) => {
  await opened(page);
  await give(page, "paste", ["exact.png"]);
  await isShown(page, pictures[0]!);
  expect(largestDifference(await pixelsSeen(page), pillow("exact.png"))).toBe(0);
});

test("a picture without a name, as some browsers paste it, is called so", async ({ page }) => {
  await opened(page);
  await page.evaluate((data) => {
    const transfer = new DataTransfer();
    transfer.items.add(new File([Uint8Array.from(atob(data), (c) => c.charCodeAt(0))], "", { type: "image/png" }));
    window.dispatchEvent(new ClipboardEvent("paste", { clipboardData: transfer }));
  }, bytesOf("tests/browser/fixtures/exact.png").toString("base64"));
  await expect(page.getByTestId("detail")).toHaveAccessibleName("pasted picture");
});

test("the same file can be added twice, and a good one beside a bad one", async ({ page }) => {
  await opened(page);
  await addPictures(page, [fixture("exact.png")]);
  await answered(page, 21);
  await addPictures(page, [fixture("exact.png")]);
  await answered(page, 22);
  await addPictures(page, [
    payload("exact.png", bytesOf("tests/browser/fixtures/exact.png"), "image/png"),
    payload("words.png", Buffer.from("no picture"), "image/png"),
  ]);
  await answered(page, 23);
  await expect(page.getByTestId("notice-error")).toContainText("1 file was not added.");
  await expect(page.getByTestId("notice-error")).toContainText("words.png:");
});
