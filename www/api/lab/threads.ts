/** Starts and stops the Workers that are the threads of the threaded CPU module. */
import type * as CpuThreads from "../cpu_threads/fidelity_lab_cpu_threads.js";
import { hasRelaxedSimd } from "../wasm/simd.js";

export type ThreadedModule = Pick<typeof CpuThreads, "sharedModule" | "sharedMemory" | "startThreads" | "stopThreads">;
export interface ToThread {
  wasm: WebAssembly.Module;
  memory: WebAssembly.Memory;
}
/** `failed` is null once the thread is ready. */
export interface FromThread {
  failed: string | null;
}

/** A module with `i32.atomic.load` on a shared memory, which a browser without threads rejects. */
const ATOMICS = new Uint8Array([
  0x00,
  0x61,
  0x73,
  0x6d,
  0x01,
  0x00,
  0x00,
  0x00, // magic, version
  0x01,
  0x04,
  0x01,
  0x60,
  0x00,
  0x00, // type: () -> ()
  0x03,
  0x02,
  0x01,
  0x00, // one function of that type
  0x05,
  0x04,
  0x01,
  0x03,
  0x01,
  0x01, // a shared memory of one page
  0x0a,
  0x0b,
  0x01,
  0x09,
  0x00, // its code, without locals
  0x41,
  0x00,
  0xfe,
  0x10,
  0x02,
  0x00,
  0x1a,
  0x0b, // i32.const 0, i32.atomic.load, drop, end
]);

/** A Worker that has not answered by then will not start. */
const START_MS = 30_000;

/** How many threads the CPU module may use here: one, unless memory can be shared and this thread may block. */
export function availableThreads(): number {
  const scope = globalThis as { crossOriginIsolated?: boolean; WorkerGlobalScope?: new () => object; Worker?: unknown };
  // A page's main thread must not block, and Node's threads are not Workers.
  const isWorker =
    scope.WorkerGlobalScope !== undefined &&
    globalThis instanceof scope.WorkerGlobalScope &&
    typeof scope.Worker === "function";
  const isShared = scope.crossOriginIsolated === true && typeof SharedArrayBuffer === "function";
  return isWorker && isShared && hasRelaxedSimd() && WebAssembly.validate(ATOMICS) ? navigator.hardwareConcurrency : 1;
}

interface Pool {
  nThreads: number;
  workers: Worker[];
}

/** The only pool of this thread: all of its labs share the pool's threads. */
let pool: Promise<Pool> | null = null;
let nUsers = 0;

export interface Threads {
  /** Number of threads, including this one. */
  n: number;
  /** Must be called once. `isAlive` is false if the module has panicked and must not be entered again. */
  release(isAlive: boolean): void;
}

/** Starts `n` threads, including this one, or joins those that another lab has started. */
export async function acquireThreads(module: ThreadedModule, n: number): Promise<Threads> {
  nUsers++;
  pool ??= start(module, n);
  const starting = pool;
  const release = (isAlive: boolean) => {
    if (--nUsers > 0) return;
    pool = null;
    void starting.then(
      (ending) => end(module, ending, isAlive),
      () => undefined,
    );
  };
  try {
    const { nThreads } = await starting;
    if (nThreads > n) throw new Error(`another lab in this thread already uses ${nThreads} threads`);
    return { n: nThreads, release };
  } catch (error) {
    release(true);
    throw error;
  }
}

async function start(module: ThreadedModule, n: number): Promise<Pool> {
  const message = {
    wasm: module.sharedModule() as WebAssembly.Module,
    memory: module.sharedMemory() as WebAssembly.Memory,
  };
  const workers = Array.from(
    { length: n - 1 },
    () => new Worker(new URL("./thread.js", import.meta.url), { type: "module" }),
  );
  try {
    await Promise.all(workers.map((worker) => startThread(worker, message)));
    // Returns at once, without waiting for a thread.
    module.startThreads(workers.length);
    return { nThreads: n, workers };
  } catch (error) {
    // Threads that wait for work hold no lock in the shared memory.
    workers.forEach((worker) => worker.terminate());
    throw error;
  }
}

function startThread(worker: Worker, message: ToThread): Promise<void> {
  return new Promise((resolve, reject) => {
    const fail = (why: string) => reject(new Error(why));
    const timer = setTimeout(fail, START_MS, "a thread's Worker does not answer");
    worker.onmessage = ({ data }: MessageEvent<FromThread>) => {
      clearTimeout(timer);
      if (data.failed === null) resolve();
      else fail(data.failed);
    };
    worker.onerror = (event) => {
      event.preventDefault();
      clearTimeout(timer);
      fail(event.message || "a thread's script cannot be loaded");
    };
    worker.postMessage(message);
  });
}

/** Stops the threads, which then close themselves: a terminated one could hold the allocator's lock, which all threads share. */
function end(module: ThreadedModule, { workers }: Pool, isAlive: boolean): void {
  if (isAlive) module.stopThreads();
  else workers.forEach((worker) => worker.terminate());
}
