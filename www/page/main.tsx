import { render } from "preact";
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

/** The smallest module with a SIMD instruction: () -> v128, i32.const 0, i8x16.splat, i8x16.popcnt. */
const SIMD_PROBE = new Uint8Array([
  0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 10, 1, 8, 0, 65, 0, 253, 15, 253, 98, 11,
]);

function hasWasmSimd(): boolean {
  return typeof WebAssembly === "object" && WebAssembly.validate(SIMD_PROBE);
}

function tellNoSimd(): void {
  const heading = document.querySelector("#boot h1");
  const text = document.querySelector("#boot p");
  if (heading) heading.textContent = words.boot.noSimd;
  if (text) text.textContent = words.boot.noSimdText;
  document.querySelector("#boot ul")?.remove(); // the other causes are none here
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

if (hasWasmSimd()) void start();
else tellNoSimd();
