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
import { WorkerClient } from "../workers/worker_client.js";
import type { Call, CompareArgs, DistillArgs, EvaluateArgs, GramArgs, LabProtocol } from "./protocol.js";

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

export class LabClient implements LabInterface {
  device!: DeviceInfo;
  models: ModelInfo[] = [];
  #worker: WorkerClient<LabProtocol>;
  /** What is loaded, to load it again. */
  #files = new Map<string, { bytes: Uint8Array; role: Role }>();

  private constructor({ device, threads, createWorker, onRestart }: LabClientOptions) {
    this.#worker = new WorkerClient({
      createWorker: createWorker ?? (() => new Worker(new URL("./worker.js", import.meta.url), { type: "module" })),
      create: { device: device ?? "auto", threads },
      restore: () => this.#reload(),
      eventsAreProgress: true,
      onReady: (info) => (this.device = info),
      onModels: (models) => (this.models = models),
      onRestart,
    });
  }

  /** Starts the Worker and waits until its device is ready. */
  static async create(options: LabClientOptions = {}): Promise<LabClient> {
    const client = new LabClient(options);
    await client.#worker.start();
    return client;
  }

  *#reload(): Iterable<Call> {
    for (const [name, { bytes, role }] of this.#files) yield { method: "loadModel", bytes, options: { role, name } };
  }

  async loadModel(bytes: Uint8Array, options: { role: Role; name?: string }): Promise<ModelInfo> {
    const copy = bytes.slice();
    const info = await this.#worker.call<ModelInfo>({ method: "loadModel", bytes: copy, options });
    this.#files.set(info.name, { bytes: copy, role: info.role });
    return info;
  }

  async removeModel(name: string): Promise<void> {
    await this.#worker.call({ method: "removeModel", name });
    this.#files.delete(name);
  }

  exportModel(name: string): Promise<Uint8Array> {
    return this.#worker.call({ method: "exportModel", name });
  }

  predict(pixels: Uint8Array, n: number, options: PredictOptions = {}): Promise<Prediction> {
    return this.#worker.call({ method: "predict", pixels: pixels.slice(), n, options });
  }

  gram(pixels: Uint8Array, n: number, options: GramOptions = {}): Promise<Gram> {
    const { onProgress, signal, ...rest } = options;
    const args: GramArgs = { ...rest, watched: !!onProgress };
    return this.#worker.call({ method: "gram", pixels: pixels.slice(), n, options: args }, signal, ({ value }) =>
      onProgress?.(value as never),
    );
  }

  evaluate(pixels: Uint8Array, labels: Uint8Array | null, options: EvaluateOptions = {}): Promise<EvaluationReport> {
    const { onProgress, signal, ...rest } = options;
    const args: EvaluateArgs = { ...rest, watched: !!onProgress };
    const call: Call = { method: "evaluate", pixels: pixels.slice(), labels: labels?.slice() ?? null, options: args };
    return this.#worker.call(call, signal, ({ name, value }) => {
      if (name === "progress") return onProgress?.(value as never);
      if (name === "snapshot") args.snapshot = value;
    });
  }

  async distill(pixels: Uint8Array, labels: Uint8Array | null, options: DistillOptions): Promise<DistillReport> {
    const { onStep, onCheckpoint, signal, ...rest } = options;
    const args: DistillArgs = { ...rest, watched: !!onStep };
    const call: Call = { method: "distill", pixels: pixels.slice(), labels: labels?.slice() ?? null, options: args };
    const { report, bytes } = await this.#worker.call<{ report: DistillReport; bytes: Uint8Array }>(
      call,
      signal,
      ({ name, value }) => {
        if (name === "progress") return onStep?.(value as never);
        if (name !== "checkpoint") return;
        args.resume = value.checkpoint;
        args.before = value.before;
        onCheckpoint?.(value.checkpoint);
      },
    );
    this.#files.set(report.outputName, { bytes, role: "student" });
    return report;
  }

  readRecords(bytes: Uint8Array, testHashes?: Uint8Array): Promise<Records> {
    return this.#worker.call({ method: "readRecords", bytes, testHashes });
  }

  prepareImage(file: Blob): Promise<PreparedImage> {
    return this.#worker.call({ method: "prepareImage", file });
  }

  async report(answers: Answers, options: ReportOptions): Promise<Report> {
    const { signal, ...rest } = options ?? {};
    return this.#worker.call({ method: "report", answers: structuredClone(answers), options: rest }, signal);
  }

  async compare(answers: Answers, options: CompareOptions): Promise<Comparison> {
    const { signal, onProgress, ...rest } = options ?? {};
    const call: Call = {
      method: "compare",
      answers: structuredClone(answers),
      options: { ...(rest as CompareArgs), watched: !!onProgress },
    };
    return this.#worker.call(call, signal, ({ value }) => onProgress?.(value as never));
  }

  dispose(): void {
    this.#worker.dispose("this lab was disposed; create another one");
  }
}
