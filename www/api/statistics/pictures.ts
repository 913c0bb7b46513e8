/** Pictures under change, in this thread; the module that computes them is fetched when it is first needed. */
import type { PictureChange } from "./fidelity_lab_statistics.js";
import { loadStatistics } from "./module.js";
import { LabError } from "../wasm/errors.js";

export type { PictureChange };

/**
 * Makes `change(pixels, change)`: pixels [32, 32, 3] under a change, as new pixels. It throws `bad_argument` for another length or a strength
 * out of its range.
 */
export async function pictureChanger(): Promise<(pixels: Uint8Array, change: PictureChange) => Uint8Array> {
  const { module } = await loadStatistics();
  return (pixels, change) => {
    try {
      return module.changePicture(pixels, change);
    } catch (error) {
      throw LabError.from(error);
    }
  };
}
