/** Which images a run distils on, and which other images measure it. */
import { computed, signal } from "@preact/signals";
import { words } from "../common/strings.ts";
import {
  hasTestSet,
  hasTrainSet,
  nTestImages,
  nTrainImages,
  testSet,
  testTitle,
  trainSet,
  trainTitle,
} from "./data_sets.ts";
import {
  areSamplesDecoded,
  joinLabels,
  joinPixels,
  ownPictures,
  PIXELS_BYTES,
  samples,
  type Picture,
} from "./pictures.ts";
import { recipe } from "./recipe.ts";

export type TrainingSource = "train" | "own" | "samples";
/** Pixels of n images and their classes, which are null if they are unknown. */
export interface Images {
  title: string;
  pixels: Uint8Array;
  labels: Uint8Array | null;
}

const chosenSource = signal<TrainingSource | null>(null);
export const trainingSources = computed<TrainingSource[]>(() => [
  ...(hasTrainSet.value ? (["train"] as const) : []),
  ...(ownPictures.value.length > 1 ? (["own"] as const) : []),
  "samples",
]);
export const trainingSource = computed(
  () => trainingSources.value.find((source) => source === chosenSource.value) ?? trainingSources.value[0]!,
);
export const chooseTrainingSource = (source: TrainingSource): void => {
  chosenSource.value = source;
};

/** Where nothing but the samples is there, half of them is kept apart. */
const halves = computed(() => {
  const middle = samples.value.length >> 1;
  return { first: samples.value.slice(0, middle), second: samples.value.slice(middle) };
});
const trainsOnSamples = computed(() => trainingSource.value === "samples");
const trainingPictures = computed(() =>
  trainsOnSamples.value ? (hasTestSet.value ? samples.value : halves.value.first) : ownPictures.value,
);
const heldOutPictures = computed(() => (trainsOnSamples.value ? halves.value.second : samples.value));

/** The titles of the images that a run would use, shown before it starts. */
export const trainingTitle = computed(() => {
  if (trainingSource.value === "train")
    return words.sets.firstOf(Math.min(recipe.value.nImages, nTrainImages.value), trainTitle.value);
  const n = trainingPictures.value.length;
  return trainsOnSamples.value ? words.sets.samples(n) : words.sets.own(n);
});
export const heldOutTitle = computed(() =>
  hasTestSet.value
    ? words.sets.firstOf(Math.min(recipe.value.nHeldOut, nTestImages.value), testTitle.value)
    : trainsOnSamples.value
      ? words.sets.otherSamples(heldOutPictures.value.length)
      : words.sets.samples(heldOutPictures.value.length),
);
/** Samples are decoded one after the other, and a run must not start with only some of them. */
export const areImagesReady = computed(
  () => areSamplesDecoded.value || (trainingSource.value !== "samples" && hasTestSet.value),
);
export const trainingHasLabels = computed(() => trainingSource.value !== "own");

const fromPictures = (title: string, list: readonly Picture[]): Images => ({
  title,
  pixels: joinPixels(list),
  labels: joinLabels(list),
});

export async function trainingImages(): Promise<Images> {
  if (trainingSource.value !== "train") return fromPictures(trainingTitle.value, trainingPictures.value);
  const set = await trainSet(recipe.value.nImages);
  if (!set) throw new Error(words.distil.noTrainingImages);
  const n = Math.min(recipe.value.nImages, set.records.nImages);
  return {
    title: words.sets.firstOf(n, set.title),
    pixels: set.records.pixels.subarray(0, n * PIXELS_BYTES),
    labels: set.records.labels.subarray(0, n),
  };
}

const textOf = (pixels: Uint8Array): string => String.fromCharCode(...pixels);

/** The images that measure a run, without those that it trains on: the samples, for example, are the first images of the test set. */
export async function heldOutImages(training: Images): Promise<Images> {
  const set = await testSet();
  if (!set) return fromPictures(heldOutTitle.value, heldOutPictures.value);
  const distilledOn = new Set<string>();
  if (trainingSource.value !== "train") {
    for (let i = 0; i < training.pixels.length; i += PIXELS_BYTES)
      distilledOn.add(textOf(training.pixels.subarray(i, i + PIXELS_BYTES)));
  }
  const { pixels, labels, nImages } = set.records;
  const kept: number[] = [];
  for (let i = 0; i < nImages && kept.length < recipe.value.nHeldOut; i++) {
    if (distilledOn.size === 0 || !distilledOn.has(textOf(pixels.subarray(i * PIXELS_BYTES, (i + 1) * PIXELS_BYTES))))
      kept.push(i);
  }
  const joined = new Uint8Array(kept.length * PIXELS_BYTES);
  kept.forEach((record, i) =>
    joined.set(pixels.subarray(record * PIXELS_BYTES, (record + 1) * PIXELS_BYTES), i * PIXELS_BYTES),
  );
  return {
    title: words.sets.firstOf(kept.length, set.title),
    pixels: joined,
    labels: Uint8Array.from(kept, (record) => labels[record]!),
  };
}
