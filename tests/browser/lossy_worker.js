/**
 * `pkg`'s Worker as it is, with accidents on demand, for tests that work with `pkg` directly (the page's build bundles worker.ts).
 *
 * `{ test: "lose-device" }` destroys every GPU device that was requested, `{ test: "lose-always" }` every later one as well;
 * `{ test: "crash" }` throws where nobody catches. Before the lab is created, `{ test: "mask", features }` hides features of the
 * adapter, `{ test: "no-adapter" }` the adapter and `{ test: "no-gpu" }` WebGPU itself; `{ test: "no-threads" }` keeps Workers from starting others.
 */
import "/pkg/worker.js";

const devices = [];
let loseAlways = false;

if (typeof GPUAdapter !== "undefined") {
  const request = GPUAdapter.prototype.requestDevice;
  GPUAdapter.prototype.requestDevice = async function (descriptor) {
    const device = await request.call(this, descriptor);
    devices.push(device);
    if (loseAlways) setTimeout(() => device.destroy(), 50);
    return device;
  };
}

self.addEventListener("message", ({ data }) => {
  switch (data?.test) {
    case "lose-always":
      loseAlways = true;
      break;
    case "lose-device":
      devices.splice(0).forEach((device) => device.destroy());
      break;
    case "crash":
      throw new WebAssembly.RuntimeError("unreachable");
    case "mask": {
      const { get } = Object.getOwnPropertyDescriptor(GPUAdapter.prototype, "features");
      const features = function () {
        return new Set([...get.call(this)].filter((feature) => !data.features.includes(feature)));
      };
      Object.defineProperty(GPUAdapter.prototype, "features", { get: features });
      break;
    }
    case "no-adapter":
      GPU.prototype.requestAdapter = async () => null;
      break;
    case "no-threads":
      self.Worker = class extends Worker {
        constructor() {
          super("/tests/browser/nothing.js", { type: "module" });
        }
      };
      break;
    case "no-gpu":
      Object.defineProperty(WorkerNavigator.prototype, "gpu", { get: () => undefined });
      break;
  }
});
