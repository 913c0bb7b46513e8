/** What a visitor does on the page, and what the page should say. */
import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, type Locator, type Page } from "@playwright/test";

const repo = new URL("../../", import.meta.url);
export const pathOf = (file: string): string => fileURLToPath(new URL(file, repo));
export const bytesOf = (file: string): Buffer => readFileSync(pathOf(file));

export type View = "compare" | "fidelity" | "distil" | "findings";
export type Device = "auto" | "cpu" | "webgpu";

export interface Shipped {
  name: string;
  role: "teacher" | "student";
  bytes: Buffer;
  family: string;
  depth: number;
  /** What arrives in the place of `bytes`. */
  arrives?: Buffer;
}

const golden = (name: string, role: Shipped["role"]): Shipped => ({
  name,
  role,
  bytes: bytesOf(`tests/golden/${name}.safetensors`),
  family: "PreResNet-56",
  depth: 56,
});
/** The networks whose answers PyTorch computed, whatever the page ships by now. */
export const goldenNetworks = (): Shipped[] => [
  golden("teacher0", "teacher"),
  golden("teacher1", "teacher"),
  golden("teacher2", "teacher"),
  golden("student0", "student"),
];

/** Networks small enough for a software adapter: an untrained teacher, and a student whose head is another. */
export function smallNetworks(): Shipped[] {
  const bytes = bytesOf("tests/golden/arbitrary20.safetensors");
  const network = { family: "PreResNet-20", depth: 20 };
  return [
    { name: "small-teacher", role: "teacher", bytes, ...network },
    { name: "small-student", role: "student", bytes: withOtherHead(bytes), ...network },
  ];
}

/** The same network with a turned order of the head's rows: other answers, values of the same size. */
function withOtherHead(file: Buffer): Buffer {
  const { header, data } = parseSafetensors(file);
  const [start, end] = header["head.weight"]!.data_offsets;
  const row = (end - start) / 100;
  const copy = Buffer.from(file);
  const offset = file.length - data.length + start;
  copy.set(data.subarray(start + row, end), offset);
  copy.set(data.subarray(start, start + row), offset + end - start - row);
  return copy;
}

/** Serves these networks as those that the page ships, and gives the names of their files. Before the page is opened. */
export async function ship(page: Page, networks: readonly Shipped[]): Promise<string[]> {
  const files = readdirSync(pathOf("www/weights")).filter((file) => file.endsWith(".safetensors"));
  expect(files.length, "files of the build that can be replaced").toBeGreaterThanOrEqual(networks.length);
  const teachers = networks.filter(({ role }) => role === "teacher").map(({ name }) => name);
  const entries = networks.map(({ name, role, bytes, family, depth }, i) => ({
    role,
    family,
    name,
    depth,
    file: files[i]!,
    bytes: bytes.length,
    sha256: createHash("sha256").update(bytes).digest("hex"),
    nClasses: 100,
    taughtBy: role === "student" ? teachers : null,
    metrics: { accuracy: 0, top5Accuracy: 0, nll: 0, ece: 0 },
  }));
  await page.route(/\/assets\/manifest-[^/]*\.json$/, (route) => route.fulfill({ json: { networks: entries } }));
  for (const [i, { bytes, arrives = bytes }] of networks.entries()) {
    await page.route(new RegExp(`/assets/${files[i]!.replace(".safetensors", "")}-[^/]*\\.safetensors$`), (route) =>
      route.fulfill({ body: arrives, contentType: "application/octet-stream" }),
    );
  }
  return files.slice(0, networks.length);
}

/** Takes the server's data sets away, as on a site that has none. */
export async function withoutData(page: Page): Promise<void> {
  await page.route("**/data/index.json", (route) => route.fulfill({ json: { sets: [] } }));
}

/** Holds back what the server sends for these requests until the returned function is called. */
export async function hold(page: Page, requests: RegExp): Promise<() => void> {
  let release = () => {};
  const released = new Promise<void>((resolve) => {
    release = resolve;
  });
  await page.route(requests, async (route) => {
    await released;
    await route.fallback();
  });
  return release;
}

