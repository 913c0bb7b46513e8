/** The state of the view: networks, classes, temperature, filters. The address holds it, and a link restores it. */
import { batch, computed, effect, signal } from "@preact/signals";
import { CELLS, type Binning, type Cell, type Level, type SortKey } from "../../../pkg/analysis_api.js";
import { N_TEST_IMAGES } from "../state/class_names.ts";
import { isLiveHidden } from "../state/evaluation.ts";
import { setsOf } from "../state/manifest.ts";
import { activeFamily } from "../state/networks.ts";
import { notifyInfo } from "../state/notices.ts";
import { hrefWith, queryOf, setQuery, view } from "../state/route.ts";
import { testSetWords } from "./strings.ts";
import {
  flag,
  initialOf,
  listOf,
  numberFrom,
  oneOf,
  orNull,
  parseLink,
  textCodec,
  writeLink,
  type Fields,
} from "./link.ts";
import { isListed, listed, want, type Listed } from "./stored_logits.ts";

export const SECTIONS = ["overview", "worth", "images", "confusion", "calibration", "inside"] as const;
export type Section = (typeof SECTIONS)[number];
export const SORT_KEYS: readonly SortKey[] = [
  "kl",
  "teacherConfidence",
  "studentConfidence",
  "teacherMargin",
  "studentMargin",
  "index",
];
export const MATRICES = ["teacher-student", "truth-student", "truth-teacher"] as const;
export type Matrix = (typeof MATRICES)[number];
export const KERNELS = ["linear", "rbf"] as const;
export type Kernel = (typeof KERNELS)[number];
/** The parts of the view that a lesson may hide. */
export const HIDEABLE = ["builder", "lens", "sections", "live", "exports"] as const;
export type Hideable = (typeof HIDEABLE)[number];
/** One bin of a reliability diagram: whose, and which. */
export interface BinChoice {
  of: "teacher" | "student";
  index: number;
}

export interface Choice {
  section: Section;
  family: string | null;
  /** In the order in which the ensemble adds them; null stands for the student's own teachers. */
  teachers: string[] | null;
  student: string | null;
  level: Level;
  temperature: number;
  control: string | null;
  /** A second student, for differences. */
  other: string | null;
  sort: SortKey;
  isDescending: boolean;
  cells: Cell[];
  agree: boolean | null;
  trueClass: number | null;
  teacherClass: number | null;
  studentClass: number | null;
  bin: BinChoice | null;
  matrix: Matrix;
  nBins: number;
  binning: Binning;
  /** Test images on which networks are compared inside; 0: the samples. */
  insideImages: number;
  kernel: Kernel;
  /** Of a lesson. */
  hidden: Hideable[];
  isGuess: boolean;
}

const level: readonly Level[] = ["fine", "coarse"];
const classIndex = orNull(numberFrom(0, 99, true));
const bin = {
  read: (text: string): BinChoice | undefined => {
    const found = /^(teacher|student)-(\d{1,3})$/.exec(text);
    return found ? { of: found[1] as BinChoice["of"], index: Number(found[2]) } : undefined;
  },
  write: ({ of, index }: BinChoice) => `${of}-${index}`,
};
export const FIELDS: Fields<Choice> = {
  section: { name: "section", codec: oneOf(SECTIONS), initial: "overview" },
  family: { name: "family", codec: orNull(textCodec), initial: null },
  teachers: { name: "teachers", codec: orNull(listOf(textCodec)), initial: null },
  student: { name: "student", codec: orNull(textCodec), initial: null },
  level: { name: "classes", codec: oneOf(level), initial: "fine" },
  temperature: { name: "temperature", codec: numberFrom(0.25, 16), initial: 1 },
  control: { name: "control", codec: orNull(textCodec), initial: null },
  other: { name: "other", codec: orNull(textCodec), initial: null },
  sort: { name: "sort", codec: oneOf(SORT_KEYS), initial: "kl" },
  isDescending: { name: "largest-first", codec: flag, initial: true },
  cells: { name: "cells", codec: listOf(oneOf(CELLS)), initial: [] },
  agree: { name: "agree", codec: orNull(flag), initial: null },
  trueClass: { name: "true", codec: classIndex, initial: null },
  teacherClass: { name: "teacher-says", codec: classIndex, initial: null },
  studentClass: { name: "student-says", codec: classIndex, initial: null },
  bin: { name: "bin", codec: orNull(bin), initial: null },
  matrix: { name: "matrix", codec: oneOf(MATRICES), initial: "teacher-student" },
  nBins: { name: "bins", codec: numberFrom(2, 100, true), initial: 10 },
  binning: { name: "binning", codec: oneOf<Binning>(["equal_width", "equal_mass"]), initial: "equal_width" },
  insideImages: { name: "inside-images", codec: numberFrom(0, N_TEST_IMAGES, true), initial: 0 },
  kernel: { name: "kernel", codec: oneOf(KERNELS), initial: "linear" },
  hidden: { name: "hide", codec: listOf(oneOf(HIDEABLE)), initial: [] },
  isGuess: { name: "guess", codec: flag, initial: false },
};

