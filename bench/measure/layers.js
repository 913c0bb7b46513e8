/**
 * What our dispatches of a forward pass compute: one a layer, with what stands before and behind a convolution in it. The order is
 * that of `src/kernels/plan.rs` and `src/kernels/webgpu/network.rs`; the pipelines' labels tell whether it is the right one.
 */

import { median } from "./clock.js";

const F32 = 4;

/**
 * The layers of the network with these tensors, `{ name, group, label, flops, bytesPerImage, bytes }`: `flops` are those of an image, each
 * multiply-add two of them; `bytesPerImage` and `bytes` (those of the parameters) are what must at least be read and written once.
 * A label is a part of the pipeline's.
 */
export function layersOf(tensors) {
  const layers = [];
  let size = 32;
  const sizes = (name) => tensors[`${name}.weight`].shape;
  const area = (side) => side * side;

  const convolution = ({ name, group, stride = 1, normed = false, read, added }) => {
    const [out, into, kernel] = sizes(name);
    const [from, to] = [read ?? size, (read ?? size) / stride];
    // A 1x1 convolution of stride 2 need not look at the other pixels.
    const values = area(kernel === 1 ? to : from) * into + area(to) * out * (added ? 2 : 1);
    layers.push({
      name,
      group: `${group} ${kernel}x${kernel}, ${into} -> ${out}, ${from === to ? `${to}x${to}` : `${from}x${from} -> ${to}x${to}`}`,
      label: `${kernel}x${kernel} convolution ${into} -> ${out}, ${from}x${from} -> ${to}x${to}`,
      flops: 2 * area(to) * out * into * area(kernel),
      bytesPerImage: F32 * values,
      bytes:
        F32 * (out * into * area(kernel) + (normed ? 2 * into : 0) + (added || group.endsWith("shortcut") ? 0 : out)),
    });
    return to;
  };

  const [channels] = sizes("stem");
  layers.push({
    name: "stem",
    group: `stem 3x3, 3 -> ${channels}, 32x32`,
    label: "stem",
    flops: 2 * area(32) * 27 * channels,
    // The pixels are bytes.
    bytesPerImage: area(32) * (3 + F32 * channels),
    bytes: F32 * (27 * channels + 8),
  });
  for (let stage = 1; `stage${stage}.0.conv1.weight` in tensors; stage++) {
    for (let block = 0; `stage${stage}.${block}.conv1.weight` in tensors; block++) {
      const name = `stage${stage}.${block}`;
      const nConvolutions = `${name}.conv3.weight` in tensors ? 3 : 2;
      const stride = stage > 1 && block === 0 ? 2 : 1;
      if (`${name}.shortcut.weight` in tensors)
        convolution({ name: `${name}.shortcut`, group: `stage ${stage}, shortcut`, stride });
      let inBlock = size;
      for (let i = 1; i <= nConvolutions; i++) {
        const convolved = { name: `${name}.conv${i}`, group: `stage ${stage}, conv${i}`, read: inBlock };
        inBlock = convolution({
          ...convolved,
          stride: i === nConvolutions - 1 ? stride : 1,
          normed: i === 1,
          added: i === nConvolutions,
        });
      }
      size = inBlock;
    }
  }
  const [classes, features] = sizes("head");
  layers.push({
    name: "norm",
    group: `norm, ReLU, mean of ${size}x${size}`,
    label: "pool",
    flops: 2 * area(size) * features,
    bytesPerImage: F32 * (area(size) + 1) * features,
    bytes: F32 * 2 * features,
  });
  layers.push({
    name: "head",
    group: `head, ${features} -> ${classes}`,
    label: "linear",
    flops: 2 * features * classes,
    bytesPerImage: F32 * (features + classes),
    bytes: F32 * (features + 1) * classes,
  });
  return layers;
}

/** What `n` images take at best, in ms, and what limits that. */
function roofline({ flops, bytesPerImage, bytes }, n, limits) {
  const computing = (1000 * n * flops) / limits.flops;
  const moving = (1000 * (n * bytesPerImage + bytes)) / limits.bytes;
  return { ms: Math.max(computing, moving), bound: computing > moving ? "arithmetic" : "bandwidth" };
}

/**
 * The layers of a kind together, `{ layer, count, ms, best, roofline, bound }`: from the labels and times of all dispatches of each of
 * several passes over `batch` images.
 */
export function summed(layers, passes, batch, limits) {
  // A large batch takes several passes through the network, all of the same size.
  const times = passes[0].length / layers.length;
  const n = batch / times;
  if (!Number.isInteger(times) || !Number.isInteger(n))
    throw new Error(
      `${passes[0].length} dispatches are not ${layers.length} for each of so many parts of ${batch} images`,
    );
  const groups = new Map();
  passes[0].forEach(({ label }, i) => {
    const layer = layers[i % layers.length];
    if (!label.includes(layer.label))
      throw new Error(`dispatch ${i} should be ${layer.label}, but is labelled ${label}`);
    const { ms: atBest, bound } = roofline(layer, n, limits);
    const all = passes.map((pass) => pass[i].ms);
    const group = groups.get(layer.group) ?? { layer: layer.group, count: 0, ms: 0, best: 0, roofline: 0, bound };
    group.count++;
    group.ms += median(all);
    group.best += Math.min(...all);
    group.roofline += atBest;
    groups.set(layer.group, group);
  });
  return [...groups.values()];
}
