/** Streams CIFAR-100's binary archive (170 MB) and keeps the test records and the first training records. */
import { createTarDecoder } from "modern-tar";
import { words } from "../common/strings.ts";
import { N_TEST_IMAGES } from "./class_names.ts";

export const RECORD_BYTES = 3074;
/** The most training images that the page keeps from an archive. */
export const KEPT_TRAIN_RECORDS = 10_000;
/** The page does not read a `test.bin` whose header names a larger size. */
const LARGEST_TEST_BYTES = 2 * N_TEST_IMAGES * RECORD_BYTES;

export interface ArchiveContent {
  test: Uint8Array<ArrayBuffer>;
  /** Whole records; null where the archive has no `train.bin`. */
  train: Uint8Array<ArrayBuffer> | null;
}

/** Reads the first `nBytes` of a stream and discards the rest. */
async function takeBytes(stream: ReadableStream<Uint8Array>, nBytes: number): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = new Uint8Array(nBytes);
  const reader = stream.getReader();
  let nDone = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    const part = value.subarray(0, nBytes - nDone);
    bytes.set(part, nDone);
    nDone += part.length;
  }
  return nDone === nBytes ? bytes : bytes.slice(0, nDone);
}

function counted(stream: ReadableStream<Uint8Array>, onBytes: (nDone: number) => void): ReadableStream<Uint8Array> {
  let nDone = 0;
  return stream.pipeThrough(
    new TransformStream<Uint8Array, Uint8Array>({
      transform(chunk, controller) {
        nDone += chunk.length;
        onBytes(nDone);
        controller.enqueue(chunk);
      },
    }),
  );
}

async function isGzip(file: Blob): Promise<boolean> {
  const head = new Uint8Array(await file.slice(0, 2).arrayBuffer());
  return head[0] === 0x1f && head[1] === 0x8b;
}

export async function readArchive(file: Blob, onBytes: (nDone: number) => void): Promise<ArchiveContent> {
  if (file.size === 0) throw new ArchiveError(words.archive.unreadable);
  let stream = counted(file.stream(), onBytes);
  if (await isGzip(file))
    stream = stream.pipeThrough(new DecompressionStream("gzip") as ReadableWritablePair<Uint8Array, Uint8Array>);
  const entries = stream.pipeThrough(createTarDecoder({ strict: true })).getReader();
  let test: ArchiveContent["test"] | null = null;
  let train: ArchiveContent["train"] = null;
  try {
    // To the end, although the rest is of no use: a cut archive is told as such wherever it is cut.
    for (;;) {
      const { done, value: entry } = await entries.read();
      if (done) break;
      const name = entry.header.name.split("/").at(-1);
      if (name === "test.bin") {
        if (entry.header.size > LARGEST_TEST_BYTES)
          throw new ArchiveError(words.archive.testTooLarge(entry.header.size));
        test = await takeBytes(entry.body, entry.header.size);
        if (test.length !== entry.header.size) throw new ArchiveError(words.archive.truncated);
      } else if (name === "train.bin") {
        const nBytes = Math.min(entry.header.size, KEPT_TRAIN_RECORDS * RECORD_BYTES);
        train = await takeBytes(entry.body, nBytes);
        if (train.length !== nBytes) throw new ArchiveError(words.archive.truncated);
        train = train.slice(0, train.length - (train.length % RECORD_BYTES));
      } else await takeBytes(entry.body, 0);
    }
  } catch (error) {
    if (error instanceof ArchiveError) throw error;
    // Both the decompressor and the tar reader stop in the middle of a cut file, each with words of its own.
    throw new ArchiveError(words.archive.unreadable, { cause: error });
  } finally {
    entries.cancel().catch(() => undefined); // not awaited: it may wait for a source that gives no more
  }
  if (!test) throw new ArchiveError(words.archive.noTest);
  return { test, train };
}

export class ArchiveError extends Error {}
