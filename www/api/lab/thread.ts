/** A thread of the threaded CPU module, started by threads.ts: another instance of the module on the same memory. */
import init, { runThread } from "../cpu_threads/fidelity_lab_cpu_threads.js";
import type { FromThread, ToThread } from "./threads.js";

self.addEventListener("message", ({ data }: MessageEvent<ToThread>) => void run(data), { once: true });

async function run({ wasm, memory }: ToThread): Promise<void> {
  const tell = (message: FromThread) =>
    (self as unknown as { postMessage(message: FromThread): void }).postMessage(message);
  try {
    await init({ module_or_path: wasm, memory });
  } catch (error) {
    tell({ failed: error instanceof Error ? error.message : String(error) });
    return;
  }
  tell({ failed: null });
  runThread();
  self.close();
}
