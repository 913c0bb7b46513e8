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
import type { AnalysisCall, AnalysisMethod, AnalysisProtocol } from "./protocol.js";
import { LabError } from "../wasm/errors.js";
import { WorkerClient } from "../workers/worker_client.js";

export interface AnalysisClientOptions extends AnalysisOptions {
  /** For pages that bundle the Worker themselves. */
  createWorker?: () => Worker;
  /** The Worker was started anew; `why` is a sentence for the visitor. */
  onRestart?: (why: string) => void;
}

type OnProgress = IntervalsOptions["onProgress"];

export class AnalysisClient implements AnalysisInterface {
  models: string[] = [];
  #worker: WorkerClient<AnalysisProtocol>;
  /** What was added, to add it again. */
  #networks = new Map<string, { logits: Logits; facts: NetworkFacts }>();
  #nAlignments = 0;

  private constructor({ labels, nClasses, createWorker, onRestart }: AnalysisClientOptions) {
    this.#worker = new WorkerClient({
      createWorker: createWorker ?? (() => new Worker(new URL("./worker.js", import.meta.url), { type: "module" })),
      create: { labels: labels?.slice(), nClasses },
      restore: () => this.#restore(),
      // A repeated call begins anew, whatever it has reported.
      eventsAreProgress: false,
      onModels: (models) => (this.models = models),
      onRestart,
    });
  }

  /** Starts the Worker and waits until its module is ready. */
  static async create(options: AnalysisClientOptions): Promise<AnalysisClient> {
    const client = new AnalysisClient(options);
    await client.#worker.start();
    return client;
  }

  *#restore(): Iterable<AnalysisCall> {
    for (const [name, { logits, facts }] of this.#networks)
      yield { method: "add", args: [name, logits, facts], watched: false };
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
    const key = ++this.#nAlignments;
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
    this.#worker.dispose("this analysis was disposed; create another one");
  }

  #ask<T>(method: AnalysisMethod, options: Cancellable & { onProgress?: OnProgress }): Promise<T> {
    const { signal, onProgress, ...rest } = options ?? {};
    return this.#send(method, [rest], signal, onProgress);
  }

  #send<T>(method: AnalysisMethod, args: unknown[], signal?: AbortSignal, onProgress?: OnProgress): Promise<T> {
    return this.#worker.call<T>({ method, args, watched: !!onProgress }, signal, onProgress);
  }
}
