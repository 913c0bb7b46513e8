/**
 * Measures: `node bench/run.mjs --out DIR [--quick] [--node] [--only PART ...] [--docs FOLDER]`.
 * In Chromium, FIDELITY_URL is a server with the page and the folders `pkg`, `tests`, `bench` and `node_modules`, and
 * FIDELITY_CHROMIUM a browser. With `--node`, in Node on the WebGPU of Dawn.
 */
import { mkdir, writeFile } from "node:fs/promises";
import { cpus, loadavg } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { Browser } from "./host/browser.mjs";
import { BrotliSizes, downloads, firstPrediction } from "./host/first_prediction.mjs";
import { PEER_FAILED } from "./measure/check.js";
import { median } from "./measure/clock.js";
import { Pace, planOf } from "./plan.mjs";
import { writeDocs } from "./report/docs.mjs";
import { htmlReport } from "./report/html.mjs";
import { tables } from "./report/text.mjs";
import { Results } from "./rows.mjs";

const PARTS = ["forward", "layers", "step", "ensemble", "evaluate", "statistics", "memory", "first-prediction"];
const { values: options } = parseArgs({
  options: {
    out: { type: "string" },
    quick: { type: "boolean", default: false },
    node: { type: "boolean", default: false },
    only: { type: "string", multiple: true, default: PARTS },
    docs: { type: "string" },
  },
});
const url = process.env.FIDELITY_URL;
if (!options.out || !(url || options.node) || options.only.some((part) => !PARTS.includes(part)))
  throw new Error(
    `usage: FIDELITY_URL=... node bench/run.mjs --out DIR [--quick] [--node] [--only ${PARTS.join("|")} ...] [--docs FOLDER]`,
  );

const load_before = loadavg()[0] / cpus().length;
const host = options.node ? await (await import("./host/node.mjs")).Node.start() : await Browser.start(url);
const { adapter, devices, runtime } = host;
const plan = planOf({ quick: options.quick, adapter, devices });
const pace = new Pace(plan.limitMs);
await mkdir(options.out, { recursive: true });
const results = new Results(join(options.out, "results.json"), {
  date: new Date().toISOString().slice(0, 10),
  quick: options.quick,
  runtime,
  adapter,
  cpu: cpus()[0]?.model ?? "unknown",
  /** Processes that wanted a core, over the cores: before this run, what else the machine was doing. */
  load_before,
});

const LARGE = "PreResNet-56";
const PEERS = ["onnx", "tensorflow"];

class TimeIsUp extends Error {}

/**
 * Asks for one measurement, if it fits: `images` of them as `paceOf` tells. Returns null where it is left out. Where a peer fails,
 * that is told, and what `withoutPeers` asks for is measured.
 */
async function measure({ what, withoutPeers, method, argument, urls, paceOf = what, images = 0 }) {
  const refusal = pace.refusal(paceOf, images);
  if (refusal) {
    await results.leaveOut(what, refusal);
    return null;
  }
  let timer;
  const timeout = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new TimeIsUp()), pace.leftMs);
  });
  try {
    return await Promise.race([host.measure(method, argument, urls), timeout]);
  } catch (error) {
    const failure = error.message.split(PEER_FAILED)[1];
    if (error instanceof TimeIsUp) await results.leaveOut(what, "the time was up before it was done");
    else if (failure && withoutPeers) {
      await results.leaveOut(what, failure.split("\n")[0]);
      return measure({ what: `${what}, ours alone`, method, argument: withoutPeers, paceOf, images });
    } else throw new Error(`${what}: ${error.message}`, { cause: error });
    return null;
  } finally {
    clearTimeout(timer);
  }
}

/** What a round of all sides takes an image. */
const roundMs = ({ ours, peers, teacher }) =>
  [ours, ...peers, ...(teacher ? [teacher] : [])].reduce((sum, { ms }) => sum + ms, 0);

const layout = (() => {
  let found = null;
  return async () => {
    found ??= await host.measure("onnxLayout", { rounds: { ...plan.rounds("webgpu"), least: 1 } });
    return found.layout;
  };
})();

async function forward(device, batch, { threads = 1, simd } = {}) {
  const rounds = plan.rounds(device);
  const what = `forward, ${device}, batch ${batch}${threads > 1 ? `, ${threads} threads` : ""}${simd ? `, ${simd} SIMD` : ""}`;
  const argument = {
    device,
    simd,
    batch,
    threads,
    peers: PEERS,
    rounds,
    ...(device === "webgpu" && { layout: await layout() }),
  };
  const measured = await measure({
    what,
    method: "forward",
    argument,
    withoutPeers: { ...argument, peers: [] },
    paceOf: `forward ${device}`,
    images: batch * (1 + rounds.least),
  });
  if (!measured) return;
  if (threads === 1 && !simd) {
    pace.note(`forward ${device}`, roundMs(measured) / batch);
    pace.note(`ours ${device}`, measured.ours.ms / batch);
  }
  await results.addMeasured({ measure: "forward", network: LARGE, device, batch, threads, measured });
}

