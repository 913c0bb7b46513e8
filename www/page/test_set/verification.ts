/** Compares stored logits with those that this device computes. */
import { computed, effect, signal } from "@preact/signals";
import type { DeviceInfo, Records } from "../../../pkg/api.js";
import { N_TEST_IMAGES } from "../state/class_names.ts";
import { words } from "../common/strings.ts";
import { testSetWords } from "./strings.ts";
import { testSet } from "../state/data_sets.ts";
import { client } from "../state/client.ts";
import { evaluation } from "../state/evaluation.ts";
import { isLoaded, isReady } from "../state/networks.ts";
import { messageOf, notifyError } from "../state/notices.ts";
import { joinPixels, PIXELS_BYTES, samples } from "../state/pictures.ts";
import { analysis, labels, loaded } from "./stored_logits.ts";

export interface Verified {
  nImages: number;
  maxDifference: number;
  nTop1Changed: number;
  device: DeviceInfo["kind"];
}
export interface Run {
  phase: "running" | "done" | "cancelled";
  nDone: number;
  nTotal: number;
  models: string[];
}

/** By network, over all images that were recomputed here. */
export const verified = signal<ReadonlyMap<string, Verified>>(new Map());
export const run = signal<Run | null>(null);

const BATCH = 50;
let abort: AbortController | null = null;
export const cancelVerification = (): void => abort?.abort();
/** Whether a network's weights are loaded, so that this device can compute its logits. */
export const canCompute = isLoaded;

/** The test images in the order of the stored logits. Throws an error if they are not available. */
export async function testImages(): Promise<Records> {
  const set = await testSet();
  if (!set) throw new Error(testSetWords.images.howToAdd);
  const { records } = set;
  const isSame =
    records.isCifar100Test &&
    records.nImages === N_TEST_IMAGES &&
    labels.value!.fine.every((label, i) => label === records.labels[i]);
  if (!isSame) throw new Error(testSetWords.images.otherOrder(set.title));
  return records;
}

/** The shipped samples, which are the first images of the test set in its order; none if one of them could not be read. */
export const nSamples = computed(() =>
  samples.value.every(({ id, label }, i) => id === `sample-${i}` && label === labels.value?.fine[i])
    ? samples.value.length
    : 0,
);

/** The first `n` images or more, from the samples if these suffice. */
const firstImages = async (n: number): Promise<Uint8Array> =>
  n <= nSamples.value ? joinPixels(samples.value) : (await testImages()).pixels;

/** Recomputes the first `n` test images with these networks, one batch after the other. */
export async function verify(names: readonly string[], n: number): Promise<void> {
  const lab = client.value;
  if (!lab) return notifyError(words.compare.notReady);
  cancelVerification();
  const mine = (abort = new AbortController());
  const isCurrent = () => abort === mine;
  const models = names.filter(canCompute);
  run.value = { phase: "running", nDone: 0, nTotal: n, models };
  const found = new Map<string, Verified>();
  try {
    const pixels = await firstImages(n);
    for (let start = 0; start < n && !mine.signal.aborted; start += BATCH) {
      const size = Math.min(BATCH, n - start);
      const {
        logits,
        nClasses,
        models: order,
      } = await lab.predict(pixels.subarray(start * PIXELS_BYTES, (start + size) * PIXELS_BYTES), size, {
        models,
        teachers: [],
      });
      const indices = Uint32Array.from({ length: size }, (_, i) => start + i);
      for (const [m, name] of order.entries()) {
        const { maxDifference, nTop1Changed } = await analysis.value!.verify({
          name,
          logits: logits.slice(m * size * nClasses, (m + 1) * size * nClasses),
          indices,
        });
        const old = found.get(name);
        found.set(name, {
          nImages: start + size,
          maxDifference: Math.max(old?.maxDifference ?? 0, maxDifference),
          nTop1Changed: (old?.nTop1Changed ?? 0) + nTop1Changed,
          device: lab.device.kind,
        });
      }
      if (!isCurrent()) return;
      verified.value = new Map([
        ...verified.value,
        ...[...found].filter(([name, { nImages }]) => nImages >= (verified.value.get(name)?.nImages ?? 0)),
      ]);
      run.value = { ...run.value, nDone: start + size };
    }
    if (isCurrent()) run.value = { ...run.value, phase: mine.signal.aborted ? "cancelled" : "done" };
  } catch (error) {
    if (!isCurrent()) return;
    notifyError(testSetWords.verify.failed, [messageOf(error)]);
    run.value = null;
  }
}

/** How many images are recomputed after the visitor has measured the test set. */
const N_ALONG = 100;

/** Whoever measures images on this device has the stored answers of the same networks verified along with it. */
export function watchMeasurements(names: () => readonly string[]): () => void {
  let done: unknown = null;
  return effect(() => {
    const measured = evaluation.value;
    if (measured?.phase !== "done" || !isReady.value || nSamples.value === 0 || measured.source === "own") return;
    const n = measured.source === "samples" ? nSamples.value : Math.min(N_ALONG, measured.report?.nImages ?? 0);
    const open = names().filter(
      (name) => canCompute(name) && loaded.value.has(name) && (verified.value.get(name)?.nImages ?? 0) < n,
    );
    const key = `${n} ${open.join()}`;
    if (open.length === 0 || run.peek()?.phase === "running" || key === done) return;
    done = key;
    queueMicrotask(() => void verify(open, n));
  });
}
