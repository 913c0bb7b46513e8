/**
 * `AnalysisClient`: an `Analysis` in a Worker of its own, so that neither the page nor a running distillation waits for it. A Worker that
 * dies is started anew with the same networks, and the calls under way are repeated; only an alignment (`cka`) begins anew.
 */
import type {
  AnalysisOptions,
  AnalysisInterface,
  Baselines,
  BaselinesOptions,
  Calibration,
  CalibrationOptions,
  Cancellable,
  Cells,
  Cka,
  CkaInterface,
  Confusion,
  ConfusionOptions,
  FitTemperatureOptions,
  ImageAnswers,
  ImageAnswersOptions,
  Images,
  ImagesOptions,
  Intervals,
  IntervalsOptions,
  Logits,
  McNemar,
  McNemarOptions,
  NetworkFacts,
  PairOptions,
  Pairs,
  PairsOptions,
  Report,
  ReportOptions,
  TemperatureCurves,
  TemperatureCurvesOptions,
  TemperatureFits,
  Verification,
  VerifyOptions,
} from "./types.js";
import type { AnalysisCall, AnalysisMethod, FromAnalysis, ToAnalysis } from "./protocol.js";
import { LabError } from "../wasm/errors.js";

export interface AnalysisClientOptions extends AnalysisOptions {
  /** For pages that bundle the Worker themselves. */
  createWorker?: () => Worker;
  /** The Worker was started anew; `why` is a sentence for the visitor. */
  onRestart?: (why: string) => void;
}

type OnProgress = IntervalsOptions["onProgress"];

interface Pending {
  call: AnalysisCall;
  resolve: (value: never) => void;
  reject: (error: LabError) => void;
  signal: AbortSignal | undefined;
  onProgress: OnProgress;
}

/** Restarts without any result in between, after which the error is passed on. */
const MAX_RESTARTS = 3;

export class AnalysisClient implements AnalysisInterface {
  models: string[] = [];
  #options: AnalysisClientOptions;
  #worker: Worker | null = null;
  #nCalls = 0;
  #pending = new Map<number, Pending>();
  /** What was added, to add it again. */
  #networks = new Map<string, { logits: Logits; facts: NetworkFacts }>();
  #ended: LabError | null = null;
  #nRestarts = 0;
  #restarting = false;

  private constructor(options: AnalysisClientOptions) {
    this.#options = { ...options, labels: options.labels?.slice() };
  }

  /** Starts the Worker and waits until its module is ready. */
  static async create(options: AnalysisClientOptions): Promise<AnalysisClient> {
    const client = new AnalysisClient(options);
    await client.#start();
    return client;
  }

  /** Another Worker, which has the networks that were added. */
  async #start(): Promise<void> {
    const { createWorker, labels, nClasses } = this.#options;
    const worker = createWorker?.() ?? new Worker(new URL("./worker.js", import.meta.url), { type: "module" });
    this.#worker = worker;
    const adding = [...this.#networks].map(([name, { logits, facts }]): ToAnalysis => {
      return { type: "call", id: ++this.#nCalls, method: "add", args: [name, logits, facts], watched: false };
    });
    try {
      await new Promise<void>((resolve, reject) => {
        let nLeft = adding.length + 1;
        worker.onmessage = ({ data }: MessageEvent<FromAnalysis>) => {
          if (data.type === "failed" || data.type === "ended" || data.type === "error")
            reject(LabError.from(data.error));
          else if (--nLeft === 0) resolve();
          else if (data.type === "ready") adding.forEach((message) => worker.postMessage(message));
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
        const message: ToAnalysis = { type: "create", options: { labels, nClasses } };
        worker.postMessage(message);
      });
    } catch (error) {
      worker.terminate();
      throw LabError.from(error);
    }
    worker.onmessage = ({ data }: MessageEvent<FromAnalysis>) => this.#receive(data);
    worker.onerror = (event) => {
      event.preventDefault();
      void this.#restart(new LabError("internal", `the Worker stopped: ${event.message}`));
    };
  }

