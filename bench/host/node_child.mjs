/** One measurement in Node: `node node_child.mjs METHOD ARGUMENT`. Gives Node what a browser's page has, as far as it is asked for. */
import { create, globals } from "webgpu";

Object.assign(globalThis, globals);
const gpu = create(["disable-dawn-features=timestamp_quantization"]);
Object.defineProperty(globalThis, "navigator", {
  value: { gpu, hardwareConcurrency: 1, userAgent: "Node", language: "en" },
  configurable: true,
});
// wgpu takes the GPU of a window or a Worker only.
globalThis.Window = class Window {};
globalThis.window ??= globalThis;

// dawn.node (webgpu 0.6.2) takes no views of shared memory, which is what ONNX Runtime's module has; browsers do.
const { writeBuffer } = GPUQueue.prototype;
GPUQueue.prototype.writeBuffer = function (buffer, offset, data, ...range) {
  const isShared = (data.buffer ?? data) instanceof SharedArrayBuffer;
  return writeBuffer.call(this, buffer, offset, isShared ? data.slice() : data, ...range);
};

const [method, argument] = process.argv.slice(2);
try {
  const { measures } = await import("../measure/index.js");
  process.send({ result: (await measures[method](JSON.parse(argument) ?? undefined)) ?? null });
} catch (error) {
  const { asError } = await import("../measure/check.js");
  process.send({ error: asError(error).stack });
}
// Dawn's threads would keep the process.
process.disconnect();
process.exit();
