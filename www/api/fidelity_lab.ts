/**
 * Fidelity Lab's public interface: it measures how faithfully a distilled student predicts as its teacher does.
 *
 * `Lab` runs in the thread that creates it, in Node too. In a page, prefer `LabClient` (client.js), which has the same interface across a Worker.
 */
export * from "./lab/types.js";
import { LabError } from "./wasm/errors.js";
import { hasSimd } from "./wasm/simd.js";

export { LabError };
export { Lab, type LabOptions } from "./lab/lab.js";

/** Checks that this environment can run the modules, which `Lab.create` fetches. */
export default async function init(): Promise<void> {
  if (!hasSimd())
    throw new LabError(
      "device_unavailable",
      "this browser lacks WebAssembly SIMD; use a current Chrome, Edge, Firefox or Safari",
    );
}
