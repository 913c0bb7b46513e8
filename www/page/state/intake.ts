/** Takes in dropped, pasted or chosen files. Their names tell networks, manifests with their files, data sets and pictures apart. */
import { signal } from "@preact/signals";
import { readDroppedSet } from "./data_sets.ts";
import { messageOf, notifyError } from "./notices.ts";
import { addPictures } from "./pictures.ts";
import { view } from "./route.ts";
import { words } from "../common/strings.ts";

/** Dropped networks whose role, teacher or student, the visitor still has to choose. */
export const networksToPlace = signal<readonly File[]>([]);
export const isDragging = signal(false);

const isNetwork = (file: File) => /\.safetensors$/i.test(file.name);
const isManifest = (file: File) => /\.json$/i.test(file.name);
const isLogits = (file: File) => /\.f16$/i.test(file.name);
const isDataSet = (file: File) => /\.(tar|tgz|gz|bin)$|\.part\d+$/i.test(file.name);

export function takeIn(files: readonly File[]): void {
  if (files.some(isManifest)) {
    void takeManifests(files);
    return;
  }
  const networks = files.filter(isNetwork);
  const sets = files.filter(isDataSet);
  const logits = files.filter(isLogits);
  const images = files.filter((file) => ![...networks, ...sets, ...logits].includes(file));
  if (networks.length > 0) networksToPlace.value = [...networksToPlace.value, ...networks];
  if (sets.length > 0) void readDroppedSet(sets);
  if (logits.length > 0)
    notifyError(
      words.networks.logitsAlone,
      logits.map(({ name }) => name),
    );
  if (images.length > 0) {
    if (view.value !== "compare") location.hash = "#/compare";
    void addPictures(images);
  }
}

/** Gives each manifest the files that it lists and takes in all other files one by one. */
async function takeManifests(files: readonly File[]): Promise<void> {
  try {
    const { takeManifest } = await import("./own_manifest.ts");
    let rest = files.filter((file) => !isManifest(file));
    for (const manifest of files.filter(isManifest)) {
      const listed = await takeManifest(manifest, rest);
      rest = rest.filter((file) => !listed.includes(file.name));
    }
    if (rest.length > 0) takeIn(rest);
  } catch (error) {
    notifyError(words.part.failed, [messageOf(error)]);
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
