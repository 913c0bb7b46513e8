/**
 * Fidelity Lab's public interface: does a distilled student predict as its teacher does?
 *
 * `Lab` runs in the thread that creates it, also in Node. In a page, prefer `LabClient` (client.js), the same interface across a Worker.
 */
export * from "./lab/types.js";
import { LabError } from "./wasm/errors.js";

export { LabError };
export { Lab, type LabOptions } from "./lab/lab.js";

/** Checks that this environment can run the modules. `Lab.create` fetches them. */
export default async function init(): Promise<void> {
  // The smallest module with a SIMD instruction: a function of no use that returns i8x16.splat(0).
  const probe = new Uint8Array([
    0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 8, 1, 6, 0, 65, 0, 253, 15, 11,
  ]);
  if (typeof WebAssembly !== "object" || !WebAssembly.validate(probe))
    throw new LabError(
      "device_unavailable",
      "this browser has no WebAssembly SIMD; a current Chrome, Edge, Firefox or Safari has it",
    );
}
