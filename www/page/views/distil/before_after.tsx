import type { HoldOutMetrics } from "../../../../pkg/api.js";
import { nats, percent } from "../../common/format.ts";
import { words } from "../../common/strings.ts";

interface Props {
  before: HoldOutMetrics;
  after: HoldOutMetrics | null;
  isOver: boolean;
}

/** A difference of two shares, in percentage points. */
const points = (value: number) => words.distil.points((100 * value).toFixed(1));

type Figure = "agreement" | "kl" | "accuracy" | "nll" | "ece";
const ROWS: readonly {
  figure: Figure;
  name: string;
  format: (value: number) => string;
  changeFormat?: (value: number) => string;
  isBetterUp: boolean;
}[] = [
  { figure: "agreement", name: words.fidelity.agreement, format: percent, changeFormat: points, isBetterUp: true },
  { figure: "kl", name: `${words.fidelity.kl}, ${words.fidelity.nats}`, format: nats, isBetterUp: false },
  { figure: "accuracy", name: words.fidelity.accuracy, format: percent, changeFormat: points, isBetterUp: true },
  { figure: "nll", name: words.fidelity.nll, format: nats, isBetterUp: false },
  { figure: "ece", name: words.fidelity.ece, format: nats, isBetterUp: false },
];

export function BeforeAfter({ before, after, isOver }: Props) {
  return (
    <table class="results before-after" data-testid="before-after">
      <thead>
        <tr>
          <th scope="col">{words.distil.figure}</th>
          <th scope="col">{words.distil.before}</th>
          <th scope="col">{isOver ? words.distil.after : words.distil.latestHeldOut}</th>
          <th scope="col">{words.distil.change}</th>
        </tr>
      </thead>
      <tbody>
        {ROWS.map(({ figure, name, format, changeFormat = format, isBetterUp }) => {
          const [was, is] = [before[figure], after?.[figure] ?? null];
          const change = was !== null && is !== null ? is - was : null;
          const isBetter = change !== null && change !== 0 && change > 0 === isBetterUp;
          return (
            <tr key={figure}>
              <th scope="row">{name}</th>
              <td data-testid={`before-${figure}`}>{was === null ? "–" : format(was)}</td>
              <td data-testid={`after-${figure}`}>{is === null ? "–" : format(is)}</td>
              <td class={isBetter ? "better" : ""}>
                {change === null ? "–" : `${change > 0 ? "+" : change < 0 ? "−" : ""}${changeFormat(Math.abs(change))}`}
              </td>
            </tr>
          );
        })}
      </tbody>
    </table>
  );
}
