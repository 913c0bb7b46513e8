/** A picture under change (blurred, moved, turned …): the strengths of its changes, and the predictions along one of them. */
import { computed, effect, signal } from "@preact/signals";
import type { LabClient } from "../../../../pkg/client.js";
import { pictureChanger, type PictureChange } from "../../../../pkg/pictures.js";
import { logSoftmax } from "../../common/numbers.ts";
import { createPump } from "../../common/pump.ts";
import { client } from "../../state/client.ts";
import { isReady, networks, student, teachers } from "../../state/networks.ts";
import { messageOf, notifyError } from "../../state/notices.ts";
import { PIXELS_BYTES, selected } from "../../state/pictures.ts";
import { changeWords } from "./change_strings.ts";

/** The changes, in the order in which they are applied to the picture. */
export const KINDS = ["rotation", "shift", "blur", "brightness", "contrast", "noise"] as const;
export type Kind = (typeof KINDS)[number];
export type Strengths = Readonly<Record<Kind, number>>;

interface Range {
  min: number;
  max: number;
  step: number;
  /** The distance of the curves' points. */
  every: number;
}
export const RANGES: Readonly<Record<Kind, Range>> = {
  rotation: { min: -90, max: 90, step: 1, every: 9 },
  shift: { min: -16, max: 16, step: 0.5, every: 2 },
  blur: { min: 0, max: 4, step: 0.1, every: 0.2 },
  brightness: { min: -1, max: 1, step: 0.05, every: 0.1 },
  contrast: { min: -1, max: 1, step: 0.05, every: 0.1 },
  noise: { min: 0, max: 1, step: 0.05, every: 0.05 },
};
const NONE: Strengths = { rotation: 0, shift: 0, blur: 0, brightness: 0, contrast: 0, noise: 0 };

/** Log-probabilities for one changed picture. */
export interface Prediction {
  ensemble: Float32Array;
  student: Float32Array;
}

export const strengths = signal<Strengths>(NONE);
/** The x axis of the curves: the slider that was moved last. */
export const axis = signal<Kind>("blur");
const seed = signal(0);
const changer = signal<Awaited<ReturnType<typeof pictureChanger>> | null>(null);
const hasFailed = signal(false);
const predictions = signal<ReadonlyMap<string, Prediction>>(new Map());

const round = (value: number) => Number(value.toFixed(6));
export const isChanged = computed(() => KINDS.some((kind) => strengths.value[kind] !== 0));
export const grid = computed(() => {
  const { min, max, every } = RANGES[axis.value];
  return Array.from({ length: Math.round((max - min) / every) + 1 }, (_, i) => round(min + i * every));
});

export function move(kind: Kind, value: number): void {
  axis.value = kind;
  strengths.value = { ...strengths.value, [kind]: value };
}
export function reset(): void {
  strengths.value = NONE;
}
export function drawOtherNoise(): void {
  seed.value += 1;
}

const changeAt = (strength: Strengths): PictureChange => ({ ...strength, seed: seed.value });
const keyOf = (strength: Strengths): string => JSON.stringify(changeAt(strength));
const onAxis = (value: number): Strengths => ({ ...strengths.value, [axis.value]: value });
export const predictionAt = (value: number): Prediction | null => predictions.value.get(keyOf(onAxis(value))) ?? null;
export const predictionNow = computed(() => predictions.value.get(keyOf(strengths.value)) ?? null);

/** The shown picture with all changes applied; null until it can be computed. */
export const pixelsNow = computed(() => {
  const pixels = selected.value?.pixels;
  return pixels && changer.value ? changer.value(pixels, changeAt(strengths.value)) : null;
});

/** The strengths without a prediction: those of now, then those of the curves, each pass between the points of the one before. */
function wanted(): Strengths[] {
  const points = grid.value;
  const coarseFirst = [8, 4, 2, 1].flatMap((stride) =>
    points.filter((_, i) => i % stride === 0 && (stride === 8 || i % (2 * stride) !== 0)),
  );
  return [strengths.value, ...coarseFirst.map(onAxis)].filter((strength) => !predictions.value.has(keyOf(strength)));
}

let isOpen = false;
/** Counts changes of the picture or the networks: predictions from before one are dropped. */
let generation = 0;

interface Batch {
  lab: LabClient;
  changed: readonly { key: string; pixels: Uint8Array }[];
  student: string;
  teachers: readonly string[];
}

function nextBatch(size: number): Batch | null {
  const [lab, pixels, change, name] = [client.value, selected.value?.pixels, changer.value, student.value];
  if (
    !isOpen ||
    !lab ||
    !pixels ||
    !change ||
    !name ||
    teachers.value.length === 0 ||
    !isReady.value ||
    hasFailed.value
  )
    return null;
  const batch = wanted().slice(0, size);
  if (batch.length === 0) return null;
  const changed = batch.map((strength) => ({ key: keyOf(strength), pixels: change(pixels, changeAt(strength)) }));
  return { lab, changed, student: name, teachers: teachers.value };
}

async function predict({ lab, changed, student: name, teachers: members }: Batch): Promise<void> {
  const joined = new Uint8Array(changed.length * PIXELS_BYTES);
  changed.forEach(({ pixels }, i) => joined.set(pixels, i * PIXELS_BYTES));
  const before = generation;
  const { models, nClasses, logits, ensemble } = await lab.predict(joined, changed.length, {
    models: [...members, name],
    teachers: [...members],
  });
  if (before !== generation || !ensemble) return;
  const first = models.indexOf(name) * changed.length;
  const row = (values: Float32Array, i: number) => values.slice(i * nClasses, (i + 1) * nClasses);
  predictions.value = new Map([
    ...predictions.value,
    ...changed.map(({ key }, i): [string, Prediction] => [
      key,
      { ensemble: row(ensemble, i), student: logSoftmax(row(logits, first + i)) },
    ]),
  ]);
}

/** What is wanted is asked before each batch, so strengths that the slider has left behind are never computed. */
const predictMissing = createPump({
  next: nextBatch,
  work: predict,
  onError: (error) => {
    hasFailed.value = true;
    notifyError(changeWords.failed, [messageOf(error)]);
  },
  batch: { largest: 8, slowMs: 200 },
});

/** Predicts from now on, until the returned function is called. */
export function watchChange(): () => void {
  isOpen = true;
  if (!changer.value) {
    pictureChanger().then(
      (change) => {
        changer.value = change;
      },
      (error: unknown) => notifyError(changeWords.failed, [messageOf(error)]),
    );
  }
  const forget = effect(() => {
    void [selected.value?.id, networks.value, teachers.value, student.value];
    generation++;
    predictions.value = new Map();
    hasFailed.value = false;
  });
  const ask = effect(() => {
    void [
      selected.value?.pixels,
      strengths.value,
      axis.value,
      seed.value,
      changer.value,
      isReady.value,
      hasFailed.value,
      predictions.value,
    ];
    queueMicrotask(predictMissing);
  });
  return () => {
    isOpen = false;
    forget();
    ask();
  };
}
