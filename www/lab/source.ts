/** Where a wasm module's bytes come from. */

/** Node's fetch does not read files. */
export async function source(url: URL): Promise<{ module_or_path: URL | BufferSource }> {
  if (url.protocol !== "file:") return { module_or_path: url };
  const name = "node:fs/promises"; // A variable, so that bundlers for browsers leave it alone.
  const { readFile } = (await import(/* @vite-ignore */ name)) as { readFile(url: URL): Promise<Uint8Array<ArrayBuffer>> };
  return { module_or_path: await readFile(url) };
}
