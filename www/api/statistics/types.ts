/**
 * The interface that `Analysis` (in this thread) and `AnalysisClient` (across a Worker of its own) both have: statistics of networks'
 * answers to a whole test set, from their logits alone. No images, no GPU.
 *
 * The words are those of `lab.evaluate`: `models` are networks by name, `ensemble` is the mean of the teachers' probabilities,
 * `students` holds each student against the ensemble, `agreement` is the share of equal top-1 classes, `kl` is KL(teacher || student) in
 * nats. Shares are from 0 to 1. Images are told by their index in `labels`.
 *
 * `Analysis.create(options)` (analysis.js) loads the wasm module into this thread; `AnalysisClient.create({ ...options, createWorker })`
 * (analysis_client.js) into a Worker that `createWorker` makes of analysis_worker.js, by default from beside the client's own file.
 */
import type { Fidelity, Generalisation, ReliabilityBin, Role } from "./fidelity_lab_statistics.js";

export type { Fidelity, Generalisation, ReliabilityBin, Role };

/** 100 fine classes or 20 superclasses; the probability of a superclass is the sum of its classes'. Only for 100 classes. */
export type Level = "fine" | "coarse";

/** One network by its name, or the ensemble of several. */
export type Predictor = string | string[];

export interface AnalysisOptions {
  /** [n], fine classes. */
  labels: Uint8Array;
  nClasses: number;
}

/** What is known of a network beside its answers; it decides which controls and ceilings count. */
export interface NetworkFacts {
  role?: Role;
  /** Networks of one kind; controls and ceilings are looked for within the teachers' family. */
  family?: string;
  /** The names of a student's teachers; null or missing where nobody knows. */
  taughtBy?: string[] | null;
}

/** f16, little-endian, as in `*.logits.f16`: the file's bytes, or its 16-bit words; or f32. All [n, nClasses]. */
export type Logits = Uint8Array | Uint16Array | Float32Array;

/** Aborting rejects with the code `cancelled`, unless there is something to return (see `Intervals` and `TemperatureCurves`). */
export interface Cancellable {
  signal?: AbortSignal;
}

/** How the answers are looked at. */
export interface Lens {
  /** Default "fine". */
  level?: Level;
  /** Softens every network and the ensemble: softmax(log p / temperature). Default 1. */
  temperature?: number;
}

export interface ReportOptions extends Lens, Cancellable {
  /** Members of the ensemble, at least one; `sizes` takes them in in this order. */
  teachers: string[];
  student?: string | string[];
  /** Whether the ensembles of the first 1, 2, ... teachers are reported on too. Default true; without them a report comes in about half the time. */
  sizes?: boolean;
}

/** As `EvaluationReport`, over the whole test set; `students` and `models` hold every name of `student`. */
export interface Report {
  nImages: number;
  nClasses: number;
  level: Level;
  temperature: number;
  teachers: string[];
  models: Record<string, Generalisation>;
  ensemble: Generalisation;
  students: Record<string, Fidelity>;
  /** The ensembles of the first 1, 2, ... teachers; empty where they were not asked for. */
  sizes: SizeReport[];
}

export interface SizeReport {
  /** Number of members. */
  size: number;
  ensemble: Generalisation;
  /** Each student against this ensemble. */
  students: Record<string, Fidelity>;
}

export interface BaselinesOptions extends Lens, Cancellable {
  teachers: string[];
  student: string;
  /** An independent student; default: of those that fit, the first by name. */
  control?: string;
}

/** What an agreement has to be compared with. */
export interface Baselines {
  nImages: number;
  /** Of the student with the ensemble. */
  agreement: number;
  /**
   * Agreement expected of two predictors that are independent given the true class and have the class-wise confusion of these two:
   * sum over classes c of n_c / n * sum_k p_T(k | c) p_S(k | c).
   */
  chance: number;
  /** A student of the same family whose teachers are all others than the chosen ones; null where there is none. */
  control: Control | null;
  /** Why `control` is null: the network asked for does not fit, or no network does. */
  noControl: NoControl | null;
  /** All students that would do as control, by name. */
  controls: string[];
  /** Agreement of each chosen teacher with each other one; null for one teacher. */
  teacherPairs: PairSummary | null;
  /**
   * Agreement of the chosen ensemble with ensembles of as many other teachers of the family, in groups that share none, made of the others
   * by name; null where there are too few others, or where the chosen ones are of several families.
   */
  ceiling: Ceiling | null;
  copiedErrors: CopiedErrors;
}

