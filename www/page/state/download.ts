/** Downloads bytes from the page's own host, reports progress, and checks length and checksum. */

import { words } from "../common/strings.ts";

export interface Expected {
  bytes: number;
  sha256: string;
}

export async function readAll(
  stream: ReadableStream<Uint8Array>,
  nBytesExpected: number,
  onBytes: (nDone: number) => void,
): Promise<Uint8Array<ArrayBuffer>> {
  let bytes = new Uint8Array(nBytesExpected);
  let nDone = 0;
  const reader = stream.getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    if (nDone + value.length > bytes.length) {
      const larger = new Uint8Array(Math.max(2 * bytes.length, nDone + value.length));
      larger.set(bytes.subarray(0, nDone));
      bytes = larger;
    }
    bytes.set(value, nDone);
    nDone += value.length;
    onBytes(nDone);
  }
  return nDone === bytes.length ? bytes : bytes.slice(0, nDone);
}

const hex = (buffer: ArrayBuffer): string =>
  Array.from(new Uint8Array(buffer), (byte) => byte.toString(16).padStart(2, "0")).join("");

export async function download(
  url: string,
  name: string,
  expected: Expected,
  onBytes: (nDone: number) => void,
): Promise<Uint8Array<ArrayBuffer>> {
  const response = await fetch(url);
  if (!response.ok || !response.body) throw new Error(words.files.http(name, response.status));
  return checked(await readAll(response.body, expected.bytes, onBytes), name, expected);
}

/** Returns the bytes if length and checksum are right. */
export async function checked(
  bytes: Uint8Array<ArrayBuffer>,
  name: string,
  expected: Expected,
): Promise<Uint8Array<ArrayBuffer>> {
  if (bytes.length !== expected.bytes) {
    throw new Error(words.files.wrongLength(name, bytes.length, expected.bytes));
  }
  // crypto.subtle exists in secure contexts only: https, or localhost.
  if (!globalThis.crypto?.subtle) throw new Error(words.files.insecure(name));
  if (hex(await crypto.subtle.digest("SHA-256", bytes)) !== expected.sha256) {
    throw new Error(words.files.wrongChecksum(name));
  }
  return bytes;
}
