import { render } from "preact";
import { hasSimd } from "../../pkg/wasm/simd.js";
import "./style/tokens.css";
import "./style/base.css";
import "./style/frame.css";
import "./views/compare/compare.css";
import "./views/fidelity/fidelity.css";
import "./views/distil/distil.css";
import { App } from "./app.tsx";
import { watchPredictions } from "./state/predictions.ts";
import { findOfferedSets } from "./state/data_sets.ts";
import { warnBeforeLeaving } from "./state/distillation.ts";
import { watchEvaluation } from "./state/evaluation.ts";
import { watchDropAndPaste } from "./state/intake.ts";
import { startClient } from "./state/client.ts";
import { startNetworks } from "./state/first_networks.ts";
import { decodeSamples } from "./state/pictures.ts";
import { words } from "./common/strings.ts";

function tellNoSimd(): void {
  const heading = document.querySelector("#boot h1");
  const text = document.querySelector("#boot p");
  if (heading) heading.textContent = words.boot.noSimd;
  if (text) text.textContent = words.boot.noSimdText;
  document.querySelector("#boot ul")?.remove(); // the other causes do not apply
}

async function start(): Promise<void> {
  const root = document.getElementById("app")!;
  document.getElementById("boot")?.remove();
  render(<App />, root);
  watchDropAndPaste();
  watchPredictions();
  watchEvaluation();
  warnBeforeLeaving();
  const [lab] = await Promise.all([startClient(), findOfferedSets()]);
  if (lab) await Promise.all([decodeSamples(lab), startNetworks(lab)]);
}

if (hasSimd()) void start();
else tellNoSimd();
