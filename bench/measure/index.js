/** The measurements, for a page and for Node. Each is asked for in a page or process of its own, and answers with plain data. */
import { checkFigures, checkLogits, checkLosses, largestDifference, ofPeer } from "./check.js";
import { alternate, timed, warmUp } from "./clock.js";
import { batchOf, goldenMetrics, goldenTensors, labelsOf, N_CLASSES, networkFile, SMALL } from "./data.js";
import { readSafetensors } from "./files.js";
import { BufferBytes, counted, describeAdapter, settle } from "./gpu.js";
import { layersOf, summed } from "./layers.js";
import { bestOf, limitsOf } from "./limits.js";
import { onnxForward } from "./onnx.js";
import { buildOf, engineOf, labOf, predict } from "./ours.js";
import { profiled } from "./profile.js";
import { statistics } from "./statistics.js";
import { tensorflow, tensorflowForward, tensorflowStep } from "./tensorflow.js";

const NETWORK = "teacher0";
/** The samples that the golden metrics' smallest set is made of: whole copies of it have its figures. */
const N_SAMPLES = 20;
/** A large batch that takes longer is not computed once more only to count its calls. */
const COUNT_BELOW_MS = 5000;
const SMALL_BATCH = 2;

const PEERS = {
  onnx: (options) => onnxForward(options),
  async tensorflow({ device, n, threads }) {
    const tf = await tensorflow(device === "webgpu" ? "webgpu" : "wasm", threads);
    return tensorflowForward({ tf, file: await networkFile(NETWORK), pixels: await batchOf(n) });
  },
};

/** One work after the other, with what GPU buffers each makes counted as its own. */
async function firstPasses(works, buffers) {
  const passes = [];
  for (const [i, work] of works.entries()) {
    if (buffers) buffers.owner = String(i);
    passes.push(await timed(work));
  }
  return passes;
}

const owned = (works, buffers) =>
  works.map((work, i) => () => {
    if (buffers) buffers.owner = String(i);
    return work();
  });

async function countsOf(works, passes, batch) {
  const counts = [];
  for (const [i, work] of works.entries())
    counts.push(batch <= SMALL_BATCH || passes[i].ms < COUNT_BELOW_MS ? await counted(work) : null);
  return counts;
}

const msIn = (passes) => passes.reduce((sum, { ms }) => sum + ms, 0);

