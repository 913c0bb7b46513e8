/** `Analysis`: the statistics in the thread that creates it. */
import type {
  AnalysisOptions, AnalysisInterface, Baselines, BaselinesOptions, Calibration, CalibrationOptions, Cancellable, Cells, Confusion,
  ConfusionOptions, Intervals, IntervalsOptions, Logits, McNemar, McNemarOptions, NetworkFacts, PairOptions, Report, ReportOptions,
} from "./analysis_api.js";
import { loadStatistics, type Statistics } from "./analysis_engine.js";
import { LabError } from "./errors.js";
import { yieldToEvents } from "./yield.js";

export class Analysis implements AnalysisInterface {
  #statistics: Statistics;
  #ended: LabError | null = null;
  #release: () => void;

  private constructor(statistics: Statistics, handlers: Set<(error: LabError) => void>) {
    this.#statistics = statistics;
    const handler = (error: LabError) => { this.#ended ??= error; };
    handlers.add(handler);
    this.#release = () => handlers.delete(handler);
  }

  static async create(options: AnalysisOptions): Promise<Analysis> {
    if (!(options?.labels instanceof Uint8Array)) throw new LabError("bad_argument", "labels must be a Uint8Array");
    const { module, handlers } = await loadStatistics();
    try {
      return new Analysis(new module.Statistics(options.labels, options.nClasses), handlers);
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
    const { student, signal: _, ...rest } = options;
    const students = student === undefined ? [] : typeof student === "string" ? [student] : student;
    return this.#call(options, () => this.#statistics.report({ ...rest, students }));
  }

  baselines(options: BaselinesOptions): Promise<Baselines> {
    return this.#call(options, () => this.#statistics.baselines(options));
  }

  /** All resamples at once: a signal counts before it begins. */
  intervals(options: IntervalsOptions): Promise<Intervals> {
    return this.#call(options, () => this.#statistics.intervals(options));
  }

  mcnemar(options: McNemarOptions): Promise<McNemar> {
    return this.#call(options, () => this.#statistics.mcnemar(options));
  }

  cells(options: PairOptions): Promise<Cells> {
    return this.#call(options, () => this.#statistics.cells(options));
  }

  confusion(options: ConfusionOptions): Promise<Confusion> {
    const { rows = "teacher", columns = "student" } = options;
    return this.#call(options, () => {
      const counts = this.#statistics.confusion(options);
      return { nClasses: Math.sqrt(counts.length), rows, columns, counts };
    });
  }

  calibration(options: CalibrationOptions): Promise<Calibration> {
    return this.#call(options, () => this.#statistics.calibration(options));
  }

  dispose(): void {
    if (this.#ended?.code === "disposed") return;
    this.#release();
    // A module that panicked must not be entered again.
    if (!this.#ended) this.#statistics.free();
    this.#ended = new LabError("disposed", "this analysis was disposed; create another one");
  }

  /** Waiting events come first, so that a call that was aborted meanwhile costs nothing. Every error leaves as a LabError. */
  async #call<T>({ signal }: Cancellable, work: () => T): Promise<T> {
    await yieldToEvents();
    if (this.#ended) throw this.#ended;
    if (signal?.aborted) throw new LabError("cancelled", "the call was aborted before it began");
    try {
      return work();
    } catch (error) {
      throw this.#ended ?? LabError.from(error);
    }
  }
}
