/**
 * This project's side.
 *
 * Forward passes and steps go through the engine and not through `Lab`, which would cut a batch into smaller ones on a slow
 * device and would not let steps take turns with another's.
 */
import init, { Lab } from "../../pkg/fidelity_lab.js";
import { loadEngine } from "../../pkg/engine.js";
import { moduleFor } from "../../pkg/simd.js";
import { IMAGE_BYTES, networkFile } from "./data.js";

/** An engine with networks of tests/golden (or `small`), `[{ name, file, role }]`. */
export async function engineOf(device, networks, simd) {
  const { module } = await loadEngine(moduleOf(device, simd));
  const engine = await module.Engine.create();
  for (const { name, file = name, role = "teacher" } of networks) engine.loadModel(await networkFile(file), role, name);
  return engine;
}

/** Logits of the models, in one batch. */
export async function predict(engine, pixels, models, teachers = []) {
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

/** A lab of the public API with networks loaded. */
export async function labOf(device, networks) {
  await init();
  const lab = await Lab.create({ device });
  if (lab.device.kind !== device) throw new Error(`this runs on ${lab.device.kind}, not on ${device}`);
  for (const { name, file = name, role = "teacher" } of networks) await lab.loadModel(await networkFile(file), { role, name });
  return lab;
}

/** The module that visitors of this browser get, or the one that every browser takes where `simd` is "plain". */
function moduleOf(device, simd) {
  return device === "cpu" && simd === "plain" ? "cpu" : moduleFor(device);
}

/** What a row says of our module. */
export function buildOf(device, simd) {
  return { threads: 1, simd: moduleOf(device, simd) === "cpu_relaxed" ? "relaxed" : "plain" };
}
