/** What the messages between `AnalysisClient` and its Worker hold. */
import type { AnalysisInterface, AnalysisOptions } from "./types.js";

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

export interface AnalysisProtocol {
  create: AnalysisOptions;
  ready: undefined;
  call: AnalysisCall;
  /** How far the call is. */
  event: { nDone: number; nTotal: number };
  model: string;
}
