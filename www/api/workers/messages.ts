/** What the Workers of this library do alike with what they send. */
import type { ErrorCode } from "../statistics/fidelity_lab_statistics.js";
import { LabError } from "../wasm/errors.js";

/** From a Worker to its client. */
export function postFromWorker(message: object, transfer: Transferable[] = []): void {
  (self as unknown as { postMessage(message: object, transfer: Transferable[]): void }).postMessage(message, transfer);
}

/** An error as it crosses. */
export function plain(error: unknown): { code: ErrorCode; message: string } {
  const { code, message } = LabError.from(error);
  return { code, message };
}

/** The buffers of a result, which move instead of being copied. */
export function buffersOf(value: unknown): ArrayBuffer[] {
  const parts = ArrayBuffer.isView(value)
    ? [value]
    : typeof value === "object" && value !== null
      ? Object.values(value)
      : [];
  return parts.filter((part) => ArrayBuffer.isView(part)).map((part) => part.buffer as ArrayBuffer);
}
