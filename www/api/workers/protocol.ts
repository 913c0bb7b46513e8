/** The envelopes that pass between a client and its Worker. The `protocol.ts` of each part defines what they hold. */
import type { LabError } from "../wasm/errors.js";

/** The types of one part's messages. */
export interface Protocol {
  /** What the Worker needs to start. */
  create: unknown;
  /** What the Worker answers once it has started. */
  ready: unknown;
  call: unknown;
  /** What the Worker reports while it works on a call. */
  event: unknown;
  /** One entry of the list of models that comes with every result. */
  model: unknown;
}

/** A `LabError` as it crosses. */
export type PlainError = Pick<LabError, "code" | "message">;

export type ToWorker<P extends Protocol> =
  | { type: "create"; options: P["create"] }
  | { type: "call"; id: number; call: P["call"] }
  | { type: "abort"; id: number }
  /** The caller's callback has dealt with the event. */
  | { type: "answer"; event: number };

export type FromWorker<P extends Protocol> =
  | { type: "ready"; value: P["ready"] }
  | { type: "result"; id: number; value: unknown; models: P["model"][] }
  | { type: "error"; id: number; error: PlainError }
  | { type: "event"; id: number; event: number; value: P["event"] }
  /** The Worker could not start, its device is lost, or its module is dead. */
  | { type: "ended"; error: PlainError };
