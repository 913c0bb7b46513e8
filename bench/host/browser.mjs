/** Where the measurements run: one headless Chromium, a page for each. */
import { chromium } from "@playwright/test";

// As in playwright.config.ts: the headless shell has no WebGPU, the full browser has. Timestamps are not rounded for layers' sake.
const COMMON = [
  "--headless=new",
  "--no-sandbox",
  "--enable-unsafe-webgpu",
  "--disable-dawn-features=timestamp_quantization",
  "--disable-background-networking",
  "--disable-component-update",
  "--no-first-run",
];
const HARDWARE =
  process.platform === "linux"
    ? ["--enable-features=Vulkan", "--use-angle=vulkan", "--disable-vulkan-surface", "--ignore-gpu-blocklist"]
    : [];
const SOFTWARE = ["--use-webgpu-adapter=swiftshader", "--enable-features=Vulkan", "--use-vulkan=swiftshader"];

export class Browser {
  devices = ["cpu", "webgpu"];

  constructor(browser, url) {
    this.browser = browser;
    this.url = url;
    this.runtime = `Chromium ${browser.version()}`;
  }

  /** On a graphics card if there is one, else on the browser's software adapter. `url` is the server's. */
  static async start(url) {
    const hardware = await Browser.#launch(url, HARDWARE).catch(() => null);
    if (hardware?.adapter && !hardware.adapter.isSoftware) return hardware;
    await hardware?.close();
    const software = await Browser.#launch(url, SOFTWARE);
    if (software.adapter) return software;
    await software.close();
    throw new Error("Chromium has no WebGPU adapter, not even its software one");
  }

  static async #launch(url, flags) {
    const browser = await chromium.launch({
      executablePath: process.env.FIDELITY_CHROMIUM,
      args: [...COMMON, ...flags],
      ignoreDefaultArgs: ["--headless"],
    });
    const host = new Browser(browser, url);
    try {
      host.adapter = await host.measure("adapter");
      return host;
    } catch (error) {
      await host.close();
      throw error;
    }
  }

  /** In a page of its own, so that a measurement finds nothing of the ones before it. `asked` collects what the page fetches. */
  async measure(method, argument, asked) {
    // TensorFlow.js makes its threads of blobs, which the product's policy forbids.
    const context = await this.browser.newContext({ bypassCSP: true });
    try {
      const page = await context.newPage();
      const failures = [];
      page.on("pageerror", (error) => failures.push(error.message));
      page.on("console", (message) => message.type() === "error" && failures.push(message.text()));
      page.on("request", (request) => asked?.push(request.url()));
      await page.goto(`${this.url}bench/page.html`);
      await page.waitForFunction(() => "bench" in window);
      const result = await page.evaluate(([name, given]) => window.bench(name, given), [method, argument]);
      if (failures.length > 0) throw new Error(`errors in the console: ${failures.join("; ")}`);
      return result;
    } finally {
      await context.close();
    }
  }

  close() {
    return this.browser.close();
  }
}