export type NoControl =
  | "none_fits"
  | "shares_teachers"
  | "teachers_unknown"
  | "other_family"
  | "is_the_student"
  | "is_no_student";

export interface Control {
  name: string;
  agreement: number;
  chance: number;
  copiedErrors: CopiedErrors;
}

export interface PairSummary {
  nPairs: number;
  mean: number;
  lowest: number;
  highest: number;
}

export interface Ceiling {
  /** Mean over the groups. */ agreement: number;
  groups: { teachers: string[]; agreement: number }[];
}

/** Of the images that the ensemble gets wrong, those that the student gets wrong with the same class. */
export interface CopiedErrors {
  nTeacherWrong: number;
  nCopied: number;
  /** nCopied / nTeacherWrong; null where the teacher is never wrong. */
  share: number | null;
  /** The share expected by `chance`'s definition; null likewise. */
  chance: number | null;
}

export interface PairsOptions extends Lens, Cancellable {
  /** Default: all networks, by name. */ models?: string[];
}

/** Top-1 agreement of every network with every other one. */
export interface Pairs {
  models: string[];
  /** [models, models], 1 on the diagonal. */ agreement: Float64Array;
}

export interface IntervalsOptions extends Lens, Cancellable {
  teachers: string[];
  student?: string;
  /** A second student, against the same ensemble: `difference` is paired. */
  other?: string;
  /** Default 1000. */
  nResamples?: number;
  /** Default 0. */
  seed?: number;
  onProgress?: (progress: { nDone: number; nTotal: number }) => void;
}

/**
 * Percentile intervals of 95 % by a bootstrap over images: every figure of a resample is computed from the same images drawn with
 * replacement. Aborting resolves with `cancelled` and the intervals of the resamples done, if there are at least 100.
 */
export interface Intervals {
  nImages: number;
  /** Resamples done. */
  nResamples: number;
  seed: number;
  cancelled: boolean;
  ensemble: GeneralisationIntervals;
  student: StudentIntervals | null;
  other: StudentIntervals | null;
  /** `student` minus `ensemble`, paired. */
  studentMinusEnsemble: GeneralisationIntervals | null;
  /** `student` minus `other`, paired. */
  difference: StudentIntervals | null;
}

/** `estimate` is the figure of all images. */
export interface Interval {
  estimate: number;
  lower: number;
  upper: number;
}
export interface GeneralisationIntervals {
  accuracy: Interval;
  nll: Interval;
  ece: Interval;
}
export interface StudentIntervals extends GeneralisationIntervals {
  agreement: Interval;
  kl: Interval;
}

export interface McNemarOptions extends Cancellable {
  first: Predictor;
  second: Predictor;
  level?: Level;
}

/** McNemar's test of two accuracies on the same images. */
export interface McNemar {
  nImages: number;
  bothRight: number;
  onlyFirst: number;
  onlySecond: number;
  bothWrong: number;
  /** "exact": two-sided binomial, below 25 images on which one alone is right; "chi_square": one degree of freedom, continuity-corrected. */
  method: "exact" | "chi_square";
  /** (max(|onlyFirst - onlySecond| - 1, 0))^2 / (onlyFirst + onlySecond); null for "exact". */
  statistic: number | null;
  pValue: number;
}

export interface PairOptions extends Lens, Cancellable {
  teachers: string[];
  student: string;
}

export type Cell = "bothRight" | "onlyTeacher" | "onlyStudent" | "bothWrongSame" | "bothWrongOther";

/** Who is right; where both are wrong, whether with the same class. Counts of images. */
export interface Cells extends Record<Cell, number> {
  nImages: number;
}

