/** The Worker behind `LabClient`: one `Lab`, and calls that may overlap. */
import { Lab } from "./lab.js";
import type { ResumableDistillOptions } from "./distill.js";
import { serve, type CallContext } from "../workers/worker_host.js";
import type { Call, LabProtocol } from "./protocol.js";

serve<LabProtocol, Lab>({
  create: ({ device, threads }) => Lab.create({ device, ...(threads !== undefined && { threads }) }),
  ready: ({ device }) => device,
  perform,
});

function perform(on: Lab, call: Call, { signal, tell, ask }: CallContext<LabProtocol>): Promise<unknown> {
  const askProgress = (value: unknown) => ask({ name: "progress", value });
  switch (call.method) {
    case "loadModel":
      return on.loadModel(call.bytes, call.options);
    case "removeModel":
      return on.removeModel(call.name);
    case "exportModel":
      return on.exportModel(call.name);
    case "predict":
      return on.predict(call.pixels, call.n, call.options);
    case "gram": {
      const { watched, ...options } = call.options;
      return on.gram(call.pixels, call.n, { ...options, signal, ...(watched && { onProgress: askProgress }) });
    }
    case "evaluate": {
      const { watched, ...options } = call.options;
      const onSnapshot = (value: string) => tell({ name: "snapshot", value });
      const resumable = { ...options, signal, onSnapshot, ...(watched && { onProgress: askProgress }) };
      return on.evaluate(call.pixels, call.labels, resumable);
    }
    case "distill": {
      const { watched, ...options } = call.options;
      const resumable = {
        ...options,
        signal,
        onState: (value) => tell({ name: "checkpoint", value }),
        ...(watched && { onStep: askProgress }),
      } as ResumableDistillOptions;
      // The student's file travels with the report: asked for later, it could be gone with a device lost in between.
      return on
        .distill(call.pixels, call.labels, resumable)
        .then(async (report) => ({ report, bytes: await on.exportModel(report.outputName) }));
    }
    case "readRecords":
      return on.readRecords(call.bytes, call.testHashes);
    case "prepareImage":
      return on.prepareImage(call.file);
    case "report":
      return on.report(call.answers, { ...call.options, signal });
    case "compare": {
      const { watched, ...options } = call.options;
      const onProgress = (value: unknown) => tell({ name: "progress", value });
      return on.compare(call.answers, { ...options, signal, ...(watched && { onProgress }) });
    }
  }
}
