/** What is measured where, and how often. Batches grow, so that each tells how long the next will take. */

const MINUTE = 60_000;

export function planOf({ quick, adapter, devices }) {
  const isSlow = (device) => device === "webgpu" && adapter.isSoftware;
  return {
    limitMs: (quick ? 10 : 60) * MINUTE,
    devices,
    rounds(device) {
      if (isSlow(device)) return { least: quick ? 1 : 3, most: 3, ms: quick ? 20_000 : 0 };
      return { least: 3, most: quick ? 9 : 25, ms: quick ? 5_000 : 20_000 };
    },
    /** Large batches on a software adapter come last: they may not fit. */
    forward: {
      first: (device) => (isSlow(device) ? [1, 16] : quick ? [1, 16, 64] : [1, 16, 64, 256]),
      last: (device) => (isSlow(device) && !quick ? [64] : []),
    },
    /** With the module of browsers without relaxed SIMD. */
    plainSimd: quick ? [16] : [1, 16, 64],
    threaded: { forward: [1, 16, 64], step: [16] },
    step: (device) => (isSlow(device) || quick ? [2, 16] : [2, 16, 64, 128]),
    /** TensorFlow.js's plain JavaScript takes tens of seconds an image, and is the only backend of its that trains without help on the CPU. */
    plainStep: quick ? [] : [2],
    ensemble: (device) => (isSlow(device) ? (quick ? [1] : [1, 16]) : [1, 16, ...(device === "webgpu" ? [64] : [])]),
    /** Layer by layer; some rounds, as a layer is soon disturbed. */
    layers: {
      batches: adapter.isSoftware ? [16] : [64, 256],
      rounds: { least: quick ? 3 : 5, most: quick ? 9 : 25, ms: quick ? 3_000 : 10_000 },
    },
    statistics: { least: 3, most: quick ? 10 : 30, ms: quick ? 2000 : 6000 },
    evaluateMs: quick ? 15_000 : 60_000,
    firstPrediction: { rounds: (device) => (isSlow(device) && quick ? 1 : 3) },
    /** Compressing ONNX Runtime's module takes minutes. */
    peerDownloads: !quick,
    memory: { marks: [10, 100, 1000], ms: (quick ? 2.5 : 12) * MINUTE },
  };
}

/** The time that is left, and what an image takes as far as is known. */
export class Pace {
  #start = performance.now();
  #msPerImage = new Map();

  constructor(limitMs) {
    this.limitMs = limitMs;
  }

  get leftMs() {
    return this.limitMs - (performance.now() - this.#start);
  }

  note(what, msPerImage) {
    this.#msPerImage.set(what, msPerImage);
  }

  msPerImage(what) {
    return this.#msPerImage.get(what);
  }

  /** Why `n` images of what was noted do not fit; null where they do or nothing is known of them. */
  refusal(what, n) {
    if (this.leftMs <= 0) return "the time is up";
    const predicted = (this.msPerImage(what) ?? 0) * n;
    const minutes = (ms) => `${(ms / MINUTE).toFixed(1)} min`;
    return predicted > this.leftMs ? `it would take ${minutes(predicted)}, ${minutes(this.leftMs)} are left` : null;
  }
}
