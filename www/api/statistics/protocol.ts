/** What passes between `AnalysisClient` and its Worker. */
import type { AnalysisInterface, AnalysisOptions } from "./types.js";
import type { ErrorCode } from "./fidelity_lab_statistics.js";

/** Every method but those that answer at once, and those of an alignment, which the Worker keeps by a number of the client's. */
export type AnalysisMethod =
  | Exclude<keyof AnalysisInterface, "models" | "cka" | "dispose">
  | "ckaCreate"
  | "ckaPush"
  | "ckaFree";

export interface AnalysisCall {
  method: AnalysisMethod;
  args: unknown[];
  /** Whether the caller wants to hear of progress. */
  watched: boolean;
}

export type ToAnalysis =
  | { type: "create"; options: AnalysisOptions }
  | ({ type: "call"; id: number } & AnalysisCall)
  | { type: "abort"; id: number };

export type FromAnalysis =
  | { type: "ready" }
  | { type: "failed"; error: { code: ErrorCode; message: string } }
  | { type: "result"; id: number; value: unknown; models: string[] }
  | { type: "progress"; id: number; value: { nDone: number; nTotal: number } }
  | { type: "error"; id: number; error: { code: ErrorCode; message: string } }
  /** The module is dead. */
  | { type: "ended"; error: { code: ErrorCode; message: string } };
