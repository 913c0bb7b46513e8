/** The Worker behind `LabClient`: one `Lab`, and calls that may overlap. */
import { Lab } from "./lab.js";
import type { ResumableDistillOptions } from "./distill.js";
import { LabError } from "../wasm/errors.js";
import { buffersOf, plain, postFromWorker } from "../workers/messages.js";
import type { Call, EventName, FromWorker, ToWorker } from "./protocol.js";

let lab: Lab | null = null;
let nEvents = 0;
const running = new Map<number, AbortController>();
const answers = new Map<number, () => void>();

const post: (message: FromWorker, transfer?: Transferable[]) => void = postFromWorker;

self.addEventListener("message", ({ data }: MessageEvent<ToWorker>) => {
  if (data.type === "create") void create(data);
  else if (data.type === "call") void run(data.id, data.call);
  else if (data.type === "abort") running.get(data.id)?.abort();
  else if (data.type === "answer") {
    answers.get(data.event)?.();
    answers.delete(data.event);
  }
});

async function create({ device, threads }: Extract<ToWorker, { type: "create" }>): Promise<void> {
  try {
    lab = await Lab.create({ device, ...(threads !== undefined && { threads }) });
    post({ type: "ready", device: lab.device });
  } catch (error) {
    post({ type: "ended", error: plain(error) });
    return;
  }
  lab.whenEnded.catch((error: unknown) => post({ type: "ended", error: plain(error) }));
}

async function run(id: number, call: Call): Promise<void> {
  const abort = new AbortController();
  running.set(id, abort);
  try {
    if (!lab) throw new LabError("internal", "a call came before the device was ready");
    const value = await perform(lab, id, call, abort.signal);
    post({ type: "result", id, value, models: lab.models }, buffersOf(value));
  } catch (error) {
    post({ type: "error", id, error: plain(error) });
  } finally {
    running.delete(id);
  }
}

function perform(on: Lab, id: number, call: Call, signal: AbortSignal): Promise<unknown> {
  const tell = (name: EventName) => (value: unknown) => post({ type: "event", id, event: ++nEvents, name, value });
  const ask = (value: unknown) =>
    new Promise<void>((resolve) => {
      answers.set(nEvents + 1, resolve);
      tell("progress")(value);
    });
  switch (call.method) {
    case "loadModel":
      return on.loadModel(call.bytes, call.options);
    case "removeModel":
      return on.removeModel(call.name);
    case "exportModel":
      return on.exportModel(call.name);
    case "predict":
      return on.predict(call.pixels, call.n, call.options);
    case "gram": {
      const { watched, ...options } = call.options;
      return on.gram(call.pixels, call.n, { ...options, signal, ...(watched && { onProgress: ask }) });
    }
    case "evaluate": {
      const { watched, ...options } = call.options;
      const resumable = { ...options, signal, onSnapshot: tell("snapshot"), ...(watched && { onProgress: ask }) };
      return on.evaluate(call.pixels, call.labels, resumable);
    }
    case "distill": {
      const { watched, ...options } = call.options;
      const resumable = {
        ...options,
        signal,
        onState: tell("checkpoint"),
        ...(watched && { onStep: ask }),
      } as ResumableDistillOptions;
      // The student's file travels with the report: asked for later, it could be gone with a device lost in between.
      return on
        .distill(call.pixels, call.labels, resumable)
        .then(async (report) => ({ report, bytes: await on.exportModel(report.outputName) }));
    }
    case "readRecords":
      return on.readRecords(call.bytes, call.testHashes);
    case "prepareImage":
      return on.prepareImage(call.file);
    case "report":
      return on.report(call.answers, { ...call.options, signal });
    case "compare": {
      const { watched, ...options } = call.options;
      return on.compare(call.answers, { ...options, signal, ...(watched && { onProgress: tell("progress") }) });
    }
  }
}