  /** As often as `MAX_RESTARTS`, then the error ends the client. */
  async #restart(why: LabError): Promise<void> {
    if (this.#ended || this.#restarting) return;
    this.#restarting = true;
    this.#worker?.terminate();
    this.#worker = null;
    try {
      if (++this.#nRestarts > MAX_RESTARTS) throw why;
      await this.#start();
    } catch (error) {
      return this.#end(LabError.from(error));
    } finally {
      this.#restarting = false;
    }
    this.#options.onRestart?.(why.message);
    for (const [id, pending] of this.#pending) this.#post(id, pending);
  }

  async add(name: string, logits: Logits, facts: NetworkFacts = {}): Promise<void> {
    // What is no array of numbers is refused by the Worker.
    const copy = ArrayBuffer.isView(logits) ? logits.slice() : logits;
    await this.#send("add", [name, copy, facts]);
    this.#networks.set(name, { logits: copy, facts });
  }

  async remove(name: string): Promise<void> {
    await this.#send("remove", [name]);
    this.#networks.delete(name);
  }

  report(options: ReportOptions): Promise<Report> {
    return this.#ask("report", options);
  }

  baselines(options: BaselinesOptions): Promise<Baselines> {
    return this.#ask("baselines", options);
  }

  pairs(options: PairsOptions = {}): Promise<Pairs> {
    return this.#ask("pairs", options);
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

  fitTemperature(options: FitTemperatureOptions): Promise<TemperatureFits> {
    return this.#ask("fitTemperature", options);
  }

  temperatureCurves(options: TemperatureCurvesOptions): Promise<TemperatureCurves> {
    return this.#ask("temperatureCurves", options);
  }

  images(options: ImagesOptions): Promise<Images> {
    return this.#ask("images", options);
  }

  imageAnswers(options: ImageAnswersOptions): Promise<ImageAnswers> {
    return this.#ask("imageAnswers", options);
  }

  verify(options: VerifyOptions): Promise<Verification> {
    return this.#ask("verify", options);
  }

  async cka(): Promise<CkaInterface> {
    const key = ++this.#nCalls;
    await this.#send("ckaCreate", [key]);
    let isFreed = false;
    return {
      push: async (first, second, n, { signal } = {}): Promise<Cka> => {
        if (isFreed) throw new LabError("disposed", "this alignment was freed; ask for another one");
        return this.#send("ckaPush", [key, first, second, n], signal);
      },
      free: () => {
        // Nobody waits for it, and an analysis that has ended has nothing to free.
        if (!isFreed) this.#send("ckaFree", [key]).catch(() => undefined);
        isFreed = true;
      },
    };
  }

  dispose(): void {
    if (this.#ended?.code !== "disposed")
      this.#end(new LabError("disposed", "this analysis was disposed; create another one"));
  }

  #ask<T>(method: AnalysisMethod, options: Cancellable & { onProgress?: OnProgress }): Promise<T> {
    const { signal, onProgress, ...rest } = options ?? {};
    return this.#send(method, [rest], signal, onProgress);
  }

  async #send<T>(method: AnalysisMethod, args: unknown[], signal?: AbortSignal, onProgress?: OnProgress): Promise<T> {
    if (this.#ended) throw this.#ended;
    const id = ++this.#nCalls;
    const abort = () => this.#worker?.postMessage({ type: "abort", id } satisfies ToAnalysis);
    signal?.addEventListener("abort", abort);
    try {
      return await new Promise<T>((resolve, reject) => {
        const pending: Pending = { call: { method, args, watched: !!onProgress }, resolve, reject, signal, onProgress };
        this.#pending.set(id, pending);
        // During a restart the call waits in `#pending`, from where it is sent.
        if (!this.#restarting) this.#post(id, pending);
      });
    } catch (error) {
      this.#pending.delete(id);
      throw LabError.from(error);
    } finally {
      signal?.removeEventListener("abort", abort);
    }
  }

  #post(id: number, { call, signal }: Pending): void {
    this.#worker?.postMessage({ type: "call", id, ...call } satisfies ToAnalysis);
    if (signal?.aborted) this.#worker?.postMessage({ type: "abort", id } satisfies ToAnalysis);
  }

  #receive(data: FromAnalysis): void {
    if (data.type === "ended") return void this.#restart(LabError.from(data.error));
    if (data.type === "ready" || data.type === "failed") return;
    const pending = this.#pending.get(data.id);
    if (data.type === "progress") return pending?.onProgress?.(data.value);
    this.#pending.delete(data.id);
    if (data.type === "error") return pending?.reject(LabError.from(data.error));
    this.#nRestarts = 0;
    this.models = data.models;
    pending?.resolve(data.value as never);
  }

  #end(error: LabError): void {
    this.#ended = error;
    this.#worker?.terminate();
    this.#worker = null;
    const pending = [...this.#pending.values()];
    this.#pending.clear();
    pending.forEach(({ reject }) => reject(error));
  }
}
