/** The product page from navigation to its first verdict, and what it fetched on the way. */
import { createHash } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import { promisify } from "node:util";
import { brotliCompress, constants } from "node:zlib";

/** Notes, in ms since the navigation began, when the first verdict stands on the page. */
function watch() {
  const seen = () => {
    if (!document.querySelector("[data-testid=verdict]")) return;
    observer.disconnect();
    document.documentElement.dataset.firstVerdict = String(performance.now());
  };
  const observer = new MutationObserver(seen);
  observer.observe(document, { childList: true, subtree: true });
}

async function untilVerdict(page) {
  await page.waitForSelector("html[data-first-verdict]", { state: "attached", timeout: 300_000 });
  return Number(await page.getAttribute("html", "data-first-verdict"));
}

/**
 * Cold and warm ms, a pair a round, and the addresses that a cold load asks for. After its first verdict a page goes on with
 * other pictures, so each is closed, and `settle` awaits what it has left to the device.
 */
export async function firstPrediction(browser, url, device, rounds, settle) {
  const times = { cold: [], warm: [] };
  let urls = [];
  for (let round = 0; round < rounds; round++) {
    // A context has caches of its own.
    const context = await browser.newContext();
    for (const cache of ["cold", "warm"]) {
      const page = await context.newPage();
      await page.addInitScript(watch);
      const asked = new Set();
      // The Worker's requests too.
      page.on("request", (request) => asked.add(request.url()));
      await page.goto(`${url}?device=${device}`);
      times[cache].push(await untilVerdict(page));
      if (cache === "cold") urls = [...asked];
      await page.close();
      await settle();
    }
    await context.close();
  }
  return { ...times, urls };
}

/** Code by file, and the rest in one sum. */
export async function downloads(urls, cache) {
  const files = [];
  let other = 0;
  for (const url of urls.filter((address) => address.startsWith("http"))) {
    const response = await fetch(url);
    if (!response.ok) continue;
    const bytes = Buffer.from(await response.arrayBuffer());
    const path = new URL(url).pathname;
    if (!/\.(wasm|m?js)$/.test(path)) other += bytes.length;
    else files.push({ path, raw: bytes.length, brotli: await cache.size(bytes) });
  }
  const sum = (field) => files.reduce((total, file) => total + file[field], 0);
  return { raw: sum("raw"), brotli: sum("brotli"), other_raw: other, files };
}

/** Brotli of quality 11 takes up to a minute a module: its results are kept by content. */
export class BrotliSizes {
  #path;
  #known;

  static async open(path) {
    const sizes = new BrotliSizes();
    sizes.#path = path;
    sizes.#known = JSON.parse(await readFile(path, "utf8").catch(() => "{}"));
    return sizes;
  }

  async size(bytes) {
    const key = createHash("sha256").update(bytes).digest("hex");
    if (!this.#known[key]) {
      const params = {
        [constants.BROTLI_PARAM_QUALITY]: 11,
        [constants.BROTLI_PARAM_LGWIN]: 24,
        [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length,
      };
      this.#known[key] = (await promisify(brotliCompress)(bytes, { params })).length;
      await writeFile(this.#path, JSON.stringify(this.#known));
    }
    return this.#known[key];
  }
}
