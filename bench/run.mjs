/**
 * Measures in one headless Chromium: `node bench/run.mjs --out DIR [--quick] [--only PART ...] [--docs FILE]`.
 * FIDELITY_URL is a server with the page, `pkg`, `tests`, `bench` and `peer` (onnxruntime-web's dist); FIDELITY_CHROMIUM a browser.
 */
import { mkdir, writeFile } from "node:fs/promises";
import { cpus, loadavg } from "node:os";
import { dirname, join } from "node:path";
import { parseArgs } from "node:util";
import { chromium } from "@playwright/test";
import { BrotliSizes, downloads, firstPrediction } from "./first_prediction.mjs";
import { document, line, tables } from "./report.mjs";

const PARTS = ["forward", "step", "first-prediction"];
const { values: options } = parseArgs({
  options: { out: { type: "string" }, quick: { type: "boolean" }, only: { type: "string", multiple: true, default: PARTS }, docs: { type: "string" } },
});
const url = process.env.FIDELITY_URL;
if (!url || !options.out) throw new Error("usage: FIDELITY_URL=... node bench/run.mjs --out DIR [--quick] [--only PART ...] [--docs FILE]");

// As in playwright.config.ts: the headless shell has no WebGPU, the full browser has.
const COMMON = ["--headless=new", "--no-sandbox", "--enable-unsafe-webgpu", "--disable-background-networking", "--disable-component-update", "--no-first-run"];
const HARDWARE = process.platform === "linux" ? ["--enable-features=Vulkan", "--use-angle=vulkan", "--disable-vulkan-surface", "--ignore-gpu-blocklist"] : [];
const SOFTWARE = ["--use-webgpu-adapter=swiftshader", "--enable-features=Vulkan", "--use-vulkan=swiftshader"];

async function launch(flags) {
  const browser = await chromium.launch({ executablePath: process.env.FIDELITY_CHROMIUM, args: [...COMMON, ...flags], ignoreDefaultArgs: ["--headless"] });
  try {
    const adapter = await inPage(browser, "adapter");
    return { browser, adapter };
  } catch (error) {
    await browser.close();
    throw error;
  }
}

/** Calls `window.bench` in a page of its own, so that a measurement finds nothing of the ones before it. */
async function inPage(browser, method, argument) {
  const page = await browser.newPage();
  try {
    const failures = [];
    page.on("pageerror", (error) => failures.push(error.message));
    page.on("console", (message) => message.type() === "error" && failures.push(message.text()));
    await page.goto(`${url}bench/page.html`);
    const result = await page.evaluate(([name, given]) => window.bench[name](given), [method, argument]);
    if (failures.length > 0) throw new Error(`errors in the console: ${failures.join("; ")}`);
    return result;
  } finally {
    await page.close();
  }
}

/** A graphics card if there is one, else the browser's software adapter. */
async function start() {
  const hardware = await launch(HARDWARE).catch(() => null);
  if (hardware?.adapter && !hardware.adapter.isSoftware) return hardware;
  await hardware?.browser.close();
  const software = await launch(SOFTWARE);
  if (!software.adapter) {
    await software.browser.close();
    throw new Error("Chromium has no WebGPU adapter, not even its software one");
  }
  return software;
}

const DEVICES = ["cpu", "webgpu"];
const median = (times) => [...times].sort((a, b) => a - b)[times.length >> 1];

const { browser, adapter } = await start();
const cpu = cpus()[0]?.model ?? "unknown";
const results = {
  date: new Date().toISOString().slice(0, 10),
  quick: options.quick ?? false,
  chromium: browser.version(),
  adapter,
  cpu,
  /** Processes that wanted a core, over the cores: before this run, what else the machine was doing. */
  load_before: loadavg()[0] / cpus().length,
  rows: [],
  downloads: [],
};
await mkdir(options.out, { recursive: true });
const resultsPath = join(options.out, "results.json");
const save = () => writeFile(resultsPath, `${JSON.stringify(results, null, 2)}\n`);

async function add(row) {
  const { measure, network, device, batch, ours, peer = null, peerName = null, ...more } = row;
  const full = {
    measure, network, device, adapter: device === "webgpu" ? adapter.name : cpu, batch, threads: 1, simd: "plain",
    ours, peer, peer_name: peerName, ratio: peer === null ? null : peer / ours, ...more,
  };
  results.rows.push(full);
  console.log(line(full));
  await save();
}

const isSlow = (device) => device === "webgpu" && adapter.isSoftware;
/** On a software adapter a round can take a minute where something else runs beside it: a quick run then makes do with one. */
const roundsOf = (device) => {
  if (isSlow(device)) return { least: options.quick ? 1 : 3, most: 3, ms: options.quick ? 20_000 : 0 };
  return { least: 3, most: options.quick ? 9 : 25, ms: options.quick ? 5_000 : 20_000 };
};

async function forward() {
  const { layout, ms } = await inPage(browser, "peerLayout", roundsOf("webgpu"));
  console.log(`ONNX Runtime on WebGPU, batch 1, by layout: ${Object.entries(ms).map(([name, time]) => `${name} ${time.toFixed(1)} ms`).join(", ")}`);
  for (const device of DEVICES) {
    for (const batch of isSlow(device) && options.quick ? [1, 16] : [1, 16, 64]) {
      const measured = await inPage(browser, "forward", { device, batch, layout, rounds: roundsOf(device) });
      await add({ measure: "forward", network: "PreResNet-56", device, batch, ...measured });
    }
  }
}

async function step() {
  const large = { name: "PreResNet-56", network: "teacher0", batch: 16 };
  const small = { name: "PreResNet-20", network: "arbitrary20", batch: 8 };
  for (const device of DEVICES) {
    const { name, network, batch } = isSlow(device) ? small : large;
    const { ours, teacherForward, rounds } = await inPage(browser, "step", { device, network, batch, rounds: roundsOf(device) });
    await add({ measure: "step", network: name, device, batch, ours, rounds, teacher_forward: teacherForward });
  }
}

async function firstPredictions() {
  const asked = {};
  for (const device of DEVICES) {
    const rounds = isSlow(device) && options.quick ? 1 : 3;
    const { cold, warm, urls } = await firstPrediction(browser, url, device, rounds, () => inPage(browser, "settle"));
    asked[device] = urls;
    await add({ measure: "first_prediction", network: "page", device, batch: null, ours: median(cold), rounds });
    await add({ measure: "first_prediction_warm", network: "page", device, batch: null, ours: median(warm), rounds });
  }
  console.log("compressing what was downloaded (kept for the next run)");
  const sizes = await BrotliSizes.open(join(options.out, "brotli.json"));
  for (const device of DEVICES) {
    results.downloads.push({ of: `this page, ${device}`, ...(await downloads(asked[device], sizes)) });
    await save();
  }
}

try {
  console.log(`Chromium ${results.chromium}, WebGPU on ${adapter.name}${adapter.isSoftware ? " (software)" : ""}, CPU ${cpu}`);
  if (options.only.includes("forward")) await forward();
  if (options.only.includes("step")) await step();
  if (options.only.includes("first-prediction")) await firstPredictions();
} finally {
  await browser.close();
}

console.log(`\n${tables(results)}\n\n${resultsPath}`);
if (options.docs) {
  await mkdir(dirname(options.docs), { recursive: true });
  await writeFile(options.docs, document(results));
  console.log(options.docs);
}
