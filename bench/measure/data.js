/** The images, PyTorch's numbers for them, and a small network. */
import { bytesOf, readSafetensors, writeSafetensors } from "./files.js";

export const IMAGE_BYTES = 32 * 32 * 3;
export const N_CLASSES = 100;
const GOLDEN = "tests/golden";

let golden = null;

/** The tensors of tests/golden/golden.safetensors. */
export function goldenTensors() {
  return (golden ??= bytesOf(`${GOLDEN}/golden.safetensors`).then((bytes) => readSafetensors(bytes).tensors));
}

export const goldenFile = (name) => bytesOf(`${GOLDEN}/${name}`);
export const goldenJson = async (name) => JSON.parse(new TextDecoder().decode(await goldenFile(name)));
export const goldenMetrics = () => goldenJson("golden-metrics.json");

/** The file of a network: one of tests/golden, or `small`, a PreResNet-8. */
export const networkFile = async (name) => (name === SMALL ? smallNetwork() : bytesOf(`${GOLDEN}/${name}.safetensors`));

function repeated(values, length) {
  const all = new values.constructor(length);
  for (let i = 0; i < length; i++) all[i] = values[i % values.length];
  return all;
}

/** `n` images, u8 [n, 32, 32, 3]: the 20 samples, over and over. */
export const batchOf = async (n) => repeated((await goldenTensors()).images.values, n * IMAGE_BYTES);

export const labelsOf = async (n) => Uint8Array.from(repeated((await goldenTensors()).labels.values, n));

/** What the networks see of a pixel: mean 0.5, deviation 0.5, as the files of tests/golden say. */
const scaled = (pixel) => (pixel / 255 - 0.5) / 0.5;

/** u8 to f32 [n, 32, 32, 3]. */
export const channelsLast = (pixels) => Float32Array.from(pixels, scaled);

/** u8 [n, 32, 32, 3] to f32 [n, 3, 32, 32]. */
export function channelsFirst(pixels) {
  const out = new Float32Array(pixels.length);
  for (let i = 0; i < pixels.length; i++) {
    const [image, inImage] = [Math.floor(i / IMAGE_BYTES), i % IMAGE_BYTES];
    out[image * IMAGE_BYTES + (inImage % 3) * 1024 + Math.floor(inImage / 3)] = scaled(pixels[i]);
  }
  return out;
}

export const SMALL = "small";

/** A PreResNet-8 whose weights follow from a formula. */
function smallNetwork() {
  const tensors = {};
  const add = (name, shape, value) => {
    const frequency = 0.61 + 0.013 * Object.keys(tensors).length;
    const length = shape.reduce((a, b) => a * b);
    tensors[name] = { shape, values: Float32Array.from({ length }, (_, i) => value(Math.sin(i * frequency))) };
  };
  const convolution = (name, out, into, kernel) =>
    add(`${name}.weight`, [out, into, kernel, kernel], (wave) => wave * Math.sqrt(2 / (into * kernel * kernel)));
  const norm = (name, channels) => {
    add(`${name}.weight`, [channels], (wave) => 1 + 0.2 * wave);
    add(`${name}.bias`, [channels], (wave) => 0.1 * wave);
    add(`${name}.running_mean`, [channels], (wave) => 0.1 * wave);
    add(`${name}.running_var`, [channels], (wave) => 0.75 + 0.25 * wave);
  };
  convolution("stem", 16, 3, 3);
  let into = 16;
  for (const [stage, out] of [
    [1, 16],
    [2, 32],
    [3, 64],
  ]) {
    const block = `stage${stage}.0`;
    norm(`${block}.norm1`, into);
    convolution(`${block}.conv1`, out, into, 3);
    norm(`${block}.norm2`, out);
    convolution(`${block}.conv2`, out, out, 3);
    if (into !== out) convolution(`${block}.shortcut`, out, into, 1);
    into = out;
  }
  norm("norm", into);
  add("head.weight", [N_CLASSES, into], (wave) => wave * 0.3);
  add("head.bias", [N_CLASSES], (wave) => wave * 0.1);
  const metadata = {
    architecture: "preresnet",
    depth: "8",
    classes: String(N_CLASSES),
    mean: "0.5,0.5,0.5",
    std: "0.5,0.5,0.5",
    name: SMALL,
  };
  return writeSafetensors(tensors, metadata);
}
