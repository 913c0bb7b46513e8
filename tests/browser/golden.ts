/** PyTorch's numbers (tests/golden), safetensors files read and made, and what a page needs to work with the API. */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { Page } from "@playwright/test";
import type { DeviceChoice, LabClient, LabClientOptions } from "../../pkg/client.js";
import type { Lab, LabInterface, LabOptions, Role } from "../../pkg/fidelity_lab.js";
import { expect, openBlank } from "./fixtures";

// Bounds that tell rounding from mistakes; tests/golden/README.md says how far f32 alone drifts.
export const LOGITS = 2e-3;
export const LOSS = 1e-3;
export const RELATIVE = 1e-3;

/** The relative bound for a golden gradient: PyTorch's own answers are apart where a ReLU's input is within a rounding of zero. */
export function gradientBound(key: string, device: "cpu" | "webgpu"): number {
  const kinks = JSON.parse(new TextDecoder().decode(goldenFile("kinks.json"))) as Record<
    string,
    Record<string, number>
  >;
  const deviation = kinks[device === "cpu" ? "1e-7" : "1e-6"]?.[key];
  if (deviation === undefined) throw new Error(`kinks.json lacks ${key}`);
  return Math.max(RELATIVE, 2 * deviation);
}

export interface StoredTensor {
  dtype: string;
  shape: number[];
  data: Uint8Array;
}
export interface NamedTensor {
  name: string;
  shape: number[];
  values: ArrayLike<number>;
}

/** The tensors of a safetensors file by name. */
export class Safetensors {
  readonly tensors = new Map<string, StoredTensor>();
  readonly metadata: Record<string, string>;

  constructor(bytes: Uint8Array) {
    const length = Number(new DataView(bytes.buffer, bytes.byteOffset, 8).getBigUint64(0, true));
    const { __metadata__: metadata = {}, ...entries } = JSON.parse(
      new TextDecoder().decode(bytes.subarray(8, 8 + length)),
    );
    this.metadata = metadata;
    for (const [name, entry] of Object.entries(
      entries as Record<string, { dtype: string; shape: number[]; data_offsets: [number, number] }>,
    )) {
      const [begin, end] = entry.data_offsets;
      this.tensors.set(name, {
        dtype: entry.dtype,
        shape: entry.shape,
        data: bytes.slice(8 + length + begin, 8 + length + end),
      });
    }
  }

  get names(): string[] {
    return [...this.tensors.keys()];
  }

  values(name: string): number[] {
    const tensor = this.tensors.get(name);
    if (!tensor) throw new Error(`there is no tensor ${name}`);
    const { dtype, data } = tensor;
    const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
    const read = (width: number, at: (offset: number) => number) =>
      Array.from({ length: data.length / width }, (_, i) => at(i * width));
    switch (dtype) {
      case "F64":
        return read(8, (i) => view.getFloat64(i, true));
      case "F32":
        return read(4, (i) => view.getFloat32(i, true));
      case "I32":
        return read(4, (i) => view.getInt32(i, true));
      case "F16":
        return read(2, (i) => half(view.getUint16(i, true)));
      case "U8":
        return [...data];
      default:
        throw new Error(`${name} is ${dtype}`);
    }
  }
}

function half(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  if (exponent === 31) return fraction ? NaN : sign * Infinity;
  return sign * (exponent ? 2 ** (exponent - 15) * (1 + fraction / 1024) : 2 ** -14 * (fraction / 1024));
}

