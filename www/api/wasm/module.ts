/** Loads wasm modules. */
import { LabError } from "./errors.js";

/** Called when a device is lost or a module panics. After a panic no pending call of the module settles. */
type FatalHandler = (error: LabError) => void;

export interface Loaded<Module> {
  module: Module;
  handlers: Set<FatalHandler>;
}

/** Loads a module with `load`, and reports fatal errors of the module to its handlers. */
export async function loadModule<Module extends { onFatal(handler: (error: unknown) => void): void }>(
  name: string,
  load: () => Promise<Module>,
): Promise<Loaded<Module>> {
  const handlers = new Set<FatalHandler>();
  try {
    const module = await load();
    module.onFatal((error: unknown) => handlers.forEach((handler) => handler(LabError.from(error))));
    return { module, handlers };
  } catch (error) {
    throw new LabError(
      "device_unavailable",
      `The ${name} module could not be loaded: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
}

/** What the module's initialiser loads: the URL or, since Node's fetch does not read files, the bytes of a local file. */
export async function source(url: URL): Promise<{ module_or_path: URL | BufferSource }> {
  if (url.protocol !== "file:") return { module_or_path: url };
  const name = "node:fs/promises"; // A variable, so that bundlers for browsers leave it alone.
  const { readFile } = (await import(/* @vite-ignore */ name)) as {
    readFile: (url: URL) => Promise<Uint8Array<ArrayBuffer>>;
  };
  return { module_or_path: await readFile(url) };
}
