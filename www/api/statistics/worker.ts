/** The Worker behind `AnalysisClient`: one `Analysis`. */
import { Analysis } from "./analysis.js";
import type { CkaInterface } from "./types.js";
import type { AnalysisCall, AnalysisProtocol } from "./protocol.js";
import { LabError } from "../wasm/errors.js";
import { serve, type CallContext } from "../workers/worker_host.js";

const alignments = new Map<number, CkaInterface>();

serve<AnalysisProtocol, Analysis>({
  create: (options) => Analysis.create(options),
  ready: () => undefined,
  perform,
});

/** The client's types have checked the arguments. */
async function perform(
  on: Analysis,
  { method, args, watched }: AnalysisCall,
  { signal, tell }: CallContext<AnalysisProtocol>,
): Promise<unknown> {
  const key = args[0] as number;
  switch (method) {
    case "questions":
      return on.questions;
    case "ckaCreate":
      return void alignments.set(key, await on.cka());
    case "ckaPush": {
      const [first, second, n] = args.slice(1) as [Float32Array, Float32Array, number];
      const alignment = alignments.get(key);
      if (!alignment)
        throw new LabError(
          "internal",
          "the statistics were started anew, and the batches pushed so far are lost; begin a new alignment",
        );
      return alignment.push(first, second, n, { signal });
    }
    case "ckaFree":
      alignments.get(key)?.free();
      return void alignments.delete(key);
    case "add":
    case "remove":
      return (on[method] as (...args: unknown[]) => Promise<void>)(...args);
    default: {
      const options = { ...(args[0] as object), signal, ...(watched && { onProgress: tell }) };
      return (on[method] as (options: unknown) => Promise<unknown>)(options);
    }
  }
}
