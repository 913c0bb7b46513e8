import { Help } from "../components/help.tsx";
import { nats, percent } from "../format.ts";
import { t, type TermName } from "../strings.ts";
import { useAsked } from "./asked.ts";
import { report } from "./questions.ts";

/** The four figures of the chosen pair. */
export function Overview() {
  const { answer, isBusy } = useAsked(report);
  const { value, question } = answer ?? {};
  const own = question && value?.models[question.student];
  const fidelity = question && value?.students[question.student];
  const show = (figure: number | null | undefined, format: (value: number) => string) => (figure === null || figure === undefined ? "–" : format(figure));
  return (
    <div class="figures" aria-busy={isBusy} data-testid="lab-figures">
      <Card title={t.fidelity.accuracy} term="accuracy">
        <p data-testid="lab-ensemble-accuracy">{show(value?.ensemble.accuracy, percent)}</p>
        <p data-testid="lab-student-accuracy">{show(own?.accuracy, percent)}</p>
      </Card>
      <Card title={t.fidelity.agreement} term="agreement"><p data-testid="lab-agreement">{show(fidelity?.agreement, percent)}</p></Card>
      <Card title={t.fidelity.kl} term="kl"><p data-testid="lab-kl">{show(fidelity?.kl, nats)}</p></Card>
    </div>
  );
}

function Card({ title, term, children }: { title: string; term: TermName; children: preact.ComponentChildren }) {
  return <div class="card figure"><h3>{title}<Help term={term} /></h3>{children}</div>;
}
