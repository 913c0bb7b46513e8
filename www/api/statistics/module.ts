/** The wasm module of what needs no device, the statistics before all; fetched when it is first needed. */
import type * as Module from "./fidelity_lab_statistics.js";
import { type Loaded, loadModule, source } from "../wasm/module.js";

export type StatisticsModule = Pick<typeof Module, "changePicture" | "CkaRun" | "Statistics" | "onFatal" | "questions">;
export type Statistics = Module.Statistics;

let loaded: Promise<Loaded<StatisticsModule>> | null = null;

/** Fetches and compiles the module once. */
export function loadStatistics(): Promise<Loaded<StatisticsModule>> {
  if (loaded) return loaded;
  loaded = loadModule<StatisticsModule>("statistics", load);
  loaded.catch(() => {
    loaded = null;
  });
  return loaded;
}

async function load(): Promise<StatisticsModule> {
  const module = await import("./fidelity_lab_statistics.js");
  await module.default(await source(new URL("./fidelity_lab_statistics_bg.wasm", import.meta.url)));
  return module;
}
