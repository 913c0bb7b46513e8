import { mkdtemp, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { expect, test } from "./fixtures";
import {
  answered,
  badge,
  closePanel,
  go,
  goldenNetworks,
  open,
  openPanel,
  ready,
  ship,
  thumbs,
  watchViolations,
  withoutData,
} from "./page";

const summary = "agree on 17 of 20 images";

test("opens on the CPU by itself where the adapter is a software one, and says why", async ({ page }) => {
  await open(page);
  await ready(page, "cpu");
  await expect(badge(page)).toHaveText(/CPU/);
  await openPanel(page, "device");
  await expect(page.getByTestId("device-kind")).toHaveText("CPU");
  await expect(page.getByTestId("device-reason")).toContainText("software");
  await expect(page.getByTestId("device-software")).toHaveText("no");
  await expect(page.getByTestId("device-architecture")).toHaveText("wasm relaxed SIMD");
  await expect(page.getByTestId("device-self-test")).toHaveText(/^passed; largest difference \d\.\de[-+]\d+$/);
  await closePanel(page, "device");
  await answered(page);
});

test("runs on WebGPU where the address asks for it, and gives the same answers", async ({ page }) => {
  test.setTimeout(600_000); // 80 forward passes of 0.5 s each on a software adapter that has two cores for itself
  await ship(page, goldenNetworks());
  await open(page, "compare", "webgpu");
  await ready(page, "webgpu");
  await openPanel(page, "device");
  await expect(page.getByTestId("device-kind")).toHaveText("WebGPU");
  await expect(page.getByTestId("device-reason")).toHaveText("You chose WebGPU.");
  await expect(page.getByTestId("device-software")).toHaveText("yes");
  await expect(page.getByTestId("device-features")).toContainText("timestamp-query");
  await expect(page.getByTestId("device-self-test")).toContainText("passed");
  await expect(page.getByTestId("switch-device")).toHaveAttribute("href", /\?device=cpu#\/compare$/);
  await closePanel(page, "device");
  await answered(page, 20, 500_000);
  await expect(page.getByTestId("agreement-summary")).toContainText(summary);
  await expect(page.getByTestId("notice-error")).toHaveCount(0);
});

test("a device that does not exist is passed over", async ({ page }) => {
  await ship(page, goldenNetworks());
  await page.goto("/?device=nonsense#/compare");
  await ready(page, "cpu");
  await answered(page);
  await expect(page.getByTestId("agreement-summary")).toContainText(summary);
});

test("every view has an address; the header and the history lead from one to the other", async ({ page }) => {
  for (const view of ["compare", "fidelity", "distil"] as const) {
    await open(page, view);
    await expect(page.getByTestId(`nav-${view}`)).toHaveAttribute("aria-current", "page");
    await page.goto("about:blank");
  }
  await page.goto("/#/nowhere");
  await expect(page.getByTestId("view-compare")).toBeVisible();
  await go(page, "distil");
  await expect(page).toHaveURL(/#\/distil$/);
  await go(page, "fidelity");
  await page.goBack();
  await expect(page.getByTestId("view-distil")).toBeVisible();
});

test("the device can be switched from its panel, in the same view", async ({ page }) => {
  await open(page, "distil", "webgpu");
  await ready(page, "webgpu");
  await openPanel(page, "device");
  await page.getByTestId("switch-device").click();
  await ready(page, "cpu");
  await expect(page).toHaveURL(/\?device=cpu#\/distil$/);
  await openPanel(page, "device");
  await expect(page.getByTestId("device-reason")).toHaveText("You chose the CPU.");
});

test("no task blocks the page for 50 ms while an evaluation runs", async ({ page }) => {
  await ship(page, goldenNetworks());
  await page.addInitScript(() => {
    const tasks: number[] = [];
    Object.assign(window, { tasks });
    new PerformanceObserver((list) =>
      tasks.push(...list.getEntries().map(({ duration }) => Math.round(duration))),
    ).observe({ type: "longtask" });
  });
  const tasks = () => page.evaluate(() => (window as unknown as { tasks: number[] }).tasks.splice(0));
  await open(page);
  await ready(page);
  await answered(page);
  await go(page, "fidelity");
  await expect(page.getByTestId("evaluation-status")).toHaveAttribute("data-phase", "done");
  await page.getByTestId("source-test").check();
  await page.getByTestId("size-100").check();
  // A machine that does other things too can stop the page's thread in the middle of any task, but not in every evaluation;
  // work on this thread would block each of them.
  const attempts: string[] = [];
  do {
    await tasks();
    await page.getByTestId("run-evaluation").click();
    await expect(page.getByTestId("evaluation-status")).toHaveAttribute("data-phase", "running");
    await expect(page.getByTestId("evaluation-status")).toHaveAttribute("data-phase", "done");
    attempts.push((await tasks()).join(", "));
  } while (attempts.at(-1) && attempts.length < 8);
  expect(attempts.at(-1), `long tasks in ms: ${attempts.join(" | ")}`).toBe("");

  await page.evaluate(() =>
    setTimeout(() => {
      for (const end = performance.now() + 80; performance.now() < end; );
    }),
  );
  await expect.poll(async () => (await tasks()).some((ms) => ms >= 80), "a task of 80 ms would be noticed").toBe(true);
});

test.describe("planted violations", () => {
  test.use({ allowedErrors: [/Content Security Policy/] });

  test("the page keeps to its content security policy, and nothing leaves the origin", async ({ page, baseURL }) => {
    const requests: string[] = [];
    page.on("request", (request) => requests.push(request.url()));
    const violations = await watchViolations(page);
    const messages: string[] = [];
    page.on("console", (message) => messages.push(message.text()));
    await open(page);
    await ready(page);
    await answered(page);
    await go(page, "fidelity");
    await expect(page.getByTestId("evaluation-status")).toHaveAttribute("data-phase", "done");
    await page.getByTestId("export-json").click();
    await go(page, "distil");
    await page.getByTestId("recipe").locator("summary").click();
    for (const [setting, value] of [
      ["steps", "2"],
      ["batchSize", "4"],
      ["nImages", "8"],
      ["nHeldOut", "5"],
    ] as const)
      await page.getByTestId(`setting-${setting}`).fill(value);
    await page.getByTestId("start").click();
    await expect(page.getByTestId("run-status")).toHaveAttribute("data-phase", "done");
    await expect(page.getByTestId("charts")).toBeVisible();
    expect(await violations()).toEqual([]);
    // What a Worker is refused comes to the console only.
    expect(messages.filter((text) => text.includes("Content Security Policy"))).toEqual([]);
    expect(requests.length).toBeGreaterThan(20);
    const own = new URL(baseURL!).origin;
    expect(requests.filter((url) => new URL(url).origin !== own && !url.startsWith(`blob:${own}`))).toEqual([]);

    await page.evaluate(() => {
      fetch("https://example.com/").catch(() => undefined);
      document.body.appendChild(document.createElement("script")).textContent = "window.ran = true";
    });
    await expect
      .poll(async () => (await violations()).map((text) => text.split(":")[0]), "planted ones are noticed")
      .toEqual(expect.arrayContaining(["connect-src", "script-src-elem"]));
    expect(await page.evaluate(() => "ran" in window)).toBe(false);
  });
});

test.describe("opened as a file", () => {
  test.use({ allowedErrors: [/file:\/\/|blocked by CORS|ERR_FAILED|ERR_FILE_NOT_FOUND/] });

  test("says what to do", async ({ page, request }) => {
    const html = await (await request.get("/")).text();
    const folder = await mkdtemp(join(tmpdir(), "fidelity-lab-"));
    const file = join(folder, "index.html");
    await writeFile(file, html);
    await page.goto(pathToFileURL(file).href);
    await expect(page.locator("#boot")).toContainText("cargo xtask demo");
    await expect(page.locator("#boot")).toBeVisible();
    await expect(page.locator("#app")).toBeEmpty();
  });
});

test("says what is missing in a browser without wasm SIMD", async ({ page }) => {
  await page.addInitScript(() => {
    WebAssembly.validate = () => false;
  });
  await page.goto("/");
  const boot = page.locator("#boot");
  await expect(boot.locator("h1")).toHaveText("This browser cannot run Fidelity Lab");
  await expect(boot).toContainText("WebAssembly SIMD");
  await expect(boot).toContainText("Safari 16.4");
  // Causes that are none here would only mislead.
  await expect(boot).not.toContainText("cargo xtask demo");
  await expect(boot).toBeVisible();
});

test("a network with the wrong checksum is refused by name, and the others work", async ({ page }) => {
  const networks = goldenNetworks();
  const damaged = Buffer.from(networks[1]!.bytes);
  damaged[damaged.length - 1]! ^= 1;
  networks[1]!.arrives = damaged;
  const files = await ship(page, networks);
  await open(page);
  await ready(page);
  const notice = page.getByTestId("notice-error");
  await expect(notice).toContainText("1 network could not be loaded. The others are in use.");
  await expect(notice).toContainText(`${files[1]}: the file was not loaded, because its checksum differs`);
  await answered(page);
  await expect(page.getByTestId("members-agreeing")).toContainText("of 2");
  await notice.getByRole("button").click();
  await expect(notice).toHaveCount(0);
});

test.describe("files that are not there", () => {
  test.use({ allowedErrors: [/404|503/] });

  test("an unreadable list of networks is told", async ({ page }) => {
    await page.route(/\/assets\/manifest-[^/]*\.json$/, (route) => route.fulfill({ status: 503, body: "" }));
    await open(page);
    await expect(page.getByTestId("notice-error")).toContainText("The list of networks could not be read.");
    await expect(page.getByTestId("notice-error")).toContainText("HTTP 503");
  });

  test("an engine that does not arrive is told, with a way on", async ({ page }) => {
    await page.route(/\.wasm$/, (route) => route.fulfill({ status: 404, body: "" }));
    await open(page);
    await expect(page.getByTestId("boot-failed")).toContainText("The engine did not start");
    await expect(badge(page)).toHaveText(/no device/);
    await page.unrouteAll();
    await page.getByTestId("boot-failed").getByRole("button").click();
    await ready(page);
    await answered(page);
  });
});

test("without a data set on the server, the page says so and works", async ({ page }) => {
  await withoutData(page);
  await open(page, "fidelity");
  await ready(page);
  await expect(page.getByTestId("source-test")).toBeDisabled();
  await expect(page.getByTestId("source")).toContainText("No test set yet");
  await go(page, "compare");
  await answered(page);
  await expect(thumbs(page)).toHaveCount(20);
});