export async function open(page: Page, view: View = "compare", device: Device = "auto"): Promise<void> {
  await page.goto(`/${device === "auto" ? "" : `?device=${device}`}#/${view}`);
  await expect(page.getByTestId(`view-${view}`)).toBeVisible();
}

export const badge = (page: Page): Locator => page.getByTestId("device-badge");

/** The engine runs and the networks are in use. */
export async function ready(page: Page, device: "cpu" | "webgpu" = "cpu"): Promise<void> {
  await expect(badge(page)).toHaveAttribute("data-device", device, { timeout: 120_000 });
  await expect(page.getByTestId("load-state")).toBeEmpty({ timeout: 120_000 });
}

export const thumbs = (page: Page): Locator => page.getByTestId("thumb");

/** Every picture of the gallery has its answers. */
export async function answered(page: Page, n = 20, timeout = 180_000): Promise<void> {
  await expect(thumbs(page)).toHaveCount(n);
  await expect(page.locator('[data-testid="thumb"]:not([data-agrees="unknown"])')).toHaveCount(n, { timeout });
}

/** Follows a link of the header. */
export async function go(page: Page, view: View): Promise<void> {
  await page.getByTestId(`nav-${view}`).click();
  await expect(page.getByTestId(`view-${view}`)).toBeVisible();
}

interface Payload {
  name: string;
  mimeType: string;
  buffer: Buffer;
}
export const payload = (name: string, buffer: Buffer, mimeType = "application/octet-stream"): Payload => ({
  name,
  mimeType,
  buffer,
});

export async function addPictures(page: Page, files: string[] | Payload[]): Promise<void> {
  await page.getByTestId("picture-input").setInputFiles(files);
}

/** Through the panel, as a visitor does; says nothing of how it ends. */
export async function addNetwork(page: Page, file: Payload, role: "teacher" | "student"): Promise<void> {
  await openPanel(page, "networks");
  await page.getByTestId("network-input").setInputFiles(file);
  await page.getByTestId("place-network").getByTestId(`place-${role}`).click();
  await closePanel(page, "networks");
}

export async function openPanel(page: Page, name: "networks" | "device"): Promise<void> {
  if (!(await page.getByTestId(`${name}-panel`).isVisible()))
    await page.getByTestId(name === "networks" ? "networks-button" : "device-badge").click();
  await expect(page.getByTestId(`${name}-panel`)).toBeVisible();
}

export async function closePanel(page: Page, name: "networks" | "device"): Promise<void> {
  await page.keyboard.press("Escape");
  await expect(page.getByTestId(`${name}-panel`)).toBeHidden();
}

/** RGB of the enlarged 32x32 picture. */
export async function pixelsSeen(page: Page): Promise<Buffer> {
  const values = await page
    .getByTestId("detail")
    .locator("canvas.pixels")
    .evaluate((canvas: HTMLCanvasElement) => {
      const { data } = canvas.getContext("2d")!.getImageData(0, 0, 32, 32);
      return Array.from(data).filter((_, i) => i % 4 !== 3);
    });
  return Buffer.from(values);
}

/** Clicks what saves a file, and gives the file. */
export async function saved(page: Page, testId: string): Promise<{ name: string; bytes: Buffer }> {
  const [download] = await Promise.all([page.waitForEvent("download"), page.getByTestId(testId).click()]);
  return { name: download.suggestedFilename(), bytes: readFileSync(await download.path()) };
}

/** Rows of a CSV file without quoted cells; the first one is the header. */
export const rowsOfCsv = (bytes: Buffer): Record<string, string>[] => {
  const [header, ...rows] = bytes
    .toString()
    .trim()
    .split("\r\n")
    .map((line) => line.split(","));
  return rows.map((row) => {
    expect(row.length, "cells of a row").toBe(header!.length);
    return Object.fromEntries(header!.map((name, i) => [name, row[i]!]));
  });
};

