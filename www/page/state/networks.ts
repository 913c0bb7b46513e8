/** Which networks are loaded, which of them are in use, and how they got here. */
import { batch, computed, signal } from "@preact/signals";
import { LabError, type LabClient } from "../../../pkg/client.js";
import type { ModelInfo, Role } from "../../../pkg/api.js";
import { words } from "../common/strings.ts";
import { client } from "./client.ts";
import { readFileOf, type ManifestNetwork, type NetworkSet } from "./manifest.ts";
import { messageOf, notifyError, notifyInfo } from "./notices.ts";

export type Origin = "shipped" | "visitor" | "distilled";
export interface Network {
  info: ModelInfo;
  origin: Origin;
}
export interface LoadProgress {
  nBytesDone: number;
  nBytesTotal: number;
}

export const sets = signal<readonly NetworkSet[]>([]);
export const activeFamily = signal<string | null>(null);
export const networks = signal<readonly Network[]>([]);
const inUse = signal<ReadonlySet<string>>(new Set());
export const loadProgress = signal<LoadProgress | null>(null);
const chosenStudent = signal<string | null>(null);

const used = (role: Role) =>
  networks.value.filter(({ info }) => info.role === role && inUse.value.has(info.name)).map(({ info }) => info.name);
/** Names of the ensemble's members. */
export const teachers = computed(() => used("teacher"));
export const students = computed(() => used("student"));
/** The student that the views show. */
export const student = computed(
  () => students.value.find((name) => name === chosenStudent.value) ?? students.value[0] ?? null,
);
export const nClasses = computed(
  () => networks.value.find(({ info }) => inUse.value.has(info.name))?.info.nClasses ?? null,
);
/** Predictions wait until a family is complete, because its ensemble would change before the visitor's eyes. */
export const isReady = computed(
  () => client.value !== null && loadProgress.value === null && networks.value.length > 0,
);

/** Shipped networks of the family in use that are not loaded yet. */
export const available = computed(() => {
  const others = sets.value.find(({ family }) => family === activeFamily.value)?.others ?? [];
  return others.filter(({ name }) => !isLoaded(name));
});

/** All networks that any manifest lists, in the manifests' order. */
export const everyListed = computed(() =>
  sets.value.flatMap((set) => [...set.teachers, ...set.students, ...set.others]),
);

/** Whether its weights are in the engine. */
export const isLoaded = (name: string): boolean => networks.value.some(({ info }) => info.name === name);
export const isInUse = (name: string): boolean => inUse.value.has(name);
export const chooseStudent = (name: string): void => {
  chosenStudent.value = name;
};

export function use(name: string, on: boolean): void {
  const next = new Set(inUse.value);
  if (on) {
    const info = networks.value.find((network) => network.info.name === name)?.info;
    if (info && nClasses.value !== null && info.nClasses !== nClasses.value) {
      notifyError(words.networks.otherClasses(name, info.nClasses, nClasses.value));
      return;
    }
    next.add(name);
  } else next.delete(name);
  inUse.value = next;
}

export function addNetwork(info: ModelInfo, origin: Origin): void {
  batch(() => {
    networks.value = [...networks.value.filter((network) => network.info.name !== info.name), { info, origin }];
    use(info.name, true);
    if (info.role === "student" && origin !== "shipped") chosenStudent.value = info.name;
  });
}

/** Loads the missing networks of a family and puts only that family in use. */
export async function useFamily(family: string): Promise<void> {
  const lab = client.value;
  const set = sets.value.find((candidate) => candidate.family === family);
  if (!lab || !set || activeFamily.value === family || loadProgress.value) return;
  const wanted = [...set.teachers, ...set.students];
  const missing = wanted.filter(({ name }) => !isLoaded(name));
  batch(() => {
    activeFamily.value = family;
    inUse.value = new Set();
  });
  if (missing.length > 0) tellFailures(await loadListed(lab, missing));
  batch(() => {
    inUse.value = new Set(wanted.map((entry) => entry.name).filter(isLoaded));
    loadProgress.value = null;
  });
}

/** Loads an available network and puts it in use beside the others. */
export async function addShipped(entry: ManifestNetwork): Promise<void> {
  const lab = client.value;
  if (!lab || loadProgress.value) return;
  tellFailures(await loadListed(lab, [entry]));
  batch(() => {
    loadProgress.value = null;
    if (!isLoaded(entry.name)) return;
    use(entry.name, true);
    if (entry.role === "student") chosenStudent.value = entry.name;
  });
}

/** Loads those of these networks that are missing, without putting them in use. Throws an error if one is not available. */
export async function haveLoaded(names: readonly string[]): Promise<void> {
  const lab = client.value;
  const missing = names.filter((name) => !isLoaded(name));
  if (missing.length === 0) return;
  if (!lab || loadProgress.value) throw new Error(words.networks.notNow);
  const entries = missing.map((name) => {
    const entry = everyListed.value.find((candidate) => candidate.name === name);
    if (!entry) throw new Error(words.networks.noWeights(name));
    return entry;
  });
  const failures = await loadListed(lab, entries);
  loadProgress.value = null;
  if (failures.length > 0) throw new Error(failures.join(" "));
}

