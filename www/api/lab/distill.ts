import type { DistillOptions, DistillReport, HoldOutMetrics, Recipe } from "./types.js";
import { defaultBatchSize, type LabContext } from "./context.js";
import { yieldToEvents } from "../wasm/yield.js";

const CHECKPOINT_STEPS = 50;
const CHECKPOINT_MS = 30_000;
/** A callback that takes longer counts as a pause, before which the state is saved. */
const PAUSE_MS = 250;
const HOLD_OUT_MEASUREMENTS = 10;

/** What another Worker needs to resume the run. */
export interface DistillState {
  checkpoint: Uint8Array;
  /** The measurement before the first step, which a resumed run can no longer make. */
  before: HoldOutMetrics | null;
}

/** Options that only `LabClient` sets. It keeps the last state outside the wasm instance. */
export interface ResumableDistillOptions extends DistillOptions {
  onState?: (state: DistillState) => void;
  before?: HoldOutMetrics | null;
}

/** The run's settings as the engine takes them. A setting that is not given has the engine's default. */
function recipeOf(options: DistillOptions): Recipe {
  const { temperature, alpha, learningRate, weightDecay, steps, batchSize, policy, schedule, seed } = options;
  const given = { temperature, alpha, learningRate, weightDecay, steps, batchSize, policy, schedule, seed };
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)) as Recipe;
}

export async function distill(
  lab: LabContext,
  pixels: Uint8Array,
  labels: Uint8Array | null,
  options: ResumableDistillOptions,
): Promise<DistillReport> {
  const { signal, holdOut, onStep, onCheckpoint, onState } = options;
  const run = lab.own(
    lab.engine.distill(
      pixels,
      labels ?? undefined,
      options.student,
      options.outputName,
      options.teachers,
      recipeOf(options),
      options.resume,
    ),
  );
  const totalSteps = run.totalSteps;
  if (holdOut) run.setHoldOut(holdOut.pixels, holdOut.labels ?? undefined, defaultBatchSize(lab.device));
  const every = holdOut?.every ?? Math.max(1, Math.round(totalSteps / HOLD_OUT_MEASUREMENTS));

  /** A measurement that is cut short is worth nothing, unlike steps. So the signal is checked only between steps. */
  const measure = async (): Promise<HoldOutMetrics | null> => {
    if (!holdOut) return null;
    for (;;) {
      const metrics = await lab.guard(run.measure());
      if (metrics) return metrics;
      await yieldToEvents();
    }
  };

  let stepsDone = run.stepsDone;
  const stepsBefore = stepsDone;
  let checkpointed = { step: stepsDone, time: performance.now() };
  const checkpoint = async (): Promise<void> => {
    if (!(onCheckpoint || onState) || checkpointed.step === stepsDone) return;
    const bytes = await lab.guard(run.checkpoint());
    onCheckpoint?.(bytes);
    onState?.({ checkpoint: bytes, before });
    checkpointed = { step: stepsDone, time: performance.now() };
  };

  /** Awaits the caller's callback. If it does not settle soon, it is a pause. */
  const answered = async (answer: void | Promise<void>): Promise<void> => {
    if (!answer) return;
    const soon = await lab.guard(
      Promise.race([answer.then(() => true), new Promise<boolean>((resolve) => setTimeout(resolve, PAUSE_MS, false))]),
    );
    if (soon) return;
    await checkpoint();
    await lab.guard(answer);
  };

  const now = await measure();
  const before = options.before === undefined ? now : options.before;
  let after = now;
  let stepMs = 0;
  const learningRate = run.learningRate;
  await answered(
    onStep?.({
      step: stepsDone,
      totalSteps,
      loss: null,
      lossFloor: null,
      trainAgreement: null,
      learningRate,
      imagesPerSecond: 0,
      secondsLeft: null,
      holdOut: now,
    }),
  );
  while (stepsDone < totalSteps && !signal?.aborted) {
    await yieldToEvents();
    const start = performance.now();
    const result = await lab.guard(run.step());
    stepMs += performance.now() - start;
    stepsDone = result.step;
    const isMeasured = holdOut && (stepsDone % every === 0 || stepsDone === totalSteps);
    if (isMeasured) after = await measure();
    if (stepsDone - checkpointed.step >= CHECKPOINT_STEPS || performance.now() - checkpointed.time >= CHECKPOINT_MS)
      await checkpoint();
    const msPerStep = stepMs / (stepsDone - stepsBefore);
    await answered(
      onStep?.({
        step: stepsDone,
        totalSteps,
        loss: result.loss,
        lossFloor: result.lossFloor,
        trainAgreement: result.trainAgreement,
        learningRate: result.learningRate,
        imagesPerSecond: (result.batchSize * 1000) / msPerStep,
        secondsLeft: ((totalSteps - stepsDone) * msPerStep) / 1000,
        holdOut: isMeasured ? after : null,
      }),
    );
  }
  const cancelled = stepsDone < totalSteps;
  if (cancelled && stepsDone > stepsBefore && stepsDone % every !== 0) after = await measure();
  // Even a run that was cancelled before its first step returns its student, so that callers need no special case.
  await lab.guard(run.finish());
  return {
    outputName: options.outputName,
    stepsDone,
    totalSteps,
    cancelled,
    nImages: pixels.length / 3072,
    before,
    after,
  };
}
