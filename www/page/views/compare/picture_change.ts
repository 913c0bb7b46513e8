/** What the networks in use say of a picture while it is blurred, moved, turned: the strengths, and the answers over one of them. */
import { computed, effect, signal } from "@preact/signals";
import { pictureChanger, type PictureChange } from "../../../../pkg/pictures.js";
import { logSoftmax } from "../../common/numbers.ts";
import { client } from "../../state/lab.ts";
import { isReady, networks, student, teachers } from "../../state/networks.ts";
import { messageOf, notifyError } from "../../state/notices.ts";
import { PIXELS_BYTES, selected } from "../../state/pictures.ts";
import { changeWords } from "./change_strings.ts";

/** In the order in which they are done to the picture. */
export const KINDS = ["rotation", "shift", "blur", "brightness", "contrast", "noise"] as const;
export type Kind = (typeof KINDS)[number];
export type Strengths = Readonly<Record<Kind, number>>;

interface Range {
  min: number;
  max: number;
  step: number;
  /** Of the curves' points. */ every: number;
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

/** Log-probabilities. */
export interface Answer {
  ensemble: Float32Array;
  student: Float32Array;
}

export const strengths = signal<Strengths>(NONE);
/** What the curves run over: the slider that was moved last. */
export const axis = signal<Kind>("blur");
const seed = signal(0);
const changer = signal<Awaited<ReturnType<typeof pictureChanger>> | null>(null);
const hasFailed = signal(false);
const answers = signal<ReadonlyMap<string, Answer>>(new Map());

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

const changeAt = (at: Strengths): PictureChange => ({ ...at, seed: seed.value });
const keyOf = (at: Strengths): string => JSON.stringify(changeAt(at));
const onAxis = (value: number): Strengths => ({ ...strengths.value, [axis.value]: value });
export const answerAt = (value: number): Answer | null => answers.value.get(keyOf(onAxis(value))) ?? null;
export const answerNow = computed(() => answers.value.get(keyOf(strengths.value)) ?? null);

/** The picture shown, under all strengths; null until it can be computed. */
export const pixelsNow = computed(() => {
  const pixels = selected.value?.pixels;
  return pixels && changer.value ? changer.value(pixels, changeAt(strengths.value)) : null;
});

/** What is not known yet: the picture as it is now, then the curves, from far points to those between. */
function wanted(): Strengths[] {
  const points = grid.value;
  const coarseFirst = [8, 4, 2, 1].flatMap((stride) =>
    points.filter((_, i) => i % stride === 0 && (stride === 8 || i % (2 * stride) !== 0)),
  );
  return [strengths.value, ...coarseFirst.map(onAxis)].filter((at) => !answers.value.has(keyOf(at)));
}

const FIRST_BATCH = 1;
const LARGEST_BATCH = 8;
const SLOW_MS = 200;
let isPumping = false;
/** Of picture and networks: answers to another are of no use. */
let generation = 0;

/** A batch after the other, each of what is wanted by then: what the slider has left behind is never computed. */
async function pump(): Promise<void> {
  if (isPumping) return;
  isPumping = true;
  let size = FIRST_BATCH;
  try {
    for (;;) {
      const [lab, pixels, change, name, members] = [
        client.value,
        selected.value?.pixels,
        changer.value,
        student.value,
        teachers.value,
      ];
      if (!isOpen || !lab || !pixels || !change || !name || members.length === 0 || !isReady.value || hasFailed.value)
        break;
      const batch = wanted().slice(0, size);
      if (batch.length === 0) break;
      const joined = new Uint8Array(batch.length * PIXELS_BYTES);
      batch.forEach((at, i) => joined.set(change(pixels, changeAt(at)), i * PIXELS_BYTES));
      const keys = batch.map(keyOf);
      const [start, before] = [performance.now(), generation];
      const { models, nClasses, logits, ensemble } = await lab.predict(joined, batch.length, {
        models: [...members, name],
        teachers: members,
      });
      size = performance.now() - start < SLOW_MS ? Math.min(LARGEST_BATCH, 2 * size) : Math.max(1, size >> 1);
      if (before !== generation || !ensemble) continue;
      const first = models.indexOf(name) * batch.length;
      const row = (values: Float32Array, i: number) => values.slice(i * nClasses, (i + 1) * nClasses);
      answers.value = new Map([
        ...answers.value,
        ...keys.map((key, i): [string, Answer] => [
          key,
          { ensemble: row(ensemble, i), student: logSoftmax(row(logits, first + i)) },
        ]),
      ]);
    }
  } catch (error) {
    hasFailed.value = true;
    notifyError(changeWords.failed, [messageOf(error)]);
  } finally {
    isPumping = false;
  }
}

let isOpen = false;

/** Begins to answer; the function that comes back ends it. */
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
    answers.value = new Map();
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
      answers.value,
    ];
    queueMicrotask(() => void pump());
  });
  return () => {
    isOpen = false;
    forget();
    ask();
  };
}
