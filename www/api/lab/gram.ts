import type { Gram, GramOptions } from "./types.js";
import { defaultBatchSize, type LabContext } from "./context.js";
import { LabError } from "../wasm/errors.js";
import { yieldToEvents } from "../wasm/yield.js";

export async function gram(lab: LabContext, pixels: Uint8Array, n: number, options: GramOptions): Promise<Gram> {
  const run = lab.own(lab.engine.gram(pixels, options.models, defaultBatchSize(lab.device)));
  for (let done = false; !done; ) {
    await yieldToEvents();
    if (options.signal?.aborted)
      throw new LabError("cancelled", "the call was aborted before its matrices were complete");
    done = await lab.guard(run.advance());
    const paused = options.onProgress?.({ done: run.progress() });
    if (paused) await lab.guard(paused);
  }
  const result = run.finish();
  const { models, values } = result;
  result.free();
  return { models, nImages: n, nStages: values.length / (models.length * n * n), values };
}