/** Imports the visitor's sets and puts the first in use. Nothing changes if one of its networks cannot be loaded. */
export async function addSets(lab: LabClient, own: readonly NetworkSet[]): Promise<void> {
  const [first] = own;
  if (!first || loadProgress.value) throw new Error(words.networks.notNow);
  const entries = [...first.teachers, ...first.students];
  const failures = await loadListed(lab, entries);
  if (failures.length > 0) {
    const loaded = entries.map(({ name }) => name).filter(isLoaded);
    await Promise.all(loaded.map((name) => lab.removeModel(name)));
    batch(() => {
      networks.value = networks.value.filter(({ info }) => !loaded.includes(info.name));
      loadProgress.value = null;
    });
    throw new Error(failures.join(" "));
  }
  batch(() => {
    sets.value = [...sets.value, ...own];
    activeFamily.value = first.family;
    inUse.value = new Set(entries.map(({ name }) => name));
    loadProgress.value = null;
  });
}

const tellFailures = (failures: string[]): void => {
  if (failures.length > 0) notifyError(words.networks.loadFailed(failures.length), failures);
};

/** Adds the files that can be loaded and says why each of the others cannot. */
async function loadListed(lab: LabClient, missing: readonly ManifestNetwork[]): Promise<string[]> {
  const nBytesTotal = missing.reduce((sum, entry) => sum + entry.bytes, 0);
  const nBytesDone = new Map<string, number>();
  loadProgress.value = { nBytesDone: 0, nBytesTotal };
  const failures: string[] = [];
  await Promise.all(
    missing.map(async (entry) => {
      try {
        const bytes = await readFileOf(entry, entry, (nDone) => {
          nBytesDone.set(entry.name, nDone);
          loadProgress.value = { nBytesDone: [...nBytesDone.values()].reduce((a, b) => a + b, 0), nBytesTotal };
        });
        const info = await lab.loadModel(bytes, { role: entry.role, name: entry.name }).catch((error: unknown) => {
          throw new Error(`${entry.file}: ${messageOf(error)}`);
        });
        if (info.depth !== entry.depth || info.nClasses !== entry.nClasses || info.family !== entry.family) {
          await lab.removeModel(info.name);
          throw new Error(words.networks.manifestDiffers(entry.file, info, entry));
        }
        networks.value = [...networks.value, { info, origin: entry.read ? "visitor" : "shipped" }];
      } catch (error) {
        failures.push(messageOf(error));
      }
    }),
  );
  // They arrive in any order; the manifest's is the one to show.
  const order = everyListed.value.map((entry) => entry.name);
  const rank = ({ info }: Network) => (order.indexOf(info.name) + order.length + 1) % (order.length + 1);
  networks.value = [...networks.value].sort((a, b) => rank(a) - rank(b));
  return failures;
}

export async function loadOwnNetwork(file: File, role: Role): Promise<void> {
  const lab = client.value;
  if (!lab) return;
  try {
    const bytes = new Uint8Array(await file.arrayBuffer());
    const info = await lab.loadModel(bytes, { role }).catch((error: unknown) => {
      if (!(error instanceof LabError && error.code === "name_taken")) throw error;
      return lab.loadModel(bytes, { role, name: freeCopyName(file.name.replace(/\.safetensors$/i, "")) });
    });
    addNetwork(info, "visitor");
    notifyInfo(words.networks.added(info.name, info.family, info.role), info.notices);
  } catch (error) {
    notifyError(words.networks.ownFailed(file.name), [messageOf(error)]);
  }
}

export async function removeNetwork(name: string): Promise<void> {
  try {
    await client.value?.removeModel(name);
    networks.value = networks.value.filter(({ info }) => info.name !== name);
    use(name, false);
  } catch (error) {
    notifyError(words.networks.removeFailed(name), [messageOf(error)]);
  }
}

/** Returns the name itself if it is free, or the first free one of "student0-2", "student0-3", … */
export function freeCopyName(
  base: string,
  taken: ReadonlySet<string> = new Set(networks.value.map(({ info }) => info.name)),
): string {
  let name = base;
  for (let i = 2; taken.has(name); i++) name = `${base}-${i}`;
  return name;
}

/** Returns the first free name of "student0-distilled-1", "student0-distilled-2", … */
export function freeName(base: string): string {
  const stem = base.replace(/-distilled-\d+$/, "");
  const taken = new Set(networks.value.map(({ info }) => info.name));
  for (let i = 1; ; i++) if (!taken.has(`${stem}-distilled-${i}`)) return `${stem}-distilled-${i}`;
}
