/** What the loops of `evaluate` and `distill` need of a lab. */
import type { DeviceInfo } from "./types.js";
import type { Engine } from "./engine.js";

export interface LabContext {
  engine: Engine;
  device: DeviceInfo;
  /** Awaits an engine call, and fails when the device is lost or the module panics meanwhile. */
  guard<T>(work: Promise<T> | T): Promise<T>;
  /** Takes a run over: the lab frees it when the call ends, however it ends. */
  own<T extends { free(): void }>(run: T): T;
}

/** Images a batch: few where a batch is slow, so that calls in between are soon served. */
export function defaultBatchSize(device: DeviceInfo): number {
  if (device.kind === "cpu") return 8 * device.threads;
  return device.isSoftware ? 8 : 128;
}
