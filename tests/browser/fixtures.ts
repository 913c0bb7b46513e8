/** A page that fails its test on anything a visitor's console would show. */
import { test as base, expect, type Page } from "@playwright/test";

interface Fixtures {
  /** Console errors and page errors that the test expects, as regular expressions. */
  allowedErrors: RegExp[];
}

export const test = base.extend<Fixtures>({
  allowedErrors: [[], { option: true }],
  page: async ({ page, allowedErrors }, use) => {
    const errors: string[] = [];
    page.on("console", (message) => {
      // WebGPU's validation errors come as warnings.
      const isGpu = /webgpu|wgsl|gpudevice|validation/i.test(message.text());
      if (message.type() === "error" || (message.type() === "warning" && isGpu))
        errors.push(`console: ${message.text()}`);
    });
    page.on("pageerror", (error) => errors.push(`uncaught: ${error.message}`));
    await use(page);
    const unexpected = errors.filter((error) => !allowedErrors.some((allowed) => allowed.test(error)));
    expect(unexpected, "errors in the console").toEqual([]);
  },
});

/** An empty page of the test server, from which modules of `pkg` can be imported. */
export async function openBlank(page: Page): Promise<void> {
  await page.goto("/tests/browser/blank.html");
}

export { expect };
