/** What the views ask of the statistics. */
import { signal } from "@preact/signals";
import type { ImageFilter, Lens, Side } from "../../../pkg/analysis_api.js";
import { Asked } from "./asked.ts";
import { allStudents, choice, family, student, teachers } from "./choice.ts";
import { loaded } from "./stored_logits.ts";

export interface Pair extends Lens {
  teachers: string[];
  student: string;
}

/** The chosen networks; null until the logits of all of them are loaded. */
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
/** The second student, for differences; null if none is chosen. */
export const other = (): string | null => {
  const name = choice.value.other;
  return name !== null && name !== student.value && loaded.value.has(name) ? name : null;
};

export const report = new Asked(pair, (analysis, question, signal) =>
  analysis.report({ ...question, sizes: false, signal }),
);
/** With the ensembles of fewer members, which take longer than all the rest: the figures do not wait for them. */
export const reportOfSizes = new Asked(pair, (analysis, question, signal) => analysis.report({ ...question, signal }));
export const cells = new Asked(pair, (analysis, question, signal) => analysis.cells({ ...question, signal }));
export const intervals = new Asked(
  () => withPair(() => (other() === null ? {} : { other: other()! })),
  (analysis, question, signal) => analysis.intervals({ ...question, signal }),
);
/** Reports of the chosen ensemble with every student of the family. */
export const allReports = new Asked(
  () =>
    withPair(() => ({
      student: allStudents.value.map(({ name }) => name).filter((name) => loaded.value.has(name)),
      family: family.value!,
    })),
  (analysis, { family: _, ...question }, signal) => analysis.report({ ...question, sizes: false, signal }),
);

export const baselines = new Asked(
  () =>
    withPair(() => {
      const { control } = choice.value;
      const everyone = [...loaded.value]; // a control may come with any network that arrives
      return { ...(control !== null && loaded.value.has(control) ? { control } : {}), everyone };
    }),
  (analysis, { everyone: _, ...question }, signal) => analysis.baselines({ ...question, signal }),
);

export interface Test {
  first: string | string[];
  second: string;
  level: "fine" | "coarse";
  temperature: number;
  teachers: string[];
  student: string;
}
const asTest = (question: Pair, first: string | string[], second: string): Test => ({
  first,
  second,
  level: question.level ?? "fine",
  temperature: 1,
  teachers: question.teachers,
  student: question.student,
});
const mcnemarOf = (question: () => Test | null) =>
  new Asked(question, (analysis, { first, second, level }, signal) =>
    analysis.mcnemar({ first, second, level, signal }),
  );
export const ensembleTest = mcnemarOf(() => {
  const question = pair();
  return question && asTest(question, question.teachers, question.student);
});
export const otherTest = mcnemarOf(() => {
  const [question, name] = [pair(), other()];
  return question && name !== null ? asTest(question, question.student, name) : null;
});

/** The images that pass all filters, in the chosen order. */
export const images = new Asked(
  () =>
    withPair(() => {
      const { sort, isDescending, cells, agree, trueClass, teacherClass, studentClass, bin, nBins, binning } =
        choice.value;
      const filter: ImageFilter = {
        ...(cells.length > 0 && { cells }),
        ...(agree !== null && { agree }),
        ...(trueClass !== null && { trueClass }),
        ...(teacherClass !== null && { teacherClass }),
        ...(studentClass !== null && { studentClass }),
        ...(bin && { bin: { ...bin, nBins, binning } }),
      };
      return { filter, sort, descending: isDescending };
    }),
  (analysis, question, signal) => analysis.images({ ...question, signal }),
);

/** The image whose predictions are shown below the list. */
export const openImage = signal<number | null>(null);
export const imageAnswers = new Asked(
  () => (openImage.value === null ? null : withPair(() => ({ index: openImage.value! }))),
  (analysis, question, signal) => analysis.imageAnswers({ ...question, signal }),
);

export const confusion = new Asked(
  () =>
    withPair(() => {
      const [rows, columns] = choice.value.matrix.split("-") as [Side, Side];
      return { rows, columns };
    }),
  (analysis, question, signal) => analysis.confusion({ ...question, signal }),
);

export const calibration = new Asked(
  () =>
    withPair(({ teachers, student }) => ({
      models: [teachers, student],
      nBins: choice.value.nBins,
      binning: choice.value.binning,
    })),
  (analysis, { teachers: _, student: __, ...question }, signal) => analysis.calibration({ ...question, signal }),
);
/** Both start from the unscaled logits: the view's temperature does not count. */
export const fits = new Asked(
  () => withPair(() => ({ temperature: 1 })),
  (analysis, { teachers, student, level = "fine" }, signal) =>
    analysis.fitTemperature({ teachers, student, level, signal }),
);
export const curves = new Asked(
  () => withPair(() => ({ temperature: 1 })),
  (analysis, { teachers, student, level = "fine" }, signal) =>
    analysis.temperatureCurves({ teachers, student, level, signal }),
);
