/** What the views ask of the statistics. */
import type { Lens } from "../../../pkg/analysis_api.js";
import { Asked } from "./asked.ts";
import { allStudents, choice, family, student, teachers } from "./choice.ts";
import { loaded } from "./test_answers.ts";

export interface Pair extends Lens { teachers: string[]; student: string }

/** The chosen networks; null until the answers of all of them are there. */
export function pair(): Pair | null {
  const own = student.value;
  if (own === null || teachers.value.length === 0) return null;
  if (![...teachers.value, own].every((name) => loaded.value.has(name))) return null;
  return { teachers: teachers.value, student: own, level: choice.value.level, temperature: choice.value.temperature };
}

const withPair = <T extends object>(more: (question: Pair) => T): (Pair & T) | null => {
  const question = pair();
  return question && { ...question, ...more(question) };
};
/** The second student that differences are taken with. */
export const other = (): string | null => {
  const name = choice.value.other;
  return name !== null && name !== student.value && loaded.value.has(name) ? name : null;
};

export const report = new Asked(pair, (analysis, question, signal) => analysis.report({ ...question, signal }));
export const cells = new Asked(pair, (analysis, question, signal) => analysis.cells({ ...question, signal }));
export const intervals = new Asked(() => withPair(() => (other() === null ? {} : { other: other()! })), (analysis, question, signal) => analysis.intervals({ ...question, signal }));
/** Of the chosen ensemble with every student of the family. */
export const allReports = new Asked(
  () => withPair(() => ({ student: allStudents.value.map(({ name }) => name).filter((name) => loaded.value.has(name)), family: family.value! })),
  (analysis, { family: _, ...question }, signal) => analysis.report({ ...question, signal }),
);

export const baselines = new Asked(() => withPair(() => {
  const { control } = choice.value;
  const everyone = [...loaded.value]; // a control may come with any network that arrives
  return { ...(control !== null && loaded.value.has(control) ? { control } : {}), everyone };
}), (analysis, { everyone: _, ...question }, signal) => analysis.baselines({ ...question, signal }));

export interface Test { first: string | string[]; second: string; level: "fine" | "coarse"; temperature: number; teachers: string[]; student: string }
const asTest = (question: Pair, first: string | string[], second: string): Test => ({ first, second, level: question.level ?? "fine", temperature: 1, teachers: question.teachers, student: question.student });
const mcnemarOf = (question: () => Test | null) => new Asked(question, (analysis, { first, second, level }, signal) => analysis.mcnemar({ first, second, level, signal }));
export const ensembleTest = mcnemarOf(() => {
  const question = pair();
  return question && asTest(question, question.teachers, question.student);
});
export const otherTest = mcnemarOf(() => {
  const [question, name] = [pair(), other()];
  return question && name !== null ? asTest(question, question.student, name) : null;
});