/** A row a kind of layer, and one of all together: what they take beside what they would take at best. */
async function layers(batch) {
  await oursMs("webgpu");
  const { rounds } = plan.layers;
  const argument = { batch, isSoftware: adapter.isSoftware, rounds };
  const measured = await measure({
    what: `layers, batch ${batch}`,
    method: "layers",
    argument,
    paceOf: "ours webgpu",
    images: 2 * batch * (1 + rounds.least),
  });
  if (!measured) return;
  const { layers: found, limits, forward: pass, timedWithin } = measured;
  const about = { network: LARGE, device: "webgpu", batch, unit: "ms", peer_name: "roofline", rounds: pass.rounds };
  for (const { layer, count, ms, best, roofline, bound } of found)
    await results.add({ measure: "layer", ...about, layer, count, ours: ms, ours_best: best, peer: roofline, bound });
  const sum = (field) => found.reduce((total, layer) => total + layer[field], 0);
  await results.add({
    measure: "layers_sum",
    ...about,
    layer: "all",
    count: sum("count"),
    ours: sum("ms"),
    ours_best: sum("best"),
    peer: sum("roofline"),
    flops_a_second: limits.flops,
    bytes_a_second: limits.bytes,
    clock: limits.clock,
    forward_ms: pass.ms,
    forward_best: pass.best,
    timed_ms: timedWithin.ms,
  });
}

async function threaded() {
  if (!devices.includes("cpu")) return;
  const threads = await host.measure("threads");
  if (threads === 1)
    return results.leaveOut("cpu, all threads", "there is one thread here, or the page is not isolated");
  if (options.only.includes("forward"))
    for (const batch of plan.threaded.forward) await forward("cpu", batch, { threads });
  if (options.only.includes("step")) for (const batch of plan.threaded.step) await step("cpu", batch, "wasm", threads);
}

async function step(device, batch, peer = device === "webgpu" ? "webgpu" : "wasm", threads = 1) {
  const rounds = peer === "cpu" ? { least: 1, most: 1, ms: 0 } : plan.rounds(device);
  const what = `step, ${device}, batch ${batch}, TensorFlow.js on ${peer}${threads > 1 ? `, ${threads} threads` : ""}`;
  const argument = { device, batch, threads, peer, rounds };
  const withoutPeers = { ...argument, peer: null };
  const measured = await measure({
    what,
    method: "step",
    argument,
    withoutPeers,
    paceOf: `step ${device} ${peer}`,
    images: batch * (2 + rounds.least),
  });
  if (!measured) return;
  if (threads === 1) pace.note(`step ${device} ${peer}`, roundMs(measured) / batch);
  await results.addMeasured({
    measure: "step",
    network: LARGE,
    device,
    batch,
    threads,
    measured,
    teacher_forward: measured.teacher.ms / batch,
  });
}

/** What an image takes in a forward pass of ours. */
async function oursMs(device) {
  const known = pace.msPerImage(`ours ${device}`);
  if (known) return known;
  const { ours } = await host.measure("forward", {
    device,
    batch: 1,
    peers: [],
    rounds: { least: 1, most: 3, ms: 1000 },
  });
  pace.note(`ours ${device}`, ours.ms);
  return ours.ms;
}

async function ensemble(device, batch) {
  await oursMs(device);
  const rounds = plan.rounds(device);
  const what = `ensemble of five, ${device}, batch ${batch}`;
  const measured = await measure({
    what,
    method: "ensemble",
    argument: { device, batch, rounds },
    paceOf: `ours ${device}`,
    images: 10 * batch * (1 + rounds.least),
  });
  if (measured) await results.addMeasured({ measure: "ensemble5", network: LARGE, device, batch, measured });
}

const SAMPLES = 20;
const N_TEST = 10_000;

async function evaluate(device) {
  const perImage = 6 * (await oursMs(device));
  // Whole copies of the samples, as many as fill the time, at least one and at most a whole test set.
  const n = SAMPLES * Math.max(1, Math.min(N_TEST / SAMPLES, Math.floor(plan.evaluateMs / perImage / SAMPLES)));
  const what = `evaluation of ${n} images, ${device}`;
  const rounds = { least: 1, most: 3, ms: plan.evaluateMs };
  const measured = await measure({
    what,
    method: "evaluate",
    argument: { device, n, rounds },
    paceOf: `ours ${device}`,
    images: 6 * n,
  });
  if (measured) await results.addMeasured({ measure: "evaluate", network: `6 ${LARGE}`, device, batch: n, measured });
}

/** In the page: what the Fidelity view waits for when a member, or the temperature, is another. */
async function statistics() {
  const measured = await measure({
    what: "statistics of the test set",
    method: "statistics",
    argument: { rounds: plan.statistics },
  });
  if (!measured) return;
  const { nImages, nMembers, times } = measured;
  const about = { network: `${nMembers} + 1 networks`, device: "cpu", batch: nImages, unit: "ms" };
  for (const [name, { ms, best, rounds }] of Object.entries(times))
    await results.add({ measure: name, ...about, ours: ms, ours_best: best, rounds });
}

