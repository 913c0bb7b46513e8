/**
 * TensorFlow.js's side: the same network from the same weights, in its core API, NHWC.
 *
 * Forward passes fold each norm that follows a convolution into it, as its converter does, and use its fused convolutions.
 * Steps are its automatic gradients and its optimiser.
 */
import { channelsLast } from "./data.js";
import { IN_NODE, readSafetensors, urlOf } from "./files.js";

const EPSILON = 1e-5;
const RUNNING = 0.1;
const MOMENTUM = 0.9;
const FOLDER = "node_modules/@tensorflow/";

/** Its packages are scripts that put all they have into one global. */
function loadScript(path) {
  return new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = urlOf(path).href;
    script.onload = resolve;
    script.onerror = () => reject(new Error(`${path} could not be loaded`));
    document.head.append(script);
  });
}

/** TensorFlow.js on one of its backends: webgpu, wasm or cpu (plain JavaScript). */
export async function tensorflow(backend, threads = 1) {
  let tf;
  if (IN_NODE) {
    const { createRequire } = await import("node:module");
    const require = createRequire(import.meta.url);
    tf = {
      ...require("@tensorflow/tfjs"),
      ...(backend === "cpu" ? {} : require(`@tensorflow/tfjs-backend-${backend}`)),
    };
  } else {
    await loadScript(`${FOLDER}tfjs/dist/tf.min.js`);
    if (backend !== "cpu") await loadScript(`${FOLDER}tfjs-backend-${backend}/dist/tf-backend-${backend}.min.js`);
    tf = { ...globalThis.tf, ...globalThis.tf.wasm };
  }
  if (backend === "wasm") {
    const folder = urlOf(`${FOLDER}tfjs-backend-wasm/dist/`);
    tf.setWasmPaths(IN_NODE ? folder.pathname : folder.href);
    tf.env().set("WASM_HAS_MULTITHREAD_SUPPORT", threads > 1);
    tf.setThreadsCount(threads);
  }
  if (!(await tf.setBackend(backend))) throw new Error(`TensorFlow.js could not start its ${backend} backend`);
  await tf.ready();
  return tf;
}

/**
 * The wasm backend has no kernel for the gradient of a convolution's filter, so it cannot train as it comes. This composes that
 * gradient of kernels that it has: as a convolution whose images are the input's channels and whose filter is the gradient.
 */
function completeGradients(tf) {
  const sidesOf = (pad, size) => (pad === "valid" ? [0, 0] : pad === "same" ? [size >> 1, size >> 1] : pad[1]);
  tf.registerGradient({
    kernelName: "Conv2D",
    inputsToSave: ["x", "filter"],
    gradFunc: (dy, [x, filter], { strides, pad }) => ({
      x: () => tf.conv2dTranspose(dy, filter, x.shape, strides, pad),
      filter: () => {
        const [size, , into, out] = filter.shape;
        const stride = Array.isArray(strides) ? strides[0] : strides;
        const [before] = sidesOf(pad, size);
        const channels = tf.transpose(x, [3, 1, 2, 0]);
        // As much of the input as the convolution has read.
        const [height, width] = [1, 2].map((axis) => (dy.shape[axis] - 1) * stride + size);
        const after = [height - x.shape[1] - before, width - x.shape[2] - before].map((n) => Math.max(n, 0));
        const padded = tf.pad(channels, [
          [0, 0],
          [before, after[0]],
          [before, after[1]],
          [0, 0],
        ]);
        const read = tf.slice(padded, [0, 0, 0, 0], [into, height, width, x.shape[0]]);
        const gradient = tf.conv2d(read, tf.transpose(dy, [1, 2, 0, 3]), 1, "valid", "NHWC", stride);
        if (gradient.shape.join() !== [into, size, size, out].join())
          throw new Error(`a filter's gradient of shape ${gradient.shape}`);
        return tf.transpose(gradient, [1, 2, 0, 3]);
      },
    }),
  });
}

/** On the wasm backend with its threads: it takes no more than half of the processor's, whatever it is asked for. */
function nameOf(tf) {
  const name = `tfjs ${tf.version_core} ${tf.getBackend()}`;
  const isThreaded = tf.getBackend() === "wasm" && tf.env().get("WASM_HAS_MULTITHREAD_SUPPORT");
  return isThreaded ? `${name}, threads: ${tf.getThreadsCount()}` : name;
}

