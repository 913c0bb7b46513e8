/** `AnalysisClient`: an `Analysis` in a Worker of its own, so that neither the page nor a running distillation waits for it. */
import type {
  AnalysisOptions, AnalysisInterface, Baselines, BaselinesOptions, Calibration, CalibrationOptions, Cancellable, Cells, Confusion,
  ConfusionOptions, Intervals, IntervalsOptions, Logits, McNemar, McNemarOptions, NetworkFacts, PairOptions, Report, ReportOptions,
} from "./analysis_api.js";
import type { AnalysisMethod, FromAnalysis, ToAnalysis } from "./analysis_protocol.js";
import { LabError } from "./errors.js";

export interface AnalysisClientOptions extends AnalysisOptions {
  /** For pages that bundle the Worker themselves. */
  createWorker?: () => Worker;
}

interface Pending { resolve: (value: never) => void; reject: (error: LabError) => void }

export class AnalysisClient implements AnalysisInterface {
  models: string[] = [];
  #worker: Worker;
  #nCalls = 0;
  #pending = new Map<number, Pending>();
  #ended: LabError | null = null;

  private constructor(worker: Worker) {
    this.#worker = worker;
    worker.onmessage = ({ data }: MessageEvent<FromAnalysis>) => this.#receive(data);
    worker.onerror = (event) => {
      event.preventDefault();
      this.#end(new LabError("internal", `the Worker stopped: ${event.message}`));
    };
  }

  /** Starts the Worker and waits until its module is ready. */
  static async create({ createWorker, labels, nClasses }: AnalysisClientOptions): Promise<AnalysisClient> {
    const worker = createWorker?.() ?? new Worker(new URL("./analysis_worker.js", import.meta.url), { type: "module" });
    try {
      await new Promise<void>((resolve, reject) => {
        worker.onmessage = ({ data }: MessageEvent<FromAnalysis>) => {
          if (data.type === "ready") resolve();
          else if (data.type === "failed") reject(LabError.from(data.error));
        };
        worker.onerror = (event) => {
          event.preventDefault();
          reject(new LabError("device_unavailable", `the Worker could not start: ${event.message || "its script cannot be loaded"}`));
        };
        const message: ToAnalysis = { type: "create", options: { labels, nClasses } };
        worker.postMessage(message);
      });
    } catch (error) {
      worker.terminate();
      throw LabError.from(error);
    }
    return new AnalysisClient(worker);
  }

  add(name: string, logits: Logits, facts: NetworkFacts = {}): Promise<void> {
    return this.#send("add", [name, logits, facts]);
  }

  remove(name: string): Promise<void> {
    return this.#send("remove", [name]);
  }

  report(options: ReportOptions): Promise<Report> {
    return this.#ask("report", options);
  }

  baselines(options: BaselinesOptions): Promise<Baselines> {
    return this.#ask("baselines", options);
  }

  intervals(options: IntervalsOptions): Promise<Intervals> {
    return this.#ask("intervals", options);
  }

  mcnemar(options: McNemarOptions): Promise<McNemar> {
    return this.#ask("mcnemar", options);
  }

  cells(options: PairOptions): Promise<Cells> {
    return this.#ask("cells", options);
  }

  confusion(options: ConfusionOptions): Promise<Confusion> {
    return this.#ask("confusion", options);
  }

  calibration(options: CalibrationOptions): Promise<Calibration> {
    return this.#ask("calibration", options);
  }

  dispose(): void {
    if (this.#ended?.code !== "disposed") this.#end(new LabError("disposed", "this analysis was disposed; create another one"));
  }

  #ask<T>(method: AnalysisMethod, { signal, ...options }: Cancellable): Promise<T> {
    return this.#send(method, [options], signal);
  }

  async #send<T>(method: AnalysisMethod, args: unknown[], signal?: AbortSignal): Promise<T> {
    if (this.#ended) throw this.#ended;
    const id = ++this.#nCalls;
    const post = (message: ToAnalysis) => this.#worker.postMessage(message);
    const abort = () => post({ type: "abort", id });
    signal?.addEventListener("abort", abort);
    try {
      return await new Promise<T>((resolve, reject) => {
        this.#pending.set(id, { resolve, reject });
        post({ type: "call", id, method, args });
        if (signal?.aborted) abort();
      });
    } catch (error) {
      this.#pending.delete(id);
      throw LabError.from(error);
    } finally {
      signal?.removeEventListener("abort", abort);
    }
  }

  #receive(data: FromAnalysis): void {
    if (data.type !== "result" && data.type !== "error") return;
    const pending = this.#pending.get(data.id);
    this.#pending.delete(data.id);
    if (data.type === "error") return pending?.reject(LabError.from(data.error));
    this.models = data.models;
    pending?.resolve(data.value as never);
  }

  #end(error: LabError): void {
    this.#ended = error;
    this.#worker.terminate();
    const pending = [...this.#pending.values()];
    this.#pending.clear();
    pending.forEach(({ reject }) => reject(error));
  }
}
