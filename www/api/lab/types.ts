/** The interface that `Lab` (in this thread) and `LabClient` (across a Worker) share. Data types come from the Rust source. */
import type {
  ErrorCode,
  EvaluationReport,
  Fidelity,
  Generalisation,
  HoldOutMetrics,
  ModelInfo,
  Policy,
  Recipe,
  ReliabilityBin,
  Role,
  Schedule,
} from "../cpu/fidelity_lab_cpu.js";

import type { Answers, CompareOptions, Comparison, Report, ReportOptions } from "../statistics/types.js";

export type { Answers, CompareOptions, Comparison, Report, ReportOptions };
export type {
  ErrorCode,
  EvaluationReport,
  Fidelity,
  Generalisation,
  HoldOutMetrics,
  ModelInfo,
  Policy,
  Recipe,
  ReliabilityBin,
  Role,
  Schedule,
};

export type DeviceChoice = "auto" | "webgpu" | "cpu";

export interface DeviceInfo {
  kind: "webgpu" | "cpu";
  vendor: string;
  architecture: string;
  description: string;
  isSoftware: boolean;
  /** Threads that compute; 1 on WebGPU. */
  threads: number;
  /** Why this device was chosen, in a sentence for the visitor. */
  reason: string;
  features: string[];
  /** Largest absolute error in the known-answer check. */
  selfTestError: number;
}

export interface PredictOptions {
  /** By default all loaded models. */
  models?: string[];
  /** Members of the ensemble; by default the teachers among `models`. */
  teachers?: string[];
}

export interface Prediction {
  models: string[];
  nClasses: number;
  /** [models, n, classes] */
  logits: Float32Array;
  /** [n, classes] log-probabilities of the teachers' ensemble; null if no teacher is among the models. */
  ensemble: Float32Array | null;
}

export interface GramOptions {
  /** By default all loaded models. */
  models?: string[];
  /** `done` goes from 0 to 1. */
  onProgress?: (progress: { done: number }) => void | Promise<void>;
  /** Aborting rejects with the code `cancelled`. */
  signal?: AbortSignal;
}

/**
 * X X^T of each model's residual stream X, [n, height x width x channels], at the end of each stage: how similar each pair of
 * images is to the network. `CkaInterface.push` (analysis_api.ts) takes a pair of these matrices.
 */
export interface Gram {
  models: string[];
  nImages: number;
  nStages: number;
  /** [models, stages, n, n] */ values: Float32Array;
}

export interface EvaluationProgress {
  nDone: number;
  nTotal: number;
  imagesPerSecond: number;
  report: EvaluationReport;
}

export interface EvaluateOptions {
  teachers?: string[];
  student?: string | string[];
  batchSize?: number;
  /** A returned Promise pauses the evaluation until it resolves. */
  onProgress?: (progress: EvaluationProgress) => void | Promise<void>;
  signal?: AbortSignal;
}

/** The recipe's settings that a caller chooses. */
type RecipeOptions = Pick<
  Recipe,
  "temperature" | "alpha" | "learningRate" | "weightDecay" | "steps" | "batchSize" | "policy" | "schedule" | "seed"
>;

/** A setting that is not given has the engine's default. By default `temperature` is 4 and `alpha` is 0. */
export interface DistillOptions extends RecipeOptions {
  student: string;
  outputName: string;
  teachers?: string[];
  /** Images to measure the student on and never train on: every `every` steps (default: about 10 times per run) and at both ends. */
  holdOut?: { pixels: Uint8Array; labels: Uint8Array | null; every?: number };
  /** A returned Promise pauses the run until it resolves. */
  onStep?: (progress: StepProgress) => void | Promise<void>;
  /** Called every 50 steps or 30 s, and when a pause begins. */
  onCheckpoint?: (checkpoint: Uint8Array) => void;
  /** A checkpoint of the same run, from which this call resumes. */
  resume?: Uint8Array;
  signal?: AbortSignal;
}

export interface StepProgress {
  /** Steps done, from 1; 0 is the measurement before the first step, where `loss` is null. */
  step: number;
  totalSteps: number;
  loss: number | null;
  /** The minimum of the loss: (1 - alpha) tau^2 times the entropy of the softened teacher. */
  lossFloor: number | null;
  /** Agreement of student and ensemble on the (augmented) training batch. */
  trainAgreement: number | null;
  learningRate: number;
  imagesPerSecond: number;
  secondsLeft: number | null;
  holdOut: HoldOutMetrics | null;
}

export interface DistillReport {
  outputName: string;
  stepsDone: number;
  totalSteps: number;
  cancelled: boolean;
  nImages: number;
  before: HoldOutMetrics | null;
  after: HoldOutMetrics | null;
}

/** Records of the CIFAR-100 binary format. */
export interface Records {
  nImages: number;
  /** [n, 32, 32, 3] RGB */
  pixels: Uint8Array;
  labels: Uint8Array;
  coarseLabels: Uint8Array;
  /** Whether these are the 10,000 test images of CIFAR-100, in any order; null if no hashes were given. */
  isCifar100Test: boolean | null;
}

export interface PreparedImage {
  /** [32, 32, 3] RGB: what the network sees. */ pixels: Uint8Array;
  width: number;
  height: number;
}

export interface LabInterface {
  readonly device: DeviceInfo;
  readonly models: ModelInfo[];
  loadModel(bytes: Uint8Array, options: { role: Role; name?: string }): Promise<ModelInfo>;
  removeModel(name: string): Promise<void>;
  predict(pixels: Uint8Array, n: number, options?: PredictOptions): Promise<Prediction>;
  /** Takes 2 to 512 images. */
  gram(pixels: Uint8Array, n: number, options?: GramOptions): Promise<Gram>;
  evaluate(pixels: Uint8Array, labels: Uint8Array | null, options?: EvaluateOptions): Promise<EvaluationReport>;
  distill(pixels: Uint8Array, labels: Uint8Array | null, options: DistillOptions): Promise<DistillReport>;
  exportModel(name: string): Promise<Uint8Array>;
  /** Splits `test.bin` or `train.bin` (3,074 bytes per record). `testHashes` is the file `test-records.bin`. */
  readRecords(bytes: Uint8Array, testHashes?: Uint8Array): Promise<Records>;
  /**
   * Decodes a PNG, JPEG, WebP, GIF or AVIF in the browser, applies its EXIF orientation, composites it over white, crops the centre and
   * box-averages it to 32x32.
   */
  prepareImage(file: Blob): Promise<PreparedImage>;
  /** Reports on stored logits of a whole test set. Needs no images and no loaded network; fetches the statistics module. */
  report(answers: Answers, options: ReportOptions): Promise<Report>;
  /**
   * Compares two students of one ensemble from stored logits: metrics, paired intervals and McNemar's test. `onProgress` counts the
   * resamples; aborting resolves with those done, if there are at least 100.
   */
  compare(answers: Answers, options: CompareOptions): Promise<Comparison>;
  dispose(): void;
}
