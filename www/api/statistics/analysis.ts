/** `Analysis`: the statistics in the thread that creates it. */
import type {
  AnalysisInterface,
  AnalysisOptions,
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
  TemperatureCurve,
  TemperatureCurves,
  TemperatureCurvesOptions,
  Verification,
  VerifyOptions,
} from "./types.js";
import { loadStatistics, type Statistics, type StatisticsModule } from "./module.js";
import { type Question, WithQuestions, questionMethods } from "./questions.js";
import { LabError } from "../wasm/errors.js";
import { yieldToEvents } from "../wasm/yield.js";

/** How long resamples are drawn before waiting events have their turn. */
const SLICE_MS = 20;

export class Analysis extends WithQuestions implements AnalysisInterface {
  #statistics: Statistics;
  #module: StatisticsModule;
  #ended: LabError | null = null;
  /** Rejects once the module has panicked. */
  readonly whenEnded: Promise<never>;
  /** The questions that have a method. */
  readonly questions: Question[];
  #release: () => void;

  private constructor(module: StatisticsModule, statistics: Statistics, handlers: Set<(error: LabError) => void>) {
    super();
    this.#module = module;
    this.#statistics = statistics;
    let end: (error: LabError) => void = () => undefined;
    this.whenEnded = new Promise((_, reject) => {
      end = reject;
    });
    this.whenEnded.catch(() => undefined); // Reported by the calls that it ends, too.
    const handler = (error: LabError) => {
      this.#ended ??= error;
      end(this.#ended);
    };
    handlers.add(handler);
    this.#release = () => handlers.delete(handler);
    const ask = (question: Question, options: Cancellable) =>
      this.#call(options, () => statistics.ask(question, argsOf(options) as never));
    this.questions = module.questions();
    Object.assign(this, questionMethods(this.questions, ask));
  }

  static async create(options: AnalysisOptions): Promise<Analysis> {
    if (!(options?.labels instanceof Uint8Array)) throw new LabError("bad_argument", "labels must be a Uint8Array");
    const { module, handlers } = await loadStatistics();
    try {
      return new Analysis(module, new module.Statistics(options.labels, options.nClasses), handlers);
    } catch (error) {
      throw LabError.from(error);
    }
  }

  get models(): string[] {
    if (this.#ended) throw this.#ended;
    return this.#statistics.models();
  }

  add(name: string, logits: Logits, facts: NetworkFacts = {}): Promise<void> {
    return this.#call({}, () => this.#statistics.add(name, logits, facts));
  }

  remove(name: string): Promise<void> {
    return this.#call({}, () => this.#statistics.remove(name));
  }

  pairs(options: PairsOptions = {}): Promise<Pairs> {
    return this.#call(options, () => {
      const result = this.#statistics.pairs(argsOf(options));
      const { models, agreement } = result;
      result.free();
      return { models, agreement: agreement as Float64Array<ArrayBuffer> };
    });
  }

  async intervals(options: IntervalsOptions): Promise<Intervals> {
    const run = await this.#call(options, () => this.#statistics.intervals(argsOf(options)));
    try {
      const { nTotal } = run;
      let [nDone, slice] = [0, 1];
      while (nDone < nTotal && !options.signal?.aborted) {
        const begin = performance.now();
        nDone = await this.#call({}, () => run.advance(slice));
        options.onProgress?.({ nDone, nTotal });
        // The time of a turn counts events that came in between as well, which only makes a slice smaller.
        slice = Math.max(
          1,
          Math.min(4 * slice, Math.round((slice * SLICE_MS) / Math.max(performance.now() - begin, 0.1))),
        );
      }
      return await this.#call({}, () => run.report());
    } finally {
      this.#free(run);
    }
  }

