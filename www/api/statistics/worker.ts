/** The Worker behind `AnalysisClient`: one `Analysis`. */
import { Analysis } from "./analysis.js";
import type { CkaInterface } from "./types.js";
import type { AnalysisCall, FromAnalysis, ToAnalysis } from "./protocol.js";
import { LabError } from "../wasm/errors.js";
import { buffersOf, plain, postFromWorker } from "../workers/messages.js";

let analysis: Analysis | null = null;
const running = new Map<number, AbortController>();
const alignments = new Map<number, CkaInterface>();

const post: (message: FromAnalysis, transfer?: Transferable[]) => void = postFromWorker;

self.addEventListener("message", ({ data }: MessageEvent<ToAnalysis>) => {
  if (data.type === "create") void create(data);
  else if (data.type === "call") void run(data.id, data);
  else if (data.type === "abort") running.get(data.id)?.abort();
});

async function create({ options }: Extract<ToAnalysis, { type: "create" }>): Promise<void> {
  try {
    analysis = await Analysis.create(options);
    analysis.whenEnded.catch((error: unknown) => post({ type: "ended", error: plain(error) }));
    post({ type: "ready" });
  } catch (error) {
    post({ type: "failed", error: plain(error) });
  }
}

async function run(id: number, call: AnalysisCall): Promise<void> {
  const abort = new AbortController();
  running.set(id, abort);
  try {
    if (!analysis) throw new LabError("internal", "a call came before the statistics were ready");
    const value = await perform(analysis, id, call, abort.signal);
    post({ type: "result", id, value, models: analysis.models }, buffersOf(value));
  } catch (error) {
    post({ type: "error", id, error: plain(error) });
  } finally {
    running.delete(id);
  }
}

/** The client's types have checked the arguments. */
async function perform(
  on: Analysis,
  id: number,
  { method, args, watched }: AnalysisCall,
  signal: AbortSignal,
): Promise<unknown> {
  const key = args[0] as number;
  switch (method) {
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
      const onProgress = (value: { nDone: number; nTotal: number }) => post({ type: "progress", id, value });
      const options = { ...(args[0] as object), signal, ...(watched && { onProgress }) };
      return (on[method] as (options: unknown) => Promise<unknown>)(options);
    }
  }
}
