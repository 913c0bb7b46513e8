/** An engine on all threads: only a Worker may wait for others, so a page's main thread asks this one. */
import { engineHere, predictHere } from "./ours.js";

let engine = null;
let run = null;

const calls = {
  async open({ networks, threads }) {
    engine = await engineHere("cpu", networks, { threads });
  },
  predict: ({ pixels, models, teachers }) => predictHere(engine, pixels, models, teachers),
  distill(settings) {
    run = engine.distill(...settings);
  },
  async step() {
    const { loss } = await run.step();
    return { loss };
  },
};

self.addEventListener("message", async ({ data: { id, method, argument } }) => {
  try {
    self.postMessage({ id, result: await calls[method](argument) });
  } catch (error) {
    self.postMessage({ id, error: String(error?.message ?? error) });
  }
});
