/** The Worker's side of `WorkerClient`: serves calls that may overlap. */
import { LabError } from "../wasm/errors.js";
import type { FromWorker, PlainError, Protocol, ToWorker } from "./protocol.js";

/** What a Worker works with, such as a `Lab`. */
interface Engine<P extends Protocol> {
  models: P["model"][];
  /** Rejects if the device is lost or the module dies. */
  whenEnded: Promise<never>;
}

/** What one call may use. */
export interface CallContext<P extends Protocol> {
  signal: AbortSignal;
  /** Reports an event. */
  tell: (event: P["event"]) => void;
  /** Reports an event and waits for the caller's answer. */
  ask: (event: P["event"]) => Promise<void>;
}

export interface WorkerHost<P extends Protocol, E extends Engine<P>> {
  create: (options: P["create"]) => Promise<E>;
  ready: (engine: E) => P["ready"];
  perform: (engine: E, call: P["call"], context: CallContext<P>) => Promise<unknown>;
}

/** Serves this Worker's messages for as long as it lives. */
export function serve<P extends Protocol, E extends Engine<P>>(host: WorkerHost<P, E>): void {
  let engine: E | null = null;
  let nEvents = 0;
  const running = new Map<number, AbortController>();
  const answers = new Map<number, () => void>();

  const create = async (options: P["create"]) => {
    try {
      engine = await host.create(options);
      engine.whenEnded.catch((error: unknown) => post<P>({ type: "ended", error: plain(error) }));
      post<P>({ type: "ready", value: host.ready(engine) });
    } catch (error) {
      post<P>({ type: "ended", error: plain(error) });
    }
  };

  const run = async (id: number, call: P["call"]) => {
    const abort = new AbortController();
    running.set(id, abort);
    const tell = (value: P["event"]) => post<P>({ type: "event", id, event: ++nEvents, value });
    const ask = (value: P["event"]) =>
      new Promise<void>((resolve) => {
        tell(value);
        answers.set(nEvents, resolve);
      });
    try {
      if (!engine) throw new LabError("internal", "a call came before the Worker was ready");
      const value = await host.perform(engine, call, { signal: abort.signal, tell, ask });
      post<P>({ type: "result", id, value, models: engine.models }, buffersOf(value));
    } catch (error) {
      post<P>({ type: "error", id, error: plain(error) });
    } finally {
      running.delete(id);
    }
  };

  self.addEventListener("message", ({ data }: MessageEvent<ToWorker<P>>) => {
    if (data.type === "create") void create(data.options);
    else if (data.type === "call") void run(data.id, data.call);
    else if (data.type === "abort") running.get(data.id)?.abort();
    else if (data.type === "answer") {
      answers.get(data.event)?.();
      answers.delete(data.event);
    }
  });
}

function post<P extends Protocol>(message: FromWorker<P>, transfer: Transferable[] = []): void {
  (self as unknown as { postMessage(message: object, transfer: Transferable[]): void }).postMessage(message, transfer);
}

function plain(error: unknown): PlainError {
  const { code, message } = LabError.from(error);
  return { code, message };
}

/** The buffers of a result, which move instead of being copied. */
function buffersOf(value: unknown): ArrayBuffer[] {
  const parts = ArrayBuffer.isView(value)
    ? [value]
    : typeof value === "object" && value !== null
      ? Object.values(value)
      : [];
  return parts.filter((part) => ArrayBuffer.isView(part)).map((part) => part.buffer as ArrayBuffer);
}