export type Side = "truth" | "teacher" | "student";

export interface ConfusionOptions extends Lens, Cancellable {
  /** Needed where a side is "teacher"; their ensemble. */
  teachers?: string[];
  student?: string;
  /** Default "teacher". */
  rows?: Side;
  /** Default "student". */
  columns?: Side;
}

export interface Confusion {
  nClasses: number;
  rows: Side;
  columns: Side;
  /** [rows, columns], images. */ counts: Uint32Array;
}

/** "equal_width": bins (lower, upper] of the same width; "equal_mass": the images by confidence, in bins of as equal a count as can be. */
export type Binning = "equal_width" | "equal_mass";

export interface CalibrationOptions extends Lens, Cancellable {
  models: Predictor[];
  /** 1 to 1000, default 10. */
  nBins?: number;
  /** Default "equal_width". */
  binning?: Binning;
}

export interface Calibration {
  nImages: number;
  /** In the order of `models`. */
  models: CalibrationOf[];
}

/**
 * With equal-mass bins, `lower` and `upper` are the lowest and highest confidence inside, null to both where a bin is empty (fewer images
 * than bins), and images of equal confidence stand by index.
 */
export interface CalibrationOf {
  ece: number;
  bins: CalibrationBin[];
}
export interface CalibrationBin {
  lower: number | null;
  upper: number | null;
  count: number;
  confidence: number | null;
  accuracy: number | null;
}

export interface FitTemperatureOptions extends Cancellable {
  teachers: string[];
  /** Default: none. */
  student?: string | string[];
  /** Of the split, default 0. */
  seed?: number;
  level?: Level;
}

/** Temperature scaling (Guo et al. 2017): fitted by NLL of the fine classes on one half of the images, reported on the other. */
export interface TemperatureFits {
  seed: number;
  nFitted: number;
  nReported: number;
  ensemble: TemperatureFit;
  /** Each teacher and each student. */
  models: Record<string, TemperatureFit>;
}

export interface TemperatureFit {
  /** From 0.01 to 100; at a bound where the NLL falls towards it. */
  temperature: number;
  before: ScaledFigures;
  after: ScaledFigures;
}

export interface ScaledFigures {
  nll: number;
  ece: number;
  /** Of a student: KL(ensemble at 1 || student at its temperature); null for others. */
  kl: number | null;
}

export interface TemperatureCurvesOptions extends Cancellable {
  teachers: string[];
  student?: string | string[];
  /** Each from 0.01 to 100; default: 33 from 1/4 to 4, evenly in the logarithm. */
  temperatures?: number[];
  level?: Level;
}

/** Aborting resolves with `cancelled` and the temperatures done, if there is one. */
export interface TemperatureCurves {
  temperatures: number[];
  cancelled: boolean;
  /** KL(ensemble at the temperature || first student at 1); null without a student. */
  ensemble: TemperatureCurve;
  /** Each student; KL(ensemble at 1 || student at the temperature). */
  students: Record<string, TemperatureCurve>;
}

export interface TemperatureCurve {
  nll: number[];
  ece: number[];
  kl: number[] | null;
}

export type SortKey = "index" | "kl" | "teacherConfidence" | "studentConfidence" | "teacherMargin" | "studentMargin";

/** All that are given must hold. Classes are of the chosen level. */
export interface ImageFilter {
  /** Any of these. */
  cells?: Cell[];
  /** Whether teacher and student have the same top-1 class. */
  agree?: boolean;
  trueClass?: number;
  teacherClass?: number;
  studentClass?: number;
  /** Images of one bin of a reliability diagram. */
  bin?: { of: "teacher" | "student"; index: number; nBins?: number; binning?: Binning };
}

export interface ImagesOptions extends PairOptions {
  filter?: ImageFilter;
  /** Default "index". Equal ones stand by index. */
  sort?: SortKey;
  /** Default false: smallest first. */
  descending?: boolean;
}

