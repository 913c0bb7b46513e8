/**
 * The page's Worker with a device that can be lost on demand. Only `vite build --mode test` knows this file.
 *
 * `{ test: "lose-device" }` destroys every GPU device that the engine has requested; `{ test: "crash" }` ends the Worker's
 * thread as a panic would; `{ test: "mask", features }` hides features of the adapter, and must come before the lab is created.
 */
// Static: with a dynamic import, the first message would come before its listener. The real Worker passes over unknown messages.
import "../../pkg/worker.js";

const devices: GPUDevice[] = [];

if (typeof GPUAdapter !== "undefined") {
  const request = GPUAdapter.prototype.requestDevice;
  GPUAdapter.prototype.requestDevice = async function (descriptor) {
    const device = await request.call(this, descriptor);
    devices.push(device);
    return device;
  };
}

self.addEventListener("message", (event: MessageEvent<unknown>) => {
  const data = event.data as { test?: string; features?: string[] } | null;
  if (!data?.test) return;
  if (data.test === "lose-device") devices.splice(0).forEach((device) => device.destroy());
  if (data.test === "crash")
    setTimeout(() => {
      throw new WebAssembly.RuntimeError("unreachable");
    });
  if (data.test === "mask") mask(data.features ?? []);
});

function mask(hidden: string[]): void {
  const { get } = Object.getOwnPropertyDescriptor(GPUAdapter.prototype, "features") ?? {};
  Object.defineProperty(GPUAdapter.prototype, "features", {
    get(this: GPUAdapter) {
      const features = get?.call(this) as GPUSupportedFeatures;
      return new Set([...features].filter((feature) => !hidden.includes(feature)));
    },
  });
}
