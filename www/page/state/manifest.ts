/** `www/weights/manifest.json`: which networks ship, where they are and what they measured. */

import { words } from "../common/strings.ts";
import { download, type Expected } from "./download.ts";

export interface ManifestMetrics {
  accuracy: number;
  top5Accuracy: number;
  nll: number;
  ece: number;
  agreement?: number;
  kl?: number;
}

/** The fields of a recipe that the page shows; a manifest may hold more. */
export interface ManifestRecipe {
  trainer: string;
  seed?: number;
  epochs?: number;
  /** How many of the first epochs used pictures of 24 x 24 pixels. */
  smallEpochs?: number;
  batch?: number;
  learningRate?: number;
  weightDecay?: number;
  temperature?: number;
  alpha?: number;
  policy?: string;
  lambda?: number;
  split?: string;
}

/** A student's training, one element per epoch; null if the epoch was not measured. */
export interface ManifestCurve {
  loss: number[];
  trainAgreement: (number | null)[];
  agreement: (number | null)[];
  accuracy: (number | null)[];
}

/** Logits of the 10,000 test images, as f16, in the order of test-records.bin. */
export interface ManifestLogits {
  file: string;
  bytes: number;
  sha256: string;
}

export interface ManifestNetwork {
  role: "teacher" | "student";
  family: string;
  name: string;
  file: string;
  bytes: number;
  sha256: string;
  depth: number;
  nClasses: number;
  taughtBy: string[] | null;
  metrics: ManifestMetrics;
  recipe?: ManifestRecipe;
  trainAgreement?: number;
  curve?: ManifestCurve;
  logits?: ManifestLogits;
  /** Reads the files of a manifest that does not ship with the page. */
  read?: ReadFile;
}

/** Reads and checks a file that a manifest lists. `onBytes` receives the number of bytes so far. */
export type ReadFile = (
  file: string,
  expected: Expected,
  onBytes: (nDone: number) => void,
) => Promise<Uint8Array<ArrayBuffer>>;

/** The best teachers of a family and the students they taught. */
export interface NetworkSet {
  family: string;
  depth: number;
  teachers: ManifestNetwork[];
  students: ManifestNetwork[];
  /** Offers the rest of the family, which is loaded on request. */
  others: ManifestNetwork[];
}

/** Beyond this many teachers, a larger ensemble does not make a set better. */
const N_TEACHERS = 3;

const urls = import.meta.glob<string>("../../weights/*.{json,bin,safetensors,f16}", {
  query: "?url",
  import: "default",
  eager: true,
});

/** Address of a file of `www/weights` in this build. */
export function weightsUrl(file: string): string {
  const url = urls[`../../weights/${file}`];
  if (!url) throw new Error(words.files.notInBuild(file));
  return url;
}

/** Weights or logits of a network, wherever its manifest comes from. */
export function readFileOf(
  network: ManifestNetwork,
  { file, ...expected }: Expected & { file: string },
  onBytes: (nDone: number) => void,
): Promise<Uint8Array<ArrayBuffer>> {
  return (network.read ?? ((name, what, tell) => download(weightsUrl(name), name, what, tell)))(
    file,
    expected,
    onBytes,
  );
}

const isText = (value: unknown): value is string => typeof value === "string" && value.length > 0;
const isCount = (value: unknown): value is number => Number.isInteger(value) && (value as number) > 0;

function isLogits(value: unknown): value is ManifestLogits {
  if (typeof value !== "object" || value === null) return false;
  const { file, bytes, sha256 } = value as Record<string, unknown>;
  return isText(file) && isCount(bytes) && isText(sha256) && /^[0-9a-f]{64}$/.test(sha256);
}

export function isNetwork(value: unknown): value is ManifestNetwork {
  if (typeof value !== "object" || value === null) return false;
  const network = value as Record<string, unknown>;
  return (
    (network.role === "teacher" || network.role === "student") &&
    isText(network.name) &&
    isText(network.family) &&
    isText(network.file) &&
    isText(network.sha256) &&
    /^[0-9a-f]{64}$/.test(network.sha256) &&
    isCount(network.bytes) &&
    isCount(network.depth) &&
    isCount(network.nClasses) &&
    (network.taughtBy === null || (Array.isArray(network.taughtBy) && network.taughtBy.every(isText))) &&
    (network.logits === undefined || isLogits(network.logits))
  );
}

export async function fetchManifest(): Promise<ManifestNetwork[]> {
  const response = await fetch(weightsUrl("manifest.json"));
  if (!response.ok) throw new Error(words.files.http("manifest.json", response.status));
  const manifest = (await response.json()) as { networks?: unknown };
  if (!Array.isArray(manifest.networks) || !manifest.networks.every(isNetwork)) {
    throw new Error(words.files.manifestForm);
  }
  return manifest.networks;
}

/** The best set of each family with a teacher and a student of its teachers alone, ordered by the teachers' accuracy. */
export function setsOf(networks: readonly ManifestNetwork[]): NetworkSet[] {
  const families = [...new Set(networks.filter((n) => n.role === "teacher").map((n) => n.family))];
  const sets = families.flatMap((family) => bestSet(family, networks) ?? []);
  return sets.sort((a, b) => meanAccuracy(b.teachers) - meanAccuracy(a.teachers));
}

const meanAccuracy = (networks: readonly ManifestNetwork[]): number =>
  networks.reduce((sum, { metrics }) => sum + metrics.accuracy, 0) / networks.length;

/** Groups students by their teachers, who are the ensemble of the set. Prefers ensembles of three or more, then the one that a student follows best. */
function bestSet(family: string, networks: readonly ManifestNetwork[]): NetworkSet | null {
  const members = networks.filter((n) => n.family === family);
  const all = new Set(members.filter((n) => n.role === "teacher").map((n) => n.name));
  const groups = new Map<string, ManifestNetwork[]>();
  for (const student of networks.filter(
    (n) => n.role === "student" && (n.taughtBy ?? []).length > 0 && n.taughtBy!.every((name) => all.has(name)),
  )) {
    const key = JSON.stringify([...student.taughtBy!].sort());
    groups.set(key, [...(groups.get(key) ?? []), student]);
  }
  const size = (students: ManifestNetwork[]) => Math.min(students[0]!.taughtBy!.length, N_TEACHERS);
  const agreement = (students: ManifestNetwork[]) =>
    Math.max(...students.map((student) => student.metrics.agreement ?? 0));
  const [students] = [...groups.values()].sort((a, b) => size(b) - size(a) || agreement(b) - agreement(a));
  if (!students) return null;
  const names = new Set(students[0]!.taughtBy);
  const teachers = members.filter((n) => n.role === "teacher" && names.has(n.name));
  const others = members.filter((n) => !teachers.includes(n) && !students.includes(n));
  return { family, depth: teachers[0]!.depth, teachers, students, others };
}
