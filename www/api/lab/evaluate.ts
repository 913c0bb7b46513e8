import type { EvaluateOptions, EvaluationReport } from "./types.js";
import { LabError } from "../wasm/errors.js";
import { defaultBatchSize, type LabContext } from "./context.js";
import { yieldToEvents } from "../wasm/yield.js";

/** Options that only `LabClient` sets. It keeps the snapshot of each batch, and resumes from the last one after a lost device. */
export interface ResumableEvaluateOptions extends EvaluateOptions {
  onSnapshot?: (snapshot: string) => void;
  snapshot?: string;
}

export async function evaluate(
  lab: LabContext,
  pixels: Uint8Array,
  labels: Uint8Array | null,
  options: ResumableEvaluateOptions,
): Promise<EvaluationReport> {
  const batchSize = options.batchSize ?? defaultBatchSize(lab.device);
  if (!Number.isInteger(batchSize) || batchSize < 1 || batchSize > 1024)
    throw new LabError("bad_argument", `batchSize is ${batchSize}; it must be a whole number from 1 to 1024`);
  const students = typeof options.student === "string" ? [options.student] : options.student;
  const run = lab.own(
    lab.engine.evaluate(pixels, labels ?? undefined, options.teachers, students, batchSize, options.snapshot),
  );
  const nTotal = run.nImages;
  let nDone = run.report().nImages;
  const nBefore = nDone;
  let started = performance.now();
  while (nDone < nTotal && !options.signal?.aborted) {
    await yieldToEvents();
    const now = await lab.guard(run.advance());
    if (now === nDone) continue;
    nDone = now;
    options.onSnapshot?.(run.snapshot());
    const secondsGone = (performance.now() - started) / 1000;
    const paused = options.onProgress?.({
      nDone,
      nTotal,
      imagesPerSecond: (nDone - nBefore) / secondsGone,
      report: run.report(),
    });
    if (paused) {
      const before = performance.now();
      await lab.guard(paused);
      started += performance.now() - before;
    }
  }
  return run.report();
}