/** The blocks of a network, from the names of its tensors: `[{ prefix, stride, nConvolutions, hasShortcut }]`. */
function blocksOf(tensors) {
  const blocks = [];
  for (let stage = 1; stage <= 3; stage++)
    for (let i = 0; tensors[`stage${stage}.${i}.conv1.weight`]; i++) {
      const prefix = `stage${stage}.${i}`;
      const nConvolutions = tensors[`${prefix}.conv3.weight`] ? 3 : 2;
      blocks.push({
        prefix,
        stride: stage > 1 && i === 0 ? 2 : 1,
        nConvolutions,
        hasShortcut: `${prefix}.shortcut.weight` in tensors,
      });
    }
  return blocks;
}

/** The convolution of a block that has its stride: the first of two, the second (3x3) of three. */
const strideOf = ({ stride, nConvolutions }, i) => (i === nConvolutions - 1 ? stride : 1);

/** PyTorch pads both sides alike, which TensorFlow's "same" does not at stride 2. */
function paddingOf(size, stride) {
  if (size === 1) return "valid";
  return stride === 1
    ? "same"
    : [
        [0, 0],
        [1, 1],
        [1, 1],
        [0, 0],
      ];
}

/** Weights [out, in, h, w] to [h, w, in, out], each output channel times its scale. */
function filterOf({ shape: [out, into, h, w], values }, scale = null) {
  const filter = new Float32Array(values.length);
  for (let o = 0; o < out; o++)
    for (let i = 0; i < into; i++)
      for (let k = 0; k < h * w; k++)
        filter[(k * into + i) * out + o] = values[(o * into + i) * h * w + k] * (scale ? scale[o] : 1);
  return { shape: [h, w, into, out], values: filter };
}

/** A norm with running statistics as scale and offset of a channel. */
function affineOf(tensors, name) {
  const [weight, bias, mean, variance] = ["weight", "bias", "running_mean", "running_var"].map(
    (part) => tensors[`${name}.${part}`].values,
  );
  const scale = weight.map((value, i) => value / Math.sqrt(variance[i] + EPSILON));
  return { scale, offset: bias.map((value, i) => value - mean[i] * scale[i]) };
}

/** Forward passes of a network in evaluation mode. */
export async function tensorflowForward({ tf, file, pixels }) {
  const { tensors } = readSafetensors(file);
  const tensor = ({ shape, values }) => tf.tensor(values, shape);
  const vector = (values) => tf.tensor1d(values);
  const n = pixels.length / 3072;

  const convolution = (name, stride, norm) => {
    const folded = norm && affineOf(tensors, norm);
    const { shape, values } = filterOf(tensors[`${name}.weight`], folded?.scale);
    const filter = tf.tensor(values, shape);
    const bias = folded ? vector(folded.offset) : undefined;
    const pad = paddingOf(shape[0], stride);
    return (x) => tf.fused.conv2d({ x, filter, strides: stride, pad, bias, activation: folded ? "relu" : "linear" });
  };
  const normRelu = (name) => {
    const [weight, bias, mean, variance] = ["weight", "bias", "running_mean", "running_var"].map((part) =>
      tensor(tensors[`${name}.${part}`]),
    );
    return (x) => tf.relu(tf.batchNorm(x, mean, variance, bias, weight, EPSILON));
  };
  const stem = convolution("stem", 1);
  const blocks = blocksOf(tensors).map((block) => {
    const { prefix, stride, nConvolutions, hasShortcut } = block;
    const first = normRelu(`${prefix}.norm1`);
    const convolutions = Array.from({ length: nConvolutions }, (_, i) =>
      convolution(
        `${prefix}.conv${i + 1}`,
        strideOf(block, i + 1),
        i + 1 < nConvolutions ? `${prefix}.norm${i + 2}` : null,
      ),
    );
    const shortcut = hasShortcut ? convolution(`${prefix}.shortcut`, stride) : (x) => x;
    return (x) =>
      tf.add(
        convolutions.reduce((y, apply) => apply(y), first(x)),
        shortcut(x),
      );
  });
  const last = normRelu("norm");
  const headWeight = tf.transpose(tensor(tensors["head.weight"]));
  const headBias = tensor(tensors["head.bias"]);
  const network = (x) => {
    const features = last(blocks.reduce((y, block) => block(y), stem(x)));
    return tf.fused.matMul({ a: tf.mean(features, [1, 2]), b: headWeight, bias: headBias });
  };
  const images = tf.tensor(channelsLast(pixels), [n, 32, 32, 3]);
  return {
    name: nameOf(tf),
    forward: async () => {
      const logits = tf.tidy(() => network(images));
      const values = await logits.data();
      logits.dispose();
      return values;
    },
    release: () => images.dispose(),
  };
}

