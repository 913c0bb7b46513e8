/**
 * What runs in the browser: loads both sides, gives them the same batch, and holds the clock. `run.mjs` calls `window.bench`.
 *
 * Ours goes through the engine and not through `Lab`, which would cut a batch into smaller ones on a slow device.
 */
import { loadEngine } from "/pkg/engine.js";

const IMAGE_BYTES = 32 * 32 * 3;
const N_CLASSES = 100;
const GOLDEN = "/tests/golden";

const bytesOf = async (url) => {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`${url}: ${response.status}`);
  return new Uint8Array(await response.arrayBuffer());
};

/** A tensor of a safetensors file, as bytes. */
function tensorOf(file, name) {
  const headerBytes = Number(new DataView(file.buffer).getBigUint64(0, true));
  const header = JSON.parse(new TextDecoder().decode(file.subarray(8, 8 + headerBytes)));
  const [start, end] = header[name].data_offsets;
  return file.slice(8 + headerBytes + start, 8 + headerBytes + end);
}

const samples = bytesOf(`${GOLDEN}/golden.safetensors`).then((file) => ({
  pixels: tensorOf(file, "images"),
  logits: new Float32Array(tensorOf(file, "teacher0.logits").buffer),
}));

/** `n` images: the 20 samples, over and over. */
async function batchOf(n) {
  const { pixels } = await samples;
  const batch = new Uint8Array(n * IMAGE_BYTES);
  for (let i = 0; i < batch.length; i++) batch[i] = pixels[i % pixels.length];
  return batch;
}

/** u8 [n, 32, 32, 3] to f32 [n, 3, 32, 32] of mean 0.5 and deviation 0.5, as the exported network takes it. */
function normalised(pixels) {
  const out = new Float32Array(pixels.length);
  for (let i = 0; i < pixels.length; i++) {
    const [image, inImage] = [Math.floor(i / IMAGE_BYTES), i % IMAGE_BYTES];
    out[image * IMAGE_BYTES + (inImage % 3) * 1024 + Math.floor(inImage / 3)] = (pixels[i] / 255 - 0.5) / 0.5;
  }
  return out;
}

// Ours

const engines = new Map();

/** The engine of a device with one network as teacher and as student. */
function engineOf(device, network) {
  const key = `${device} ${network}`;
  if (!engines.has(key)) engines.set(key, makeEngine(device, network));
  return engines.get(key);
}

async function makeEngine(device, network) {
  const { module } = await loadEngine(device);
  const engine = await module.Engine.create();
  const weights = await bytesOf(`${GOLDEN}/${network}.safetensors`);
  engine.loadModel(weights, "teacher", "teacher");
  engine.loadModel(weights, "student", "student");
  return engine;
}

async function predict(engine, pixels) {
  const run = engine.predict(pixels, ["teacher"], [], pixels.length / IMAGE_BYTES);
  while (!(await run.advance()));
  const result = run.finish();
  const { logits } = result;
  result.free();
  run.free();
  return logits;
}

// Theirs

const peers = {
  webgpu: "ort.webgpu.min.mjs",
  cpu: "ort.wasm.min.mjs",
};

async function ortOf(device) {
  const ort = await import(`/peer/${peers[device]}`);
  ort.env.wasm.wasmPaths = "/peer/";
  ort.env.wasm.numThreads = 1;
  ort.env.wasm.proxy = false;
  ort.env.webgpu.powerPreference = "high-performance";
  ort.env.logLevel = "error";
  return ort;
}

/** A session for batches of `n` images. */
async function peerOf(device, n, layout) {
  const ort = await ortOf(device);
  const provider = device === "webgpu" ? { name: "webgpu", preferredLayout: layout } : "wasm";
  const session = await ort.InferenceSession.create(await bytesOf("teacher0.onnx"), {
    executionProviders: [provider],
    graphOptimizationLevel: "all",
    freeDimensionOverrides: { n },
  });
  const images = new ort.Tensor("float32", normalised(await batchOf(n)), [n, 3, 32, 32]);
  return {
    name: `onnxruntime-web ${ort.env.versions.web} ${device === "webgpu" ? `webgpu ${layout}` : "wasm"}`,
    predict: async () => (await session.run({ images })).logits.data,
    release: () => session.release(),
  };
}

// The clock

async function timed(work) {
  const start = performance.now();
  const result = await work();
  return { ms: performance.now() - start, result };
}

function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** At first a browser runs wasm that it has compiled in haste; it has better code after a second of work. */
const WARM_UP_MS = 1500;

async function warmUp(works) {
  const start = performance.now();
  do for (const work of works) await work();
  while (performance.now() - start < WARM_UP_MS);
}

/**
 * Medians of several kinds of work that take turns, in ms: at least `rounds.least` rounds, and more while there is time.
 * Every other round goes backwards, so that none always follows the same other one.
 */
