/** What the options of `Analysis` must be, so that a message names the option instead of a type of the wasm module. */
import { LabError } from "../wasm/errors.js";

type Kind = keyof typeof KINDS;

const isText = (value: unknown) => typeof value === "string";
const isNames = (value: unknown) => Array.isArray(value) && value.every(isText);
const isCount = (value: unknown) => Number.isInteger(value) && (value as number) >= 0 && (value as number) < 2 ** 32;
const isOneOf =
  (...texts: string[]) =>
  (value: unknown) =>
    texts.includes(value as string);

const KINDS = {
  text: [isText, "a network's name"],
  names: [isNames, "an array of networks' names"],
  textOrNames: [(value: unknown) => isText(value) || isNames(value), "a network's name or an array of them"],
  predictors: [
    (value: unknown) => Array.isArray(value) && value.every((one) => isText(one) || isNames(one)),
    "an array of networks' names and arrays of these",
  ],
  count: [isCount, "a whole number from 0"],
  number: [(value: unknown) => typeof value === "number", "a number"],
  numbers: [
    (value: unknown) => Array.isArray(value) && value.every((one) => typeof one === "number"),
    "an array of numbers",
  ],
  flag: [(value: unknown) => typeof value === "boolean", "true or false"],
  level: [isOneOf("fine", "coarse"), '"fine" or "coarse"'],
  binning: [isOneOf("equal_width", "equal_mass"), '"equal_width" or "equal_mass"'],
  side: [isOneOf("truth", "teacher", "student"), '"truth", "teacher" or "student"'],
  pairSide: [isOneOf("teacher", "student"), '"teacher" or "student"'],
  sort: [
    isOneOf("index", "kl", "teacherConfidence", "studentConfidence", "teacherMargin", "studentMargin"),
    '"index", "kl", "teacherConfidence", "studentConfidence", "teacherMargin" or "studentMargin"',
  ],
  cells: [
    (value: unknown) =>
      Array.isArray(value) &&
      value.every(isOneOf("bothRight", "onlyTeacher", "onlyStudent", "bothWrongSame", "bothWrongOther")),
    'an array of "bothRight", "onlyTeacher", "onlyStudent", "bothWrongSame" and "bothWrongOther"',
  ],
  object: [(value: unknown) => typeof value === "object" && value !== null, "an object"],
  floats: [(value: unknown) => value instanceof Float32Array, "a Float32Array"],
  words: [(value: unknown) => value instanceof Uint32Array, "a Uint32Array"],
} as const satisfies Record<string, readonly [(value: unknown) => boolean, string]>;

/** A kind of each option; one that ends in "?" may be missing. */
export type Shape = Record<string, Kind | `${Kind}?`>;

const LENS = { level: "level?", temperature: "number?" } as const satisfies Shape;
const PAIR = { teachers: "names", student: "text", ...LENS } as const satisfies Shape;

export const SHAPES = {
  report: { teachers: "names", student: "textOrNames?", sizes: "flag?", ...LENS },
  baselines: { ...PAIR, control: "text?" },
  pairs: { models: "names?", ...LENS },
  intervals: { ...PAIR, student: "text?", other: "text?", nResamples: "count?", seed: "count?" },
  mcnemar: { first: "textOrNames", second: "textOrNames", level: "level?" },
  cells: PAIR,
  confusion: { ...PAIR, teachers: "names?", student: "text?", rows: "side?", columns: "side?" },
  calibration: { models: "predictors", nBins: "count?", binning: "binning?", ...LENS },
  fitTemperature: { teachers: "names", student: "textOrNames?", seed: "count?", level: "level?" },
  temperatureCurves: { teachers: "names", student: "textOrNames?", temperatures: "numbers?", level: "level?" },
  images: { ...PAIR, filter: "object?", sort: "sort?", descending: "flag?" },
  filter: {
    cells: "cells?",
    agree: "flag?",
    trueClass: "count?",
    teacherClass: "count?",
    studentClass: "count?",
    bin: "object?",
  },
  bin: { of: "pairSide", index: "count", nBins: "count?", binning: "binning?" },
  imageAnswers: { index: "count", teachers: "names", student: "textOrNames?", nTop: "count?", ...LENS },
  verify: { name: "text", logits: "floats", indices: "words?" },
  cka: { first: "floats", second: "floats", n: "count" },
  compare: { ...PAIR, other: "text", nResamples: "count?", seed: "count?" },
} satisfies Record<string, Shape>;

/** The options of a shape that are given, without those that are undefined. No options are none that are given. Throws `bad_argument`. */
export function checked<T extends object>(options: T | undefined, shape: keyof typeof SHAPES, path = ""): T {
  if (options !== undefined && (typeof options !== "object" || options === null))
    throw new LabError("bad_argument", `${shape} takes an object of options`);
  const given: Record<string, unknown> = {};
  for (const [name, kind] of Object.entries(SHAPES[shape] as Shape)) {
    const value = (options as Record<string, unknown> | undefined)?.[name];
    if (value === undefined && kind.endsWith("?")) continue;
    const [fits, words] = KINDS[kind.replace("?", "") as Kind];
    if (value === undefined) throw new LabError("bad_argument", `${path}${name} is missing; it must be ${words}`);
    if (!fits(value)) throw new LabError("bad_argument", `${path}${name} is ${shown(value)}; it must be ${words}`);
    given[name] = value;
  }
  return given as T;
}

function shown(value: unknown): string {
  return typeof value === "string"
    ? `"${value}"`
    : ArrayBuffer.isView(value)
      ? value.constructor.name
      : (JSON.stringify(value) ?? String(value));
}
