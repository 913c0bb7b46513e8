import type { ErrorCode } from "../statistics/fidelity_lab_statistics.js";

/** The error that this library throws: a code for programs and a sentence for people. */
export class LabError extends Error {
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string) {
    super(message);
    this.name = "LabError";
    this.code = code;
  }

  /** Errors cross the wasm boundary and a Worker as plain `{ code, message }`; any other error is a defect. */
  static from(error: unknown): LabError {
    if (error instanceof LabError) return error;
    if (
      typeof error === "object" &&
      error !== null &&
      "code" in error &&
      "message" in error &&
      typeof error.code === "string"
    )
      return new LabError(error.code as ErrorCode, String(error.message));
    return new LabError("internal", error instanceof Error ? `${error.name}: ${error.message}` : String(error));
  }
}