  confusion(options: ConfusionOptions): Promise<Confusion> {
    return this.#call(options, () => {
      const counts = this.#statistics.confusion(argsOf(options)) as Uint32Array<ArrayBuffer>;
      const { rows = "teacher", columns = "student" } = options;
      return { nClasses: Math.sqrt(counts.length), rows, columns, counts };
    });
  }

  async temperatureCurves(options: TemperatureCurvesOptions): Promise<TemperatureCurves> {
    const args = argsOf(options);
    const temperatures = await this.#call(options, () => this.#statistics.temperatures(args));
    const ask = (temperature: number) =>
      this.#call({}, () => this.#statistics.temperatureCurves({ ...args, temperatures: [temperature] }));
    const points: Awaited<ReturnType<typeof ask>>[] = [];
    for (const temperature of temperatures) {
      if (options.signal?.aborted && points.length > 0) break;
      points.push(await ask(temperature));
    }
    const joined = (curves: TemperatureCurve[]): TemperatureCurve => ({
      nll: curves.flatMap(({ nll }) => nll),
      ece: curves.flatMap(({ ece }) => ece),
      kl: curves[0]?.kl ? curves.flatMap(({ kl }) => kl ?? []) : null,
    });
    const names = Object.keys(points[0]?.students ?? {});
    const students = names.map((name) => [name, joined(points.map((point) => point.students[name]!))]);
    return {
      temperatures: points.flatMap((point) => point.temperatures),
      cancelled: points.length < temperatures.length,
      ensemble: joined(points.map(({ ensemble }) => ensemble)),
      students: Object.fromEntries(students) as Record<string, TemperatureCurve>,
    };
  }

  images(options: ImagesOptions): Promise<Images> {
    return this.#call(options, () => {
      const result = this.#statistics.images(argsOf(options));
      const { indices, trueClass, teacherClass, studentClass, cell, kl } = result;
      const { teacherConfidence, studentConfidence, teacherMargin, studentMargin } = result;
      result.free();
      return {
        indices,
        trueClass,
        teacherClass,
        studentClass,
        cell,
        kl,
        teacherConfidence,
        studentConfidence,
        teacherMargin,
        studentMargin,
      };
    });
  }

  verify(options: VerifyOptions): Promise<Verification> {
    return this.#call(options, () => {
      const { name, logits, indices } = options ?? ({} as VerifyOptions);
      return this.#statistics.verify(name, logits, indices);
    });
  }

  async cka(): Promise<CkaInterface> {
    const run = await this.#call({}, () => new this.#module.CkaRun());
    let isFreed = false;
    return {
      push: (first, second, n, options = {}): Promise<Cka> =>
        this.#call(options, () => {
          if (isFreed) throw new LabError("disposed", "this alignment was freed; ask for another one");
          return run.push(first, second, n);
        }),
      free: () => {
        if (!isFreed) this.#free(run);
        isFreed = true;
      },
    };
  }

  dispose(): void {
    if (this.#ended?.code === "disposed") return;
    this.#release();
    // A module that panicked must not be entered again.
    if (!this.#ended) this.#statistics.free();
    this.#ended = new LabError("disposed", "this analysis was disposed; create another one");
  }

  /** A run outlives the networks it was made of, but not a module that panicked. */
  #free(run: { free(): void }): void {
    if (!this.#ended || this.#ended.code === "disposed") run.free();
  }

  /** Waiting events come first, so that a call that was aborted meanwhile costs nothing. Every error leaves as a LabError. */
  async #call<T>(options: Cancellable, work: () => T): Promise<T> {
    await yieldToEvents();
    if (this.#ended) throw this.#ended;
    if (options?.signal?.aborted) throw new LabError("cancelled", "the call was aborted before it began");
    try {
      return work();
    } catch (error) {
      throw this.#ended ?? LabError.from(error);
    }
  }
}

/** Returns the options that go to the module, which checks them: all but those of the call itself. */
function argsOf<T extends object>(options: T): Omit<T, "signal" | "onProgress"> {
  if (typeof options !== "object" || options === null) return options;
  const { signal: _, onProgress: __, ...args } = options as T & { signal?: unknown; onProgress?: unknown };
  return args;
}
