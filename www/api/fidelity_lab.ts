/**
 * Fidelity Lab's public interface: does a distilled student predict as its teacher does?
 *
 * `Lab` runs in the thread that creates it, also in Node. In a page, prefer `LabClient` (client.js), the same interface across a Worker.
 */
export * from "./lab/types.js";
import { LabError } from "./wasm/errors.js";
import { hasSimd } from "./wasm/simd.js";

export { LabError };
export { Lab, type LabOptions } from "./lab/lab.js";

/** Checks that this environment can run the modules. `Lab.create` fetches them. */
export default async function init(): Promise<void> {
  if (!hasSimd())
    throw new LabError(
      "device_unavailable",
      "this browser has no WebAssembly SIMD; a current Chrome, Edge, Firefox or Safari has it",
    );
}
