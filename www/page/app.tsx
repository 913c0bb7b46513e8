import { Header } from "./components/header.tsx";
import { LoadState } from "./components/load_state.tsx";
import { Notices } from "./components/notices.tsx";
import { isDragging } from "./state/intake.ts";
import { view, type View } from "./state/route.ts";
import { words } from "./common/strings.ts";
import { Compare } from "./views/compare/compare.tsx";
import { Distil } from "./views/distil/distil.tsx";
import { Fidelity } from "./views/fidelity/fidelity.tsx";
import { Findings } from "./views/findings/findings.tsx";

const views: Record<View, () => preact.JSX.Element> = {
  compare: Compare,
  fidelity: Fidelity,
  distil: Distil,
  findings: Findings,
};

export function App() {
  const Current = views[view.value];
  return (
    <>
      <a
        class="skip"
        href="#main"
        onClick={(event) => {
          event.preventDefault(); // the hash is the view's
          document.getElementById("main")?.focus();
        }}
      >
        {words.skip}
      </a>
      <Header />
      <main id="main" tabIndex={-1} data-testid={`view-${view.value}`}>
        <LoadState />
        <Notices />
        <Current />
      </main>
      {isDragging.value && (
        <div class="drop-veil" aria-hidden="true">
          <p>{words.compare.dropHere}</p>
        </div>
      )}
    </>
  );
}
