import type { ComponentChildren } from "preact";
import { useRef } from "preact/hooks";
import { Help } from "../components/help.tsx";
import { N_TEST_IMAGES } from "../state/class_names.ts";
import { saveCsv, saveJson } from "../common/save.ts";
import type { TermName } from "../common/strings.ts";
import { testSetWords } from "./strings.ts";
import { isHidden } from "./choice.ts";
import { ExportButtons } from "../charts/export_buttons.tsx";
import { savePng, saveSvg, type Caption } from "../charts/export_figure.ts";
import type { Pair } from "./questions.ts";

type Cell = string | number | boolean | null;
export interface Table {
  header: readonly string[];
  rows: readonly (readonly Cell[])[];
}

interface Props {
  title: string;
  term?: TermName;
  hint?: string | undefined;
  testId: string;
  isBusy?: boolean;
  /** The question that the figure answers; null while there is nothing to save. */
  question: Pair | null;
  /** For a figure that covers more than one pair: the caption, and the facts that its JSON file adds to the values. */
  about?: { lines: readonly string[]; facts: object };
  table: Table;
  /** Default: the table's rows by their header. */
  json?: unknown;
  /** Whether there is something to save as a picture. */
  isDrawn?: boolean;
  children: ComponentChildren;
}

export const captionOf = (title: string, question: Pair): Caption => ({
  title,
  lines: [
    testSetWords.caption.networks(question.teachers, question.student),
    testSetWords.caption.how(
      N_TEST_IMAGES,
      question.level === "coarse" ? 20 : 100,
      question.temperature ?? 1,
      __VERSION__,
    ),
  ],
});

/** The facts that every JSON file adds to the values. */
export const provenance = (question: Pair) => ({
  version: __VERSION__,
  nImages: N_TEST_IMAGES,
  teachers: question.teachers,
  student: question.student,
  level: question.level,
  temperature: question.temperature,
});

/** A card with a title, a figure, and the figure's numbers to take home. */
export function Figure({
  title,
  term,
  hint,
  testId,
  isBusy = false,
  question,
  about,
  table,
  json,
  isDrawn = true,
  children,
}: Props) {
  const box = useRef<HTMLDivElement>(null);
  const name = `fidelity-${testId.replace(/^lab-/, "")}`;
  const caption = () => (about ? { title, lines: about.lines } : captionOf(title, question!));
  const asObjects = () =>
    table.rows.map((row) => Object.fromEntries(table.header.map((key, i) => [key, row[i] ?? null])));
  const savers = {
    csv: () => saveCsv(`${name}.csv`, table.header, table.rows),
    json: () =>
      saveJson(`${name}.json`, {
        figure: title,
        ...(about?.facts ?? provenance(question!)),
        values: json ?? asObjects(),
      }),
    ...(isDrawn && {
      svg: () => saveSvg(name, box.current!, caption()),
      png: () => savePng(name, box.current!, caption()),
    }),
  };
  return (
    <figure class="card test-set-figure" data-testid={testId} aria-busy={isBusy}>
      <figcaption>
        <h3>
          {title}
          {term && <Help term={term} />}
        </h3>
        {hint && <p class="hint">{hint}</p>}
      </figcaption>
      <div class="figure-body" ref={box}>
        {children}
      </div>
      {(question || about) && !isHidden("exports") && <ExportButtons title={title} testId={testId} savers={savers} />}
    </figure>
  );
}
