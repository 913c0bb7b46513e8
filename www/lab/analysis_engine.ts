/** The wasm module of the statistics, fetched when it is first needed. */
import type * as Module from "./statistics/fidelity_lab_statistics.js";
import { LabError } from "./errors.js";
import { source } from "./source.js";

export type StatisticsModule = Pick<typeof Module, "Statistics" | "onFatal">;
export type Statistics = Module.Statistics;

interface Loaded {
  module: StatisticsModule;
  /** Called when the module panics. */
  handlers: Set<(error: LabError) => void>;
}

let loaded: Promise<Loaded> | null = null;

/** Fetches and compiles the module once. */
export function loadStatistics(): Promise<Loaded> {
  loaded ??= load().catch((error: unknown) => {
    loaded = null;
    throw new LabError("device_unavailable", `The statistics module could not be loaded: ${error instanceof Error ? error.message : String(error)}`);
  });
  return loaded;
}

async function load(): Promise<Loaded> {
  const handlers = new Set<(error: LabError) => void>();
  const module = await import("./statistics/fidelity_lab_statistics.js");
  await module.default(await source(new URL("./statistics/fidelity_lab_statistics_bg.wasm", import.meta.url)));
  module.onFatal((error: unknown) => handlers.forEach((handler) => handler(LabError.from(error))));
  return { module, handlers };
}