export const choice = signal<Choice>(initialOf(FIELDS));
export const isHidden = (part: Hideable): boolean => choice.value.hidden.includes(part);

/** Families with a teacher and a student that have stored logits, in the order of the other views. */
export const families = computed(() =>
  [...new Set([...setsOf(listed.value), ...listed.value].map(({ family }) => family))].filter((name) => {
    const roles = listed.value.filter((entry) => entry.family === name).map(({ role }) => role);
    return roles.includes("teacher") && roles.includes("student");
  }),
);
/** The chosen family, else that of the chosen networks, else the one that the other views use. */
export const family = computed(() => {
  const { family: chosen, student: own, teachers: members } = choice.value;
  const named = [own, ...(members ?? [])].flatMap((name) => listed.value.find((entry) => entry.name === name) ?? [])[0]
    ?.family;
  return (
    [chosen, named, activeFamily.value].find((name) => name != null && families.value.includes(name)) ??
    families.value[0] ??
    null
  );
});
const inFamily = (role: Listed["role"]) =>
  listed.value.filter((entry) => entry.role === role && entry.family === family.value);
export const allTeachers = computed(() => inFamily("teacher"));
export const allStudents = computed(() => inFamily("student"));
/** Students of all families, because one ensemble can be compared with students of different kinds. */
export const everyStudent = computed(() => listed.value.filter(({ role }) => role === "student"));
/** The chosen student, else that of the family's best set, which the other views use. */
export const student = computed(() => {
  const [best] = setsOf(listed.value).find((set) => set.family === family.value)?.students ?? [];
  const names = allStudents.value.map(({ name }) => name);
  return [choice.value.student, best?.name].find((name) => name != null && names.includes(name)) ?? names[0] ?? null;
});
export const teachers = computed<string[]>(() => {
  const names = allTeachers.value.map(({ name }) => name);
  const chosen = (choice.value.teachers ?? []).filter((name) => names.includes(name));
  if (chosen.length > 0) return chosen;
  const taughtBy = allStudents.value.find(({ name }) => name === student.value)?.taughtBy ?? [];
  const own = names.filter((name) => taughtBy.includes(name));
  return own.length > 0 ? own : names;
});
export const nClasses = computed(() => (choice.value.level === "fine" ? 100 : 20));

const explicit = (next: Choice): Choice => ({
  ...next,
  family: family.value,
  teachers: teachers.value,
  student: student.value,
});
const FILTERS = {
  cells: [],
  agree: null,
  trueClass: null,
  teacherClass: null,
  studentClass: null,
  bin: null,
} satisfies Partial<Choice>;

