/** `lab.report` and `lab.compare`: statistics of stored logits, from a module that is loaded when it is first needed. */
import type { Analysis } from "../statistics/analysis.js";
import type { Answers, CompareOptions, Comparison, Report, ReportOptions } from "../statistics/types.js";
import { LabError } from "../wasm/errors.js";

export function report(answers: Answers, options: ReportOptions): Promise<Report> {
  return withAnalysis(answers, (analysis) => analysis.report(options));
}

export function compare(answers: Answers, options: CompareOptions): Promise<Comparison> {
  return withAnalysis(answers, async (analysis) => {
    const { student, other, nResamples, seed, signal, onProgress, ...ensemble } = options ?? ({} as CompareOptions);
    // The calls below take these under other names, or may lack them.
    for (const [name, value] of Object.entries({ student, other }))
      if (value === undefined) throw new LabError("bad_argument", `${name} is missing; it must be a network's name`);
    const drawn = { ...(nResamples !== undefined && { nResamples }), ...(seed !== undefined && { seed }) };
    const watched = { ...(signal && { signal }), ...(onProgress && { onProgress }) };
    const cancellable = { ...(signal && { signal }) };
    const level = ensemble.level && { level: ensemble.level };
    return {
      report: await analysis.report({ ...ensemble, student: [student, other], ...cancellable }),
      mcnemar: await analysis.mcnemar({ first: student, second: other, ...level, ...cancellable }),
      student: await analysis.cells({ ...ensemble, student, ...cancellable }),
      other: await analysis.cells({ ...ensemble, student: other, ...cancellable }),
      intervals: await analysis.intervals({ ...ensemble, ...drawn, ...watched, student, other }),
    };
  });
}

async function withAnalysis<T>(answers: Answers, ask: (analysis: Analysis) => Promise<T>): Promise<T> {
  if (typeof answers?.logits !== "object" || answers.logits === null)
    throw new LabError("bad_argument", "answers.logits must be an object that maps networks' names to logits");
  const { Analysis } = await import("../statistics/analysis.js");
  const analysis = await Analysis.create(answers);
  try {
    for (const [name, logits] of Object.entries(answers.logits))
      await analysis.add(name, logits, answers.facts?.[name]);
    return await ask(analysis);
  } finally {
    analysis.dispose();
  }
}
