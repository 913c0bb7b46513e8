/** ONNX Runtime Web's side: `teacher0.onnx`, at its best. */
import { batchOf, channelsFirst } from "./data.js";
import { bytesOf, urlOf } from "./files.js";

const DIST = "node_modules/onnxruntime-web/dist/";
const FILES = { webgpu: "ort.webgpu.min.mjs", cpu: "ort.wasm.min.mjs" };

async function runtime(device, threads) {
  const ort = await import(urlOf(DIST + FILES[device]).href);
  ort.env.wasm.wasmPaths = urlOf(DIST).href;
  ort.env.wasm.numThreads = threads;
  ort.env.wasm.proxy = false;
  ort.env.webgpu.powerPreference = "high-performance";
  ort.env.logLevel = "error";
  return ort;
}

/** Forward passes of batches of `n` images; `layout` is WebGPU's NHWC or NCHW. */
export async function onnxForward({ device, n, threads = 1, layout }) {
  const ort = await runtime(device, threads);
  const provider = device === "webgpu" ? { name: "webgpu", preferredLayout: layout } : "wasm";
  const session = await ort.InferenceSession.create(await bytesOf("bench/teacher0.onnx"), {
    executionProviders: [provider],
    graphOptimizationLevel: "all",
    freeDimensionOverrides: { n },
  });
  if (ort.env.wasm.numThreads !== threads)
    throw new Error(`ONNX Runtime runs ${ort.env.wasm.numThreads} threads instead of ${threads}`);
  const images = new ort.Tensor("float32", channelsFirst(await batchOf(n)), [n, 3, 32, 32]);
  return {
    name: `onnxruntime-web ${ort.env.versions.web} ${device === "webgpu" ? `webgpu ${layout}` : "wasm"}`,
    forward: async () => (await session.run({ images })).logits.data,
    release: () => session.release(),
  };
}
