/** Loads the wasm module of a device. All modules export the same classes; only their backends and instructions differ. */
import type * as Cpu from "../cpu/fidelity_lab_cpu.js";
import type * as CpuRelaxed from "../cpu_relaxed/fidelity_lab_cpu_relaxed.js";
import type * as CpuThreads from "../cpu_threads/fidelity_lab_cpu_threads.js";
import type * as WebGpu from "../webgpu/fidelity_lab_webgpu.js";
import type { DeviceInfo } from "./types.js";
import { type Loaded, loadModule, source } from "../wasm/module.js";
import { hasRelaxedSimd } from "../wasm/simd.js";
import { acquireThreads, availableThreads, type ThreadedModule, type Threads } from "./threads.js";

export type Engine = Cpu.Engine;
export type EngineModule = Pick<typeof Cpu, "Engine" | "onFatal" | "readRecords" | "reduceImage" | "imageSize">;
export type ModuleName = "cpu" | "cpu_relaxed" | "cpu_threads" | "webgpu";
// Fails to compile if the modules' types differ.
type Same = [typeof WebGpu, typeof CpuRelaxed, typeof CpuThreads] extends EngineModule[] ? true : never;
const _same: Same = true;
void _same;

/** A module with its threads. `note` tells why there is only one although there could be more. */
export interface Acquired extends Loaded<EngineModule> {
  threads: Threads;
  note: string | null;
}

const loaded = new Map<ModuleName, Promise<Loaded<EngineModule>>>();

/** The calling thread alone, which needs no other. */
const ALONE: Threads = { n: 1, release: () => undefined };

/** Loads the module for a device. On the CPU, a module without threads replaces the threaded one if that cannot start. */
export async function acquireEngine(kind: DeviceInfo["kind"], maxThreads = Infinity): Promise<Acquired> {
  let note: string | null = null;
  const n = kind === "cpu" ? Math.min(availableThreads(), maxThreads) : 1;
  if (n > 1) {
    try {
      const engine = await loadEngine("cpu_threads");
      return { ...engine, threads: await acquireThreads(engine.module as EngineModule & ThreadedModule, n), note };
    } catch (error) {
      note = error instanceof Error ? error.message : String(error);
    }
  }
  return { ...(await loadEngine(moduleFor(kind))), threads: ALONE, note };
}

/** Names the module that runs on one thread. */
export function moduleFor(kind: DeviceInfo["kind"]): ModuleName {
  if (kind === "webgpu") return "webgpu";
  return hasRelaxedSimd() ? "cpu_relaxed" : "cpu";
}

/** Fetches and compiles the module once. */
export function loadEngine(name: ModuleName): Promise<Loaded<EngineModule>> {
  const known = loaded.get(name);
  if (known) return known;
  const loading = loadModule(name, LOADERS[name]);
  loaded.set(name, loading);
  loading.catch(() => loaded.delete(name));
  return loading;
}

const LOADERS: Record<ModuleName, () => Promise<EngineModule>> = {
  cpu: loadCpu,
  cpu_relaxed: loadCpuRelaxed,
  cpu_threads: loadCpuThreads,
  webgpu: loadWebGpu,
};

async function loadCpu(): Promise<EngineModule> {
  const module = await import("../cpu/fidelity_lab_cpu.js");
  await module.default(await source(new URL("../cpu/fidelity_lab_cpu_bg.wasm", import.meta.url)));
  return module;
}

async function loadCpuRelaxed(): Promise<EngineModule> {
  const module = await import("../cpu_relaxed/fidelity_lab_cpu_relaxed.js");
  await module.default(await source(new URL("../cpu_relaxed/fidelity_lab_cpu_relaxed_bg.wasm", import.meta.url)));
  return module;
}

async function loadCpuThreads(): Promise<EngineModule> {
  const module = await import("../cpu_threads/fidelity_lab_cpu_threads.js");
  await module.default(await source(new URL("../cpu_threads/fidelity_lab_cpu_threads_bg.wasm", import.meta.url)));
  return module;
}

async function loadWebGpu(): Promise<EngineModule> {
  const module = await import("../webgpu/fidelity_lab_webgpu.js");
  await module.default(await source(new URL("../webgpu/fidelity_lab_webgpu_bg.wasm", import.meta.url)));
  return module;
}
