import { megabytes, nats, percent } from "../../common/format.ts";
import { weightsUrl, type ManifestLogits } from "../../state/manifest.ts";
import { activeFamily, sets } from "../../state/networks.ts";
import { words } from "../../common/strings.ts";
import { ScrollingTable } from "../../components/scrolling_table.tsx";

/** Shows the figures from the manifest, apart from those that are computed here. */
export function ShippedFigures() {
  const set = sets.value.find((candidate) => candidate.family === activeFamily.value);
  if (!set) return null;
  return (
    <details class="card" data-testid="shipped-figures">
      <summary>{words.fidelity.shipped}</summary>
      <p class="hint">{words.fidelity.shippedNote}</p>
      <ScrollingTable label={words.fidelity.shipped}>
        <table class="results">
          <thead>
            <tr>
              {[
                words.fidelity.network,
                words.fidelity.accuracy,
                words.fidelity.top5,
                words.fidelity.nll,
                words.fidelity.ece,
                words.fidelity.agreement,
                words.fidelity.kl,
                words.fidelity.testLogits,
              ].map((word) => (
                <th key={word} scope="col">
                  {word}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {[...set.teachers, ...set.students, ...set.others].map(({ name, role, metrics, logits }) => (
              <tr key={name}>
                <th scope="row">
                  <span class={`key ${role === "teacher" ? "member" : "student"}`} aria-hidden="true" />
                  {name}
                </th>
                <td>{percent(metrics.accuracy)}</td>
                <td>{percent(metrics.top5Accuracy)}</td>
                <td>{nats(metrics.nll)}</td>
                <td>{nats(metrics.ece)}</td>
                <td>{metrics.agreement === undefined ? "–" : percent(metrics.agreement)}</td>
                <td>{metrics.kl === undefined ? "–" : nats(metrics.kl)}</td>
                <td>{logits ? <LogitsLink name={name} logits={logits} /> : "–"}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </ScrollingTable>
    </details>
  );
}

/** A link whose file is fetched only when the visitor follows it. */
function LogitsLink({ name, logits }: { name: string; logits: ManifestLogits }) {
  return (
    <a href={weightsUrl(logits.file)} download={logits.file} aria-label={words.fidelity.testLogitsOf(name)}>
      {megabytes(logits.bytes)}
    </a>
  );
}
