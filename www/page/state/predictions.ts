/** Predictions of the networks in use for each picture of the gallery, computed in the background. */
import { effect, signal } from "@preact/signals";
import { argmax, klNats, logSoftmax } from "../common/numbers.ts";
import { createPump } from "../common/pump.ts";
import { words } from "../common/strings.ts";
import { client } from "./client.ts";
import { isReady, networks, student, students, teachers } from "./networks.ts";
import { messageOf, notifyError } from "./notices.ts";
import { joinPixels, pictures, type Picture } from "./pictures.ts";

/** Log-probabilities for one picture, by network; those of the ensemble with the names of its members. */
interface Prediction {
  byNetwork: ReadonlyMap<string, Float32Array>;
  ensemble: { members: string; logProbabilities: Float32Array } | null;
}

export interface Comparison {
  ensemble: Float32Array | null;
  student: Float32Array | null;
  members: readonly (Float32Array | null)[];
  /** Whether ensemble and student have the same top class; null if one of them is missing. */
  agrees: boolean | null;
  kl: number | null;
}

const predictions = signal<ReadonlyMap<string, Prediction>>(new Map());
/** Set by a failure, which is reported once and ends the predictions until someone asks to try again. */
export const hasFailed = signal(false);
const membersKey = (): string => teachers.value.join("\n");

export function comparisonOf(picture: Picture): Comparison | null {
  const prediction = predictions.value.get(picture.id);
  if (!prediction) return null;
  const ensemble = prediction.ensemble?.members === membersKey() ? prediction.ensemble.logProbabilities : null;
  const ofStudent = (student.value !== null && prediction.byNetwork.get(student.value)) || null;
  const both = ensemble && ofStudent && ensemble.length === ofStudent.length;
  return {
    ensemble,
    student: ofStudent,
    members: teachers.value.map((name) => prediction.byNetwork.get(name) ?? null),
    agrees: both ? argmax(ensemble) === argmax(ofStudent) : null,
    kl: both ? klNats(ensemble, ofStudent) : null,
  };
}

function missingOf(picture: Picture): string[] {
  const prediction = predictions.value.get(picture.id);
  const wantsEnsemble = teachers.value.length > 0 && prediction?.ensemble?.members !== membersKey();
  const wanted = wantsEnsemble ? [...teachers.value, ...students.value] : students.value;
  return wanted.filter((name) => (wantsEnsemble && teachers.value.includes(name)) || !prediction?.byNetwork.has(name));
}

async function predict({ pictures: batch, models }: Batch): Promise<void> {
  const members = teachers.value;
  const wantsEnsemble = members.length > 0 && members.every((name) => models.includes(name));
  const key = membersKey();
  const result = await client.value!.predict(joinPixels(batch), batch.length, {
    models,
    teachers: wantsEnsemble ? members : [],
  });
  const { nClasses, logits } = result;
  const next = new Map(predictions.value);
  batch.forEach((picture, i) => {
    const old = next.get(picture.id);
    const byNetwork = new Map(old?.byNetwork);
    result.models.forEach((name, m) => {
      const start = (m * batch.length + i) * nClasses;
      byNetwork.set(name, logSoftmax(logits.slice(start, start + nClasses)));
    });
    const fresh =
      wantsEnsemble && result.ensemble
        ? { members: key, logProbabilities: result.ensemble.slice(i * nClasses, (i + 1) * nClasses) }
        : null;
    next.set(picture.id, { byNetwork, ensemble: fresh ?? old?.ensemble ?? null });
  });
  predictions.value = next;
}

interface Batch {
  pictures: readonly Picture[];
  models: string[];
}

/** The first pictures that lack the predictions of the same networks. */
function nextBatch(size: number): Batch | null {
  if (!isReady.value || hasFailed.value) return null;
  const waiting = pictures.value.filter((picture) => picture.pixels && missingOf(picture).length > 0);
  if (!waiting[0]) return null;
  const models = missingOf(waiting[0]);
  const alike = waiting.filter((picture) => missingOf(picture).join() === models.join());
  return { pictures: alike.slice(0, size), models };
}

const predictMissing = createPump({
  next: nextBatch,
  work: predict,
  onError: (error) => {
    hasFailed.value = true;
    notifyError(words.compare.predictFailed, [messageOf(error)]);
  },
  batch: { largest: 16, slowMs: 400 },
});

/** Predicts again after a failure. */
export function retryPredictions(): void {
  hasFailed.value = false;
}

/** Predicts whatever is missing, from now on. */
export function watchPredictions(): void {
  // A removed network's name may come back with other weights.
  effect(() => {
    const names = new Set(networks.value.map(({ info }) => info.name));
    const old = predictions.peek();
    if (![...old.values()].some((prediction) => [...prediction.byNetwork.keys()].some((name) => !names.has(name))))
      return;
    predictions.value = new Map(
      [...old].map(([id, prediction]) => {
        const byNetwork = new Map([...prediction.byNetwork].filter(([name]) => names.has(name)));
        const isWhole = prediction.ensemble?.members.split("\n").every((name) => names.has(name));
        return [id, { byNetwork, ensemble: isWhole ? prediction.ensemble : null }];
      }),
    );
  });
  effect(() => {
    void [pictures.value, teachers.value, students.value, isReady.value, hasFailed.value];
    queueMicrotask(predictMissing);
  });
}
