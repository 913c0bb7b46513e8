/** `pkg`'s Worker of the statistics as it is, but `{ test: "crash" }` throws where nobody catches. */
import "/pkg/analysis_worker.js";

self.addEventListener("message", ({ data }) => {
  if (data?.test === "crash") throw new WebAssembly.RuntimeError("unreachable");
});
