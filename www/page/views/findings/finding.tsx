/** The frame of a figure of Findings, and what all of these figures share. */
import type { ComponentChildren } from "preact";
import type { Axis } from "../../charts/axis.ts";
import type { PlotMark } from "../../charts/plot.tsx";
import type { Look } from "../../charts/shape.tsx";
import { ValuesTable } from "../../charts/values_table.tsx";
import { brief } from "../../common/format.ts";
import { N_TEST_IMAGES } from "../../state/class_names.ts";
import type { ManifestNetwork } from "../../state/manifest.ts";
import { Figure, type Table } from "../../test_set/figure.tsx";
import type { Source } from "../../test_set/paper.ts";
import { differences, isFromScratch, type Evidence } from "./evidence.ts";
import { findingsWords } from "./strings.ts";

export const sourceOf = ({ source, kind }: Source) => findingsWords.source(source, kind);
/** Formats whole numbers and leaves the ticks between them blank. */
export const wholeTick = (value: number) => (Number.isInteger(value) ? String(value) : "");
/** An axis of shares that holds all values and ends on multiples of 5%. */
export const shareAxis = (label: string, values: readonly number[]): Axis => ({
  label,
  min: Math.max(0, Math.floor(Math.min(...values) * 20 - 0.2) / 20),
  max: Math.min(1, Math.ceil(Math.max(...values) * 20 + 0.2) / 20),
  format: (value) => `${Math.round(100 * value)}%`,
});

export interface Part {
  all: readonly Evidence[];
}
export type Cell = string | number | null;

/** A figure with its table and a list of what it lacks. */
export function Finding({
  title,
  hint,
  testId,
  all,
  header,
  rows,
  missing = [],
  isWide = false,
  isDrawn = true,
  children,
}: {
  title: string;
  hint?: string;
  testId: string;
  all: readonly Evidence[];
  header: readonly string[];
  rows: readonly (readonly Cell[])[];
  missing?: readonly (string | false)[];
  isWide?: boolean;
  isDrawn?: boolean;
  children: ComponentChildren;
}) {
  const table: Table = { header, rows };
  const networks = all.map(({ network }) => network.name);
  const lacking = missing.filter((line) => line !== false);
  const shown = rows.map((row) =>
    row.map((cell) => (cell === null ? "–" : typeof cell === "number" ? brief(cell) : cell)),
  );
  return (
    <div class={`finding-figure${isWide ? " wide" : ""}`}>
      <Figure
        title={title}
        hint={hint}
        testId={testId}
        question={null}
        table={table}
        isDrawn={isDrawn}
        about={{
          lines: findingsWords.about(networks, N_TEST_IMAGES, __VERSION__),
          facts: {
            version: __VERSION__,
            nImages: N_TEST_IMAGES,
            networks,
            paper: "Stanton et al. 2021, arXiv 2106.05945v2",
          },
        }}
      >
        {children}
      </Figure>
      {lacking.length > 0 && (
        <ul class="missing" aria-label={`${findingsWords.missing}: ${title}`} data-testid={`${testId}-missing`}>
          {lacking.map((line) => (
            <li key={line}>
              <strong>{findingsWords.missing}.</strong> {line}
            </li>
          ))}
        </ul>
      )}
      <ValuesTable title={title} header={header} rows={shown} testId={`${testId}-values`} />
    </div>
  );
}

export function recipeOf(network: ManifestNetwork): string {
  const unlike = differences(network);
  const text =
    unlike === null
      ? findingsWords.recipe.unknown
      : unlike.length === 0
        ? findingsWords.recipe.same
        : findingsWords.recipe.differs(unlike);
  return isFromScratch(network) ? text : `${findingsWords.recipe.near(network.recipe!.lambda!)} ${text}`;
}

export function detailOf({ network, isTaught, isComputed, ensembleOf, accuracy, agreement }: Evidence): string {
  const origin = (isTaught ? findingsWords.detail.taught : findingsWords.detail.untaught)(
    ensembleOf,
    accuracy,
    agreement ?? 0,
  );
  return `${origin} ${isComputed ? findingsWords.detail.computed : findingsWords.detail.measured} ${recipeOf(network)}`;
}

/** A mark for one of our networks. */
export const ourMark = (look: Look, name: string, x: number, y: number, detail: string): PlotMark => ({
  name,
  look,
  x,
  y,
  detail,
});
/** A mark for a value of the paper. */
export const paperMark = (name: string, x: number, y: number, detail: string): PlotMark => ({
  name,
  look: "control",
  x,
  y,
  isOutline: true,
  detail,
});
/** Whose a row of a table is. */
export const OURS = "ours";
export const PAPERS = "paper";
