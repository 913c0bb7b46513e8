/** The stored logits of networks for the whole test set, and the Worker that computes their statistics. */
import { batch, computed, signal } from "@preact/signals";
import type { Logits } from "../../../pkg/analysis_api.js";
import { AnalysisClient } from "../../../pkg/analysis_client.js";
import { createPump } from "../common/pump.ts";
import { words } from "../common/strings.ts";
import { testSetWords } from "./strings.ts";
import { CIFAR100_CLASSES, N_TEST_IMAGES } from "../state/class_names.ts";
import { fetchManifest, readFileOf, weightsUrl, type ManifestLogits, type ManifestNetwork } from "../state/manifest.ts";
import { everyListed } from "../state/networks.ts";
import { messageOf, notifyError, notifyInfo } from "../state/notices.ts";

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
  /** How many networks are still to load after this one. */
  nLeft: number;
}

/** All networks of the page's own manifest. */
export const shipped = signal<readonly ManifestNetwork[]>([]);
export const analysis = signal<AnalysisClient | null>(null);
export const labels = signal<TestLabels | null>(null);
/** Why the test set could not be opened. */
export const failure = signal<string | null>(null);
export const isListed = signal(false);
export const progress = signal<Progress | null>(null);
/** Names of the networks whose logits are loaded. */
export const loaded = signal<ReadonlySet<string>>(new Set());
/** By name, why the logits of a network could not be loaded. */
export const failures = signal<ReadonlyMap<string, string>>(new Map());
/** Changes when a name stands for other logits than before. */
export const revision = signal(0);
/** The networks with logits for CIFAR-100's test set: first the page's, then the visitor's. */
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

/** Loads the manifest and the labels and starts the Worker: once, or again after a failure. */
export function openStoredLogits(): Promise<void> {
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

/** Loads the logits of these networks, one after the other, before all that were wanted earlier. */
export function want(names: readonly string[]): void {
  const wanted = names
    .flatMap((name) => listed.value.find((entry) => entry.name === name) ?? [])
    .filter(({ name }) => !loaded.value.has(name) && !failures.value.has(name) && progress.value?.name !== name);
  queue = [...wanted, ...queue.filter((entry) => !wanted.includes(entry))];
  loadQueued();
}

export function retry(): void {
  const names = [...failures.value.keys()];
  failures.value = new Map();
  want(names);
}

const loadQueued = createPump({
  next: () => queue.shift() ?? null,
  work: async (entry: Listed) => {
    const { name, logits } = entry;
    const report = (nBytesDone: number) => {
      progress.value = { name, nBytesDone, nBytesTotal: logits.bytes, nLeft: queue.length };
    };
    report(0);
    try {
      await add(entry, await readFileOf(entry, logits, report));
    } catch (error) {
      failures.value = new Map([...failures.value, [name, messageOf(error)]]);
    }
  },
  onError: (error) => notifyError(testSetWords.failed, [messageOf(error)]),
  onIdle: () => {
    progress.value = null;
  },
});

/** Hands logits to the Worker under the name of their network. */
export async function add(
  { name, role, family, taughtBy }: Pick<ManifestNetwork, "name" | "role" | "family" | "taughtBy">,
  logits: Logits,
): Promise<void> {
  await analysis.value!.add(name, logits, { role, family, taughtBy });
  loaded.value = new Set([...loaded.value, name]);
}
