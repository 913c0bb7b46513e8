/** What is asked of WebGPU, counted at the API itself, whoever calls it. */

export const findAdapter = () => navigator.gpu?.requestAdapter({ powerPreference: "high-performance" });

export async function describeAdapter() {
  const adapter = await findAdapter();
  if (!adapter) return null;
  const { vendor, architecture, description, isFallbackAdapter } = adapter.info;
  const name = [vendor, architecture, description].filter(Boolean).join(" ");
  return {
    name,
    isSoftware: Boolean(isFallbackAdapter) || /swiftshader|llvmpipe|lavapipe|software|basic render/i.test(name),
  };
}

/** Resolves when the GPU has nothing left to do. */
export async function settle() {
  const adapter = await findAdapter();
  if (!adapter) return;
  const device = await adapter.requestDevice();
  device.queue.submit([]);
  await device.queue.onSubmittedWorkDone();
  device.destroy();
}

/** Puts `around(original)` in a method's place; returns what puts it back. */
export function wrap(prototype, method, around) {
  const original = prototype[method];
  prototype[method] = around(original);
  return () => {
    prototype[method] = original;
  };
}

const COUNTED = () => [
  ["submits", GPUQueue.prototype, "submit"],
  ["dispatches", GPUComputePassEncoder.prototype, "dispatchWorkgroups"],
  ["dispatches", GPUComputePassEncoder.prototype, "dispatchWorkgroupsIndirect"],
  ["readbacks", GPUBuffer.prototype, "mapAsync"],
  ["writes", GPUQueue.prototype, "writeBuffer"],
];

/** How often each is called while `work` runs. The methods are as they were outside of that, so nothing is timed with them. */
export async function counted(work) {
  const counts = { dispatches: 0, submits: 0, readbacks: 0, writes: 0 };
  const restore = COUNTED().map(([what, prototype, method]) =>
    wrap(
      prototype,
      method,
      (original) =>
        function (...args) {
          // A buffer mapped for writing is an upload.
          counts[method === "mapAsync" && !(args[0] & GPUMapMode.READ) ? "writes" : what]++;
          return original.apply(this, args);
        },
    ),
  );
  try {
    await work();
  } finally {
    restore.forEach((undo) => undo());
  }
  return counts;
}

/**
 * Follows the bytes of all GPU buffers from now on: made, and neither destroyed nor collected as garbage. What is made while
 * `owner` has a name is counted for that name.
 */
export class BufferBytes {
  owner = "";
  #sums = new Map();

  constructor() {
    const entries = new WeakMap();
    const collected = new FinalizationRegistry((entry) => this.#drop(entry));
    const add = (buffer, size) => {
      const sum = this.of(this.owner);
      const entry = { sum, size, isGone: false };
      entries.set(buffer, entry);
      collected.register(buffer, entry);
      sum.live += size;
      sum.peak = Math.max(sum.peak, sum.live);
    };
    const remove = (buffer) => entries.has(buffer) && this.#drop(entries.get(buffer));
    wrap(
      GPUDevice.prototype,
      "createBuffer",
      (original) =>
        function (...args) {
          const buffer = original.apply(this, args);
          add(buffer, args[0].size);
          return buffer;
        },
    );
    wrap(
      GPUBuffer.prototype,
      "destroy",
      (original) =>
        function (...args) {
          remove(this);
          return original.apply(this, args);
        },
    );
  }

  #drop(entry) {
    if (entry.isGone) return;
    entry.isGone = true;
    entry.sum.live -= entry.size;
  }

  /** `{ live, peak }` of an owner. */
  of(owner) {
    if (!this.#sums.has(owner)) this.#sums.set(owner, { live: 0, peak: 0 });
    return this.#sums.get(owner);
  }
}