export const measures = {
  adapter: describeAdapter,
  settle,
  statistics,

  /** Threads that a CPU module may use here. */
  threads: () => (globalThis.crossOriginIsolated ? navigator.hardwareConcurrency : 1),

  /** Which layout ONNX Runtime is faster with on WebGPU, at batch 1. */
  async onnxLayout({ rounds }) {
    const layouts = ["NHWC", "NCHW"];
    const sessions = [];
    // One after the other: two sessions must not be made at once.
    for (const layout of layouts) sessions.push(await onnxForward({ device: "webgpu", n: 1, layout }));
    const works = sessions.map((session) => session.forward);
    for (const work of works) await work();
    const times = await alternate(works, rounds);
    for (const session of sessions) await session.release();
    const fastest = times[0].ms <= times[1].ms ? 0 : 1;
    return { layout: layouts[fastest], ms: Object.fromEntries(layouts.map((layout, i) => [layout, times[i].ms])) };
  },

  /** One forward pass of a peer alone, to see what a page must fetch for it. */
  async load({ device, peer, layout }) {
    const { name, forward } = await PEERS[peer]({ device, n: 1, layout });
    checkLogits(
      `${name} against PyTorch`,
      await forward(),
      (await goldenTensors())[`${NETWORK}.logits`].values.subarray(0, N_CLASSES),
    );
    return { name };
  },

  /** Forward passes of PreResNet-56: ours against the peers'. With more than one thread, both sides may use that many. */
  async forward({ device, simd, batch, threads = 1, peers, layout, rounds }) {
    const buffers = device === "webgpu" ? new BufferBytes() : null;
    const pixels = await batchOf(batch);
    if (buffers) buffers.owner = "0";
    const engine = await engineOf(device, [{ name: NETWORK }], { simd, threads });
    const theirs = [];
    for (const [i, peer] of peers.entries()) {
      if (buffers) buffers.owner = String(i + 1);
      theirs.push(await PEERS[peer]({ device, n: batch, threads, layout }));
    }
    const works = owned(
      [() => predict(engine, pixels, [NETWORK]), ...theirs.map(({ name, forward }) => ofPeer(name, forward))],
      buffers,
    );
    const passes = await firstPasses(works, buffers);
    const golden = (await goldenTensors())[`${NETWORK}.logits`].values;
    const ours = passes[0].result;
    const known = Math.min(golden.length, ours.length);
    checkLogits("ours against PyTorch", ours.subarray(0, known), golden.subarray(0, known));
    const differences = theirs.map(({ name }, i) => checkLogits(`ours against ${name}`, ours, passes[i + 1].result));
    const counts = device === "webgpu" ? await countsOf(works, passes, batch) : null;
    await warmUp(works, msIn(passes));
    const times = await alternate(works, rounds);
    for (const peer of theirs) await peer.release();
    const side = (i) => ({ ...times[i], counts: counts?.[i] ?? null, peakBytes: buffers?.of(String(i)).peak ?? null });
    return {
      build: buildOf(device, { simd, threads }),
      ours: side(0),
      peers: theirs.map(({ name }, i) => ({ name, difference: differences[i], ...side(i + 1) })),
    };
  },

  /**
   * Our forward passes of PreResNet-56 on WebGPU, dispatch by dispatch, beside what the adapter could do at best; and passes in which
   * nothing is timed within, by turns. Layers of a kind are summed.
   */
  async layers({ batch, isSoftware, rounds }) {
    const limits = await limitsOf(isSoftware);
    const pixels = await batchOf(batch);
    const engine = await engineOf("webgpu", [{ name: NETWORK }]);
    const layers = layersOf(readSafetensors(await networkFile(NETWORK)).tensors);
    const golden = (await goldenTensors())[`${NETWORK}.logits`].values;
    const pass = () => predict(engine, pixels, [NETWORK]);
    const passes = [];
    const profile = async () => {
      const { result, dispatches } = await profiled(pass, limits.clock);
      const known = Math.min(golden.length, result.length);
      checkLogits("the timed pass against PyTorch", result.subarray(0, known), golden.subarray(0, known));
      passes.push(dispatches);
    };
    await warmUp([pass, profile]);
    passes.length = 0;
    const [forward, timedWithin] = await alternate([pass, profile], rounds);
    const best = bestOf(limits, await limitsOf(isSoftware));
    return {
      build: buildOf("webgpu"),
      limits: best,
      forward,
      timedWithin,
      layers: summed(layers, passes, batch, best),
    };
  },

  /**
   * Steps of distilling a PreResNet-56 from a PreResNet-8: ours with that teacher's pass in it (a seventh of the student's), the
   * peer's with the teacher's logits given. `peer` is a backend of TensorFlow.js.
   */
  async step({ device, batch, threads = 1, peer, rounds }) {
    const pixels = await batchOf(batch);
    const engine = await engineOf(
      device,
      [
        { name: "teacher", file: SMALL },
        { name: "student", file: NETWORK, role: "student" },
      ],
      { threads },
    );
    const teacher = () => predict(engine, pixels, ["teacher"]);
    const settings = { temperature: 4, learningRate: 0.01, weightDecay: 1e-4 };
    // As many images as a batch has: each step sees all of them, in whatever order, so both sides' losses must be the same.
    const recipe = { ...settings, steps: 100_000, batchSize: batch, policy: "none", schedule: "constant" };
    const run = engine.distill(pixels, undefined, "student", "out", ["teacher"], recipe, undefined);
    const works = [async () => (await run.step()).loss];
    let theirs = null;
    if (peer) {
      const tf = await tensorflow(peer, threads);
      theirs = await tensorflowStep({
        tf,
        file: await networkFile(NETWORK),
        pixels,
        targets: await teacher(),
        ...settings,
      });
      works.push(ofPeer(theirs.name, theirs.step));
    }
    const first = await firstPasses(works);
    // The second step of each is counted: the first one also sets up what all use.
    const counts = [];
    const counting = works.map((work, i) => async () => {
      let loss;
      counts[i] = await counted(async () => (loss = await work()));
      return loss;
    });
    const passes = [first, await firstPasses(device === "webgpu" ? counting : works)];
    const lossesOf = (i) => passes.map((pass) => pass[i].result);
    const difference = theirs ? checkLosses(`steps of ours against ${theirs.name}`, lossesOf(0), lossesOf(1)) : null;
    await warmUp(works, msIn(passes[0]) + msIn(passes[1]));
    const times = await alternate([...works, teacher], rounds);
    run.free();
    const side = (i) => ({ ...times[i], counts: counts[i] ?? null });
    return {
      build: buildOf(device, { threads }),
      ours: side(0),
      peers: theirs ? [{ name: theirs.name, difference, ...side(1) }] : [],
      teacher: times.at(-1),
    };
  },

  /** Five networks and their ensemble in one call against five calls of one network. */
  async ensemble({ device, batch, rounds }) {
    const pixels = await batchOf(batch);
    const names = ["teacher0", "teacher1", "teacher2", "student0", "again"];
    const engine = await engineOf(
      device,
      names.map((name) => ({ name, file: name === "again" ? "teacher0" : name })),
    );
    const together = () => predict(engine, pixels, names, names);
    const apart = async () => {
      const all = [];
      for (const name of names) all.push(await predict(engine, pixels, [name]));
      return all;
    };
    const passes = await firstPasses([together, apart]);
    const { logits, ensemble } = passes[0].result;
    const singles = passes[1].result;
    singles.forEach((single, i) =>
      checkLogits(
        `${names[i]} in the ensemble and alone`,
        logits.subarray(i * single.length, (i + 1) * single.length),
        single,
      ),
    );
    const difference = largestDifference(ensemble, meanLogProbabilities(singles));
    if (!(difference <= 1e-4)) throw new Error(`the ensemble's log-probabilities differ by up to ${difference}`);
    const counts = device === "webgpu" ? await countsOf([together, apart], passes, batch) : null;
    await warmUp([together, apart], msIn(passes));
    const times = await alternate([together, apart], rounds);
    const side = (i) => ({ ...times[i], counts: counts?.[i] ?? null });
    return {
      build: buildOf(device),
      ours: side(0),
      peers: [{ name: "five single passes of ours", difference, ...side(1) }],
    };
  },

  /** A whole evaluation of `n` images (whole copies of the samples) by five teachers and a student, through the public API. */
  async evaluate({ device, n, rounds }) {
    const names = ["teacher0", "teacher1", "teacher2", "again0", "again1"];
    const networks = names.map((name) => ({ name, file: name.replace("again", "teacher") }));
    const lab = await labOf(device, [...networks, { name: "student0", role: "student" }]);
    const evaluate = (pixels, labels) => lab.evaluate(pixels, labels, { teachers: names, student: "student0" });
    const [pixels, labels] = [await batchOf(n), await labelsOf(n)];
    const expected = (await goldenMetrics()).first[N_SAMPLES].student0;
    const check = ({ nImages, models, students }) => {
      const { accuracy, top5Accuracy, nll, ece } = models.student0;
      checkFigures(
        "the evaluation",
        { n: nImages, acc: accuracy, top5: top5Accuracy, nll, ece },
        { n, ...pick(expected, ["acc", "top5", "nll", "ece"]) },
        1e-3,
      );
      if (!(students.student0.agreement > 0 && students.student0.kl > 0))
        throw new Error("the evaluation has no fidelity");
    };
    if (n % N_SAMPLES) throw new Error(`${n} images are not whole copies of the ${N_SAMPLES} samples`);
    if (n > N_SAMPLES) await evaluate(pixels.subarray(0, N_SAMPLES * 3072), labels.subarray(0, N_SAMPLES));
    const [time] = await alternate([async () => check(await evaluate(pixels, labels))], rounds);
    lab.dispose();
    return { build: buildOf(device), ours: time, peers: [] };
  },

  /**
   * Bytes of GPU buffers while a PreResNet-8 is distilled at batch 2: after each of `marks` steps, and the peak. Ends early when
   * `ms` is up.
   */
  async buffers({ marks, ms }) {
    const buffers = new BufferBytes();
    const engine = await engineOf("webgpu", [
      { name: "teacher", file: SMALL },
      { name: "student", file: SMALL, role: "student" },
    ]);
    const recipe = { steps: marks.at(-1), batchSize: 2, schedule: "constant" };
    const run = engine.distill(await batchOf(N_SAMPLES), undefined, "student", "out", ["teacher"], recipe, undefined);
    const after = [];
    const start = performance.now();
    let steps = 0;
    while (steps < marks.at(-1) && performance.now() - start < ms) {
      const { loss } = await run.step();
      if (!Number.isFinite(loss)) throw new Error(`step ${steps} has the loss ${loss}`);
      if (marks.includes(++steps)) after.push({ steps, bytes: buffers.of("").live });
    }
    run.free();
    return {
      build: buildOf("webgpu"),
      after,
      peak: buffers.of("").peak,
      steps,
      msPerStep: (performance.now() - start) / steps,
    };
  },
};

const pick = (object, names) => Object.fromEntries(names.map((name) => [name, object[name]]));

/** Log of the mean of the members' probabilities, [n, classes]. */
function meanLogProbabilities(members) {
  const out = new Float32Array(members[0].length);
  for (let row = 0; row < out.length; row += N_CLASSES) {
    const probabilities = new Float64Array(N_CLASSES);
    for (const logits of members) {
      const values = logits.subarray(row, row + N_CLASSES);
      const largest = Math.max(...values);
      const exps = Array.from(values, (value) => Math.exp(value - largest));
      const sum = exps.reduce((a, b) => a + b);
      exps.forEach((value, i) => (probabilities[i] += value / sum / members.length));
    }
    out.set(probabilities.map(Math.log), row);
  }
  return out;
}
