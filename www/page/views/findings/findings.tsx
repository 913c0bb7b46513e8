import { Lazy } from "../../components/lazy.tsx";
import { t } from "../../common/strings.ts";

const load = async () => (await import("./findings_view.tsx")).FindingsView;

export function Findings() {
  return (
    <div class="view findings">
      <div class="view-head">
        <div>
          <h1>{t.findings.heading}</h1>
          <p class="lead">{t.findings.lead}</p>
        </div>
      </div>
      <Lazy load={load} props={{}} />
    </div>
  );
}
