/** `Analysis`: the statistics in the thread that creates it. */
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
  TemperatureCurve,
  TemperatureCurves,
  TemperatureCurvesOptions,
  TemperatureFits,
  Verification,
  VerifyOptions,
} from "./types.js";
import { loadStatistics, type Statistics, type StatisticsModule } from "./module.js";
import { checked } from "./options.js";
import { LabError } from "../wasm/errors.js";
import { yieldToEvents } from "../wasm/yield.js";

/** How long resamples are drawn before waiting events have their turn. */
const SLICE_MS = 20;
/** From 1/4 to 4, evenly in the logarithm. */
const TEMPERATURES = Array.from({ length: 33 }, (_, i) => 2 ** ((i - 16) / 8));

export class Analysis implements AnalysisInterface {
  #statistics: Statistics;
  #module: StatisticsModule;
  #ended: LabError | null = null;
  /** Rejects once the module has panicked. */
  readonly whenEnded: Promise<never>;
  #release: () => void;

  private constructor(module: StatisticsModule, statistics: Statistics, handlers: Set<(error: LabError) => void>) {
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
    return this.#call({}, () => {
      if (typeof name !== "string") throw new LabError("bad_argument", `name is ${String(name)}; it must be a string`);
      if (logits instanceof Float32Array) return this.#statistics.add(name, logits, facts);
      if (!(logits instanceof Uint8Array || logits instanceof Uint16Array))
        throw new LabError("bad_argument", "logits must be a Float32Array, or f16 as a Uint8Array or Uint16Array");
      return this.#statistics.addF16(name, new Uint8Array(logits.buffer, logits.byteOffset, logits.byteLength), facts);
    });
  }

  remove(name: string): Promise<void> {
    return this.#call({}, () => this.#statistics.remove(name));
  }

  report(options: ReportOptions): Promise<Report> {
    return this.#call(options, () => this.#statistics.report(withStudents(checked(options, "report"))));
  }

  baselines(options: BaselinesOptions): Promise<Baselines> {
    return this.#call(options, () => this.#statistics.baselines(checked(options, "baselines")));
  }

  pairs(options: PairsOptions = {}): Promise<Pairs> {
    return this.#call(options, () => {
      const result = this.#statistics.pairs(checked(options, "pairs"));
      const { models, agreement } = result;
      result.free();
      return { models, agreement: agreement as Float64Array<ArrayBuffer> };
    });
  }

  async intervals(options: IntervalsOptions): Promise<Intervals> {
    const run = await this.#call(options, () => this.#statistics.intervals(checked(options, "intervals")));
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

  mcnemar(options: McNemarOptions): Promise<McNemar> {
    return this.#call(options, () => this.#statistics.mcnemar(checked(options, "mcnemar")));
  }

  cells(options: PairOptions): Promise<Cells> {
    return this.#call(options, () => this.#statistics.cells(checked(options, "cells")));
  }

  confusion(options: ConfusionOptions): Promise<Confusion> {
    return this.#call(options, () => {
      const counts = this.#statistics.confusion(checked(options, "confusion")) as Uint32Array<ArrayBuffer>;
      const { rows = "teacher", columns = "student" } = options;
      return { nClasses: Math.sqrt(counts.length), rows, columns, counts };
    });
  }

  calibration(options: CalibrationOptions): Promise<Calibration> {
    return this.#call(options, () => this.#statistics.calibration(checked(options, "calibration")));
  }

  fitTemperature(options: FitTemperatureOptions): Promise<TemperatureFits> {
    return this.#call(options, () => this.#statistics.fitTemperature(withStudents(checked(options, "fitTemperature"))));
  }

  async temperatureCurves(options: TemperatureCurvesOptions): Promise<TemperatureCurves> {
    const { temperatures = TEMPERATURES, ...rest } = await this.#call(options, () =>
      withStudents(checked(options, "temperatureCurves")),
    );
    const ask = (temperatures: number[]) =>
      this.#call({}, () => this.#statistics.temperatureCurves({ ...rest, temperatures }));
    if (temperatures.length < 2) return { ...(await ask(temperatures)), cancelled: false };
    // One that is out of range must be told before any is computed.
    const outside = temperatures.find((temperature) => !(temperature >= 0.01 && temperature <= 100));
    if (outside !== undefined) await ask([outside]);
    const points: Awaited<ReturnType<typeof ask>>[] = [];
    for (const temperature of temperatures) {
      if (options.signal?.aborted && points.length > 0) break;
      points.push(await ask([temperature]));
    }
    const joined = (curves: TemperatureCurve[]): TemperatureCurve => ({
      nll: curves.flatMap(({ nll }) => nll),
      ece: curves.flatMap(({ ece }) => ece),
      kl: curves[0]?.kl ? curves.flatMap(({ kl }) => kl ?? []) : null,
    });
    const students = rest.students.map((name) => [name, joined(points.map((point) => point.students[name]!))]);
    return {
      temperatures: points.flatMap((point) => point.temperatures),
      cancelled: points.length < temperatures.length,
      ensemble: joined(points.map(({ ensemble }) => ensemble)),
      students: Object.fromEntries(students) as Record<string, TemperatureCurve>,
    };
  }

  images(options: ImagesOptions): Promise<Images> {
    return this.#call(options, () => {
      const args = checked(options, "images");
      if (args.filter) args.filter = checked(args.filter, "filter", "filter.");
      if (args.filter?.bin) args.filter.bin = checked(args.filter.bin, "bin", "filter.bin.");
      const result = this.#statistics.images(args);
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

  imageAnswers(options: ImageAnswersOptions): Promise<ImageAnswers> {
    return this.#call(options, () => this.#statistics.imageAnswers(withStudents(checked(options, "imageAnswers"))));
  }

  verify(options: VerifyOptions): Promise<Verification> {
    return this.#call(options, () => {
      const { name, logits, indices } = checked(options, "verify");
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
          const given = checked({ first, second, n }, "cka");
          return run.push(given.first, given.second, given.n);
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

/** The students as the module takes them. */
function withStudents<T extends { student?: string | string[] }>({
  student,
  ...rest
}: T): Omit<T, "student"> & { students: string[] } {
  return { ...rest, students: student === undefined ? [] : typeof student === "string" ? [student] : student };
}
