/** What the messages between `AnalysisClient` and its Worker hold. */
import type { AnalysisInterface, AnalysisOptions } from "./types.js";

/** All methods that return a promise, the names of the questions, and the methods of an alignment, which the client numbers. */
export type AnalysisMethod =
  | Exclude<keyof AnalysisInterface, "models" | "cka" | "dispose">
  | "questions"
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
