/** The methods of `Analysis` and `AnalysisClient` that follow from the module's table of questions. */
import type { Questions } from "./fidelity_lab_statistics.js";
import type { Cancellable, QuestionMethods } from "./types.js";

export type Question = keyof Questions;

/** Returns a method per question, each of which calls `ask` with its name. */
export function questionMethods(
  questions: Question[],
  ask: (question: Question, options: Cancellable) => Promise<unknown>,
): QuestionMethods {
  const methods = questions.map((question) => [question, (options: Cancellable) => ask(question, options)]);
  return Object.fromEntries(methods) as QuestionMethods;
}

/** The base of a class whose constructor or factory assigns it the `questionMethods`; the methods' types come from the module. */
export const WithQuestions = class {} as new () => QuestionMethods;
