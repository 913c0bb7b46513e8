/** The networks' answers to the whole test set, as logits that ship with them, and the Worker that computes statistics of them. */
import { batch, computed, signal } from "@preact/signals";
import type { Logits } from "../../../pkg/analysis_api.js";
import { AnalysisClient } from "../../../pkg/analysis_client.js";
import { words } from "../common/strings.ts";
import { testSetWords } from "./strings.ts";
import { CIFAR100_CLASSES, N_TEST_IMAGES } from "../state/class_names.ts";
import { fetchManifest, readFileOf, weightsUrl, type ManifestLogits, type ManifestNetwork } from "../state/manifest.ts";
import { everyListed } from "../state/networks.ts";
import { messageOf, notifyInfo } from "../state/notices.ts";

const LOGITS_BYTES = N_TEST_IMAGES * CIFAR100_CLASSES * 2;

export type Listed = ManifestNetwork & { logits: ManifestLogits };
/** Classes of the test images, in the order of the logits. */
export interface TestLabels {
  fine: Uint8Array;
  coarse: Uint8Array;
}
export interface Progress {
  name: string;
  nBytesDone: number;
  nBytesTotal: number;
  /** Networks that come after this one. */ nLeft: number;
}

/** All networks of the page's own manifest. */
export const shipped = signal<readonly ManifestNetwork[]>([]);
export const analysis = signal<AnalysisClient | null>(null);
export const labels = signal<TestLabels | null>(null);
/** Why there is nothing at all. */
export const failure = signal<string | null>(null);
export const isListed = signal(false);
export const progress = signal<Progress | null>(null);
/** Networks whose answers are there. */
export const loaded = signal<ReadonlySet<string>>(new Set());
/** Why the answers of a network are not there. */
export const failures = signal<ReadonlyMap<string, string>>(new Map());
/** Changes when a name means other answers than before. */
export const revision = signal(0);
/** Networks of this page, then the visitor's, that come with answers to CIFAR-100's test set. */
export const listed = computed<readonly Listed[]>(() => {
  const own = everyListed.value.filter(({ read }) => read);
  const names = new Set<string>();
  return [...shipped.value, ...own].filter((entry): entry is Listed => {
    if (entry.logits?.bytes !== LOGITS_BYTES || entry.nClasses !== CIFAR100_CLASSES || names.has(entry.name))
      return false;
    names.add(entry.name);
    return true;
  });
});

async function readLabels(): Promise<TestLabels> {
  const response = await fetch(weightsUrl("test-labels.bin"));
  if (!response.ok) throw new Error(words.files.http("test-labels.bin", response.status));
  const bytes = new Uint8Array(await response.arrayBuffer());
  if (bytes.length !== 2 * N_TEST_IMAGES)
    throw new Error(words.files.wrongLength("test-labels.bin", bytes.length, 2 * N_TEST_IMAGES));
  return { fine: bytes.slice(0, N_TEST_IMAGES), coarse: bytes.slice(N_TEST_IMAGES) };
}

let opening: Promise<void> | null = null;

/** Manifest, labels and the Worker, once; again after a failure. */
export function openTestAnswers(): Promise<void> {
  return (opening ??= open().catch((error: unknown) => {
    opening = null;
    failure.value = messageOf(error);
  }));
}

async function open(): Promise<void> {
  failure.value = null;
  const [entries, classes] = await Promise.all([fetchManifest(), readLabels()]);
  const client = await AnalysisClient.create({
    labels: classes.fine,
    nClasses: CIFAR100_CLASSES,
    onRestart: (why) => notifyInfo(testSetWords.restarted, [why]),
  });
  batch(() => {
    shipped.value = entries;
    labels.value = classes;
    analysis.value = client;
    isListed.value = true;
  });
}

let queue: Listed[] = [];
let isPumping = false;

/** Loads the answers of these networks, one after the other, before all that were wanted earlier. */
export function want(names: readonly string[]): void {
  const wanted = names
    .flatMap((name) => listed.value.find((entry) => entry.name === name) ?? [])
    .filter(({ name }) => !loaded.value.has(name) && !failures.value.has(name) && progress.value?.name !== name);
  queue = [...wanted, ...queue.filter((entry) => !wanted.includes(entry))];
  void pump();
}

export function retry(): void {
  const names = [...failures.value.keys()];
  failures.value = new Map();
  want(names);
}

async function pump(): Promise<void> {
  if (isPumping) return;
  isPumping = true;
  for (let entry = queue.shift(); entry; entry = queue.shift()) {
    const { name, logits } = entry;
    const tell = (nBytesDone: number) => {
      progress.value = { name, nBytesDone, nBytesTotal: logits.bytes, nLeft: queue.length };
    };
    tell(0);
    try {
      await add(entry, await readFileOf(entry, logits, tell));
    } catch (error) {
      failures.value = new Map([...failures.value, [name, messageOf(error)]]);
    }
  }
  progress.value = null;
  isPumping = false;
}

/** Takes answers in, under the name of the network that gave them. */
export async function add(
  { name, role, family, taughtBy }: Pick<ManifestNetwork, "name" | "role" | "family" | "taughtBy">,
  logits: Logits,
): Promise<void> {
  await analysis.value!.add(name, logits, { role, family, taughtBy });
  loaded.value = new Set([...loaded.value, name]);
}
