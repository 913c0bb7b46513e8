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
import type { Fidelity, Generalisation, ReliabilityBin, Role } from "./api.js";

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

/** Aborting rejects with the code `cancelled`; a call that is being computed is finished first. */
export interface Cancellable { signal?: AbortSignal }

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
  /** The ensembles of the first 1, 2, ... teachers. */
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
  /** An independent student; default: the first that fits. */
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
  /** All students that would do as control. */
  controls: string[];
  /** Agreement of each chosen teacher with each other one; null for one teacher. */
  teacherPairs: PairSummary | null;
  /**
   * Agreement of the chosen ensemble with ensembles of as many other teachers of the family, in groups that share none; null where there
   * are too few others.
   */
  ceiling: Ceiling | null;
  copiedErrors: CopiedErrors;
}

export type NoControl = "none_fits" | "shares_teachers" | "teachers_unknown" | "other_family" | "is_the_student" | "is_no_student";

export interface Control { name: string; agreement: number; chance: number; copiedErrors: CopiedErrors }

export interface PairSummary { nPairs: number; mean: number; lowest: number; highest: number }

export interface Ceiling { /** Mean over the groups. */ agreement: number; groups: { teachers: string[]; agreement: number }[] }

/** Of the images that the ensemble gets wrong, those that the student gets wrong with the same class. */
export interface CopiedErrors {
  nTeacherWrong: number;
  nCopied: number;
  /** nCopied / nTeacherWrong; null where the teacher is never wrong. */
  share: number | null;
  /** The share expected by `chance`'s definition; null likewise. */
  chance: number | null;
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
}

/**
 * Percentile intervals of 95 % by a bootstrap over images: every figure of a resample is computed from the same images drawn with
 * replacement.
 */
export interface Intervals {
  nImages: number;
  /** Resamples done. */
  nResamples: number;
  seed: number;
  ensemble: GeneralisationIntervals;
  student: StudentIntervals | null;
  other: StudentIntervals | null;
  /** `student` minus `ensemble`, paired. */
  studentMinusEnsemble: GeneralisationIntervals | null;
  /** `student` minus `other`, paired. */
  difference: StudentIntervals | null;
}

/** `estimate` is the figure of all images. */
export interface Interval { estimate: number; lower: number; upper: number }
export interface GeneralisationIntervals { accuracy: Interval; nll: Interval; ece: Interval }
export interface StudentIntervals extends GeneralisationIntervals { agreement: Interval; kl: Interval }

export interface McNemarOptions extends Cancellable { first: Predictor; second: Predictor; level?: Level }

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

export interface PairOptions extends Lens, Cancellable { teachers: string[]; student: string }

export type Cell = "bothRight" | "onlyTeacher" | "onlyStudent" | "bothWrongSame" | "bothWrongOther";

/** Who is right; where both are wrong, whether with the same class. Counts of images. */
export interface Cells extends Record<Cell, number> { nImages: number }

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

export interface Confusion { nClasses: number; rows: Side; columns: Side; /** [rows, columns], images. */ counts: Uint32Array }

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
export interface CalibrationOf { ece: number; bins: CalibrationBin[] }
export interface CalibrationBin { lower: number | null; upper: number | null; count: number; confidence: number | null; accuracy: number | null }

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
  intervals(options: IntervalsOptions): Promise<Intervals>;
  mcnemar(options: McNemarOptions): Promise<McNemar>;
  cells(options: PairOptions): Promise<Cells>;
  confusion(options: ConfusionOptions): Promise<Confusion>;
  calibration(options: CalibrationOptions): Promise<Calibration>;
  dispose(): void;
}

