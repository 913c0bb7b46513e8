/** The Worker behind `AnalysisClient`: one `Analysis`. */
import { Analysis } from "./analysis.js";
import type { FromAnalysis, ToAnalysis } from "./analysis_protocol.js";
import { LabError } from "./errors.js";
import { buffersOf, plain, postFromWorker } from "./messages.js";

let analysis: Analysis | null = null;
const running = new Map<number, AbortController>();

const post: (message: FromAnalysis, transfer?: Transferable[]) => void = postFromWorker;

self.addEventListener("message", ({ data }: MessageEvent<ToAnalysis>) => {
  if (data.type === "create") void create(data);
  else if (data.type === "call") void run(data);
  else running.get(data.id)?.abort();
});

async function create({ options }: Extract<ToAnalysis, { type: "create" }>): Promise<void> {
  try {
    analysis = await Analysis.create(options);
    post({ type: "ready" });
  } catch (error) {
    post({ type: "failed", error: plain(error) });
  }
}

async function run({ id, method, args }: Extract<ToAnalysis, { type: "call" }>): Promise<void> {
  const abort = new AbortController();
  running.set(id, abort);
  try {
    if (!analysis) throw new LabError("internal", "a call came before the statistics were ready");
    // The client's types have checked the arguments; `add` and `remove` take no signal.
    const call = analysis[method] as (this: Analysis, ...args: unknown[]) => Promise<unknown>;
    const hasOptions = method !== "add" && method !== "remove";
    const value = await call.apply(analysis, hasOptions ? [{ ...(args[0] as object), signal: abort.signal }] : args);
    post({ type: "result", id, value, models: analysis.models }, buffersOf(value));
  } catch (error) {
    post({ type: "error", id, error: plain(error) });
  } finally {
    running.delete(id);
  }
}
