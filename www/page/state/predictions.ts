/** What the networks in use say about each picture of the gallery, asked for in the background. */
import { effect, signal } from "@preact/signals";
import { argmax, klNats, logSoftmax } from "../common/numbers.ts";
import { words } from "../common/strings.ts";
import { client } from "./lab.ts";
import { isReady, networks, student, students, teachers } from "./networks.ts";
import { messageOf, notifyError } from "./notices.ts";
import { joinPixels, pictures, type Picture } from "./pictures.ts";

/** Log-probabilities by network, and the ensemble's by its members. */
interface Answer {
  byNetwork: ReadonlyMap<string, Float32Array>;
  ensemble: { members: string; logProbabilities: Float32Array } | null;
}

export interface Comparison {
  ensemble: Float32Array | null;
  student: Float32Array | null;
  members: readonly (Float32Array | null)[];
  /** Same top class of ensemble and student; null where one of them is missing. */
  agrees: boolean | null;
  kl: number | null;
}

const answers = signal<ReadonlyMap<string, Answer>>(new Map());
/** Set by a failure, so that it is told once and not tried without end. */
export const hasFailed = signal(false);
const membersKey = (): string => teachers.value.join("\n");

export function comparisonOf(picture: Picture): Comparison | null {
  const answer = answers.value.get(picture.id);
  if (!answer) return null;
  const ensemble = answer.ensemble?.members === membersKey() ? answer.ensemble.logProbabilities : null;
  const studentAnswer = (student.value !== null && answer.byNetwork.get(student.value)) || null;
  const both = ensemble && studentAnswer && ensemble.length === studentAnswer.length;
  return {
    ensemble,
    student: studentAnswer,
    members: teachers.value.map((name) => answer.byNetwork.get(name) ?? null),
    agrees: both ? argmax(ensemble) === argmax(studentAnswer) : null,
    kl: both ? klNats(ensemble, studentAnswer) : null,
  };
}

function missingOf(picture: Picture): string[] {
  const answer = answers.value.get(picture.id);
  const wantsEnsemble = teachers.value.length > 0 && answer?.ensemble?.members !== membersKey();
  const wanted = wantsEnsemble ? [...teachers.value, ...students.value] : students.value;
  return wanted.filter((name) => (wantsEnsemble && teachers.value.includes(name)) || !answer?.byNetwork.has(name));
}

async function ask(batch: readonly Picture[], models: string[]): Promise<void> {
  const members = teachers.value;
  const asksEnsemble = members.length > 0 && members.every((name) => models.includes(name));
  const key = membersKey();
  const prediction = await client.value!.predict(joinPixels(batch), batch.length, {
    models,
    teachers: asksEnsemble ? members : [],
  });
  const { nClasses, logits } = prediction;
  const next = new Map(answers.value);
  batch.forEach((picture, i) => {
    const old = next.get(picture.id);
    const byNetwork = new Map(old?.byNetwork);
    prediction.models.forEach((name, m) => {
      const start = (m * batch.length + i) * nClasses;
      byNetwork.set(name, logSoftmax(logits.slice(start, start + nClasses)));
    });
    const fresh =
      asksEnsemble && prediction.ensemble
        ? { members: key, logProbabilities: prediction.ensemble.slice(i * nClasses, (i + 1) * nClasses) }
        : null;
    next.set(picture.id, { byNetwork, ensemble: fresh ?? old?.ensemble ?? null });
  });
  answers.value = next;
}

const FIRST_BATCH = 1;
const LARGEST_BATCH = 16;
const SLOW_MS = 400;
let isPumping = false;

/** Starts small so that something is seen at once; grows where the device is fast. */
async function pump(): Promise<void> {
  if (isPumping) return;
  isPumping = true;
  let size = FIRST_BATCH;
  try {
    while (isReady.value && !hasFailed.value) {
      const waiting = pictures.value.filter((picture) => picture.pixels && missingOf(picture).length > 0);
      const first = waiting[0];
      if (!first) break;
      const models = missingOf(first);
      const batch = waiting.filter((picture) => missingOf(picture).join() === models.join()).slice(0, size);
      const start = performance.now();
      await ask(batch, models);
      const isFast = performance.now() - start < SLOW_MS;
      size = isFast ? Math.min(LARGEST_BATCH, 2 * size) : Math.max(1, size >> 1);
    }
  } catch (error) {
    hasFailed.value = true;
    notifyError(words.compare.predictFailed, [messageOf(error)]);
  } finally {
    isPumping = false;
  }
}

export function retryAnswers(): void {
  hasFailed.value = false;
}

export function watchAnswers(): void {
  // A removed network's name may come back with other weights.
  effect(() => {
    const names = new Set(networks.value.map(({ info }) => info.name));
    const old = answers.peek();
    if (![...old.values()].some((answer) => [...answer.byNetwork.keys()].some((name) => !names.has(name)))) return;
    answers.value = new Map(
      [...old].map(([id, answer]) => {
        const byNetwork = new Map([...answer.byNetwork].filter(([name]) => names.has(name)));
        const isWhole = answer.ensemble?.members.split("\n").every((name) => names.has(name));
        return [id, { byNetwork, ensemble: isWhole ? answer.ensemble : null }];
      }),
    );
  });
  effect(() => {
    void [pictures.value, teachers.value, students.value, isReady.value, hasFailed.value];
    queueMicrotask(() => void pump());
  });
}
