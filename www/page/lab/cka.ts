/** How alike networks are inside: CKA of the three stages between student and teachers and between two teachers, a batch after the other. */
import { computed, signal } from "@preact/signals";
import type { Cka, CkaInterface } from "../../../pkg/analysis_api.js";
import { LabError } from "../../../pkg/client.js";
import { ckaWords } from "../strings_cka.ts";
import { t } from "../strings.ts";
import { hasTestSet, nTestImages, testSet } from "../state/data_sets.ts";
import { client } from "../state/lab.ts";
import { student, teachers } from "../state/networks.ts";
import { messageOf, notifyError } from "../state/notices.ts";
import { joinPixels, PIXELS_BYTES, samples } from "../state/pictures.ts";
import { analysis, openTestAnswers } from "./test_answers.ts";

export const BATCH = 256;
/** What the unbiased HSIC needs. */
const LEAST = 4;

export interface PairCka { first: string; second: string; isTaught: boolean; /** Null before the first batch is done. */ stages: (Cka | null)[] }
export interface Comparison { phase: "running" | "done" | "cancelled"; title: string; nDone: number; nTotal: number; secondsLeft: number | null; networks: string[]; pairs: PairCka[] }

export const comparison = signal<Comparison | null>(null);
export const isComparing = computed(() => comparison.value?.phase === "running");
/** Numbers of test images; 0 for the samples. */
export const sizes = computed(() => [0, ...(hasTestSet.value ? [256, 1024, 2560, 10_000].filter((n) => n <= nTestImages.value) : [])]);
export const size = signal(0);

let abort: AbortController | null = null;
export const cancelComparison = (): void => abort?.abort();

async function images(): Promise<{ title: string; pixels: Uint8Array } | null> {
  if (size.value === 0) return { title: t.fidelity.sources.samples, pixels: joinPixels(samples.value) };
  const set = await testSet();
  return set && { title: set.title, pixels: set.records.pixels.subarray(0, size.value * PIXELS_BYTES) };
}

/** The student with each teacher, then each two teachers. */
function pairsOf(own: string | null, members: readonly string[]): PairCka[] {
  const pair = (first: string, second: string, isTaught: boolean): PairCka => ({ first, second, isTaught, stages: [] });
  const taught = own === null ? [] : members.map((teacher) => pair(own, teacher, true));
  return [...taught, ...members.flatMap((first, i) => members.slice(i + 1).map((second) => pair(first, second, false)))];
}

export async function compare(): Promise<void> {
  const lab = client.value;
  if (!lab || isComparing.value) return;
  const { signal: aborted } = (abort = new AbortController());
  const networks = [...teachers.value, ...(student.value === null ? [] : [student.value])];
  let pairs = pairsOf(student.value, teachers.value);
  if (pairs.length === 0) {
    notifyError(ckaWords.needs);
    return;
  }
  const alignments: CkaInterface[][] = [];
  const before = comparison.value;
  comparison.value = { phase: "running", title: "", nDone: 0, nTotal: size.value, secondsLeft: null, networks, pairs };
  let nDone = 0;
  try {
    const [found] = await Promise.all([images(), openTestAnswers()]);
    const statistics = analysis.value;
    if (!found || !statistics) throw new Error(t.compare.notReady);
    const nTotal = found.pixels.length / PIXELS_BYTES;
    if (nTotal < LEAST) throw new Error(ckaWords.few);
    comparison.value = { ...comparison.value, title: found.title, nTotal };
    const start = performance.now();
    while (nTotal - nDone >= LEAST && !aborted.aborted) {
      const n = Math.min(BATCH, nTotal - nDone);
      const batch = found.pixels.subarray(nDone * PIXELS_BYTES, (nDone + n) * PIXELS_BYTES);
      const base = nDone;
      const { models, nStages, values } = await lab.gram(batch, n, {
        models: networks, signal: aborted,
        onProgress: ({ done }) => { comparison.value = { ...comparison.value!, nDone: Math.floor(base + done * n) }; },
      });
      const matrix = (name: string, stage: number) => {
        const at = (models.indexOf(name) * nStages + stage) * n * n;
        return values.slice(at, at + n * n);
      };
      if (alignments.length === 0) for (const _ of pairs) alignments.push(await Promise.all(Array.from({ length: nStages }, () => statistics.cka())));
      pairs = await Promise.all(pairs.map(async (pair, i) => ({ ...pair, stages: await Promise.all(alignments[i]!.map((alignment, stage) => alignment.push(matrix(pair.first, stage), matrix(pair.second, stage), n))) })));
      nDone += n;
      const secondsLeft = ((performance.now() - start) / 1000 / nDone) * (nTotal - nDone);
      comparison.value = { ...comparison.value!, nDone, pairs, secondsLeft };
    }
    comparison.value = nDone === 0 ? before : { ...comparison.value!, phase: aborted.aborted && nDone < nTotal ? "cancelled" : "done", nDone, secondsLeft: null };
  } catch (error) {
    // What whole batches gave stays, as far as there is any.
    const isCancelled = error instanceof LabError && error.code === "cancelled";
    if (!isCancelled) notifyError(ckaWords.failed, [messageOf(error)]);
    comparison.value = nDone > 0 ? { ...comparison.value!, phase: "cancelled", nDone, secondsLeft: null } : before;
  } finally {
    alignments.flat().forEach((alignment) => alignment.free());
  }
}
