/** The whole report as one file, which the page opens again. */
import { signal } from "@preact/signals";
import type {
  Baselines,
  Calibration,
  Cells,
  Intervals,
  McNemar,
  Report,
  TemperatureFits,
} from "../../../../pkg/analysis_api.js";
import { N_TEST_IMAGES } from "../../state/class_names.ts";
import { messageOf, notifyError, notifyInfo } from "../../state/notices.ts";
import { saveJson } from "../../common/save.ts";
import { testSetWords } from "../../test_set/strings.ts";
import { choice, linkTo } from "../../test_set/choice.ts";
import { pair, type Pair } from "../../test_set/questions.ts";
import { analysis, listed } from "../../test_set/stored_logits.ts";

export const KIND = "fidelity-lab report";

export interface ReportFile {
  kind: typeof KIND;
  version: string;
  savedAt: string;
  /** The part of the address after the page's own. */
  link: string;
  nImages: number;
  question: Required<Pair>;
  /** Checksums of the stored logits that the figures are made from, by network. */
  logits: Record<string, string>;
  report: Report;
  cells: Cells;
  baselines: Baselines;
  intervals: Intervals;
  mcnemar: McNemar;
  calibration: Calibration;
  temperatures: TemperatureFits;
}

export interface Opened {
  name: string;
  file: ReportFile;
}
export const opened = signal<Opened | null>(null);

export async function saveReport(): Promise<void> {
  const [client, question] = [analysis.value, pair()];
  if (!client || !question) return;
  const { teachers, student, level = "fine" } = question;
  const { nBins, binning } = choice.value;
  try {
    const [report, cells, baselines, intervals, mcnemar, calibration, temperatures] = await Promise.all([
      client.report(question),
      client.cells(question),
      client.baselines(question),
      client.intervals(question),
      client.mcnemar({ first: teachers, second: student, level }),
      client.calibration({
        models: [teachers, student],
        nBins,
        binning,
        level,
        temperature: question.temperature ?? 1,
      }),
      client.fitTemperature({ teachers, student, level }),
    ]);
    const logits = Object.fromEntries(
      [...teachers, student].map((name) => [
        name,
        listed.value.find((entry) => entry.name === name)?.logits.sha256 ?? "",
      ]),
    );
    const file: ReportFile = {
      kind: KIND,
      version: __VERSION__,
      savedAt: new Date().toISOString(),
      link: new URL(linkTo()).hash,
      nImages: N_TEST_IMAGES,
      question: question as Required<Pair>,
      logits,
      report,
      cells,
      baselines,
      intervals,
      mcnemar,
      calibration,
      temperatures,
    };
    saveJson(`fidelity-report-${student}.json`, file);
  } catch (error) {
    notifyError(testSetWords.file.notSaved, [messageOf(error)]);
  }
}

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === "object" && value !== null;
const isShare = (value: unknown) => typeof value === "number" && value >= 0 && value <= 1;

/** Says what is wrong with a report file, or returns null for a good one. */
export function faultOf(value: unknown): string | null {
  if (!isObject(value) || value.kind !== KIND) return testSetWords.file.noReport;
  const { question, report, link, logits } = value;
  if (
    !isObject(question) ||
    !Array.isArray(question.teachers) ||
    !question.teachers.every((name) => typeof name === "string") ||
    typeof question.student !== "string"
  )
    return testSetWords.file.noPart("question");
  if (typeof link !== "string" || !link.startsWith("#/fidelity")) return testSetWords.file.noPart("link");
  if (!isObject(logits)) return testSetWords.file.noPart("logits");
  const figures = isObject(report) && isObject(report.students) ? report.students[question.student] : null;
  if (
    !isObject(report) ||
    !isObject(report.ensemble) ||
    !isObject(report.models) ||
    !isObject(report.models[question.student]) ||
    !isObject(figures) ||
    !isShare(figures.agreement)
  )
    return testSetWords.file.noPart("report");
  return null;
}

/** Shows a report's figures beside the present ones and restores its view. A file that is not a report changes nothing. */
export function openReport(name: string, text: string): void {
  try {
    const value: unknown = JSON.parse(text);
    const fault = faultOf(value);
    if (fault) throw new Error(fault);
    const file = value as ReportFile;
    opened.value = { name, file };
    location.hash = file.link;
    notifyInfo(testSetWords.file.opened(name));
  } catch (error) {
    notifyError(testSetWords.file.notOpened(name), [messageOf(error)]);
  }
}
