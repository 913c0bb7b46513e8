/**
 * The interface that `Analysis` (in this thread) and `AnalysisClient` (across a Worker of its own) both have: statistics of
 * several networks over a whole test set, from their logits alone. They need neither images nor a GPU.
 *
 * The terms are those of `lab.evaluate`: `models` are networks by name, `ensemble` is the mean of the teachers' probabilities,
 * `students` compares each student with the ensemble, `agreement` is the share of equal top-1 classes, `kl` is KL(teacher || student) in
 * nats. Shares range from 0 to 1. Images are identified by their index in `labels`.
 *
 * `Analysis.create(options)` (analysis.js) loads the wasm module into this thread; `AnalysisClient.create({ ...options, createWorker })`
 * (analysis_client.js) into a Worker that `createWorker` makes from analysis_worker.js; by default, the one beside the client's own file.
 */
import type {
  BaselinesArgs,
  CalibrationArgs,
  Cell,
  Cells,
  Cka,
  ConfusionArgs,
  FitTemperatureArgs,
  ImageAnswersArgs,
  ImagesArgs,
  Intervals,
  IntervalsArgs,
  McNemar,
  McNemarArgs,
  NetworkFacts,
  PairArgs,
  PairsArgs,
  Questions,
  Report,
  ReportArgs,
  Side,
  TemperatureCurves as Curves,
  TemperatureCurvesArgs,
  Verification,
} from "./fidelity_lab_statistics.js";

// The module's types are public as they are; the types below take precedence over those of the same name.
export type * from "./fidelity_lab_statistics.js";

export interface AnalysisOptions {
  /** The true fine class of each image, [n]. */
  labels: Uint8Array;
  nClasses: number;
}

/** f16, little-endian, as in `*.logits.f16`: the file's bytes, or its 16-bit words; or f32. All are [n, nClasses]. */
export type Logits = Uint8Array | Uint16Array | Float32Array;

/** Aborting rejects with the code `cancelled`, unless there is something to return (see `Intervals` and `TemperatureCurves`). */
export interface Cancellable {
  signal?: AbortSignal;
}

/** How predictions are viewed. */
export type Lens = Pick<PairArgs, "level" | "temperature">;

export type ReportOptions = ReportArgs & Cancellable;
export type BaselinesOptions = BaselinesArgs & Cancellable;
export type PairsOptions = PairsArgs & Cancellable;
export type McNemarOptions = McNemarArgs & Cancellable;
export type PairOptions = PairArgs & Cancellable;
export type ConfusionOptions = ConfusionArgs & Cancellable;
export type CalibrationOptions = CalibrationArgs & Cancellable;
export type FitTemperatureOptions = FitTemperatureArgs & Cancellable;
export type TemperatureCurvesOptions = TemperatureCurvesArgs & Cancellable;
export type ImagesOptions = ImagesArgs & Cancellable;
export type ImageAnswersOptions = ImageAnswersArgs & Cancellable;
export type IntervalsOptions = IntervalsArgs &
  Cancellable & { onProgress?: (progress: { nDone: number; nTotal: number }) => void };

/** Top-1 agreement of every network with every other one. */
export interface Pairs {
  models: string[];
  /** [models, models], 1 on the diagonal. */
  agreement: Float64Array;
}

export interface Confusion {
  nClasses: number;
  rows: Side;
  columns: Side;
  /** Number of images, [rows, columns]. */
  counts: Uint32Array;
}

/** If the call is aborted, it resolves with `cancelled` and the temperatures done, provided there is at least one. */
export interface TemperatureCurves extends Curves {
  cancelled: boolean;
}

/** Images in order. All arrays are [n], have one element per image of `indices`, and belong to the caller. */
export interface Images {
  indices: Uint32Array;
  trueClass: Uint8Array;
  teacherClass: Uint8Array;
  studentClass: Uint8Array;
  /** Positions in `CELLS`. */
  cell: Uint8Array;
  /** KL(teacher || student) in nats. */
  kl: Float32Array;
  /** Probability of the top-1 class. */
  teacherConfidence: Float32Array;
  studentConfidence: Float32Array;
  /** Probability of the most probable class minus that of the second. */
  teacherMargin: Float32Array;
  studentMargin: Float32Array;
}

/** What the numbers of `Images.cell` mean. */
export const CELLS: readonly Cell[] = ["bothRight", "onlyTeacher", "onlyStudent", "bothWrongSame", "bothWrongOther"];

/** Logits that were computed here, to compare with the stored ones. */
export interface VerifyOptions extends Cancellable {
  name: string;
  /** [k, nClasses] */
  logits: Float32Array;
  /** [k]; default: all images. */
  indices?: Uint32Array;
}

/** Centred kernel alignment of two networks' features, batch by batch. */
export interface CkaInterface {
  /**
   * Adds a batch of at least 4 images. For each network it takes the products X X^T [n, n] of its features of the same images, as
   * `lab.gram` returns them.
   */
  push(first: Float32Array, second: Float32Array, n: number, options?: Cancellable): Promise<Cka>;
  free(): void;
}

/** One method per question of the module's table. */
export type QuestionMethods = {
  [Q in keyof Questions]: (options: Questions[Q][0] & Cancellable) => Promise<Questions[Q][1]>;
};

export interface AnalysisInterface extends QuestionMethods {
  /** Names in the order in which they were added. */
  readonly models: string[];
  /**
   * Copies a network's logits. Rejects with `name_taken`, or with `bad_argument` if the length is wrong or a value is not finite.
   */
  add(name: string, logits: Logits, facts?: NetworkFacts): Promise<void>;
  remove(name: string): Promise<void>;
  pairs(options?: PairsOptions): Promise<Pairs>;
  intervals(options: IntervalsOptions): Promise<Intervals>;
  confusion(options: ConfusionOptions): Promise<Confusion>;
  temperatureCurves(options: TemperatureCurvesOptions): Promise<TemperatureCurves>;
  images(options: ImagesOptions): Promise<Images>;
  verify(options: VerifyOptions): Promise<Verification>;
  cka(): Promise<CkaInterface>;
  dispose(): void;
}

/** What `lab.report` and `lab.compare` compute from. */
export interface Answers extends AnalysisOptions {
  logits: Record<string, Logits>;
  facts?: Record<string, NetworkFacts>;
}

export type CompareOptions = Omit<IntervalsOptions, "student" | "other"> & {
  student: string;
  /** A second student. */
  other: string;
};

/** Two students of one ensemble: which is more accurate, which is more faithful, and whether chance explains the difference. */
export interface Comparison {
  report: Report;
  intervals: Intervals;
  mcnemar: McNemar;
  student: Cells;
  other: Cells;
}
