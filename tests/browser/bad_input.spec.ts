import { gzipSync } from "node:zlib";
import type { Page } from "@playwright/test";
import { expect, test } from "./fixtures";
import {
  addNetwork,
  addPictures,
  answered,
  bytesOf,
  go,
  lastError,
  open,
  openPanel,
  parseSafetensors,
  pathOf,
  payload,
  ready,
  RECORD_BYTES,
  sampleRecords,
  tar,
  thumbs,
  withoutData,
  writeSafetensors,
  type Header,
} from "./page";

const exact = bytesOf("tests/browser/fixtures/exact.png");

function png(width: number, height: number): Buffer {
  const header = Buffer.from(exact.subarray(0, 33)); // signature and IHDR; browsers and readers of headers pass over its checksum
  header.writeUInt32BE(width, 16);
  header.writeUInt32BE(height, 20);
  return Buffer.concat([header, exact.subarray(33)]);
}

/** A page with a picture and a measurement of its own, which no bad input may take away. */
async function furnished(page: Page): Promise<void> {
  await open(page);
  await ready(page);
  await addPictures(page, [pathOf("tests/browser/fixtures/exact.png")]);
  await answered(page, 21);
}

async function isAsBefore(page: Page): Promise<void> {
  await go(page, "compare");
  await answered(page, 21);
  await expect(page.getByTestId("detail")).toHaveAccessibleName("exact.png");
  await expect(page.getByTestId("verdict")).toBeVisible();
  await expect(page.getByTestId("load-state")).toBeEmpty();
  await openPanel(page, "networks");
  await expect(page.getByTestId("networks-panel").locator("li[data-testid]")).toHaveCount(4);
  await page.keyboard.press("Escape");
  // And it still works.
  await addPictures(page, [pathOf("tests/browser/fixtures/transparent.png")]);
  await answered(page, 22);
}

const badPictures: { name: string; bytes: Buffer; words: string[] }[] = [
  {
    name: "letter.png",
    bytes: Buffer.from("Dear networks, this is a letter and no picture."),
    words: ["not a supported picture", "PNG, JPEG, WebP"],
  },
  { name: "empty.jpg", bytes: Buffer.alloc(0), words: ["the file is empty"] },
  { name: "cut.png", bytes: exact.subarray(0, 1200), words: ["truncated or damaged"] },
  {
    name: "cut.jpg",
    bytes: bytesOf("tests/browser/fixtures/large.jpg").subarray(0, 40_000),
    words: ["truncated or damaged"],
  },
  {
    name: "cut.webp",
    bytes: bytesOf("tests/browser/fixtures/lossless.webp").subarray(0, 1500),
    words: ["truncated or damaged"],
  },
  {
    name: "huge.png",
    bytes: png(30_000, 30_000),
    words: ["30000 x 30000 pixels", "at most 100000000 (100 megapixels)"],
  },
];

test("pictures that are none: each is named with what is wrong, and nothing is lost", async ({ page }) => {
  await furnished(page);
  for (const { name, bytes, words } of badPictures) {
    await addPictures(page, [payload(name, bytes, "image/png")]);
    await expect(lastError(page)).toContainText("1 file was not added.");
    await expect(lastError(page)).toContainText(`${name}:`);
    for (const word of words) await expect(lastError(page)).toContainText(word);
    await expect(thumbs(page)).toHaveCount(21);
  }
  await isAsBefore(page);
});

test("damaged pixels behind a good header: told, and nothing is lost", async ({ page }) => {
  await furnished(page);
  const damaged = Buffer.from(exact);
  damaged.fill(0xff, 45, 400);
  await addPictures(page, [payload("damaged.png", damaged, "image/png")]);
  await expect(lastError(page)).toContainText("damaged.png: this image cannot be decoded");
  await isAsBefore(page);
});

const records = sampleRecords(20);
const wrongLabel = Buffer.from(records);
wrongLabel[3 * RECORD_BYTES + 1] = 100;
const archive = gzipSync(tar({ "cifar-100-binary/test.bin": sampleRecords(400) }));
const badSets: { name: string; bytes: Buffer; words: string[] }[] = [
  {
    name: "cut.tar.gz",
    bytes: archive.subarray(0, archive.length >> 1),
    words: ["truncated or damaged", "168,513,733 bytes"],
  },
  { name: "cut.tar", bytes: tar({ "test.bin": sampleRecords(40) }).subarray(0, 60_000), words: ["Download it again"] },
  { name: "empty.tar.gz", bytes: Buffer.alloc(0), words: ["not a .tar.gz file"] },
  {
    name: "letter.tar.gz",
    bytes: Buffer.from("Dear networks, this is a letter and no archive. ".repeat(40)),
    words: ["not a .tar.gz file"],
  },
  {
    name: "python.tar.gz",
    bytes: gzipSync(tar({ "cifar-100-python/test": Buffer.alloc(4000) })),
    words: ["There is no test.bin in this archive", "cifar-100-binary.tar.gz"],
  },
  {
    name: "wrong.tar.gz",
    bytes: gzipSync(tar({ "test.bin": records.subarray(0, 20 * RECORD_BYTES - 1) })),
    words: ["61479 bytes", "3074"],
  },
  { name: "short.bin", bytes: records.subarray(0, 20 * RECORD_BYTES - 1), words: ["61479 bytes", "3074"] },
  { name: "empty.bin", bytes: Buffer.alloc(0), words: ["there are no records"] },
  { name: "label.bin", bytes: wrongLabel, words: ["record 3", "label 100", "0 to 99"] },
  { name: "train.bin", bytes: wrongLabel, words: ["record 3", "label 100"] },
];

