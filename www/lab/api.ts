/** The interface that `Lab` (in this thread) and `LabClient` (across a Worker) both have. */

export type DeviceChoice = "auto" | "webgpu" | "cpu";

export interface DeviceInfo {
  kind: "webgpu" | "cpu";
  vendor: string;
  architecture: string;
  description: string;
  isSoftware: boolean;
  /** Why this device, in a sentence for the visitor. */
  reason: string;
  features: string[];
  /** Largest absolute difference of the known-answer check. */
  selfTestError: number;
}

export type Role = "teacher" | "student";

export interface ModelInfo {
  name: string;
  role: Role;
  /** "PreResNet-56" */
  family: string;
  depth: number;
  nClasses: number;
  nParameters: number;
  mean: [number, number, number];
  std: [number, number, number];
  /** JSON text of the file's metadata, or null. */
  provenance: string | null;
  /** What was assumed because the file does not say it. */
  notices: string[];
}

export interface Prediction {
  models: string[];
  nClasses: number;
  /** [models, n, classes] */
  logits: Float32Array;
  /** [n, classes] log-probabilities of the teachers' ensemble; null where no teacher is among the models. */
  ensemble: Float32Array | null;
}

/** One of ten equal-width confidence bins (lo, hi]. */
export interface ReliabilityBin { lower: number; upper: number; count: number; confidence: number | null; accuracy: number | null }

/** Null where labels are missing. */
export interface Generalisation {
  accuracy: number | null;
  top5Accuracy: number | null;
  nll: number | null;
  ece: number | null;
  reliability: ReliabilityBin[] | null;
}

export interface Fidelity {
  /** Share of images with the same top-1 class as the ensemble. */
  agreement: number;
  /** Mean KL(teacher || student) in nats at temperature 1. */
  kl: number;
  agreementTeacherRight: number | null;
  agreementTeacherWrong: number | null;
}

export interface EvaluationReport {
  nImages: number;
  cancelled: boolean;
  teachers: string[];
  /** Each teacher and each student, by name. */
  models: Record<string, Generalisation>;
  ensemble: Generalisation | null;
  students: Record<string, Fidelity>;
}

export interface EvaluationProgress { nDone: number; nTotal: number; imagesPerSecond: number; report: EvaluationReport }

export interface EvaluateOptions {
  teachers?: string[];
  student?: string | string[];
  batchSize?: number;
  /** A returned Promise pauses the evaluation until it resolves. */
  onProgress?: (progress: EvaluationProgress) => void | Promise<void>;
  signal?: AbortSignal;
}

export type Policy = "none" | "flip_crop";
export type Schedule = "cosine" | "constant";

export interface DistillOptions {
  student: string;
  outputName: string;
  teachers?: string[];
  /** Default 4. */
  temperature?: number;
  /** Weight of the labels' NLL, default 0. */
  alpha?: number;
  learningRate?: number;
  weightDecay?: number;
  steps?: number;
  batchSize?: number;
  policy?: Policy;
  schedule?: Schedule;
  seed?: number;
  /** Images that are measured and never distilled on, every `every` steps (default: about 10 times a run) and at both ends. */
  holdOut?: { pixels: Uint8Array; labels: Uint8Array | null; every?: number };
  /** A returned Promise pauses the run until it resolves. */
  onStep?: (progress: StepProgress) => void | Promise<void>;
  /** Called every 50 steps or 30 s, and when a pause begins. */
  onCheckpoint?: (checkpoint: Uint8Array) => void;
  /** A checkpoint of the same run to go on from. */
  resume?: Uint8Array;
  signal?: AbortSignal;
}

export interface HoldOutMetrics { nImages: number; agreement: number; kl: number; accuracy: number | null; ensembleAccuracy: number | null; nll: number | null; ece: number | null }

export interface StepProgress {
  /** Steps done, from 1; 0 is the measurement before the first step (loss NaN is never sent: `loss` is null there). */
  step: number;
  totalSteps: number;
  loss: number | null;
  /** tau^2 times the entropy of the softened teacher: the loss cannot go below. */
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
  /** Whether these are the 10,000 test images of CIFAR-100, in whatever order; null where no hashes were given. */
  isCifar100Test: boolean | null;
}

export interface PreparedImage { /** [32, 32, 3] RGB: what the network sees. */ pixels: Uint8Array; width: number; height: number }

export type ErrorCode =
  | "bad_argument" | "unknown_model" | "name_taken" | "no_teacher" | "class_mismatch"
  | "weights_invalid" | "records_invalid" | "image_invalid" | "image_too_large" | "checkpoint_invalid"
  | "device_unavailable" | "device_lost" | "gpu_error" | "out_of_memory" | "disposed" | "internal";

export interface LabInterface {
  readonly device: DeviceInfo;
  readonly models: ModelInfo[];
  loadModel(bytes: Uint8Array, options: { role: Role; name?: string }): Promise<ModelInfo>;
  removeModel(name: string): Promise<void>;
  predict(pixels: Uint8Array, n: number, options?: { models?: string[]; teachers?: string[] }): Promise<Prediction>;
  evaluate(pixels: Uint8Array, labels: Uint8Array | null, options?: EvaluateOptions): Promise<EvaluationReport>;
  distill(pixels: Uint8Array, labels: Uint8Array | null, options: DistillOptions): Promise<DistillReport>;
  exportModel(name: string): Promise<Uint8Array>;
  /** Splits `test.bin` or `train.bin` (3,074 bytes a record). `testHashes`: the file `test-records.bin`. */
  readRecords(bytes: Uint8Array, testHashes?: Uint8Array): Promise<Records>;
  /** Decodes a PNG, JPEG, WebP, GIF or AVIF in the browser, honours EXIF, lays it on white, crops the centre and box-averages to 32x32. */
  prepareImage(file: Blob): Promise<PreparedImage>;
  dispose(): void;
}
/* export class LabError extends Error { code: ErrorCode }
   export class Lab implements LabInterface { static create(options?: { device?: DeviceChoice }): Promise<Lab> }
   export class LabClient implements LabInterface { static create(options?: { device?: DeviceChoice; createWorker?: () => Worker; onRestart?: (why: string) => void }): Promise<LabClient> } */
