/** What the benchmark writes, from rows that are made up here. */
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "@playwright/test";

const bench = (file: string) => import(new URL(`../../bench/${file}`, import.meta.url).href);

const row = (more: object) => ({
  measure: "forward", network: "PreResNet-56", device: "webgpu", adapter: "a card", batch: 16, threads: 1, simd: "plain", unit: "ms/image",
  ours: 1, peer: 4, peer_name: "a <peer>", ratio: 4, ...more,
});

const run = (more: object) => ({
  date: "2026-01-01", quick: false, runtime: "Chromium 150", adapter: { name: "a card", isSoftware: false }, cpu: "a processor", load_before: 0,
  rows: [row({})], downloads: [], left_out: [], ...more,
});

test("the documents keep what was written by hand, and the latest run of each adapter", async () => {
  const { writeDocs } = await bench("report/docs.mjs");
  const folder = await mkdtemp(join(tmpdir(), "fidelity-bench-"));
  try {
    const markdown = join(folder, "performance.md");
    const json = async () => JSON.parse(await readFile(join(folder, "performance.json"), "utf8"));
    await writeDocs(folder, run({}));
    const written = await readFile(markdown, "utf8");
    expect(written).toContain("| forward | PreResNet-56 | webgpu | 16    |         |      | 1.00 | 4.00 | 4.00x | ms/image | a <peer>  |");
    await writeFile(markdown, written.replace("Nothing is noted yet.", "Winograd: no gain."));
    await writeDocs(folder, run({ runtime: "Node 22", adapter: { name: "another", isSoftware: false } }));
    await writeDocs(folder, run({ date: "2026-02-02", rows: [row({ ours: 0.5, ratio: 8 })] }));
    const again = await readFile(markdown, "utf8");
    expect(again).toContain("Winograd: no gain.");
    expect(again).toContain("2026-02-02");
    expect(again.match(/## (a card|another)/g)).toEqual(["## a card", "## another"]);
    const { runs, rows } = await json();
    expect(runs.map(({ date }: { date: string }) => date)).toEqual(["2026-02-02", "2026-01-01"]);
    expect(rows.map(({ ratio }: { ratio: number }) => ratio)).toEqual([8, 4]);
    await writeFile(markdown, "all of it by hand");
    await expect(writeDocs(folder, run({}))).rejects.toThrow("has no part between");
    expect(await readFile(markdown, "utf8")).toBe("all of it by hand");
  } finally {
    await rm(folder, { recursive: true });
  }
});

test("the report is one file with a bar for each side", async () => {
  const { htmlReport } = await bench("report/html.mjs");
  const html = htmlReport(run({ rows: [row({}), row({ peer: 2, ratio: 2, peer_name: "another" })] }));
  expect(html.match(/class="bar/g)).toHaveLength(3);
  expect(html).toContain("a &#60;peer&#62;");
  expect(html).not.toMatch(/<script|https?:|src=|href=/);
});

test("what does not fit the time is refused before it starts", async () => {
  const { Pace } = await bench("plan.mjs");
  const pace = new Pace(60_000);
  expect(pace.refusal("forward", 1000)).toBeNull();
  pace.note("forward", 100);
  expect(pace.refusal("forward", 100)).toBeNull();
  expect(pace.refusal("forward", 1000)).toContain("1.7 min");
});