/** Writes a safetensors file of f32 tensors. `edit` may spoil the header, for files that must be refused. */
export function safetensors(
  tensors: NamedTensor[],
  metadata: Record<string, string> = {},
  edit: (header: Record<string, any>) => void = () => undefined,
): Uint8Array {
  const header: Record<string, unknown> = { __metadata__: metadata };
  let end = 0;
  for (const { name, shape, values } of tensors)
    header[name] = { dtype: "F32", shape, data_offsets: [end, (end += values.length * 4)] };
  edit(header);
  const text = new TextEncoder().encode(JSON.stringify(header));
  const bytes = new Uint8Array(8 + text.length + end);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(text.length), true);
  bytes.set(text, 8);
  bytes.set(
    new Uint8Array(Float32Array.from(tensors.flatMap(({ values }) => Array.from(values))).buffer),
    8 + text.length,
  );
  return bytes;
}

/** A PreResNet of depth 8 whose weights follow from a formula and a seed. */
export function smallNetwork(
  name: string,
  nClasses: number,
  seed = 1,
): { tensors: NamedTensor[]; metadata: Record<string, string> } {
  const tensors: NamedTensor[] = [];
  const add = (tensor: string, shape: number[], value: (wave: number) => number) => {
    const k = tensors.length + 100 * seed;
    const length = shape.reduce((a, b) => a * b);
    tensors.push({
      name: tensor,
      shape,
      values: Float32Array.from({ length }, (_, i) => value(Math.sin(i * (0.61 + 0.013 * k)))),
    });
  };
  const convolution = (tensor: string, out: number, into: number, kernel: number) =>
    add(`${tensor}.weight`, [out, into, kernel, kernel], (wave) => wave * Math.sqrt(2 / (into * kernel * kernel)));
  const norm = (tensor: string, channels: number) => {
    add(`${tensor}.weight`, [channels], (wave) => 1 + 0.2 * wave);
    add(`${tensor}.bias`, [channels], (wave) => 0.1 * wave);
    add(`${tensor}.running_mean`, [channels], (wave) => 0.1 * wave);
    add(`${tensor}.running_var`, [channels], (wave) => 0.75 + 0.25 * wave);
  };
  convolution("stem", 16, 3, 3);
  let into = 16;
  [16, 32, 64].forEach((out, i) => {
    const block = `stage${i + 1}.0`;
    norm(`${block}.norm1`, into);
    convolution(`${block}.conv1`, out, into, 3);
    norm(`${block}.norm2`, out);
    convolution(`${block}.conv2`, out, out, 3);
    if (into !== out) convolution(`${block}.shortcut`, out, into, 1);
    into = out;
  });
  norm("norm", 64);
  add("head.weight", [nClasses, 64], (wave) => wave * 0.3);
  add("head.bias", [nClasses], (wave) => wave * 0.1);
  const metadata = {
    architecture: "preresnet",
    depth: "8",
    classes: String(nClasses),
    mean: "0.5,0.5,0.5",
    std: "0.5,0.5,0.5",
    name,
  };
  return { tensors, metadata };
}

export function smallFile(name: string, nClasses: number, seed = 1): Uint8Array {
  const { tensors, metadata } = smallNetwork(name, nClasses, seed);
  return safetensors(tensors, metadata);
}

export function goldenFile(name: string): Uint8Array {
  return new Uint8Array(readFileSync(fileURLToPath(new URL(`../golden/${name}`, import.meta.url))));
}

let golden: Safetensors | null = null;

/** `golden.safetensors`, read once a worker. */
export function goldenValues(): Safetensors {
  return (golden ??= new Safetensors(goldenFile("golden.safetensors")));
}

export function largestDifference(found: ArrayLike<number>, expected: ArrayLike<number>): number {
  if (found.length !== expected.length) return Infinity;
  let worst = 0;
  for (let i = 0; i < found.length; i++) {
    const difference = Math.abs(found[i]! - expected[i]!);
    worst = Number.isNaN(difference) ? Infinity : Math.max(worst, difference);
  }
  return worst;
}

export function largest(values: ArrayLike<number>): number {
  return Array.from(values).reduce((m, v) => Math.max(m, Math.abs(v)), 0);
}

export function expectClose(what: string, found: ArrayLike<number>, expected: ArrayLike<number>, bound: number): void {
  expect(largestDifference(found, expected), `${what}: largest difference`).toBeLessThanOrEqual(bound);
}

