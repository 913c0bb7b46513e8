import { expect, openBlank, test } from "./fixtures";

test("WebGPU is there: without an adapter the other tests would prove nothing", async ({ page }) => {
  await openBlank(page);
  const adapter = await page.evaluate(async () => {
    const found = await navigator.gpu?.requestAdapter();
    return found ? { vendor: found.info.vendor, timestamps: found.features.has("timestamp-query") } : null;
  });
  expect(adapter).toMatchObject({ timestamps: true });
});
