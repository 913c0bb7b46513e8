/** Only in builds of mode "test": the Worker that can lose its device, and a handle on it for the tests. */
let worker: Worker | null = null;

export const createWorker: (() => Worker) | undefined = () => {
  worker = new Worker(new URL("../../../tests/browser/worker.ts", import.meta.url), { type: "module" });
  return worker;
};

Object.assign(window, { fidelityLabTest: { loseDevice: () => worker?.postMessage({ test: "lose-device" }) } });