async function alternate(works, rounds) {
  const times = works.map(() => []);
  const start = performance.now();
  for (let round = 0; round < rounds.most && (round < rounds.least || performance.now() - start < rounds.ms); round++) {
    const order = [...works.keys()];
    if (round % 2) order.reverse();
    for (const i of order) times[i].push((await timed(works[i])).ms);
  }
  return { ms: times.map(median), best: times.map((list) => Math.min(...list)), rounds: times[0].length };
}

function argmax(values) {
  return values.reduce((best, value, i) => (value > values[best] ? i : best), 0);
}

function compare(a, b) {
  if (a.length !== b.length) throw new Error(`${a.length} logits against ${b.length}`);
  let [largest, sameClass] = [0, true];
  for (let i = 0; i < a.length; i++) largest = Math.max(largest, Math.abs(a[i] - b[i]) || (a[i] === b[i] ? 0 : Infinity));
  for (let i = 0; i < a.length; i += N_CLASSES) sameClass &&= argmax(a.subarray(i, i + N_CLASSES)) === argmax(b.subarray(i, i + N_CLASSES));
  return { largest, sameClass };
}

function checkSame(what, a, b) {
  const { largest, sameClass } = compare(a, b);
  if (!(largest <= 2e-3) || !sameClass) throw new Error(`${what}: logits differ by up to ${largest}, same classes: ${sameClass}`);
  return largest;
}

window.bench = {
  async adapter() {
    const adapter = await navigator.gpu?.requestAdapter({ powerPreference: "high-performance" });
    if (!adapter) return null;
    const { vendor, architecture, description, isFallbackAdapter } = adapter.info;
    const name = [vendor, architecture, description].filter(Boolean).join(" ");
    return { name, isSoftware: isFallbackAdapter || /swiftshader|llvmpipe|lavapipe|software|basic render/i.test(name) };
  },

  /** Resolves when the GPU has nothing left to do from pages before this one. */
  async settle() {
    const adapter = await navigator.gpu.requestAdapter({ powerPreference: "high-performance" });
    const device = await adapter.requestDevice();
    device.queue.submit([]);
    await device.queue.onSubmittedWorkDone();
    device.destroy();
  },

  /** Which layout the peer is faster with, at batch 1. */
  async peerLayout(rounds) {
    const layouts = ["NHWC", "NCHW"];
    const sessions = [];
    // One after the other: two sessions must not be made at once.
    for (const layout of layouts) sessions.push(await peerOf("webgpu", 1, layout));
    const works = sessions.map((session) => session.predict);
    await warmUp(works);
    const { ms } = await alternate(works, rounds);
    for (const session of sessions) await session.release();
    return { layout: layouts[argmax(ms.map((value) => -value))], ms: Object.fromEntries(layouts.map((layout, i) => [layout, ms[i]])) };
  },

  /** Forward passes of `teacher0`: ours against the peer's. */
  async forward({ device, batch, layout, rounds }) {
    const pixels = await batchOf(batch);
    const engine = await engineOf(device, "teacher0");
    const peer = await peerOf(device, batch, layout);
    const works = [() => predict(engine, pixels), () => peer.predict()];
    const [oursFirst, peerFirst] = [await timed(works[0]), await timed(works[1])];
    const [ours, theirs] = [oursFirst.result, peerFirst.result];
    const golden = (await samples).logits;
    const known = Math.min(golden.length, ours.length);
    checkSame("ours against PyTorch", ours.subarray(0, known), golden.subarray(0, known));
    const difference = checkSame("ours against the peer's", ours, theirs);
    if (oursFirst.ms + peerFirst.ms < WARM_UP_MS) await warmUp(works);
    const measured = await alternate(works, rounds);
    await peer.release();
    const [oursMs, peerMs] = measured.ms;
    const [oursBest, peerBest] = measured.best;
    return {
      ours: oursMs / batch, peer: peerMs / batch, peerName: peer.name,
      ours_best: oursBest / batch, peer_best: peerBest / batch, rounds: measured.rounds, difference,
    };
  },

  /** Steps of distilling a network from itself. */
  async step({ device, network, batch, rounds }) {
    const engine = await engineOf(device, network);
    const pixels = await batchOf(batch);
    const recipe = { steps: 10_000, batchSize: batch, learningRate: 1e-4 };
    const run = engine.distill(pixels, undefined, "student", "out", ["teacher"], recipe, undefined);
    const works = [() => run.step(), () => predict(engine, pixels)];
    await warmUp(works);
    const measured = await alternate(works, rounds);
    run.free();
    const [step, forward] = measured.ms;
    return { ours: step / batch, teacherForward: forward / batch, rounds: measured.rounds };
  },
};
