/** What the loops of `evaluate`, `distill` and `gram` need from a lab. */
import type { DeviceInfo } from "./types.js";
import type { Engine } from "./engine.js";

export interface LabContext {
  engine: Engine;
  device: DeviceInfo;
  /** Awaits an engine call, and fails if the device is lost or the module panics in the meantime. */
  guard<T>(work: Promise<T> | T): Promise<T>;
  /** Takes ownership of a run: the lab frees it when the call ends, even with an error. */
  own<T extends { free(): void }>(run: T): T;
}

/** Images per batch: few if a batch is slow, so that calls in between are served soon. */
export function defaultBatchSize(device: DeviceInfo): number {
  if (device.kind === "cpu") return 8 * device.threads;
  return device.isSoftware ? 8 : 128;
}
