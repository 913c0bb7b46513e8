import type { ComponentChildren } from "preact";
import type { EvaluationReport } from "../../../../pkg/api.js";
import { nats, percent } from "../../common/format.ts";
import { wilson } from "../../common/numbers.ts";
import { student } from "../../state/networks.ts";
import { words, type TermName } from "../../common/strings.ts";
import { Help } from "../../components/help.tsx";

/** With fewer images the intervals are so wide that the page warns. */
export const FEW_IMAGES = 500;

/** Shows four figures side by side, which follow a running measurement. */
export function Figures({ report }: { report: EvaluationReport | null }) {
  const name = student.value;
  const n = report?.nImages ?? 0;
  const ensemble = report?.ensemble ?? undefined;
  const own = name ? report?.models[name] : undefined;
  const fidelity = name ? report?.students[name] : undefined;
  return (
    <section class="figures" aria-label={words.fidelity.figures} data-testid="figures">
      <Card title={words.fidelity.accuracy} term="accuracy">
        <Share who="ensemble" value={ensemble?.accuracy} n={n} testId="ensemble-accuracy" />
        <Share who="student" value={own?.accuracy} n={n} testId="student-accuracy" />
      </Card>
      <Card title={words.fidelity.agreement} term="agreement">
        <Share who={null} value={fidelity?.agreement} n={n} testId="agreement" />
      </Card>
      <Card title={words.fidelity.kl} term="kl">
        <Mean
          who={null}
          value={fidelity?.kl}
          standardError={fidelity?.klStandardError}
          n={n}
          unit={words.fidelity.nats}
          testId="kl"
        />
      </Card>
      <Card title={words.fidelity.ece} term="ece">
        <Mean who="ensemble" value={ensemble?.ece} n={n} testId="ensemble-ece" />
        <Mean who="student" value={own?.ece} n={n} testId="student-ece" />
      </Card>
    </section>
  );
}

function Card({ title, term, children }: { title: string; term: TermName; children: ComponentChildren }) {
  return (
    <div class="card figure">
      <h2>
        {title}
        <Help term={term} />
      </h2>
      {children}
    </div>
  );
}

type Who = "ensemble" | "student" | null;
interface FigureProps {
  who: Who;
  value: number | null | undefined;
  n: number;
  testId: string;
  unit?: string;
  standardError?: number | null | undefined;
}

function Share({ who, value, n, testId }: FigureProps) {
  if (value === null || value === undefined) return <Missing who={who} value={value} n={n} testId={testId} />;
  const { low, high } = wilson(value, n);
  return (
    <Value
      who={who}
      testId={testId}
      text={percent(value)}
      below={`${words.fidelity.interval(percent(low), percent(high))}\n${words.fidelity.n(n)}`}
    />
  );
}

/** The mean and 1.96 standard errors on either side. ECE has no standard error and names only its number of images. */
function Mean({ who, value, n, testId, unit = "", standardError }: FigureProps) {
  if (value === null || value === undefined) return <Missing who={who} value={value} n={n} testId={testId} />;
  const margin = standardError ? 1.96 * standardError : null;
  const interval =
    margin === null ? "" : `${words.fidelity.interval(nats(Math.max(0, value - margin)), nats(value + margin))}\n`;
  return <Value who={who} testId={testId} text={nats(value)} unit={unit} below={`${interval}${words.fidelity.n(n)}`} />;
}

/** Stands for a figure that needs unknown true classes, or belongs to a network added after the measurement. */
function Missing({ who, value, n, testId }: FigureProps) {
  return (
    <Value
      who={who}
      testId={testId}
      text="–"
      below={n === 0 ? " " : value === null ? words.fidelity.noLabels : words.fidelity.notMeasured}
    />
  );
}

function Value({
  who,
  text,
  below,
  unit = "",
  testId,
}: {
  who: Who;
  text: string;
  below: string;
  unit?: string;
  testId: string;
}) {
  return (
    <div class={`figure-value ${who ?? "both"}`}>
      {who && <span class="who">{who === "ensemble" ? words.ensemble : (student.value ?? words.student)}</span>}
      <span class="number">
        <span data-testid={testId}>{text}</span>
        {unit && <small> {unit}</small>}
      </span>
      <span class="below">{below}</span>
    </div>
  );
}
