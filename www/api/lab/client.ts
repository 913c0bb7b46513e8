/** `LabClient`: a `Lab` in a Worker, which is started anew when its device is lost or its module dies. */
import type {
  Answers,
  CompareOptions,
  Comparison,
  DeviceChoice,
  DeviceInfo,
  DistillOptions,
  DistillReport,
  EvaluateOptions,
  EvaluationReport,
  Gram,
  GramOptions,
  LabInterface,
  ModelInfo,
  Prediction,
  PredictOptions,
  PreparedImage,
  Records,
  Report,
  ReportOptions,
  Role,
} from "./types.js";
import { LabError } from "../wasm/errors.js";
import type { DistillState } from "./distill.js";
import type {
  Call,
  CompareArgs,
  DistillArgs,
  EvaluateArgs,
  EventName,
  GramArgs,
  FromWorker,
  ToWorker,
} from "./protocol.js";

export type * from "./types.js";
export { LabError };

export interface LabClientOptions {
  device?: DeviceChoice;
  /** Most threads that the CPU may use, from 1; default: as many as the processor has. */
  threads?: number;
  /** For pages that bundle the Worker themselves. */
  createWorker?: () => Worker;
  /** The Worker was started anew; `why` is a sentence for the visitor. Work in progress goes on by itself. */
  onRestart?: (why: string) => void;
}

interface Pending {
  call: Call;
  resolve: (value: never) => void;
  reject: (error: LabError) => void;
  onEvent: ((name: EventName, value: unknown) => void | Promise<void>) | undefined;
  signal: AbortSignal | undefined;
}

/** Restarts without any progress in between, after which the error is passed on. */
const MAX_RESTARTS = 3;

export class LabClient implements LabInterface {
  device!: DeviceInfo;
  models: ModelInfo[] = [];
  #options: LabClientOptions;
  #worker: Worker | null = null;
  #nCalls = 0;
  #pending = new Map<number, Pending>();
  /** What is loaded, to load it again. */
  #files = new Map<string, { bytes: Uint8Array; role: Role }>();
  #ended: LabError | null = null;
  #nRestarts = 0;
  #restarting: Promise<void> | null = null;

  private constructor(options: LabClientOptions) {
    this.#options = options;
  }

  /** Starts the Worker and waits until its device is ready. */
  static async create(options: LabClientOptions = {}): Promise<LabClient> {
    const client = new LabClient(options);
    await client.#start();
    return client;
  }