export function argmaxes(logits: ArrayLike<number>, nClasses: number): number[] {
  const all = Array.from(logits);
  return Array.from({ length: all.length / nClasses }, (_, i) => {
    const row = all.slice(i * nClasses, (i + 1) * nClasses);
    return row.indexOf(Math.max(...row));
  });
}

export const toBase64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString("base64");
export const fromBase64 = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, "base64"));

/** What a call that must fail came to. */
export interface Failure {
  code: string;
  message: string;
}

/** In the page, under `fl`: what every test of the API needs. */
export interface PageTools {
  /** The 20 golden images and their labels. */
  pixels: Uint8Array;
  labels: Uint8Array;
  /** Networks made by `smallFile`, by the name that the test gave. */
  files: Record<string, Uint8Array>;
  /** `kernels` are those that WebGPU runs, by default those that are fast on the adapter. */
  lab(device: DeviceChoice, kernels?: LabOptions["kernels"]): Promise<Lab>;
  client(options: LabClientOptions): Promise<LabClient>;
  /** Loads `NAME.safetensors` of tests/golden, or a file of `files`. */
  load(lab: LabInterface, role: Role, ...names: string[]): Promise<void>;
  bytes(path: string): Promise<Uint8Array>;
  base64(bytes: Uint8Array): string;
  unbase64(text: string): Uint8Array;
  sleep(ms: number): Promise<void>;
  /** Code and message of a rejection; code "resolved" where there is none. */
  failure(call: Promise<unknown> | (() => unknown)): Promise<Failure>;
}

declare global {
  var fl: PageTools;
}

interface Given {
  pixels: string;
  labels: number[];
  files: Record<string, string>;
}

/** An empty page with `fl`. `files` are networks that the test made. */
export async function openLab(page: Page, files: Record<string, Uint8Array> = {}): Promise<void> {
  const given: Given = {
    pixels: toBase64(goldenValues().tensors.get("images")!.data),
    labels: goldenValues().values("labels"),
    files: Object.fromEntries(Object.entries(files).map(([name, bytes]) => [name, toBase64(bytes)])),
  };
  await page.addInitScript(install, given);
  await openBlank(page);
}

function install(given: Given): void {
  const unbase64 = (text: string) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
  const bytes = async (path: string) => {
    const response = await fetch(path);
    if (!response.ok) throw new Error(`${path}: ${response.status}`);
    return new Uint8Array(await response.arrayBuffer());
  };
  const files = Object.fromEntries(Object.entries(given.files).map(([name, text]) => [name, unbase64(text)]));
  globalThis.fl = {
    pixels: unbase64(given.pixels),
    labels: Uint8Array.from(given.labels),
    files,
    async lab(device, kernels) {
      const path = "/pkg/fidelity_lab.js";
      const { default: init, Lab } = await import(path);
      await init();
      return Lab.create({ device, ...(kernels && { kernels }) });
    },
    async client(options) {
      const path = "/pkg/client.js";
      const { LabClient } = await import(path);
      return LabClient.create(options);
    },
    async load(lab, role, ...names) {
      for (const name of names)
        await lab.loadModel(files[name] ?? (await bytes(`/tests/golden/${name}.safetensors`)), { role, name });
    },
    bytes,
    base64: (data) => {
      let text = "";
      for (let i = 0; i < data.length; i += 0x8000) text += String.fromCharCode(...data.subarray(i, i + 0x8000));
      return btoa(text);
    },
    unbase64,
    sleep: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
    async failure(call) {
      try {
        await (typeof call === "function" ? call() : call);
        return { code: "resolved", message: "" };
      } catch (error) {
        const { code = "none", message, name } = error as Error & { code?: string };
        return { code: name === "LabError" ? code : `${name}: ${code}`, message };
      }
    },
  };
}
