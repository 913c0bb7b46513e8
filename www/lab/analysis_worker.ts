/** The Worker behind `AnalysisClient`: one `Analysis`. */
import { Analysis } from "./analysis.js";
import type { FromAnalysis, ToAnalysis } from "./analysis_protocol.js";
import { LabError } from "./errors.js";

let analysis: Analysis | null = null;
const running = new Map<number, AbortController>();

function post(message: FromAnalysis, transfer: Transferable[] = []): void {
  (self as unknown as { postMessage(message: FromAnalysis, transfer: Transferable[]): void }).postMessage(message, transfer);
}

function plain(error: unknown) {
  const { code, message } = LabError.from(error);
  return { code, message };
}

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

/** The buffers of a result, which move instead of being copied. */
function buffersOf(value: unknown): ArrayBuffer[] {
  const parts = typeof value === "object" && value !== null ? Object.values(value) : [];
  return parts.filter((part) => ArrayBuffer.isView(part)).map((part) => part.buffer as ArrayBuffer);
}
