/** What the messages between `LabClient` and its Worker hold. */
import type {
  Answers,
  CompareOptions,
  DeviceChoice,
  DeviceInfo,
  DistillOptions,
  EvaluateOptions,
  GramOptions,
  ModelInfo,
  PredictOptions,
  ReportOptions,
  Role,
} from "./types.js";
import type { DistillState, ResumableDistillOptions } from "./distill.js";
import type { ResumableEvaluateOptions } from "./evaluate.js";

/** Options without what cannot be cloned; `watched` says whether the caller wants the events. */
export type EvaluateArgs = Omit<EvaluateOptions, "onProgress" | "signal"> &
  Pick<ResumableEvaluateOptions, "snapshot"> & { watched: boolean };
export type GramArgs = Omit<GramOptions, "onProgress" | "signal"> & { watched: boolean };
export type DistillArgs = Omit<DistillOptions, "onStep" | "onCheckpoint" | "signal"> &
  Pick<ResumableDistillOptions, "before"> & { watched: boolean };
export type CompareArgs = Omit<CompareOptions, "onProgress" | "signal"> & { watched: boolean };

export type Call =
  | { method: "loadModel"; bytes: Uint8Array; options: { role: Role; name?: string } }
  | { method: "removeModel"; name: string }
  | { method: "exportModel"; name: string }
  | { method: "predict"; pixels: Uint8Array; n: number; options: PredictOptions }
  | { method: "gram"; pixels: Uint8Array; n: number; options: GramArgs }
  | { method: "evaluate"; pixels: Uint8Array; labels: Uint8Array | null; options: EvaluateArgs }
  | { method: "distill"; pixels: Uint8Array; labels: Uint8Array | null; options: DistillArgs }
  | { method: "readRecords"; bytes: Uint8Array; testHashes?: Uint8Array | undefined }
  | { method: "prepareImage"; file: Blob }
  | { method: "report"; answers: Answers; options: ReportOptions }
  | { method: "compare"; answers: Answers; options: CompareArgs };

export type LabEvent =
  | { name: "progress"; value: unknown }
  /** What an evaluation resumes from. */
  | { name: "snapshot"; value: string }
  /** What a distillation resumes from. */
  | { name: "checkpoint"; value: DistillState };

export interface LabProtocol {
  create: { device: DeviceChoice; threads: number | undefined };
  ready: DeviceInfo;
  call: Call;
  event: LabEvent;
  model: ModelInfo;
}
