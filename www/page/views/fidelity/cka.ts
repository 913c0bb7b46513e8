/** Computes CKA by stage between student and teachers and between two teachers, one batch after the other. */
import { computed, signal } from "@preact/signals";
import type { Cka, CkaInterface } from "../../../../pkg/analysis_api.js";
import { LabError } from "../../../../pkg/client.js";
import { words } from "../../common/strings.ts";
import { testSetWords } from "../../test_set/strings.ts";
import { ckaWords } from "./inside_strings.ts";
import { hasTestSet, nTestImages, testSet } from "../../state/data_sets.ts";
import { client } from "../../state/client.ts";
import { haveLoaded } from "../../state/networks.ts";
import { messageOf, notifyError } from "../../state/notices.ts";
import { joinPixels, PIXELS_BYTES, samples } from "../../state/pictures.ts";
import { choice, student, teachers } from "../../test_set/choice.ts";
import { analysis } from "../../test_set/stored_logits.ts";

const BATCH = 256;
/** What the unbiased HSIC needs. */
const LEAST = 4;
const SIZES = [256, 1024, 2560, 10_000];

export interface PairCka {
  first: string;
  second: string;
  isTaught: boolean;
  /** Empty before the first batch is done. */ stages: Cka[];
}
export interface Comparison {
  phase: "running" | "done" | "cancelled";
  title: string;
  nDone: number;
  nTotal: number;
  secondsLeft: number | null;
  networks: string[];
  pairs: PairCka[];
}

export const comparison = signal<Comparison | null>(null);
export const isComparing = computed(() => comparison.value?.phase === "running");
/** Numbers of test images; 0 for the samples. */
export const sizes = computed(() => {
  const most = hasTestSet.value ? nTestImages.value : 0;
  return [...new Set([0, ...SIZES.filter((n) => n <= most), Math.min(choice.value.insideImages, most)])].toSorted(
    (a, b) => a - b,
  );
});
/** The chosen number, or all images if there are fewer. */
export const size = computed(() =>
  sizes.value.includes(choice.value.insideImages) ? choice.value.insideImages : sizes.value.at(-1)!,
);
/** The chosen networks, in the order of the choice. */
export const chosen = computed(() => [...teachers.value, ...(student.value === null ? [] : [student.value])]);

let abort: AbortController | null = null;
export const cancelComparison = (): void => abort?.abort();

async function images(n: number): Promise<{ title: string; pixels: Uint8Array }> {
  if (n === 0) return { title: words.fidelity.sources.samples, pixels: joinPixels(samples.value) };
  const set = await testSet();
  if (!set) throw new Error(testSetWords.images.howToAdd);
  return { title: set.title, pixels: set.records.pixels.subarray(0, n * PIXELS_BYTES) };
}

/** The student with each teacher, then each two teachers. */
function pairsOf(own: string | null, members: readonly string[]): PairCka[] {
  const pair = (first: string, second: string, isTaught: boolean): PairCka => ({ first, second, isTaught, stages: [] });
  const taught = own === null ? [] : members.map((teacher) => pair(own, teacher, true));
  return [
    ...taught,
    ...members.flatMap((first, i) => members.slice(i + 1).map((second) => pair(first, second, false))),
  ];
}

/** Adds the kernel matrices of each batch to the alignment of every pair. */
export async function compare(): Promise<void> {
  const [lab, statistics] = [client.value, analysis.value];
  if (isComparing.value) return;
  if (!lab || !statistics) return notifyError(words.compare.notReady);
  const networks = chosen.value;
  let pairs = pairsOf(student.value, teachers.value);
  const { signal: aborted } = (abort = new AbortController());
  const alignments: CkaInterface[][] = [];
  const before = comparison.value;
  let nDone = 0;
  const tell = (patch: Partial<Comparison>): void => {
    comparison.value = { ...comparison.value!, ...patch };
  };
  comparison.value = { phase: "running", title: "", nDone, nTotal: size.value, secondsLeft: null, networks, pairs };
  try {
    await haveLoaded(networks);
    const { title, pixels } = await images(size.value);
    const nTotal = pixels.length / PIXELS_BYTES;
    if (nTotal < LEAST) throw new Error(ckaWords.few);
    tell({ title, nTotal });
    const start = performance.now();
    while (nTotal - nDone >= LEAST && !aborted.aborted) {
      const n = Math.min(BATCH, nTotal - nDone);
      const base = nDone;
      const { models, nStages, values } = await lab.gram(
        pixels.subarray(base * PIXELS_BYTES, (base + n) * PIXELS_BYTES),
        n,
        {
          models: networks,
          signal: aborted,
          onProgress: ({ done }) => tell({ nDone: Math.floor(base + done * n) }),
        },
      );
      const matrix = (name: string, stage: number) => {
        const at = (models.indexOf(name) * nStages + stage) * n * n;
        return values.slice(at, at + n * n);
      };
      const stages = Array.from({ length: nStages }, (_, stage) => stage);
      while (alignments.length < pairs.length) alignments.push(await Promise.all(stages.map(() => statistics.cka())));
      pairs = await Promise.all(
        pairs.map(async (pair, i) => ({
          ...pair,
          stages: await Promise.all(
            stages.map((stage) =>
              alignments[i]![stage]!.push(matrix(pair.first, stage), matrix(pair.second, stage), n),
            ),
          ),
        })),
      );
      nDone += n;
      tell({ nDone, pairs, secondsLeft: ((performance.now() - start) / 1000 / nDone) * (nTotal - nDone) });
    }
    if (nDone > 0)
      tell({ phase: aborted.aborted && nTotal - nDone >= LEAST ? "cancelled" : "done", nDone, secondsLeft: null });
    else comparison.value = before;
  } catch (error) {
    if (!(error instanceof LabError && error.code === "cancelled")) notifyError(ckaWords.failed, [messageOf(error)]);
    // What whole batches gave stays, as far as there is any.
    if (nDone > 0) tell({ phase: "cancelled", nDone, secondsLeft: null });
    else comparison.value = before;
  } finally {
    alignments.flat().forEach((alignment) => alignment.free());
  }
}
