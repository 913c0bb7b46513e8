/** `Lab`: the engine in the thread that creates it. */
import type {
  Answers,
  CompareOptions,
  Comparison,
  DeviceChoice,
  DeviceInfo,
  DistillOptions,
  DistillReport,
  EvaluateOptions,
  EvaluationReport,
  Gram,
  GramOptions,
  LabInterface,
  ModelInfo,
  Prediction,
  PredictOptions,
  PreparedImage,
  Records,
  Report,
  ReportOptions,
  Role,
} from "./types.js";
import { compare, report } from "./stored.js";
import { defaultBatchSize, type LabContext } from "./context.js";
import { chooseDevice, type Selected } from "./device.js";
import { distill } from "./distill.js";
import { acquireEngine, type Acquired, type Engine, type EngineModule } from "./engine.js";
import { LabError } from "../wasm/errors.js";
import { evaluate } from "./evaluate.js";
import { gram } from "./gram.js";
import { prepareImage } from "./prepare_image.js";
import { yieldToEvents } from "../wasm/yield.js";

export interface LabOptions {
  device?: DeviceChoice;
  /** Maximum number of CPU threads, at least 1; default: as many as the processor has. */
  threads?: number;
  /** @internal For tests on WebGPU: runs these kernels instead of those that are fast on the adapter. */
  kernels?: "gpu" | "software-adapter";
}

export class Lab implements LabInterface {
  readonly device: DeviceInfo;
  #engine: Engine;
  #module: EngineModule;
  #fatal: Promise<never>;
  #ended: LabError | null = null;
  #end: (error: LabError) => void = () => undefined;
  #outputNames = new Set<string>();
  /** `isAlive` as in `Threads`. */
  #release: (isAlive: boolean) => void;

