/** CIFAR-100's images: offered by the page's server, or opened by the visitor. */
import { computed, signal } from "@preact/signals";
import type { Records } from "../../../pkg/api.js";
import { words } from "../common/strings.ts";
import { KEPT_TRAIN_RECORDS, readArchive, RECORD_BYTES } from "./archive.ts";
import { readAll } from "./download.ts";
import { client } from "./client.ts";
import { weightsUrl } from "./manifest.ts";
import { messageOf, notifyError, notifyInfo } from "./notices.ts";

interface OfferedSet {
  name: string;
  url: URL;
  bytes: number;
}
export interface LoadedSet {
  title: string;
  records: Records;
}
export interface ReadProgress {
  name: string;
  nBytesDone: number;
  nBytesTotal: number;
}

const offered = signal<readonly OfferedSet[]>([]);
const loadedTest = signal<LoadedSet | null>(null);
const loadedTrain = signal<LoadedSet | null>(null);
export const reading = signal<ReadProgress | null>(null);

const offer = (name: string): OfferedSet | undefined => offered.value.find((set) => set.name === name);
export const hasTestSet = computed(() => loadedTest.value !== null || offer("cifar-100-test") !== undefined);
export const hasTrainSet = computed(() => loadedTrain.value !== null || offer("cifar-100-train") !== undefined);
/** The number of images, if it is known before the set is read. */
export const nTestImages = computed(
  () => loadedTest.value?.records.nImages ?? Math.floor((offer("cifar-100-test")?.bytes ?? 0) / RECORD_BYTES),
);
export const nTrainImages = computed(() =>
  loadedTrain.value && !offer("cifar-100-train")
    ? loadedTrain.value.records.nImages
    : Math.min(KEPT_TRAIN_RECORDS, Math.floor((offer("cifar-100-train")?.bytes ?? 0) / RECORD_BYTES)),
);
export const trainTitle = computed(() =>
  loadedTrain.value && !offer("cifar-100-train") ? loadedTrain.value.title : words.sets.cifarTrain,
);
export const testTitle = computed(() => loadedTest.value?.title ?? words.sets.cifarTest);

/** `data/index.json` lists what the server has; file names in it are relative to it. A site without data ships an empty list. */
export async function findOfferedSets(): Promise<void> {
  try {
    const address = new URL("data/index.json", document.baseURI);
    const response = await fetch(address);
    if (!response.ok) return;
    const { sets } = (await response.json()) as { sets?: unknown };
    if (!Array.isArray(sets)) return;
    offered.value = sets.flatMap((set: { name?: unknown; file?: unknown; bytes?: unknown }) => {
      if (typeof set.name !== "string" || typeof set.file !== "string" || typeof set.bytes !== "number") return [];
      const url = new URL(set.file, address);
      return url.origin === location.origin ? [{ name: set.name, url, bytes: set.bytes }] : [];
    });
  } catch {
    // No list and no data: the page then asks for the archive, which is all there is to tell.
  }
}

async function fetchSet({ url, name, bytes }: OfferedSet, nBytes: number): Promise<Uint8Array<ArrayBuffer>> {
  reading.value = { name, nBytesDone: 0, nBytesTotal: nBytes };
  const abort = new AbortController();
  try {
    const response = await fetch(url, {
      headers: nBytes < bytes ? { Range: `bytes=0-${nBytes - 1}` } : {},
      signal: abort.signal,
    });
    if (!response.ok || !response.body) throw new Error(words.files.http(name, response.status));
    const content = await readAll(response.body, nBytes, (nDone) => {
      reading.value = { name, nBytesDone: Math.min(nDone, nBytes), nBytesTotal: nBytes };
    });
    return content.length > nBytes ? content.slice(0, nBytes) : content;
  } finally {
    abort.abort();
    reading.value = null;
  }
}

async function testHashes(): Promise<Uint8Array> {
  const response = await fetch(weightsUrl("test-records.bin"));
  if (!response.ok) throw new Error(words.files.http("test-records.bin", response.status));
  return new Uint8Array(await response.arrayBuffer());
}

async function keepTest(bytes: Uint8Array, source: string): Promise<LoadedSet> {
  const records = await client.value!.readRecords(bytes, await testHashes());
  const title = records.isCifar100Test ? words.sets.cifarTest : words.sets.notCifarTest(source);
  if (!records.isCifar100Test) notifyInfo(words.sets.notCifarTestNotice(source, records.nImages));
  return (loadedTest.value = { title, records });
}

/** The test set, which is read now if the server offers it; null if there is none. */
export async function testSet(): Promise<LoadedSet | null> {
  const set = offer("cifar-100-test");
  if (loadedTest.value || !set) return loadedTest.value;
  return keepTest(await fetchSet(set, set.bytes), set.name);
}

/** The first `n` training images, or all if there are fewer. */
export async function trainSet(n: number): Promise<LoadedSet | null> {
  const has = loadedTrain.value;
  const set = offer("cifar-100-train");
  if (!set || (has && has.records.nImages >= n)) return has;
  const bytes = await fetchSet(set, Math.min(set.bytes, n * RECORD_BYTES));
  const records = await client.value!.readRecords(bytes);
  return (loadedTrain.value = { title: words.sets.cifarTrain, records });
}

/** One archive (or its parts), a `test.bin` or a `train.bin` from the visitor. */
export async function readDroppedSet(files: readonly File[]): Promise<void> {
  if (!client.value) return notifyError(words.compare.notReady);
  const sorted = [...files].sort((a, b) => (a.name < b.name ? -1 : 1));
  const name = sorted[0]?.name ?? "";
  const file = new Blob(sorted);
  const progress = (nDone: number) => {
    reading.value = { name, nBytesDone: nDone, nBytesTotal: file.size };
  };
  progress(0);
  try {
    if (/\.bin$/i.test(name)) await readBin(file, name);
    else {
      const { test, train } = await readArchive(file, progress);
      await keepTest(test, name);
      if (train && train.length > 0)
        loadedTrain.value = { title: words.sets.trainOf(name), records: await client.value.readRecords(train) };
      notifyInfo(words.sets.read(name, loadedTest.value!.records.nImages, train ? train.length / RECORD_BYTES : 0));
    }
  } catch (error) {
    notifyError(words.archive.failed(name), [messageOf(error)]);
  } finally {
    reading.value = null;
  }
}

async function readBin(file: Blob, name: string): Promise<void> {
  if (/train/i.test(name)) {
    const nBytes = Math.min(file.size - (file.size % RECORD_BYTES), KEPT_TRAIN_RECORDS * RECORD_BYTES);
    const records = await client.value!.readRecords(new Uint8Array(await file.slice(0, nBytes).arrayBuffer()));
    loadedTrain.value = { title: words.sets.trainOf(name), records };
    notifyInfo(words.sets.read(name, 0, records.nImages));
    return;
  }
  const set = await keepTest(new Uint8Array(await file.arrayBuffer()), name);
  notifyInfo(words.sets.read(name, set.records.nImages, 0));
}
