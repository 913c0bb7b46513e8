/** What the views ask of the statistics. */
import type { Lens } from "../../../pkg/analysis_api.js";
import { Asked } from "./asked.ts";
import { choice, student, teachers } from "./choice.ts";
import { loaded } from "./test_answers.ts";

export interface Pair extends Lens { teachers: string[]; student: string }

/** The chosen networks; null until the answers of all of them are there. */
export function pair(): Pair | null {
  const own = student.value;
  if (own === null || teachers.value.length === 0) return null;
  if (![...teachers.value, own].every((name) => loaded.value.has(name))) return null;
  return { teachers: teachers.value, student: own, level: choice.value.level, temperature: choice.value.temperature };
}

export const report = new Asked(pair, (analysis, question, signal) => analysis.report({ ...question, signal }));
