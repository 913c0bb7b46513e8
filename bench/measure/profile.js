/**
 * How long each dispatch of somebody's compute passes takes: every dispatch is given a pass of its own, in the place where it was
 * recorded, so that submits and results stay what they are.
 */
import { wrap } from "./gpu.js";

/** Dispatches that are timed in one go. */
const MOST = 1024;
/** Browsers round timestamps, by default to 100 us, which is more than a layer takes on a graphics card. */
const COARSE_NS = 10_000n;

/** A compute pass that hands each dispatch to a clock, with the state that it is recorded with. */
class TimedPass {
  #encoder;
  #clock;
  #pipeline = null;
  #groups = new Map();

  constructor(encoder, clock) {
    this.#encoder = encoder;
    this.#clock = clock;
  }

  setPipeline(pipeline) {
    this.#pipeline = pipeline;
  }

  setBindGroup(index, group, offsets = [], start = 0, length = offsets.length) {
    // What offsets are in is memory of wasm, whose stack holds something else at the time of the dispatch.
    this.#groups.set(index, [group, Array.from(offsets).slice(start, start + length)]);
  }

  dispatchWorkgroups(...workgroups) {
    const pipeline = this.#pipeline;
    this.#clock.dispatch(this.#encoder, pipeline.label, (pass) => {
      pass.setPipeline(pipeline);
      for (const [index, [group, offsets]] of this.#groups) pass.setBindGroup(index, group, offsets);
      pass.dispatchWorkgroups(...workgroups);
    });
  }

  end() {}
}

/** The device's own clock. */
class Timestamps {
  #device;
  #queries;
  #labels = [];

  constructor(device) {
    this.#device = device;
    this.#queries = device.createQuerySet({ type: "timestamp", count: 2 * MOST });
  }

  dispatch(encoder, label, record) {
    const begin = 2 * this.#labels.push(label) - 2;
    if (begin >= 2 * MOST) throw new Error(`more than ${MOST} dispatches cannot be timed`);
    const timestampWrites = {
      querySet: this.#queries,
      beginningOfPassWriteIndex: begin,
      endOfPassWriteIndex: begin + 1,
    };
    const pass = GPUCommandEncoder.prototype.beginComputePass.call(encoder, { timestampWrites });
    record(pass);
    pass.end();
  }

  /** Nothing waits for what is recorded. */
  around() {
    return [];
  }

  /** `{ label, ms }` of each dispatch, and whether the clock is too coarse for layers. */
  async read() {
    const [device, n] = [this.#device, 2 * this.#labels.length];
    const [resolved, read] = [
      GPUBufferUsage.QUERY_RESOLVE | GPUBufferUsage.COPY_SRC,
      GPUBufferUsage.COPY_DST | GPUBufferUsage.MAP_READ,
    ].map((usage) => device.createBuffer({ size: 8 * n, usage }));
    const encoder = device.createCommandEncoder();
    encoder.resolveQuerySet(this.#queries, 0, n, resolved, 0);
    encoder.copyBufferToBuffer(resolved, 0, read, 0, 8 * n);
    device.queue.submit([encoder.finish()]);
    await read.mapAsync(GPUMapMode.READ);
    const times = new BigUint64Array(read.getMappedRange().slice(0));
    for (const made of [resolved, read, this.#queries]) made.destroy();
    const dispatches = this.#labels.map((label, i) => {
      // A pass may begin before the one that it waits for has ended.
      const [before, begin, end] = [i > 0 ? times[2 * i - 1] : 0n, times[2 * i], times[2 * i + 1]];
      return { label, ms: Number(end - (before > begin ? before : begin)) / 1e6 };
    });
    return { dispatches, isCoarse: times.reduce(divisor) >= COARSE_NS };
  }
}

/** The greatest number that divides both; what a clock is rounded to divides all its times. */
function divisor(a, b) {
  while (b) [a, b] = [b, a % b];
  return a;
}

/** For want of a better clock: each dispatch is submitted alone and waited for, and what an empty submit takes is taken off. */
class Submits {
  #device;
  #dispatches = [];
  #work;
  #emptyMs = 0;

  constructor(device) {
    this.#device = device;
    this.#work = this.#time([])
      .then(() => this.#time([]))
      .then((ms) => {
        this.#emptyMs = ms;
      });
  }

  async #time(commands) {
    const start = performance.now();
    submit.call(this.#device.queue, commands);
    await this.#device.queue.onSubmittedWorkDone();
    return performance.now() - start;
  }

  dispatch(_, label, record) {
    const encoder = createCommandEncoder.call(this.#device);
    const pass = encoder.beginComputePass();
    record(pass);
    pass.end();
    const commands = [encoder.finish()];
    this.#work = this.#work.then(async () => {
      this.#dispatches.push({ label, ms: Math.max(0, (await this.#time(commands)) - this.#emptyMs) });
    });
  }

  /** What was submitted or is read after a dispatch waits for it. */
  around() {
    const clock = this;
    const later = (original) =>
      function (...args) {
        return (clock.#work = clock.#work.then(() => original.apply(this, args)));
      };
    return [wrap(GPUQueue.prototype, "submit", later), wrap(GPUBuffer.prototype, "mapAsync", later)];
  }

  async read() {
    await this.#work;
    return { dispatches: this.#dispatches, isCoarse: false };
  }
}

const { submit } = globalThis.GPUQueue?.prototype ?? {};
const { createCommandEncoder } = globalThis.GPUDevice?.prototype ?? {};

export const TIMESTAMPS = "timestamps";
const CLOCKS = { [TIMESTAMPS]: Timestamps, submits: Submits };

/** Runs `work` and times the dispatches that it records on one device; `kind` names a clock. */
export async function profiled(work, kind) {
  let clock = null;
  const restore = [];
  restore.push(
    wrap(
      GPUDevice.prototype,
      "createCommandEncoder",
      (original) =>
        function (...args) {
          if (!clock) {
            clock = new CLOCKS[kind](this);
            restore.push(...clock.around());
          }
          const encoder = original.apply(this, args);
          encoder.beginComputePass = () => new TimedPass(encoder, clock);
          return encoder;
        },
    ),
  );
  let result;
  try {
    result = await work();
  } finally {
    restore.forEach((undo) => undo());
  }
  if (!clock) throw new Error("nothing was recorded that could be timed");
  return { result, ...(await clock.read()) };
}

/** The clock to take on a device that has timestamps, unless they are too coarse. */
export const clockFor = (device, isCoarse) =>
  device.features.has("timestamp-query") && !isCoarse ? TIMESTAMPS : "submits";