/** Images in order. All arrays are [n], an element an image of `indices`, and the caller's own. */
export interface Images {
  indices: Uint32Array;
  trueClass: Uint8Array;
  teacherClass: Uint8Array;
  studentClass: Uint8Array;
  /** Of `CELLS`. */
  cell: Uint8Array;
  /** Nats. */
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

/** The answers to one image: the classes that are among the `nTop` most probable ones of any, in the ensemble's order. */
export interface ImageAnswersOptions extends Lens, Cancellable {
  index: number;
  teachers: string[];
  student?: string | string[];
  /** Default 5. */
  nTop?: number;
}
export interface ImageAnswers {
  classes: number[];
  /** Probabilities of `classes`. */
  ensemble: number[];
  models: Record<string, number[]>;
}

/** Logits that were computed here, to hold the given ones against. */
export interface VerifyOptions extends Cancellable {
  name: string;
  /** [k, nClasses] */
  logits: Float32Array;
  /** [k]; default: all images. */
  indices?: Uint32Array;
}
export interface Verification {
  nImages: number;
  /** Largest absolute difference of a logit. */
  maxDifference: number;
  /** Images whose top-1 class differs. */
  nTop1Changed: number;
}

/**
 * Centred kernel alignment of two networks' features, summed over minibatches by the unbiased HSIC (Song et al. 2012; Nguyen et al. 2021).
 * The RBF kernel's bandwidth is 0.5 times the median distance between two images of the first batch, for each network.
 */
export interface CkaInterface {
  /**
   * Adds a batch of at least 4 images: for each network the products X X^T [n, n] of its features of the same images, as `lab.gram` gives
   * them.
   */
  push(first: Float32Array, second: Float32Array, n: number, options?: Cancellable): Promise<Cka>;
  free(): void;
}
export interface Cka {
  nImages: number;
  nBatches: number;
  /** null where a network answers all images alike. */
  linear: number | null;
  rbf: number | null;
  /** Of the RBF kernels: first, second. */
  bandwidths: [number, number];
}

export interface AnalysisInterface {
  /** Names in the order in which they were added. */
  readonly models: string[];
  /**
   * Takes a network's logits, which are copied. Rejects with `name_taken`, and `bad_argument` for a wrong length or a value that is not
   * finite.
   */
  add(name: string, logits: Logits, facts?: NetworkFacts): Promise<void>;
  remove(name: string): Promise<void>;
  report(options: ReportOptions): Promise<Report>;
  baselines(options: BaselinesOptions): Promise<Baselines>;
  pairs(options?: PairsOptions): Promise<Pairs>;
  intervals(options: IntervalsOptions): Promise<Intervals>;
  mcnemar(options: McNemarOptions): Promise<McNemar>;
  cells(options: PairOptions): Promise<Cells>;
  confusion(options: ConfusionOptions): Promise<Confusion>;
  calibration(options: CalibrationOptions): Promise<Calibration>;
  fitTemperature(options: FitTemperatureOptions): Promise<TemperatureFits>;
  temperatureCurves(options: TemperatureCurvesOptions): Promise<TemperatureCurves>;
  images(options: ImagesOptions): Promise<Images>;
  imageAnswers(options: ImageAnswersOptions): Promise<ImageAnswers>;
  verify(options: VerifyOptions): Promise<Verification>;
  cka(): Promise<CkaInterface>;
  dispose(): void;
}

/** What `lab.report` and `lab.compare` compute from. */
export interface Answers extends AnalysisOptions {
  logits: Record<string, Logits>;
  facts?: Record<string, NetworkFacts>;
}

export interface CompareOptions extends Lens, Cancellable {
  teachers: string[];
  student: string;
  /** A second student. */
  other: string;
  nResamples?: number;
  seed?: number;
  onProgress?: (progress: { nDone: number; nTotal: number }) => void;
}

/** Two students of one ensemble: which is more accurate, which more faithful, and whether chance would do as much. */
export interface Comparison {
  report: Report;
  intervals: Intervals;
  mcnemar: McNemar;
  student: Cells;
  other: Cells;
}
