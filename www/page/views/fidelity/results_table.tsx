import type { EvaluationReport, Generalisation } from "../../../../pkg/api.js";
import { nats, percent } from "../../common/format.ts";
import { words } from "../../common/strings.ts";
import { Help } from "../../components/help.tsx";
import { ScrollingTable } from "../../components/scrolling_table.tsx";

export interface ResultRow {
  name: string;
  kind: "member" | "ensemble" | "student";
  general: Generalisation;
  agreement: number | null;
  kl: number | null;
  agreementRight: number | null;
  agreementWrong: number | null;
}

/** Every teacher, the ensemble and every student of a report, in that order. */
export function rowsOf(report: EvaluationReport): ResultRow[] {
  const nothing = { agreement: null, kl: null, agreementRight: null, agreementWrong: null };
  const rows: ResultRow[] = report.teachers.map((name) => ({
    name,
    kind: "member" as const,
    general: report.models[name]!,
    ...nothing,
  }));
  if (report.ensemble) rows.push({ name: words.ensemble, kind: "ensemble", general: report.ensemble, ...nothing });
  for (const [name, general] of Object.entries(report.models)) {
    if (report.teachers.includes(name)) continue;
    const fidelity = report.students[name];
    rows.push({
      name,
      kind: "student",
      general,
      agreement: fidelity?.agreement ?? null,
      kl: fidelity?.kl ?? null,
      agreementRight: fidelity?.agreementTeacherRight ?? null,
      agreementWrong: fidelity?.agreementTeacherWrong ?? null,
    });
  }
  return rows;
}

const share = (value: number | null | undefined) => (value === null || value === undefined ? "–" : percent(value));
const mean = (value: number | null | undefined) => (value === null || value === undefined ? "–" : nats(value));

export function ResultsTable({ report }: { report: EvaluationReport }) {
  return (
    <ScrollingTable label={words.fidelity.results}>
      <table class="results" data-testid="results">
        <thead>
          <tr>
            <th scope="col">{words.fidelity.network}</th>
            <th scope="col">{words.fidelity.accuracy}</th>
            <th scope="col">
              {words.fidelity.top5}
              <Help term="top5" />
            </th>
            <th scope="col">
              {words.fidelity.nll}
              <Help term="nll" />
            </th>
            <th scope="col">{words.fidelity.ece}</th>
            <th scope="col">{words.fidelity.agreement}</th>
            <th scope="col">{words.fidelity.agreementRight}</th>
            <th scope="col">{words.fidelity.agreementWrong}</th>
            <th scope="col">
              {words.fidelity.kl}, {words.fidelity.nats}
            </th>
          </tr>
        </thead>
        <tbody>
          {rowsOf(report).map(({ name, kind, general, ...fidelity }) => (
            <tr key={`${kind}${name}`} data-testid={`result-${name}`}>
              <th scope="row">
                <span class={`key ${kind}`} aria-hidden="true" />
                {name}
              </th>
              <td>{share(general.accuracy)}</td>
              <td>{share(general.top5Accuracy)}</td>
              <td>{mean(general.nll)}</td>
              <td>{mean(general.ece)}</td>
              <td>{share(fidelity.agreement)}</td>
              <td>{share(fidelity.agreementRight)}</td>
              <td>{share(fidelity.agreementWrong)}</td>
              <td>{mean(fidelity.kl)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </ScrollingTable>
  );
}