  async #start(): Promise<void> {
    const worker =
      this.#options.createWorker?.() ?? new Worker(new URL("./worker.js", import.meta.url), { type: "module" });
    this.#worker = worker;
    this.device = await new Promise<DeviceInfo>((resolve, reject) => {
      worker.onmessage = ({ data }: MessageEvent<FromWorker>) => {
        if (data.type === "ready") resolve(data.device);
        else if (data.type === "ended") reject(LabError.from(data.error));
      };
      worker.onerror = (event) => {
        event.preventDefault();
        reject(
          new LabError(
            "device_unavailable",
            `the Worker could not start: ${event.message || "its script cannot be loaded"}`,
          ),
        );
      };
      this.#post(worker, { type: "create", device: this.#options.device ?? "auto", threads: this.#options.threads });
    }).catch((error: unknown) => {
      worker.terminate();
      throw error;
    });
    worker.onmessage = ({ data }: MessageEvent<FromWorker>) => this.#receive(worker, data);
    worker.onerror = (event) => {
      event.preventDefault();
      this.#restart(new LabError("internal", `the Worker stopped: ${event.message}`));
    };
  }

  #post(worker: Worker, message: ToWorker): void {
    worker.postMessage(message);
  }

  #receive(worker: Worker, data: FromWorker): void {
    if (worker !== this.#worker) return;
    if (data.type === "ended") return this.#restart(LabError.from(data.error));
    if (data.type === "ready") return;
    const pending = this.#pending.get(data.id);
    if (!pending) return;
    if (data.type === "event") {
      this.#nRestarts = 0;
      return this.#event(worker, pending, data);
    }
    // A lost device ends every call at once; the restart that follows calls them again.
    if (data.type === "error" && data.error.code === "device_lost") return this.#restart(LabError.from(data.error));
    this.#pending.delete(data.id);
    if (data.type === "error") return pending.reject(LabError.from(data.error));
    this.#nRestarts = 0;
    this.models = data.models;
    pending.resolve(data.value as never);
  }

  #event(worker: Worker, pending: Pending, { event, name, value }: Extract<FromWorker, { type: "event" }>): void {
    const answer = () => {
      if (worker === this.#worker) this.#post(worker, { type: "answer", event });
    };
    // A callback that throws must not stop the run it watches; its error belongs to the page's own handlers.
    void (async () => pending.onEvent?.(name, value))()
      .catch((error: unknown) => reportError(error))
      .finally(answer);
  }

  /** Terminates the Worker, starts another, loads every model again and repeats the calls that were under way. */
  #restart(why: LabError): void {
    if (this.#ended || this.#restarting) return;
    this.#worker?.terminate();
    this.#worker = null;
    this.#restarting = this.#revive(why)
      .catch((error: unknown) => this.#end(LabError.from(error)))
      .finally(() => {
        this.#restarting = null;
      });
  }

  async #revive(why: LabError): Promise<void> {
    for (;;) {
      if (++this.#nRestarts > MAX_RESTARTS) throw why;
      try {
        await this.#start();
        await this.#reload();
        break;
      } catch (error) {
        this.#worker?.terminate();
        // The same accidents that a restart is for; anything else would only come again.
        if (!["device_lost", "internal"].includes(LabError.from(error).code)) throw error;
      }
      if (this.#ended) return;
    }
    if (this.#ended) return;
    this.#options.onRestart?.(why.message);
    for (const [id, pending] of this.#pending) this.#send(id, pending);
  }

  async #reload(): Promise<void> {
    const worker = this.#worker;
    if (!worker) return;
    const { onmessage, onerror } = worker;
    try {
      for (const [name, { bytes, role }] of this.#files) {
        await new Promise<void>((resolve, reject) => {
          const id = ++this.#nCalls;
          worker.onerror = (event) => {
            event.preventDefault();
            reject(new LabError("internal", `the Worker stopped: ${event.message}`));
          };
          worker.onmessage = ({ data }: MessageEvent<FromWorker>) => {
            if (data.type === "ended") reject(LabError.from(data.error));
            else if (data.type === "error" && data.id === id) reject(LabError.from(data.error));
            else if (data.type === "result" && data.id === id) resolve();
          };
          this.#post(worker, { type: "call", id, call: { method: "loadModel", bytes, options: { role, name } } });
        });
      }
    } finally {
      Object.assign(worker, { onmessage, onerror });
    }
  }

  #end(error: LabError): void {
    this.#ended = error;
    this.#worker?.terminate();
    this.#worker = null;
    const pending = [...this.#pending.values()];
    this.#pending.clear();
    pending.forEach(({ reject }) => reject(error));
  }

  #send(id: number, { call, signal }: Pending): void {
    if (!this.#worker) return;
    this.#post(this.#worker, { type: "call", id, call });
    if (signal?.aborted) this.#post(this.#worker, { type: "abort", id });
  }

  async #call<T>(call: Call, signal?: AbortSignal, onEvent?: Pending["onEvent"]): Promise<T> {
    if (this.#ended) throw this.#ended;
    const id = ++this.#nCalls;
    const abort = () => this.#worker && this.#post(this.#worker, { type: "abort", id });
    signal?.addEventListener("abort", abort);
    try {
      return await new Promise<T>((resolve, reject) => {
        const pending: Pending = { call, resolve, reject, onEvent, signal };
        this.#pending.set(id, pending);
        // During a restart the call waits in `#pending`, from where it is sent.
        if (!this.#restarting) this.#send(id, pending);
      });
    } finally {
      signal?.removeEventListener("abort", abort);
    }
  }

  async loadModel(bytes: Uint8Array, options: { role: Role; name?: string }): Promise<ModelInfo> {
    const copy = bytes.slice();
    const info = await this.#call<ModelInfo>({ method: "loadModel", bytes: copy, options });
    this.#files.set(info.name, { bytes: copy, role: info.role });
    return info;
  }

  async removeModel(name: string): Promise<void> {
    await this.#call({ method: "removeModel", name });
    this.#files.delete(name);
  }

  exportModel(name: string): Promise<Uint8Array> {
    return this.#call({ method: "exportModel", name });
  }

  predict(pixels: Uint8Array, n: number, options: PredictOptions = {}): Promise<Prediction> {
    return this.#call({ method: "predict", pixels: pixels.slice(), n, options });
  }

  gram(pixels: Uint8Array, n: number, options: GramOptions = {}): Promise<Gram> {
    const { onProgress, signal, ...rest } = options;
    const args: GramArgs = { ...rest, watched: !!onProgress };
    return this.#call({ method: "gram", pixels: pixels.slice(), n, options: args }, signal, (_, value) =>
      onProgress?.(value as never),
    );
  }

  evaluate(pixels: Uint8Array, labels: Uint8Array | null, options: EvaluateOptions = {}): Promise<EvaluationReport> {
    const { onProgress, signal, ...rest } = options;
    const args: EvaluateArgs = { ...rest, watched: !!onProgress };
    const call: Call = { method: "evaluate", pixels: pixels.slice(), labels: labels?.slice() ?? null, options: args };
    return this.#call(call, signal, (name, value) => {
      if (name === "progress") return onProgress?.(value as never);
      args.snapshot = value as string;
    });
  }

  async distill(pixels: Uint8Array, labels: Uint8Array | null, options: DistillOptions): Promise<DistillReport> {
    const { onStep, onCheckpoint, signal, ...rest } = options;
    const args: DistillArgs = { ...rest, watched: !!onStep };
    const call: Call = { method: "distill", pixels: pixels.slice(), labels: labels?.slice() ?? null, options: args };
    const { report, bytes } = await this.#call<{ report: DistillReport; bytes: Uint8Array }>(
      call,
      signal,
      (name, value) => {
        if (name === "progress") return onStep?.(value as never);
        const { checkpoint, before } = value as DistillState;
        args.resume = checkpoint;
        args.before = before;
        onCheckpoint?.(checkpoint);
      },
    );
    this.#files.set(report.outputName, { bytes, role: "student" });
    return report;
  }

  readRecords(bytes: Uint8Array, testHashes?: Uint8Array): Promise<Records> {
    return this.#call({ method: "readRecords", bytes, testHashes });
  }

  prepareImage(file: Blob): Promise<PreparedImage> {
    return this.#call({ method: "prepareImage", file });
  }

  async report(answers: Answers, options: ReportOptions): Promise<Report> {
    const { signal, ...rest } = options ?? {};
    return this.#call({ method: "report", answers: structuredClone(answers), options: rest as ReportOptions }, signal);
  }

  async compare(answers: Answers, options: CompareOptions): Promise<Comparison> {
    const { signal, onProgress, ...rest } = options ?? {};
    const call: Call = {
      method: "compare",
      answers: structuredClone(answers),
      options: { ...(rest as CompareArgs), watched: !!onProgress },
    };
    return this.#call(call, signal, (_, value) => onProgress?.(value as never));
  }

  dispose(): void {
    if (this.#ended?.code !== "disposed")
      this.#end(new LabError("disposed", "this lab was disposed; create another one"));
  }
}
