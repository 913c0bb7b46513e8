/** Files that are dropped, pasted or chosen: by name they are networks, data sets or pictures. */
import { signal } from "@preact/signals";
import { readDroppedSet } from "./data_sets.ts";
import { addPictures } from "./pictures.ts";
import { view } from "./route.ts";

/** Dropped networks that wait for the visitor to say teacher or student. */
export const networksToPlace = signal<readonly File[]>([]);
export const isDragging = signal(false);

const isNetwork = (file: File) => /\.safetensors$/i.test(file.name);
const isDataSet = (file: File) => /\.(tar|tgz|gz|bin)$|\.part\d+$/i.test(file.name);

export function takeIn(files: readonly File[]): void {
  const networks = files.filter(isNetwork);
  const sets = files.filter(isDataSet);
  const images = files.filter((file) => !isNetwork(file) && !isDataSet(file));
  if (networks.length > 0) networksToPlace.value = [...networksToPlace.value, ...networks];
  if (sets.length > 0) void readDroppedSet(sets);
  if (images.length > 0) {
    if (view.value !== "compare") location.hash = "#/compare";
    void addPictures(images);
  }
}

export function watchDropAndPaste(): void {
  let depth = 0; // dragenter and dragleave come for each element that is crossed
  const hasFiles = (event: DragEvent) => event.dataTransfer?.types.includes("Files") ?? false;
  window.addEventListener("dragenter", (event) => {
    if (hasFiles(event)) isDragging.value = ++depth > 0;
  });
  window.addEventListener("dragleave", (event) => {
    if (hasFiles(event)) isDragging.value = --depth > 0;
  });
  window.addEventListener("dragover", (event) => event.preventDefault());
  window.addEventListener("drop", (event) => {
    event.preventDefault(); // a missed drop would leave the page
    depth = 0;
    isDragging.value = false;
    takeIn([...(event.dataTransfer?.files ?? [])]);
  });
  window.addEventListener("paste", (event) => {
    const files = [...(event.clipboardData?.files ?? [])];
    if (files.length > 0) takeIn(files);
  });
}
