/** The gallery: 20 shipped samples, the visitor's pictures, and test images opened from a list. */
import { computed, signal } from "@preact/signals";
import type { LabClient } from "../../../pkg/client.js";
import { words } from "../common/strings.ts";
import { client } from "./client.ts";
import { messageOf, notifyError } from "./notices.ts";

export const PIXELS_BYTES = 32 * 32 * 3;

export interface Picture {
  id: string;
  name: string;
  origin: "sample" | "visitor" | "test";
  /** The index of the true class, if it is known. */
  label: number | null;
  /** [32, 32, 3]; null until decoded. */
  pixels: Uint8Array | null;
  width: number;
  height: number;
  /** The address of a sample's file, which is shown until the sample is decoded. */
  url: string | null;
}

const files = import.meta.glob<string>("../../samples/*.png", { query: "?url", import: "default", eager: true });

const samplesOnDisk: Picture[] = Object.entries(files)
  .sort(([a], [b]) => (a < b ? -1 : 1))
  .map(([path, url], index) => ({
    id: `sample-${index}`,
    name: words.compare.sampleName(index + 1),
    origin: "sample",
    label: Number(/_(\d+)\.png$/.exec(path)?.[1]),
    pixels: null,
    width: 32,
    height: 32,
    url,
  }));

export const pictures = signal<readonly Picture[]>(samplesOnDisk);
const selectedId = signal(samplesOnDisk[0]?.id ?? "");
export const selected = computed(
  () => pictures.value.find((picture) => picture.id === selectedId.value) ?? pictures.value[0] ?? null,
);
export const select = (id: string): void => {
  selectedId.value = id;
};

export const samples = computed(() =>
  pictures.value.filter((picture) => picture.origin === "sample" && picture.pixels),
);
export const ownPictures = computed(() => pictures.value.filter((picture) => picture.origin === "visitor"));
/** The number of files that are being decoded. */
export const nDecoding = signal(0);

/** Whether all samples that can be read are there. */
export const areSamplesDecoded = signal(false);

export async function decodeSamples(lab: LabClient): Promise<void> {
  const failures: string[] = [];
  await Promise.all(
    samplesOnDisk.map(async (sample) => {
      try {
        const response = await fetch(sample.url!);
        if (!response.ok) throw new Error(`HTTP ${response.status}`);
        const { pixels } = await lab.prepareImage(await response.blob());
        pictures.value = pictures.value.map((picture) => (picture.id === sample.id ? { ...picture, pixels } : picture));
      } catch (error) {
        failures.push(`${sample.name}: ${messageOf(error)}`);
      }
    }),
  );
  areSamplesDecoded.value = true;
  if (failures.length > 0) notifyError(words.compare.samplesFailed, failures);
}

let nextId = 1;

/** Adds every file that is a picture and names the others. */
export async function addPictures(fileList: readonly File[]): Promise<void> {
  const lab = client.value;
  if (!lab) {
    notifyError(words.compare.notReady);
    return;
  }
  const failures: string[] = [];
  nDecoding.value += fileList.length;
  for (const file of fileList) {
    try {
      const { pixels, width, height } = await lab.prepareImage(file);
      const picture: Picture = {
        id: `own-${nextId++}`,
        name: file.name || words.compare.pasted,
        origin: "visitor",
        label: null,
        pixels,
        width,
        height,
        url: null,
      };
      pictures.value = [picture, ...pictures.value];
      selectedId.value = picture.id;
    } catch (error) {
      failures.push(`${file.name || words.compare.pasted}: ${messageOf(error)}`);
    } finally {
      nDecoding.value -= 1;
    }
  }
  if (failures.length > 0) notifyError(words.compare.filesFailed(failures.length), failures);
}

export function removePicture(id: string): void {
  pictures.value = pictures.value.filter((picture) => picture.id !== id);
}

/** [n, 32, 32, 3] in one piece. */
export function joinPixels(list: readonly Picture[]): Uint8Array {
  const pixels = new Uint8Array(list.length * PIXELS_BYTES);
  list.forEach((picture, i) => pixels.set(picture.pixels!, i * PIXELS_BYTES));
  return pixels;
}

/** The labels of all pictures, or null if one of them is unknown. */
export function joinLabels(list: readonly Picture[]): Uint8Array | null {
  return list.every((picture) => picture.label !== null) ? Uint8Array.from(list, (picture) => picture.label!) : null;
}
