import { Lazy } from "../../components/lazy.tsx";
import { words } from "../../common/strings.ts";

const load = async () => (await import("./findings_view.tsx")).FindingsView;

export function Findings() {
  return (
    <div class="view findings">
      <div class="view-head">
        <div>
          <h1>{words.findings.heading}</h1>
          <p class="lead">{words.findings.lead}</p>
        </div>
      </div>
      <Lazy load={load} props={{}} />
    </div>
  );
}