  private constructor(device: DeviceInfo, engine: Engine, { module, handlers, threads }: Acquired) {
    this.device = device;
    this.#engine = engine;
    this.#module = module;
    this.#fatal = new Promise((_, reject) => {
      this.#end = (error) => {
        this.#ended ??= error;
        reject(this.#ended);
      };
    });
    this.#fatal.catch(() => undefined); // The calls that it ends report it, or `whenEnded`.
    const handler = (error: LabError) => this.#end(error);
    handlers.add(handler);
    this.#release = (isAlive) => {
      handlers.delete(handler);
      threads.release(isAlive);
    };
  }

  /** Chooses the device, fetches its module and tests it on a known answer. */
  static async create(options: LabOptions = {}): Promise<Lab> {
    const choice = options.device ?? "auto";
    if (!["auto", "webgpu", "cpu"].includes(choice))
      throw new LabError("bad_argument", `device is "${choice}"; it must be "auto", "webgpu" or "cpu"`);
    const { threads } = options;
    if (threads !== undefined && (!Number.isInteger(threads) || threads < 1))
      throw new LabError("bad_argument", `threads is ${String(threads)}; it must be a whole number from 1`);
    const selected = await chooseDevice(choice);
    try {
      return await Lab.#start(selected, threads, options.kernels);
    } catch (error) {
      if (choice !== "auto" || selected.kind === "cpu") throw LabError.from(error);
      const reason = `WebGPU is available, but could not be used: ${LabError.from(error).message}`;
      return await Lab.#start({ ...(await chooseDevice("cpu")), reason }, threads).catch((e: unknown) => {
        throw LabError.from(e);
      });
    }
  }

  static async #start(
    selected: Selected,
    maxThreads: number | undefined,
    kernels?: LabOptions["kernels"],
  ): Promise<Lab> {
    const acquired = await acquireEngine(selected.kind, maxThreads);
    const { module, handlers, threads } = acquired;
    let failed: (error: LabError) => void = () => undefined;
    const failure = new Promise<never>((_, reject) => {
      failed = reject;
    });
    handlers.add(failed);
    try {
      const engine = await Promise.race([module.Engine.create(kernels), failure]);
      const device = {
        ...selected,
        ...(selected.kind === "cpu" && described(acquired)),
        threads: threads.n,
        selfTestError: engine.selfTestError,
      };
      return new Lab(device, engine, acquired);
    } catch (error) {
      threads.release(false);
      throw await causeOf(LabError.from(error), failure);
    } finally {
      handlers.delete(failed);
      failure.catch(() => undefined);
    }
  }

  /** Rejects once the device is lost, the module has panicked or the lab is disposed. */
  get whenEnded(): Promise<never> {
    return this.#fatal;
  }

  /** @internal For tests: labels of the GPU kernels that have been used. */
  get kernelLabels(): string[] {
    this.#checkAlive();
    return this.#engine.kernelLabels;
  }

  get models(): ModelInfo[] {
    this.#checkAlive();
    return this.#engine.models();
  }

  async loadModel(bytes: Uint8Array, options: { role: Role; name?: string }): Promise<ModelInfo> {
    checkBytes("bytes", bytes);
    const role: unknown = options?.role;
    if (role !== "teacher" && role !== "student")
      throw new LabError("bad_argument", `role is "${String(role)}"; it must be "teacher" or "student"`);
    if (options.name !== undefined) checkText("name", options.name);
    return this.#call(() => this.#engine.loadModel(bytes, role, options.name));
  }

  async removeModel(name: string): Promise<void> {
    checkText("name", name);
    return this.#call(() => this.#engine.removeModel(name));
  }

  async exportModel(name: string): Promise<Uint8Array> {
    checkText("name", name);
    return this.#call(() => this.#engine.exportModel(name));
  }

  async predict(pixels: Uint8Array, n: number, options: PredictOptions = {}): Promise<Prediction> {
    checkPixels(pixels, n);
    checkNames("models", options.models);
    checkNames("teachers", options.teachers);
    const run = await this.#call(() =>
      this.#engine.predict(pixels, options.models, options.teachers, defaultBatchSize(this.device)),
    );
    try {
      while (!(await this.#call(() => run.advance()))) await yieldToEvents();
      const result = await this.#call(() => run.finish());
      const { models, nClasses, logits, ensemble } = result;
      result.free();
      return { models, nClasses, logits, ensemble: ensemble ?? null };
    } finally {
      this.#free(run);
    }
  }

  async gram(pixels: Uint8Array, n: number, options: GramOptions = {}): Promise<Gram> {
    checkPixels(pixels, n);
    checkNames("models", options.models);
    return this.#loop((context) => gram(context, pixels, n, options));
  }

  async evaluate(
    pixels: Uint8Array,
    labels: Uint8Array | null,
    options: EvaluateOptions = {},
  ): Promise<EvaluationReport> {
    checkBytes("pixels", pixels);
    if (labels) checkBytes("labels", labels);
    checkNames("teachers", options.teachers);
    if (typeof options.student !== "string") checkNames("student", options.student);
    return this.#loop((context) => evaluate(context, pixels, labels, options));
  }

  async distill(pixels: Uint8Array, labels: Uint8Array | null, options: DistillOptions): Promise<DistillReport> {
    checkBytes("pixels", pixels);
    if (labels) checkBytes("labels", labels);
    checkDistillOptions(options);
    this.#checkAlive();
    const { outputName } = options;
    if (this.#outputNames.has(outputName))
      throw new LabError("name_taken", `a running distillation already makes a model named "${outputName}"`);
    this.#outputNames.add(outputName);
    try {
      return await this.#loop((context) => distill(context, pixels, labels, options));
    } finally {
      this.#outputNames.delete(outputName);
    }
  }

  async readRecords(bytes: Uint8Array, testHashes?: Uint8Array): Promise<Records> {
    checkBytes("bytes", bytes);
    const records = await this.#call(() => this.#module.readRecords(bytes, testHashes));
    const { pixels, labels, coarseLabels, isCifar100Test } = records;
    records.free();
    return { nImages: labels.length, pixels, labels, coarseLabels, isCifar100Test: isCifar100Test ?? null };
  }

  async prepareImage(file: Blob): Promise<PreparedImage> {
    if (!(file instanceof Blob)) throw new LabError("bad_argument", "an image must be a Blob or File");
    return this.#call(() => prepareImage(this.#module, file));
  }

  async report(answers: Answers, options: ReportOptions): Promise<Report> {
    return this.#call(() => report(answers, options));
  }

  async compare(answers: Answers, options: CompareOptions): Promise<Comparison> {
    return this.#call(() => compare(answers, options));
  }

  dispose(): void {
    if (this.#ended?.code === "disposed") return;
    const alive = this.#ended === null;
    this.#release(alive);
    this.#ended = null;
    this.#end(new LabError("disposed", "this lab was disposed; create another one"));
    // A panicked or lost engine must not be entered again.
    if (alive) this.#engine.dispose();
  }

  /** Runs the loop of a long call, and frees the runs that it owned. */
  async #loop<T>(loop: (context: LabContext) => Promise<T>): Promise<T> {
    this.#checkAlive();
    const runs: { free(): void }[] = [];
    const context: LabContext = {
      engine: this.#engine,
      device: this.device,
      guard: (work) => Promise.race([work, this.#fatal]),
      own: (run) => {
        runs.push(run);
        return run;
      },
    };
    try {
      return await this.#finally(loop(context));
    } finally {
      runs.forEach((run) => this.#free(run));
    }
  }

  #checkAlive(): void {
    if (this.#ended) throw this.#ended;
  }

  async #call<T>(work: () => Promise<T> | T): Promise<T> {
    this.#checkAlive();
    return this.#finally(Promise.race([(async () => work())(), this.#fatal]));
  }

  /** Turns every error into a LabError. One that follows from a lost device says so. */
  async #finally<T>(work: Promise<T>): Promise<T> {
    try {
      return await work;
    } catch (error) {
      throw this.#ended ?? (await causeOf(LabError.from(error), this.#fatal));
    }
  }

  #free(run: { free(): void }): void {
    if (!this.#ended) run.free();
  }
}

/** Describes the CPU's threads to the visitor. */
function described({ threads, note }: Acquired): { description: string } {
  if (threads.n > 1) return { description: `CPU, ${threads.n} threads` };
  return { description: note === null ? "CPU, one thread" : `CPU, one thread (more could not be started: ${note})` };
}

/** How long a GPU error waits for a report that the device is lost. */
const LOSS_REPORT_MS = 1000;

/** The cause of an error: reading from a lost device fails before the browser reports the loss. */
async function causeOf(error: LabError, fatal: Promise<never>): Promise<LabError> {
  if (error.code !== "gpu_error") return error;
  const noLoss = new Promise<LabError>((resolve) => setTimeout(resolve, LOSS_REPORT_MS, error));
  return Promise.race([noLoss, fatal]).catch((loss: unknown) => LabError.from(loss));
}

function checkBytes(what: string, bytes: unknown): void {
  if (!(bytes instanceof Uint8Array)) throw new LabError("bad_argument", `${what} must be a Uint8Array`);
}

function checkPixels(pixels: unknown, n: unknown): void {
  checkBytes("pixels", pixels);
  const { length } = pixels as Uint8Array;
  if (!Number.isInteger(n) || (n as number) < 1 || length !== (n as number) * 3072)
    throw new LabError(
      "bad_argument",
      `pixels hold ${length} bytes and n is ${String(n)}; there must be at least one image, and 3072 bytes (32 x 32 RGB) per image`,
    );
}

function checkText(what: string, text: unknown): void {
  if (typeof text !== "string") throw new LabError("bad_argument", `${what} is ${String(text)}; it must be a string`);
}

function checkNames(what: string, names: unknown): void {
  const areNames = names === undefined || (Array.isArray(names) && names.every((name) => typeof name === "string"));
  if (!areNames) throw new LabError("bad_argument", `${what} must be an array of models' names`);
}

function checkDistillOptions(options: DistillOptions): void {
  checkText("student", options?.student);
  checkText("outputName", options.outputName);
  checkNames("teachers", options.teachers);
  if (options.resume !== undefined) checkBytes("resume", options.resume);
  if (!options.holdOut) return;
  const { pixels, labels, every } = options.holdOut;
  checkBytes("holdOut.pixels", pixels);
  if (labels) checkBytes("holdOut.labels", labels);
  if (every !== undefined && (!Number.isInteger(every) || every < 1))
    throw new LabError("bad_argument", `holdOut.every is ${String(every)}; it must be a whole number from 1`);
}
