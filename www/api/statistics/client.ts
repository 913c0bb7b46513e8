/**
 * `AnalysisClient`: an `Analysis` in a Worker of its own, so that neither the page nor a running distillation waits for it. A Worker that
 * dies is started anew with the same networks, and the calls under way are repeated; only an alignment (`cka`) begins anew.
 */
import type {
  AnalysisOptions,
  AnalysisInterface,
  Cancellable,
  Cka,
  CkaInterface,
  Confusion,
  ConfusionOptions,
  Images,
  ImagesOptions,
  Intervals,
  IntervalsOptions,
  Logits,
  NetworkFacts,
  Pairs,
  PairsOptions,
  TemperatureCurves,
  TemperatureCurvesOptions,
  Verification,
  VerifyOptions,
} from "./types.js";
import type { AnalysisCall, AnalysisMethod, AnalysisProtocol } from "./protocol.js";
import { type Question, WithQuestions, questionMethods } from "./questions.js";
import { LabError } from "../wasm/errors.js";
import { WorkerClient } from "../workers/worker_client.js";

export interface AnalysisClientOptions extends AnalysisOptions {
  /** For pages that bundle the Worker themselves. */
  createWorker?: () => Worker;
  /** The Worker was started anew; `why` is a sentence for the visitor. */
  onRestart?: (why: string) => void;
}

type OnProgress = IntervalsOptions["onProgress"];

export class AnalysisClient extends WithQuestions implements AnalysisInterface {
  models: string[] = [];
  #worker: WorkerClient<AnalysisProtocol>;
  /** What was added, to add it again. */
  #networks = new Map<string, { logits: Logits; facts: NetworkFacts }>();
  #nAlignments = 0;

  private constructor({ labels, nClasses, createWorker, onRestart }: AnalysisClientOptions) {
    super();
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
    const questions = await client.#send<Question[]>("questions", []);
    return Object.assign(
      client,
      questionMethods(questions, (question, options) => client.#ask(question, options)),
    );
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

  pairs(options: PairsOptions = {}): Promise<Pairs> {
    return this.#ask("pairs", options);
  }

  intervals(options: IntervalsOptions): Promise<Intervals> {
    return this.#ask("intervals", options);
  }

  confusion(options: ConfusionOptions): Promise<Confusion> {
    return this.#ask("confusion", options);
  }

  temperatureCurves(options: TemperatureCurvesOptions): Promise<TemperatureCurves> {
    return this.#ask("temperatureCurves", options);
  }

  images(options: ImagesOptions): Promise<Images> {
    return this.#ask("images", options);
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
