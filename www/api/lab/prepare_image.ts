import type { PreparedImage } from "./types.js";
import type { EngineModule } from "./engine.js";
import { LabError } from "../wasm/errors.js";

/** Decodes an image with the browser's decoders and reduces it to what a network sees. */
export async function prepareImage(module: EngineModule, file: Blob): Promise<PreparedImage> {
  if (typeof createImageBitmap !== "function" || typeof OffscreenCanvas !== "function")
    throw new LabError("image_invalid", "images can only be decoded in a browser; give pixels to predict() elsewhere");
  if (file.size > MAX_FILE_BYTES)
    throw new LabError(
      "image_too_large",
      `the file has ${file.size} bytes; at most ${MAX_FILE_BYTES} (64 MiB) are accepted`,
    );
  // The size comes from the header, before anything is decoded: a small file can declare a picture that fills the memory.
  module.imageSize(new Uint8Array(await file.arrayBuffer()));
  let bitmap: ImageBitmap;
  try {
    bitmap = await createImageBitmap(file, {
      imageOrientation: "from-image",
      premultiplyAlpha: "none",
      colorSpaceConversion: "none",
    });
  } catch {
    throw new LabError(
      "image_invalid",
      "this image cannot be decoded: it is damaged or truncated, or this browser does not support its format",
    );
  }
  try {
    const { width, height } = bitmap;
    const canvas = new OffscreenCanvas(width, height);
    const context = canvas.getContext("2d", { willReadFrequently: true, colorSpace: "srgb" });
    if (!context)
      throw new LabError("image_invalid", "this browser provides no 2D canvas to read the image's pixels from");
    context.drawImage(bitmap, 0, 0);
    const { data } = context.getImageData(0, 0, width, height);
    return { pixels: module.reduceImage(new Uint8Array(data.buffer), width, height), width, height };
  } finally {
    bitmap.close();
  }
}

/** The bound of `src/data/image.rs`, checked before the file is read. */
const MAX_FILE_BYTES = 64 * 1024 * 1024;
