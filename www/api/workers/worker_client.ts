/**
 * `WorkerClient`: calls to a Worker that is replaced when its device is lost or its module dies. The new Worker gets back what the old
 * one held, and the calls in progress are repeated.
 */
import { LabError } from "../wasm/errors.js";
import type { FromWorker, Protocol, ToWorker } from "./protocol.js";

export interface WorkerClientOptions<P extends Protocol> {
  createWorker: () => Worker;
  create: P["create"];
  /** The calls that give a new Worker what the old one held. */
  restore: () => Iterable<P["call"]>;
  /** Whether events count as progress. They do if a repeated call resumes from what its events brought. */
  eventsAreProgress: boolean;
  onReady?: (value: P["ready"]) => void;
  onModels: (models: P["model"][]) => void;
  /** Called after each restart; `why` is a sentence for the visitor. */
  onRestart: ((why: string) => void) | undefined;
}

type OnEvent<P extends Protocol> = (event: P["event"]) => unknown;

interface Pending<P extends Protocol> {
  call: P["call"];
  resolve: (value: never) => void;
  reject: (error: LabError) => void;
  signal: AbortSignal | undefined;
  onEvent: OnEvent<P> | undefined;
}

/** After this many restarts without progress in between, the error ends the client. */
const MAX_RESTARTS = 3;

export class WorkerClient<P extends Protocol> {
  #options: WorkerClientOptions<P>;
  #worker: Worker | null = null;
  #nCalls = 0;
  #pending = new Map<number, Pending<P>>();
  #nRestarts = 0;
  #isRestarting = false;
  #ended: LabError | null = null;

  constructor(options: WorkerClientOptions<P>) {
    this.#options = options;
  }

  /** Starts a Worker and waits until it is ready and holds what `restore` gives it. */
  async start(): Promise<void> {
    const worker = this.#options.createWorker();
    this.#worker = worker;
    try {
      const started = await exchange<P>(
        worker,
        { type: "create", options: this.#options.create },
        ({ message }) =>
          new LabError("device_unavailable", `the Worker could not start: ${message || "its script cannot be loaded"}`),
      );
      if (started.type === "ready") this.#options.onReady?.(started.value);
      for (const call of this.#options.restore())
        await exchange<P>(worker, { type: "call", id: ++this.#nCalls, call }, stopped);
    } catch (error) {
      worker.terminate();
      throw LabError.from(error);
    }
    worker.onmessage = ({ data }: MessageEvent<FromWorker<P>>) => this.#receive(worker, data);
    worker.onerror = (event) => {
      event.preventDefault();
      this.#restart(stopped(event));
    };
  }

  /** `onEvent` may return a Promise; a Worker that waits for its answer pauses until the Promise settles. */
  async call<T>(call: P["call"], signal?: AbortSignal, onEvent?: OnEvent<P>): Promise<T> {
    if (this.#ended) throw this.#ended;
    const id = ++this.#nCalls;
    const abort = () => this.#post({ type: "abort", id });
    signal?.addEventListener("abort", abort);
    try {
      return await new Promise<T>((resolve, reject) => {
        const pending: Pending<P> = { call, resolve, reject, signal, onEvent };
        this.#pending.set(id, pending);
        // A call that comes during a restart waits in `#pending` until the new Worker is ready.
        if (!this.#isRestarting) this.#send(id, pending);
      });
    } finally {
      signal?.removeEventListener("abort", abort);
    }
  }

  /** Ends the Worker and rejects every call, also later ones, with `disposed`. */
  dispose(message: string): void {
    if (this.#ended?.code !== "disposed") this.#end(new LabError("disposed", message));
  }

  #post(message: ToWorker<P>): void {
    this.#worker?.postMessage(message);
  }

  #send(id: number, { call, signal, reject }: Pending<P>): void {
    try {
      this.#post({ type: "call", id, call });
    } catch (error) {
      // The arguments cannot be cloned.
      this.#pending.delete(id);
      return reject(LabError.from(error));
    }
    if (signal?.aborted) this.#post({ type: "abort", id });
  }

  #receive(worker: Worker, data: FromWorker<P>): void {
    if (worker !== this.#worker) return;
    if (data.type === "ended") return this.#restart(LabError.from(data.error));
    if (data.type === "ready") return;
    const pending = this.#pending.get(data.id);
    if (!pending) return;
    if (data.type === "event") {
      if (this.#options.eventsAreProgress) this.#nRestarts = 0;
      return this.#answer(worker, pending, data);
    }
    // A lost device ends every call at once; the restart repeats them.
    if (data.type === "error" && data.error.code === "device_lost") return this.#restart(LabError.from(data.error));
    this.#pending.delete(data.id);
    if (data.type === "error") return pending.reject(LabError.from(data.error));
    this.#nRestarts = 0;
    this.#options.onModels(data.models);
    pending.resolve(data.value as never);
  }

  #answer(worker: Worker, { onEvent }: Pending<P>, { event, value }: { event: number; value: P["event"] }): void {
    // A callback that throws must not stop the run it watches; its error belongs to the page's own handlers.
    void (async () => onEvent?.(value))()
      .catch((error: unknown) => reportError(error))
      .finally(() => {
        if (worker === this.#worker) this.#post({ type: "answer", event });
      });
  }

  #restart(why: LabError): void {
    if (this.#ended || this.#isRestarting) return;
    this.#isRestarting = true;
    this.#worker?.terminate();
    this.#worker = null;
    this.#revive(why).catch((error: unknown) => this.#end(LabError.from(error)));
  }

  /** Starts Workers until one holds what the last one held, then repeats the calls. */
  async #revive(why: LabError): Promise<void> {
    for (;;) {
      if (++this.#nRestarts > MAX_RESTARTS) throw why;
      try {
        await this.start();
        break;
      } catch (error) {
        // Another Worker helps only after the accidents that a restart is for; any other error would come again.
        if (!["device_lost", "internal"].includes(LabError.from(error).code)) throw error;
      }
      if (this.#ended) return;
    }
    if (this.#ended) return;
    try {
      this.#options.onRestart?.(why.message);
    } catch (error) {
      reportError(error);
    }
    // A call that comes after the loop finds the flag cleared, and one from `onRestart` is in `#pending`: each is sent once.
    this.#isRestarting = false;
    for (const [id, pending] of this.#pending) this.#send(id, pending);
  }

  #end(error: LabError): void {
    this.#ended = error;
    this.#worker?.terminate();
    this.#worker = null;
    const pending = [...this.#pending.values()];
    this.#pending.clear();
    pending.forEach(({ reject }) => reject(error));
  }
}

function stopped({ message }: ErrorEvent): LabError {
  return new LabError("internal", `the Worker stopped: ${message}`);
}

/** Posts a message to a Worker that serves no calls yet, and waits for its answer. `failure` names the error of a Worker that dies. */
function exchange<P extends Protocol>(
  worker: Worker,
  message: ToWorker<P>,
  failure: (event: ErrorEvent) => LabError,
): Promise<FromWorker<P>> {
  return new Promise((resolve, reject) => {
    worker.onmessage = ({ data }: MessageEvent<FromWorker<P>>) => {
      if (data.type === "ready" || data.type === "result") resolve(data);
      else if (data.type === "ended" || data.type === "error") reject(LabError.from(data.error));
    };
    worker.onerror = (event) => {
      event.preventDefault();
      reject(failure(event));
    };
    worker.postMessage(message);
  });
}
