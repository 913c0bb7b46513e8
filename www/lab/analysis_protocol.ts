/** What passes between `AnalysisClient` and its Worker. */
import type { AnalysisOptions, AnalysisInterface } from "./analysis_api.js";
import type { ErrorCode } from "./api.js";

/** Every method but those that answer at once. */
export type AnalysisMethod = Exclude<keyof AnalysisInterface, "models" | "dispose">;

export type ToAnalysis =
  | { type: "create"; options: AnalysisOptions }
  | { type: "call"; id: number; method: AnalysisMethod; args: unknown[] }
  | { type: "abort"; id: number };

export type FromAnalysis =
  | { type: "ready" }
  | { type: "failed"; error: { code: ErrorCode; message: string } }
  | { type: "result"; id: number; value: unknown; models: string[] }
  | { type: "error"; id: number; error: { code: ErrorCode; message: string } };
