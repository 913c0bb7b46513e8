import { probability } from "../../common/format.ts";
import { topClasses } from "../../common/numbers.ts";
import type { Comparison } from "../../state/predictions.ts";
import { className } from "../../state/class_names.ts";
import { student, teachers } from "../../state/networks.ts";
import { words } from "../../common/strings.ts";
import { Help } from "../../components/help.tsx";

const TOP = 5;

interface Column {
  name: string;
  kind: "ensemble" | "student" | "member";
  logP: Float32Array;
}

/** The rows are the union of all networks' top classes in the ensemble's order, so that bars can be compared across columns. */
export function AnswerTable({ comparison, label }: { comparison: Comparison; label: number | null }) {
  const columns = columnsOf(comparison);
  const lead = columns[0];
  if (!lead) return null;
  const rows = [...new Set(columns.flatMap(({ logP }) => topClasses(logP, TOP)))].sort(
    (a, b) => lead.logP[b]! - lead.logP[a]!,
  );
  const tops = columns.map(({ logP }) => topClasses(logP, 1)[0]);
  const members = columns.filter(({ kind }) => kind === "member");
  return (
    <div class="table-wrap">
      <table class="answers" data-testid="answers">
        <caption>
          {words.compare.table}
          <span class="hint">{words.compare.tableHint}</span>
        </caption>
        <thead>
          <tr>
            <th scope="col">{words.compare.classColumn}</th>
            {columns.map(({ name, kind }) => (
              <th key={name} scope="col" class={kind}>
                {kind === "ensemble" ? (
                  <>
                    {words.ensemble}
                    <Help term="ensemble" />
                  </>
                ) : (
                  name
                )}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr key={row} data-testid="answer-row">
              <th scope="row">
                {className(row, lead.logP.length)}
                {row === label && <span class="true-mark">{words.compare.trueMark}</span>}
              </th>
              {columns.map(({ name, kind, logP }, i) => (
                <td key={name} class={`${kind}${tops[i] === row ? " top" : ""}`}>
                  <Bar
                    share={Math.exp(logP[row]!)}
                    dots={kind === "ensemble" ? members.map((member) => Math.exp(member.logP[row]!)) : []}
                  />
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function columnsOf({ ensemble, student: studentAnswer, members }: Comparison): Column[] {
  const columns: Column[] = [];
  if (ensemble) columns.push({ name: words.ensemble, kind: "ensemble", logP: ensemble });
  if (studentAnswer && student.value) columns.push({ name: student.value, kind: "student", logP: studentAnswer });
  members.forEach((logP, i) => {
    const name = teachers.value[i];
    if (logP && name) columns.push({ name, kind: "member", logP });
  });
  return columns;
}

/** The dots show the members' predictions, in place of their columns if there is no room for these. */
function Bar({ share, dots }: { share: number; dots: readonly number[] }) {
  return (
    <div class="cell">
      <span class="bar" aria-hidden="true">
        <span class="fill" style={{ width: `${100 * share}%` }} />
        {dots.map((dot, i) => (
          <span key={i} class="dot" style={{ left: `${100 * dot}%` }} />
        ))}
      </span>
      <span class="value">{probability(share)}</span>
    </div>
  );
}
