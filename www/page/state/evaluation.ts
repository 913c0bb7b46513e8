/** Runs one evaluation at a time: of the samples at once, of the test set or own pictures on request. */
import { computed, effect, signal } from "@preact/signals";
import type { EvaluationReport } from "../../../pkg/api.js";
import { words } from "../common/strings.ts";
import { CIFAR100_CLASSES } from "./class_names.ts";
import { hasTestSet, nTestImages, testSet, testTitle } from "./data_sets.ts";
import { client } from "./client.ts";
import { isReady, nClasses, students, teachers } from "./networks.ts";
import { messageOf, notifyError } from "./notices.ts";
import { areSamplesDecoded, joinLabels, joinPixels, ownPictures, PIXELS_BYTES, samples } from "./pictures.ts";
import { view } from "./route.ts";

export type Source = "samples" | "test" | "own";
export const SIZES = [20, 100, 500, 1_000, 10_000] as const;

export interface Evaluation {
  phase: "running" | "done" | "cancelled";
  source: Source;
  title: string;
  nTotal: number;
  /** Null until the first batch is done. */
  report: EvaluationReport | null;
  imagesPerSecond: number;
  secondsLeft: number | null;
  finishedAt: Date | null;
}

/** Whether the view leaves the measurement out: a lesson may, and the other parts of the test set's analysis do. */
export const isLiveHidden = signal(false);
export const source = signal<Source>("samples");
export const size = signal<number>(1_000);
export const evaluation = signal<Evaluation | null>(null);
export const isEvaluating = computed(() => evaluation.value?.phase === "running");
/** The sizes on offer, up to the size of the set. */
export const sizes = computed<number[]>(() =>
  nTestImages.value === 0 ? [...SIZES] : [...SIZES.filter((n) => n < nTestImages.value), nTestImages.value],
);

let abort: AbortController | null = null;
export const cancelEvaluation = (): void => abort?.abort();

async function imagesOf(
  from: Source,
): Promise<{ title: string; pixels: Uint8Array; labels: Uint8Array | null } | null> {
  if (from === "test") {
    const set = await testSet();
    if (!set) return null;
    const n = Math.min(size.value, set.records.nImages);
    return {
      title: set.title,
      pixels: set.records.pixels.subarray(0, n * PIXELS_BYTES),
      labels: set.records.labels.subarray(0, n),
    };
  }
  const list = from === "samples" ? samples.value : ownPictures.value;
  if (list.length === 0) return null;
  return { title: words.fidelity.sources[from], pixels: joinPixels(list), labels: joinLabels(list) };
}

export async function evaluate(): Promise<void> {
  const lab = client.value;
  if (!lab || !isReady.value) return;
  cancelEvaluation();
  const mine = (abort = new AbortController());
  const from = source.value;
  const isCurrent = () => abort === mine;
  const nPlanned = from === "test" ? Math.min(size.value, nTestImages.value) : 0;
  const start: Evaluation = {
    phase: "running",
    source: from,
    title: from === "test" ? testTitle.value : "",
    nTotal: nPlanned,
    report: null,
    imagesPerSecond: 0,
    secondsLeft: null,
    finishedAt: null,
  };
  evaluation.value = start;
  try {
    const images = await imagesOf(from);
    if (!isCurrent()) return;
    if (!images || mine.signal.aborted) {
      evaluation.value = null;
      return;
    }
    const nTotal = images.pixels.length / PIXELS_BYTES;
    evaluation.value = { ...start, title: images.title, nTotal };
    const report = await lab.evaluate(images.pixels, nClasses.value === CIFAR100_CLASSES ? images.labels : null, {
      teachers: teachers.value,
      ...(students.value.length > 0 ? { student: students.value } : {}),
      signal: mine.signal,
      onProgress: ({ nDone, imagesPerSecond, report }) => {
        if (!isCurrent()) return;
        const secondsLeft = imagesPerSecond > 0 ? (nTotal - nDone) / imagesPerSecond : null;
        evaluation.value = { ...evaluation.value!, report, imagesPerSecond, secondsLeft };
      },
    });
    if (!isCurrent()) return;
    const phase = report.cancelled ? "cancelled" : "done";
    evaluation.value =
      report.nImages > 0 ? { ...evaluation.value, phase, report, secondsLeft: null, finishedAt: new Date() } : null;
  } catch (error) {
    if (!isCurrent()) return;
    notifyError(words.fidelity.failed, [messageOf(error)]);
    const partial = evaluation.value;
    evaluation.value = partial?.report ? { ...partial, phase: "cancelled", finishedAt: new Date() } : null;
  }
}

/** Measures the samples, which cost little, whenever the view is opened or its networks change. */
export function watchEvaluation(): void {
  let measured = "";
  effect(() => {
    const networks = JSON.stringify([teachers.value, students.value]);
    const isWanted =
      view.value === "fidelity" &&
      isReady.value &&
      areSamplesDecoded.value &&
      samples.value.length > 0 &&
      (teachers.value.length > 0 || students.value.length > 0);
    if (!isWanted || networks === measured) return;
    measured = networks;
    queueMicrotask(() => {
      // Whoever chose other images is left with what they measured.
      if (source.peek() === "samples" && (evaluation.peek()?.source ?? "samples") === "samples") void evaluate();
    });
  });
  effect(() => {
    if (source.value === "test" && !hasTestSet.value) source.value = "samples";
    if (!sizes.value.includes(size.value)) size.value = sizes.value.findLast((n) => n <= size.value) ?? sizes.value[0]!;
  });
}
