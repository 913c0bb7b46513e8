/** The figures of our networks for the paper's findings: from the manifest, and computed from stored test logits. */
import { computed } from "@preact/signals";
import type { Report } from "../../../../pkg/analysis_api.js";
import type { ManifestNetwork, ManifestRecipe } from "../../state/manifest.ts";
import { Asked } from "../../test_set/asked.ts";
import { policyWord, RECIPE } from "../../test_set/paper.ts";
import { listed, loaded, shipped } from "../../test_set/stored_logits.ts";

export const students = computed(() => shipped.value.filter(({ role }) => role === "student"));
export const teachers = computed(() => shipped.value.filter(({ role }) => role === "teacher"));

/** Compares a network with an ensemble and, if that taught it, with the ensembles of its first 1, 2, … members. */
export interface Question {
  student: string;
  teachers: string[];
  sizes: boolean;
}
const isThere = ({ student, teachers }: Question) => [student, ...teachers].every((name) => loaded.value.has(name));
const fellowsOf = ({ name, family }: ManifestNetwork) =>
  teachers.value.filter((other) => other.family === family && other.name !== name).map((other) => other.name);

/** Compares every student with its teachers, and every teacher with the ensemble of the other teachers of its family. */
const questions = (): { pairs: Question[] } | null => {
  const all = [
    ...students.value.map(({ name, taughtBy }) => ({ student: name, teachers: taughtBy ?? [], sizes: true })),
    ...teachers.value.map((teacher) => ({ student: teacher.name, teachers: fellowsOf(teacher), sizes: false })),
  ];
  const pairs = all.filter((question) => question.teachers.length > 0 && isThere(question));
  return pairs.length > 0 ? { pairs } : null;
};

export interface Answered extends Question {
  report: Report;
}
export const reports = new Asked(
  questions,
  (analysis, { pairs }, signal): Promise<Answered[]> =>
    Promise.all(
      pairs.map(async (question) => ({ ...question, report: await analysis.report({ ...question, signal }) })),
    ),
);

/** Names of the networks whose stored logits the figures need. */
export const wantedNames = (): string[] => listed.value.filter(({ read }) => !read).map(({ name }) => name);

/** Of a student with its teachers, as measured for the manifest or, once its logits are there, computed here. */
export interface Evidence {
  network: ManifestNetwork;
  accuracy: number;
  ece: number;
  agreement: number | null;
  kl: number | null;
  ensembleOf: string[];
  isTaught: boolean;
  isComputed: boolean;
  report: Report | null;
}

export function evidence(answers: readonly Answered[]): Evidence[] {
  return shipped.value.flatMap((network): Evidence[] => {
    const found = answers.find(({ student }) => student === network.name);
    const isTaught = network.role === "student";
    const own = found?.report.models[network.name];
    const fidelity = found?.report.students[network.name];
    const { metrics } = network;
    return [
      {
        network,
        isTaught,
        isComputed: found !== undefined,
        report: found?.report ?? null,
        ensembleOf: found?.teachers ?? network.taughtBy ?? [],
        accuracy: own?.accuracy ?? metrics.accuracy,
        ece: own?.ece ?? metrics.ece,
        agreement: fidelity?.agreement ?? metrics.agreement ?? null,
        kl: fidelity?.kl ?? metrics.kl ?? null,
      },
    ];
  });
}

export interface Difference {
  what: "epochs" | "smallEpochs" | "batch" | "learningRate" | "weightDecay" | "split";
  ours: string;
  paper: string | null;
}

/** How a recipe differs from the paper's; null if that is unknown. */
export function differences({ role, recipe }: ManifestNetwork): Difference[] | null {
  if (!recipe) return null;
  const paper: Partial<Record<keyof ManifestRecipe, number>> = { ...RECIPE[role], weightDecay: RECIPE.weightDecay };
  const found = (["epochs", "smallEpochs", "batch", "learningRate", "weightDecay", "split"] as const).map(
    (what): Difference | null => {
      const [ours, theirs] = [recipe[what], paper[what]];
      return ours === undefined || ours === theirs
        ? null
        : { what, ours: String(ours), paper: theirs === undefined ? null : String(theirs) };
    },
  );
  return found.filter((difference) => difference !== null);
}

export const policyOf = ({ recipe }: ManifestNetwork): string => policyWord(recipe?.policy);

/** Whether a student started from random weights. Those that started near a teacher only show where optimisation matters. */
export const isFromScratch = ({ recipe }: ManifestNetwork): boolean => recipe?.lambda === undefined;
