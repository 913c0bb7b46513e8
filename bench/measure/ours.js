/**
 * This project's side.
 *
 * Forward passes and steps go through the engine and not through `Lab`, which would cut a batch into smaller ones on a slow
 * device and would not let steps take turns with another's.
 */
import init, { Lab } from "../../pkg/fidelity_lab.js";
import { acquireEngine, loadEngine } from "../../pkg/lab/engine.js";
import { hasRelaxedSimd } from "../../pkg/wasm/simd.js";
import { IMAGE_BYTES, networkFile } from "./data.js";
import { urlOf } from "./files.js";

/** An engine with networks of tests/golden (or `small`), `[{ name, file, role }]`. With more than one of `threads`, in a Worker. */
export function engineOf(device, networks, { simd, threads = 1 } = {}) {
  return threads > 1 ? EngineInWorker.open(networks, threads) : engineHere(device, networks, { simd, threads });
}

/** The module that visitors of this browser get, or the one that every browser takes where `simd` is "plain". */
export async function engineHere(device, networks, { simd, threads = 1 }) {
  const { module, threads: found } = isPlain(device, simd)
    ? { ...(await loadEngine("cpu")), threads: { n: 1 } }
    : await acquireEngine(device, threads);
  if (found.n !== threads) throw new Error(`ours runs ${found.n} threads instead of ${threads}`);
  const engine = await module.Engine.create();
  for (const { name, file = name, role = "teacher" } of networks) engine.loadModel(await networkFile(file), role, name);
  return engine;
}

/** Logits of the models, in one batch. */
export function predict(engine, pixels, models, teachers = []) {
  return engine instanceof EngineInWorker
    ? engine.call("predict", { pixels, models, teachers })
    : predictHere(engine, pixels, models, teachers);
}

export async function predictHere(engine, pixels, models, teachers) {
  const run = engine.predict(pixels, models, teachers, pixels.length / IMAGE_BYTES);
  try {
    while (!(await run.advance()));
    const result = run.finish();
    const { logits, ensemble } = result;
    result.free();
    return teachers.length > 0 ? { logits, ensemble } : logits;
  } finally {
    run.free();
  }
}

/** What the measurements ask of an engine, asked of one in a Worker. */
class EngineInWorker {
  #worker = new Worker(urlOf("bench/measure/worker.js"), { type: "module" });
  #nCalls = 0;

  static async open(networks, threads) {
    const engine = new EngineInWorker();
    await engine.call("open", { networks, threads });
    return engine;
  }

  call(method, argument) {
    const id = ++this.#nCalls;
    return new Promise((resolve, reject) => {
      const worker = this.#worker;
      worker.addEventListener("error", (event) => reject(new Error(event.message || "the Worker could not start")));
      worker.addEventListener("message", function answer({ data }) {
        if (data.id !== id) return;
        worker.removeEventListener("message", answer);
        if (data.error === undefined) resolve(data.result);
        else reject(new Error(data.error));
      });
      worker.postMessage({ id, method, argument });
    });
  }

  distill(...settings) {
    // A failure comes again as the first step's, which finds no run.
    this.call("distill", settings).catch(() => undefined);
    return { step: () => this.call("step"), free: () => undefined };
  }
}

/** A lab of the public API with networks loaded. */
export async function labOf(device, networks) {
  await init();
  const lab = await Lab.create({ device });
  if (lab.device.kind !== device) throw new Error(`this runs on ${lab.device.kind}, not on ${device}`);
  for (const { name, file = name, role = "teacher" } of networks)
    await lab.loadModel(await networkFile(file), { role, name });
  return lab;
}

function isPlain(device, simd) {
  return device === "cpu" && (simd === "plain" || !hasRelaxedSimd());
}

/** What a row says of our module. */
export function buildOf(device, { simd, threads = 1 } = {}) {
  return { threads, simd: device === "webgpu" || isPlain(device, simd) ? "plain" : "relaxed" };
}