test("data sets that are none: each says what is wrong, and the good one stays", async ({ page }) => {
  await withoutData(page);
  await furnished(page);
  await go(page, "fidelity");
  await page.getByTestId("archive-input").setInputFiles(payload("good.bin", sampleRecords(30)));
  await expect(page.getByTestId("source-test")).toBeEnabled();
  await page.getByTestId("source-test").check();
  for (const { name, bytes, words } of badSets) {
    await page.getByTestId("archive-input").setInputFiles(payload(name, bytes));
    await expect(lastError(page)).toContainText(`${name} could not be used.`);
    for (const word of words) await expect(lastError(page)).toContainText(word);
    await expect(page.getByTestId("source-test")).toBeChecked();
  }
  await page.getByTestId("run-evaluation").click();
  await expect(page.getByTestId("evaluation-status")).toContainText("n = 30.");
  await expect(page.getByTestId("evaluation-status")).toHaveAttribute("data-phase", "done");
  await isAsBefore(page);
});

const network = bytesOf("tests/golden/arbitrary20.safetensors");
const { header, data, metadata } = parseSafetensors(network);
const changed = (change: (header: Header) => void, meta: Record<string, string> = {}): Buffer => {
  const copy = structuredClone(header);
  change(copy);
  return writeSafetensors(copy, data, { ...metadata, ...meta });
};
const gigantic = Buffer.from(network);
gigantic.writeBigUInt64LE(4n << 30n);
const last = (of: Header): Header[string] =>
  Object.values(of).sort((a, b) => b.data_offsets[1] - a.data_offsets[1])[0]!;
const notANumber = Buffer.from(network);
notANumber.writeFloatLE(NaN, network.length - data.length + header["head.bias"]!.data_offsets[0]);

const badNetworks: { name: string; bytes: Buffer; words: string[] }[] = [
  { name: "empty", bytes: Buffer.alloc(0), words: ["the file is empty"] },
  {
    name: "beyond",
    bytes: changed((h) => {
      last(h).data_offsets[1] += 400;
      last(h).shape[0]! += 1;
    }),
    words: ["does not describe the bytes after it"],
  },
  {
    name: "overlapping",
    bytes: changed((h) => {
      h["head.weight"]!.data_offsets = [200, 25_800];
    }),
    words: ["does not describe the bytes after it", "overlaps `head.bias`"],
  },
  { name: "gigantic", bytes: gigantic, words: ["claims a header of 4294967296 bytes"] },
  { name: "cut", bytes: network.subarray(0, 5000), words: ["may be truncated"] },
  { name: "cut-in-data", bytes: network.subarray(0, 500_000), words: ["does not describe the bytes after it"] },
  {
    name: "letter",
    bytes: Buffer.from("Dear networks, this is a letter."),
    words: ["not a network's safetensors file"],
  },
  {
    name: "integers",
    bytes: changed((h) => {
      h["head.bias"]!.dtype = "I32";
    }),
    words: ["neither F32, F16 nor BF16", "`head.bias` is I32"],
  },
  { name: "contradicted", bytes: changed(() => undefined, { depth: "56" }), words: ['`depth` is "56"'] },
  {
    name: "misshaped",
    bytes: changed((h) => {
      h["head.weight"]!.shape = [64, 100];
    }),
    words: ["`head.weight` is [64, 100] instead of [100, 64]"],
  },
  { name: "not-a-number", bytes: notANumber, words: ["NaN or infinity", "`head.bias`"] },
];

test("networks that are none: each says what is wrong, and those in use stay", async ({ page }) => {
  await furnished(page);
  for (const { name, bytes, words } of badNetworks) {
    await addNetwork(page, payload(`${name}.safetensors`, bytes), "teacher");
    await expect(lastError(page)).toContainText(`${name}.safetensors was not loaded.`);
    for (const word of words) await expect(lastError(page)).toContainText(word);
  }
  await expect(page.getByTestId("members-agreeing")).toContainText("of 3");
  await isAsBefore(page);
});
