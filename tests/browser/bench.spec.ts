/** What the benchmark writes, from rows that are made up here. */
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "@playwright/test";

const bench = (file: string) => import(new URL(`../../bench/${file}`, import.meta.url).href);

const row = (more: object) => ({
  measure: "forward",
  network: "PreResNet-56",
  device: "webgpu",
  adapter: "a card",
  batch: 16,
  threads: 1,
  simd: "plain",
  unit: "ms/image",
  ours: 1,
  peer: 4,
  peer_name: "a <peer>",
  ratio: 4,
  ...more,
});

const run = (more: object) => ({
  date: "2026-01-01",
  quick: false,
  runtime: "Chromium 150",
  adapter: { name: "a card", isSoftware: false },
  cpu: "a processor",
  load_before: 0,
  rows: [row({})],
  downloads: [],
  left_out: [],
  ...more,
});

test("the documents keep what was written by hand, and the latest run of each adapter", async () => {
  const { writeDocs } = await bench("report/docs.mjs");
  const folder = await mkdtemp(join(tmpdir(), "fidelity-bench-"));
  try {
    const markdown = join(folder, "performance.md");
    const json = async () => JSON.parse(await readFile(join(folder, "performance.json"), "utf8"));
    await writeDocs(folder, run({}));
    const written = await readFile(markdown, "utf8");
    expect(written).toContain(
      "| forward | PreResNet-56 | webgpu | 16    |         |      | 1.00 | 4.00 | 4.00x | ms/image | a <peer>  |",
    );
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

test("layers have a table of their own, with the share of the roofline", async () => {
  const { tables } = await bench("report/text.mjs");
  const { htmlReport } = await bench("report/html.mjs");
  const layer = {
    measure: "layer",
    layer: "head",
    count: 1,
    unit: "ms",
    ours: 4,
    peer: 1,
    peer_name: "roofline",
    ratio: 0.25,
    bound: "bandwidth",
  };
  const sum = {
    measure: "layers_sum",
    layer: "all",
    flops_a_second: 5e10,
    bytes_a_second: 3e9,
    forward_ms: 4.5,
    timed_ms: 5,
    bound: undefined,
  };
  const all = run({ rows: [row(layer), row({ ...layer, ...sum })] });
  const text = tables(all);
  expect(text).toContain("| head  | 16    | 1     | 4.00 | 1.00     | 25 %  | ms   | bandwidth |");
  expect(text).toContain("50.0 GFLOP/s of f32 arithmetic and 3.00 GB/s");
  expect(htmlReport(all)).toContain("(25 %)");
});

test("layers follow from a network's tensors, and a dispatch that is another layer's is refused", async () => {
  const { layersOf, summed } = await bench("measure/layers.js");
  const shapes: Record<string, number[]> = {
    stem: [16, 3, 3, 3],
    "stage1.0.conv1": [16, 16, 3, 3],
    "stage1.0.conv2": [16, 16, 3, 3],
    "stage2.0.shortcut": [32, 16, 1, 1],
    "stage2.0.conv1": [32, 16, 3, 3],
    "stage2.0.conv2": [32, 32, 3, 3],
    head: [100, 32],
  };
  const layers = layersOf(
    Object.fromEntries(Object.entries(shapes).map(([name, shape]) => [`${name}.weight`, { shape }])),
  );
  const labels = layers.map(({ label }: { label: string }) => label);
  expect(labels).toEqual([
    "stem",
    "3x3 convolution 16 -> 16, 32x32 -> 32x32",
    "3x3 convolution 16 -> 16, 32x32 -> 32x32",
    "1x1 convolution 16 -> 32, 32x32 -> 16x16",
    "3x3 convolution 16 -> 32, 32x32 -> 16x16",
    "3x3 convolution 32 -> 32, 16x16 -> 16x16",
    "pool",
    "linear",
  ]);
  expect(layers[3]).toMatchObject({ flops: 2 * 256 * 16 * 32, bytesPerImage: 4 * 256 * (16 + 32), bytes: 4 * 16 * 32 });
  // Two parts of a batch of four images, and what two of them take of the head at 1 operation or byte a second.
  const pass = [...labels, ...labels].map((label) => ({ label, ms: 1 }));
  const found = summed(layers, [pass], 4, { flops: 1, bytes: 1 });
  expect(found.at(-1)).toMatchObject({
    count: 2,
    ms: 2,
    roofline: 2 * 1000 * Math.max(2 * 6400, 4 * (2 * 132 + 3300)),
  });
  expect(() => summed(layers, [pass.toReversed()], 4, { flops: 1, bytes: 1 })).toThrow("should be stem");
});

test("what does not fit the time is refused before it starts", async () => {
  const { Pace } = await bench("plan.mjs");
  const pace = new Pace(60_000);
  expect(pace.refusal("forward", 1000)).toBeNull();
  pace.note("forward", 100);
  expect(pace.refusal("forward", 100)).toBeNull();
  expect(pace.refusal("forward", 1000)).toContain("1.7 min");
});
