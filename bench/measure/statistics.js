/** Statistics of a whole test set, as the page asks for them: five teachers and a student on 10,000 images. */
import { checkFigures } from "./check.js";
import { alternate } from "./clock.js";
import { bytesOf } from "./files.js";

const GOLDEN = "tests/golden";
const N_IMAGES = 10_000;
const N_MEMBERS = 5;
/** As many as a family of the page has: one goes, another comes. */
const N_TEACHERS = 6;
const STUDENT = "student0";
/** Without a divisor in common with the six ensembles. */
const STRIDE = 5;

/** Sets of `size` of the numbers below `n`. */
function subsets(n, size, from = 0) {
  if (size === 0) return [[]];
  const starts = Array.from({ length: Math.max(0, n - from - size + 1) }, (_, i) => from + i);
  return starts.flatMap((first) => subsets(n, size - 1, first + 1).map((rest) => [first, ...rest]));
}

/** `times` by what was asked for, in ms. */
export async function statistics({ rounds }) {
  const { Analysis } = await import("../../pkg/analysis.js");
  const labels = (await bytesOf("www/weights/test-labels.bin")).slice(0, N_IMAGES);
  const analysis = await Analysis.create({ labels, nClasses: 100 });
  const names = Array.from({ length: N_TEACHERS }, (_, i) => `teacher${i}`);
  for (const [i, name] of names.entries()) await analysis.add(name, await bytesOf(`${GOLDEN}/teacher${i % 3}.logits.f16`));
  await analysis.add(STUDENT, await bytesOf(`${GOLDEN}/${STUDENT}.logits.f16`));

  const golden = JSON.parse(new TextDecoder().decode(await bytesOf(`${GOLDEN}/statistics.json`)));
  const three = await analysis.report({ teachers: names.slice(0, 3), student: STUDENT });
  const { agreement, kl } = three.students[STUDENT];
  checkFigures("the report", { agreement, kl }, { agreement: golden.agreement, kl: golden.kl }, 1e-6);

  const sorted = subsets(N_TEACHERS, N_MEMBERS).map((members) => members.map((i) => names[i]));
  // Far apart in the sorted order, so that ensembles of the first members are others too.
  const ensembles = sorted.map((_, i) => sorted[(i * STRIDE) % sorted.length]);
  let [nEnsembles, nTemperatures] = [0, 0];
  const pair = { teachers: names.slice(0, N_MEMBERS), student: STUDENT };
  const asked = {
    statistics_members: () => analysis.report({ teachers: ensembles[nEnsembles++ % ensembles.length], student: STUDENT }),
    statistics_temperature: () => analysis.report({ ...pair, temperature: 1.1 + 0.01 * nTemperatures++ }),
    statistics_intervals: () => analysis.intervals(pair),
    statistics_fit: () => analysis.fitTemperature(pair),
    statistics_curves: () => analysis.temperatureCurves(pair),
  };
  // One kind after the other, as a visitor asks: what a slider's last step computed is there at its next one.
  const times = {};
  for (const [measure, ask] of Object.entries(asked)) {
    await ask();
    [times[measure]] = await alternate([ask], rounds);
  }
  analysis.dispose();
  return { nImages: N_IMAGES, nMembers: N_MEMBERS, times };
}