/**
 * Steps of distilling a network, BatchNorm in training mode: towards `targets`, a teacher's logits [n, classes], at
 * `temperature`, with SGD of Nesterov momentum and weight decay on every parameter. `step` resolves with the loss.
 */
export async function tensorflowStep({ tf, file, pixels, targets, temperature, learningRate, weightDecay }) {
  const isCompleted = tf.getBackend() === "wasm";
  if (isCompleted) completeGradients(tf);
  const { tensors } = readSafetensors(file);
  const n = pixels.length / 3072;
  const variables = {};
  const running = {};
  for (const [name, stored] of Object.entries(tensors)) {
    if (/running_/.test(name)) running[name] = tf.variable(tf.tensor(stored.values, stored.shape), false);
    else if (stored.shape.length === 4) {
      const { shape, values } = filterOf(stored);
      variables[name] = tf.variable(tf.tensor(values, shape), true, name);
    } else variables[name] = tf.variable(tf.tensor(stored.values, stored.shape), true, name);
  }
  const convolve = (x, name, stride) => {
    const filter = variables[`${name}.weight`];
    return tf.conv2d(x, filter, stride, paddingOf(filter.shape[0], stride));
  };
  /** The statistics of this pass, to follow once its gradients are known. */
  let statistics = [];
  const normRelu = (x, name) => {
    const { mean, variance } = tf.moments(x, [0, 1, 2]);
    statistics.push({
      name,
      mean: tf.keep(mean.clone()),
      variance: tf.keep(variance.clone()),
      count: x.size / mean.size,
    });
    // Not `batchNorm`, whose gradient goes over all values eleven times: composed like this, a step takes a quarter less.
    const scale = tf.mul(tf.rsqrt(tf.add(variance, EPSILON)), variables[`${name}.weight`]);
    return tf.relu(tf.add(tf.mul(tf.sub(x, mean), scale), variables[`${name}.bias`]));
  };
  const blocks = blocksOf(tensors);
  const network = (images) => {
    let x = convolve(images, "stem", 1);
    for (const block of blocks) {
      const { prefix, stride, nConvolutions, hasShortcut } = block;
      let y = x;
      for (let i = 1; i <= nConvolutions; i++)
        y = convolve(normRelu(y, `${prefix}.norm${i}`), `${prefix}.conv${i}`, strideOf(block, i));
      x = tf.add(y, hasShortcut ? convolve(x, `${prefix}.shortcut`, stride) : x);
    }
    const features = tf.mean(normRelu(x, "norm"), [1, 2]);
    return tf.add(tf.matMul(features, variables["head.weight"], false, true), variables["head.bias"]);
  };
  const follow = (name, value, factor = 1) => {
    const variable = running[name];
    variable.assign(tf.add(tf.mul(variable, 1 - RUNNING), tf.mul(value, RUNNING * factor)));
  };
  const images = tf.tensor(channelsLast(pixels), [n, 32, 32, 3]);
  const soft = tf.softmax(tf.div(tf.tensor(targets, [n, targets.length / n]), temperature));
  const optimiser = tf.train.momentum(learningRate, MOMENTUM, true);
  const lossOf = () =>
    tf.mul(tf.sum(tf.mul(soft, tf.logSoftmax(tf.div(network(images), temperature)))), -(temperature ** 2) / n);

  const step = async () => {
    statistics = [];
    const loss = tf.tidy(() => {
      const { value, grads } = tf.variableGrads(lossOf, Object.values(variables));
      const gradients = Object.fromEntries(
        Object.entries(grads).map(([name, gradient]) => [name, tf.add(gradient, tf.mul(variables[name], weightDecay))]),
      );
      optimiser.applyGradients(gradients);
      for (const { name, mean, variance, count } of statistics) {
        follow(`${name}.running_mean`, mean);
        follow(`${name}.running_var`, variance, count / (count - 1)); // PyTorch keeps the unbiased variance.
      }
      return value;
    });
    statistics.forEach(({ mean, variance }) => tf.dispose([mean, variance]));
    const [value] = await loss.data();
    loss.dispose();
    return value;
  };
  const valuesOf = (name) => (variables[name] ?? running[name]).data();
  return { name: nameOf(tf) + (isCompleted ? ", completed" : ""), step, valuesOf };
}
