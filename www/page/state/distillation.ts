/** Runs one distillation at a time on the visitor's device, while the other views stay usable. */
import { batch, computed, signal } from "@preact/signals";
import type { DistillReport, HoldOutMetrics, StepProgress } from "../../../pkg/api.js";
import { save } from "../common/save.ts";
import { words } from "../common/strings.ts";
import { areImagesReady, heldOutImages, trainingHasLabels, trainingImages } from "./distil_images.ts";
import { client } from "./client.ts";
import { addNetwork, chooseStudent, freeName, isReady, student, teachers } from "./networks.ts";
import { messageOf, notifyError } from "./notices.ts";
import { alphaError, recipe, wrongSettings, type Recipe } from "./recipe.ts";

export interface Run {
  phase: "preparing" | "running" | "pausing" | "paused" | "stopping" | "done" | "stopped" | "failed";
  recipe: Recipe;
  student: string;
  teachers: readonly string[];
  outputName: string;
  trainingTitle: string;
  heldOutTitle: string;
  latest: StepProgress | null;
  before: HoldOutMetrics | null;
  report: DistillReport | null;
}

export const run = signal<Run | null>(null);
/** All steps of the run so far. `nPoints` changes when the list grows. */
let points: StepProgress[] = [];
export const nPoints = signal(0);
export const pointsSoFar = (): readonly StepProgress[] => points;

export const isActive = computed(
  () => run.value !== null && ["preparing", "running", "pausing", "paused", "stopping"].includes(run.value.phase),
);
const isRecipeRight = computed(
  () => wrongSettings(recipe.value).length === 0 && alphaError(recipe.value, trainingHasLabels.value) === undefined,
);
export const canStart = computed(
  () =>
    isReady.value &&
    areImagesReady.value &&
    !isActive.value &&
    student.value !== null &&
    teachers.value.length > 0 &&
    isRecipeRight.value,
);

let abort: AbortController | null = null;
let resume: (() => void) | null = null;
let wantsPause = false;
const update = (change: Partial<Run>): void => {
  if (run.value) run.value = { ...run.value, ...change };
};

/** Steps may come faster than the screen is drawn, so the charts follow its frames. */
let frame = 0;
function show(progress: StepProgress): void {
  // After a lost device a run goes on from its last checkpoint: the steps since then come again.
  while (points.length > 0 && points.at(-1)!.step > progress.step) points.pop();
  // It begins by telling where it goes on from, without that step's figures, which are here already.
  const isKnown = points.at(-1)?.step === progress.step;
  if (isKnown && progress.loss === null) return;
  if (isKnown) points.pop();
  points.push(progress);
  if (frame) return;
  frame = requestAnimationFrame(() => {
    frame = 0;
    batch(() => {
      nPoints.value = points.length;
      update({ latest: points.at(-1) ?? null });
    });
  });
}

function onStep(progress: StepProgress): void | Promise<void> {
  show(progress);
  if (progress.step === 0 && progress.holdOut) update({ before: progress.holdOut });
  if (!wantsPause || progress.step === progress.totalSteps) return;
  update({ phase: "paused" });
  return new Promise((resolve) => {
    resume = resolve;
  });
}

export async function start(): Promise<void> {
  const lab = client.value;
  const source = student.value;
  if (!lab || !source || !canStart.value) return;
  const settings = recipe.value;
  abort = new AbortController();
  wantsPause = false;
  points = [];
  batch(() => {
    nPoints.value = 0;
    run.value = {
      phase: "preparing",
      recipe: settings,
      student: source,
      teachers: teachers.value,
      outputName: freeName(source),
      trainingTitle: "",
      heldOutTitle: "",
      latest: null,
      before: null,
      report: null,
    };
  });
  const { outputName } = run.value!;
  try {
    const training = await trainingImages();
    const heldOut = await heldOutImages(training);
    if (abort.signal.aborted) {
      run.value = null;
      return;
    }
    update({ phase: wantsPause ? "pausing" : "running", trainingTitle: training.title, heldOutTitle: heldOut.title });
    const { temperature, alpha, learningRate, weightDecay, steps, batchSize, policy, schedule, seed } = settings;
    const report = await lab.distill(training.pixels, training.labels, {
      student: source,
      outputName,
      teachers: [...teachers.value],
      temperature,
      alpha,
      learningRate,
      weightDecay,
      steps,
      batchSize,
      policy,
      schedule,
      seed,
      holdOut: { pixels: heldOut.pixels, labels: heldOut.labels },
      onStep,
      signal: abort.signal,
    });
    batch(() => {
      nPoints.value = points.length;
      update({
        phase: report.cancelled ? "stopped" : "done",
        report,
        before: report.before,
        latest: points.at(-1) ?? null,
      });
      const info = lab.models.find((model) => model.name === report.outputName);
      if (info) addNetwork(info, "distilled");
    });
  } catch (error) {
    notifyError(words.distil.failed, [messageOf(error)]);
    update({ phase: "failed" });
  } finally {
    resume = null;
  }
}

export function pause(): void {
  wantsPause = true;
  if (run.value?.phase === "running") update({ phase: "pausing" });
}

export function goOn(): void {
  wantsPause = false;
  update({ phase: "running" });
  resume?.();
  resume = null;
}

export function stop(): void {
  update({ phase: "stopping" });
  abort?.abort();
  wantsPause = false;
  resume?.();
  resume = null;
}

/** Discards the run and selects the student that it started from. The student that it made stays among the networks. */
export function reset(): void {
  if (isActive.value) return;
  points = [];
  batch(() => {
    if (run.value) chooseStudent(run.value.student);
    nPoints.value = 0;
    run.value = null;
  });
}

export async function downloadNetwork(name: string): Promise<void> {
  try {
    const bytes = await client.value!.exportModel(name);
    save(`${name}.safetensors`, new Blob([bytes as Uint8Array<ArrayBuffer>], { type: "application/octet-stream" }));
  } catch (error) {
    notifyError(words.distil.exportFailed(name), [messageOf(error)]);
  }
}

export function warnBeforeLeaving(): void {
  window.addEventListener("beforeunload", (event) => {
    if (isActive.value) event.preventDefault();
  });
}