async function memory() {
  const ms = Math.min(plan.memory.ms, 0.8 * pace.leftMs);
  const measured = await measure({
    what: "GPU buffers over steps",
    method: "buffers",
    argument: { ...plan.memory, ms },
  });
  if (!measured) return;
  const {
    build: { simd },
    after,
    peak,
    steps,
    msPerStep,
  } = measured;
  const about = { network: "PreResNet-8", device: "webgpu", batch: 2, simd, unit: "bytes" };
  for (const { steps: n, bytes } of after)
    await results.add({ measure: `bytes_after_${n}_steps`, ...about, ours: bytes, growth: bytes / after[0].bytes - 1 });
  await results.add({ measure: "steps_peak_bytes", ...about, ours: peak, steps, ms_per_step: msPerStep });
  const missing = plan.memory.marks.filter((mark) => mark > steps);
  if (missing.length > 0)
    await results.leaveOut(
      `GPU buffers after ${missing.join(" and ")} steps`,
      `a step takes ${msPerStep.toFixed(0)} ms, so ${steps} were made`,
    );
}

const asked = {};

async function firstPredictions(device) {
  const refusal = pace.refusal("", 0);
  if (refusal) return results.leaveOut(`first prediction, ${device}`, refusal);
  const rounds = plan.firstPrediction.rounds(device);
  const { cold, warm, urls } = await firstPrediction(host.browser, url, device, rounds, () => host.measure("settle"));
  asked[device] = urls;
  const about = { network: "page", device, unit: "ms", rounds };
  await results.add({ measure: "first_prediction", ...about, ours: median(cold), ours_best: Math.min(...cold) });
  await results.add({ measure: "first_prediction_warm", ...about, ours: median(warm), ours_best: Math.min(...warm) });
}

/** Ours is what the page had asked for at its first prediction, theirs what a page needs to make one. */
async function downloaded(device) {
  if (!asked[device]) return;
  const sizes = await BrotliSizes.open(join(options.out, "brotli.json"));
  const ours = await downloads(asked[device], sizes);
  results.all.downloads.push({ of: `this page, ${device}`, ...ours });
  const row = { measure: "download", network: "page", device, unit: "bytes", ours: ours.brotli, ours_raw: ours.raw };
  if (!plan.peerDownloads) return results.add(row);
  for (const peer of PEERS) {
    const urls = [];
    const argument = { device, peer, ...(device === "webgpu" && { layout: await layout() }) };
    const loaded = await measure({ what: `download of ${peer}, ${device}`, method: "load", argument, urls });
    if (!loaded) continue;
    const theirs = await downloads(
      urls.filter((address) => new URL(address).pathname.startsWith("/node_modules/")),
      sizes,
    );
    results.all.downloads.push({ of: loaded.name, ...theirs });
    await results.add({ ...row, peer: theirs.brotli, peer_raw: theirs.raw, peer_name: loaded.name });
  }
}

/** In this order: what is soon done first, what may not fit last. */
function* work() {
  const has = (part) => options.only.includes(part);
  const pages = has("first-prediction") && host.browser;
  for (const device of devices) {
    if (has("forward")) for (const batch of plan.forward.first(device)) yield () => forward(device, batch);
    if (has("forward") && device === "cpu")
      for (const batch of plan.plainSimd) yield () => forward(device, batch, { simd: "plain" });
    if (has("layers") && device === "webgpu") for (const batch of plan.layers.batches) yield () => layers(batch);
    if (has("memory") && device === "webgpu") yield memory;
    if (has("ensemble")) for (const batch of plan.ensemble(device)) yield () => ensemble(device, batch);
    if (pages) yield () => firstPredictions(device);
    if (pages) yield () => downloaded(device);
    if (has("step")) for (const batch of plan.step(device)) yield () => step(device, batch);
    if ((has("forward") || has("step")) && device === "cpu") yield threaded;
    if (has("evaluate")) yield () => evaluate(device);
    if (has("statistics") && device === "cpu") yield statistics;
  }
  if (has("forward"))
    for (const device of devices) for (const batch of plan.forward.last(device)) yield () => forward(device, batch);
  if (has("step") && devices.includes("cpu")) for (const batch of plan.plainStep) yield () => step("cpu", batch, "cpu");
}

try {
  console.log(
    `${runtime}, WebGPU on ${adapter.name}${adapter.isSoftware ? " (software)" : ""}, CPU ${results.all.cpu}`,
  );
  if (options.node) await results.leaveOut("the CPU's rows, first predictions and downloads", "they are a browser's");
  for (const task of work()) await task();
} finally {
  await host.close();
}

results.all.minutes = (plan.limitMs - pace.leftMs) / 60_000;
await results.save();
const html = join(options.out, "report.html");
await writeFile(html, htmlReport(results.all));
const written = [results.path, html, ...(options.docs ? await writeDocs(options.docs, results.all) : [])];
console.log(`\n${tables(results.all)}\n\n${written.join("\n")}`);