/** Changes the view's state and the address. Defaults are written out, so that a link is complete. */
export function change(patch: Partial<Choice>): void {
  batch(() => {
    let next = { ...choice.value, ...patch };
    // Classes mean others on the other level.
    if (patch.level && patch.level !== choice.value.level)
      next = { ...next, trueClass: null, teacherClass: null, studentClass: null };
    if (patch.family !== undefined && patch.family !== family.value)
      next = { ...next, teachers: null, student: null, control: null, other: null };
    choice.value = next;
    choice.value = explicit(next);
    setQuery("fidelity", writeLink(FIELDS, choice.value));
  });
}

/** The address of the same state with some changes, for links that add to the history. */
export const hrefTo = (patch: Partial<Choice>): string =>
  hrefWith("fidelity", writeLink(FIELDS, explicit({ ...choice.value, ...patch })));
/** The address of exactly the images that a figure counts. */
export const imagesHref = (filter: Partial<Choice>): string => hrefTo({ ...FILTERS, ...filter, section: "images" });
export const showImages = (filter: Partial<Choice>): void => {
  location.hash = imagesHref(filter);
};
export const clearFilters = (): void => change(FILTERS);
/** The full address of the present view. */
export const linkTo = (patch: Partial<Choice> = {}): string => new URL(hrefTo(patch), location.href).href;

function tellIgnored(ignored: readonly string[]): void {
  if (ignored.length > 0) notifyInfo(testSetWords.link.ignored, [...ignored]);
}

/** Follows the address while the view is open, and loads the logits that it needs. */
export function watchChoice(): () => void {
  const stops = [
    effect(() => {
      if (view.value !== "fidelity") return;
      const query = queryOf("fidelity");
      if (query === writeLink(FIELDS, choice.peek())) return;
      const { state, ignored } = parseLink(FIELDS, query);
      const classes = state.level === "fine" ? 100 : 20;
      for (const key of ["trueClass", "teacherClass", "studentClass"] as const) {
        const index = state[key];
        if (index === null || index < classes) continue;
        ignored.push(`${FIELDS[key].name}=${index}`);
        state[key] = null;
      }
      if (state.bin && state.bin.index >= state.nBins) {
        ignored.push(`${FIELDS.bin.name}=${bin.write(state.bin)}`);
        state.bin = null;
      }
      choice.value = state;
      tellIgnored(ignored);
    }),
    // Names can be checked only when the networks are known.
    effect(() => {
      if (!isListed.value) return;
      const { family: wanted, teachers: members, student: own, control, other } = choice.value;
      const names = (list: readonly Listed[]) => list.map(({ name }) => name);
      const unknown = [
        ...(wanted !== null && !families.value.includes(wanted) ? [`family=${wanted}`] : []),
        ...(members ?? []).filter((name) => !names(allTeachers.value).includes(name)).map((name) => `teachers=${name}`),
        ...(
          [
            ["student", own, allStudents],
            ["control", control, allStudents],
            ["other", other, everyStudent],
          ] as const
        ).flatMap(([key, name, among]) =>
          name !== null && !names(among.value).includes(name) ? [`${key}=${name}`] : [],
        ),
      ];
      if (unknown.length === 0) return;
      const known = members?.filter((name) => names(allTeachers.value).includes(name)) ?? [];
      const kept = (name: string | null, among = allStudents.value) =>
        name !== null && names(among).includes(name) ? name : null;
      choice.value = {
        ...choice.value,
        family: family.value,
        teachers: known.length > 0 ? known : null,
        student: kept(own),
        control: kept(control),
        other: kept(other, everyStudent.value),
      };
      tellIgnored(unknown);
    }),
    effect(() => {
      isLiveHidden.value = isHidden("live") || choice.value.section !== "overview";
    }),
    effect(() => {
      const chosen = [...teachers.value, student.value, choice.value.other].filter((name) => name !== null);
      const rest = [...allTeachers.value, ...allStudents.value]
        .map(({ name }) => name)
        .filter((name) => !chosen.includes(name));
      queueMicrotask(() => want([...chosen, ...rest]));
    }),
  ];
  return () => {
    stops.forEach((stop) => stop());
    isLiveHidden.value = false;
  };
}