export const numberIn = async (locator: Locator): Promise<number> =>
  Number(/-?[\d.]+/.exec((await locator.textContent()) ?? "")?.[0] ?? NaN);
export const lastError = (page: Page): Locator => page.getByTestId("notice-error").last();

export type Header = Record<string, { dtype: string; shape: number[]; data_offsets: [number, number] }>;

export function parseSafetensors(file: Buffer): { header: Header; data: Buffer; metadata: Record<string, string> } {
  const length = Number(file.readBigUInt64LE(0));
  const { __metadata__: metadata = {}, ...header } = JSON.parse(file.subarray(8, 8 + length).toString()) as Header & {
    __metadata__?: Record<string, string>;
  };
  return { header, data: file.subarray(8 + length), metadata };
}

export function writeSafetensors(header: Header, data: Buffer, metadata: Record<string, string>): Buffer {
  const text = Buffer.from(JSON.stringify({ __metadata__: metadata, ...header }));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(text.length));
  return Buffer.concat([length, text, data]);
}

/** Values of an F32 tensor of golden.safetensors. */
export function goldenTensor(name: string): Float32Array {
  const { header, data } = parseSafetensors(bytesOf("tests/golden/golden.safetensors"));
  const [start, end] = header[name]!.data_offsets;
  return new Float32Array(data.buffer.slice(data.byteOffset + start, data.byteOffset + end));
}

/** Counts what the browser refused because of the page's Content Security Policy. */
export async function watchViolations(page: Page): Promise<() => Promise<string[]>> {
  await page.addInitScript(() => {
    const violations: string[] = [];
    Object.assign(window, { violations });
    document.addEventListener("securitypolicyviolation", (event) =>
      violations.push(`${event.violatedDirective}: ${event.blockedURI}`),
    );
  });
  return () => page.evaluate(() => (window as unknown as { violations: string[] }).violations);
}

export const loseDevice = (page: Page): Promise<void> =>
  page.evaluate(() => (window as unknown as { fidelityLabTest: { loseDevice(): void } }).fidelityLabTest.loseDevice());

export const RECORD_BYTES = 3074;

/** Records with the pictures of the samples, so that nothing has to be invented. */
export function sampleRecords(n: number, fineLabel = (i: number): number => i % 100): Buffer {
  const { header, data } = parseSafetensors(bytesOf("tests/golden/golden.safetensors"));
  const [start] = header.images!.data_offsets;
  const records = Buffer.alloc(n * RECORD_BYTES);
  for (let i = 0; i < n; i++) {
    records[i * RECORD_BYTES + 1] = fineLabel(i);
    for (let p = 0; p < 1024; p++) {
      // Beyond the 20 samples the pictures come again, shifted, so that no two are the same.
      for (let c = 0; c < 3; c++)
        records[i * RECORD_BYTES + 2 + c * 1024 + p] =
          data[start + (i % 20) * 3072 + ((p + 5 * Math.floor(i / 20)) % 1024) * 3 + c]!;
    }
  }
  return records;
}

/** A tar archive (ustar) of these files. */
export function tar(files: Record<string, Buffer>): Buffer {
  const blocks: Buffer[] = [];
  for (const [name, content] of Object.entries(files)) {
    const head = Buffer.alloc(512);
    head.write(name, 0);
    head.write("0000644\0", 100);
    head.write("0000000\0".repeat(2), 108);
    head.write(`${content.length.toString(8).padStart(11, "0")}\0`, 124);
    head.write("00000000000\0", 136);
    head.write("        0", 148);
    head.write("ustar\x0000", 257);
    head.write(
      `${head
        .reduce((sum, byte) => sum + byte, 0)
        .toString(8)
        .padStart(6, "0")}\0 `,
      148,
    );
    blocks.push(head, content, Buffer.alloc((512 - (content.length % 512)) % 512));
  }
  return Buffer.concat([...blocks, Buffer.alloc(1024)]);
}
