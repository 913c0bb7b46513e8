/** `www/weights/manifest.json`: which networks ship, where they are and what they measured. */

import { t } from "../strings.ts";

export interface ManifestMetrics {
  accuracy: number;
  top5Accuracy: number;
  nll: number;
  ece: number;
  agreement?: number;
  kl?: number;
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
}

/** Teachers of one family and the students they taught. */
export interface NetworkSet {
  family: string;
  depth: number;
  teachers: ManifestNetwork[];
  students: ManifestNetwork[];
}

const urls = import.meta.glob<string>("../../weights/*.{json,bin,safetensors}", { query: "?url", import: "default", eager: true });

/** Address of a file of `www/weights` in this build. */
export function weightsUrl(file: string): string {
  const url = urls[`../../weights/${file}`];
  if (!url) throw new Error(t.files.notInBuild(file));
  return url;
}

const isText = (value: unknown): value is string => typeof value === "string" && value.length > 0;
const isCount = (value: unknown): value is number => Number.isInteger(value) && (value as number) > 0;

function isNetwork(value: unknown): value is ManifestNetwork {
  if (typeof value !== "object" || value === null) return false;
  const network = value as Record<string, unknown>;
  return (
    (network.role === "teacher" || network.role === "student") &&
    isText(network.name) && isText(network.family) && isText(network.file) &&
    isText(network.sha256) && /^[0-9a-f]{64}$/.test(network.sha256) &&
    isCount(network.bytes) && isCount(network.depth) && isCount(network.nClasses) &&
    (network.taughtBy === null || (Array.isArray(network.taughtBy) && network.taughtBy.every(isText)))
  );
}

export async function fetchManifest(): Promise<ManifestNetwork[]> {
  const response = await fetch(weightsUrl("manifest.json"));
  if (!response.ok) throw new Error(t.files.http("manifest.json", response.status));
  const manifest = (await response.json()) as { networks?: unknown };
  if (!Array.isArray(manifest.networks) || !manifest.networks.every(isNetwork)) {
    throw new Error(t.files.manifestForm);
  }
  return manifest.networks;
}

/** Sets that have at least one teacher and one student, deepest first. */
export function setsOf(networks: readonly ManifestNetwork[]): NetworkSet[] {
  const families = [...new Set(networks.filter((n) => n.role === "teacher").map((n) => n.family))];
  const sets = families.map((family) => {
    const teachers = networks.filter((n) => n.role === "teacher" && n.family === family);
    const names = new Set(teachers.map((n) => n.name));
    const students = networks.filter((n) => n.role === "student" && (n.taughtBy ?? []).length > 0 && n.taughtBy!.every((name) => names.has(name)));
    return { family, depth: teachers[0]?.depth ?? 0, teachers, students };
  });
  return sets.filter((set) => set.students.length > 0).sort((a, b) => b.depth - a.depth);
}
