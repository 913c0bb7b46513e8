/** Statistics of a whole test set, as the page asks for them: five teachers and a student on 10,000 images. */
import { checkFigures } from "./check.js";
import { alternate } from "./clock.js";
import { goldenFile, goldenJson, N_CLASSES } from "./data.js";
import { bytesOf } from "./files.js";

const N_IMAGES = 10_000;
const N_MEMBERS = 5;
/** A prime number: each step from member to member, from 1 to half of it, makes other ensembles, and other ensembles of the first members. */
const N_TEACHERS = 7;
const STUDENT = "student0";

/** `times` by what was asked for, in ms. */
export async function statistics({ rounds }) {
  const { Analysis } = await import("../../pkg/analysis.js");
  const labels = (await bytesOf("www/weights/test-labels.bin")).slice(0, N_IMAGES);
  const analysis = await Analysis.create({ labels, nClasses: N_CLASSES });
  const names = Array.from({ length: N_TEACHERS }, (_, i) => `teacher${i}`);
  for (const [i, name] of names.entries()) await analysis.add(name, await goldenFile(`teacher${i % 3}.logits.f16`));
  await analysis.add(STUDENT, await goldenFile(`${STUDENT}.logits.f16`));

  const golden = await goldenJson("statistics.json");
  const three = await analysis.report({ teachers: names.slice(0, 3), student: STUDENT });
  const { agreement, kl } = three.students[STUDENT];
  checkFigures("the report", { agreement, kl }, { agreement: golden.agreement, kl: golden.kl }, 1e-6);

  // None comes again before it is forgotten, as its reports would then be quicker than a new one's.
  const ensembles = Array.from({ length: N_TEACHERS * ((N_TEACHERS - 1) / 2) }, (_, k) => {
    const step = 1 + Math.floor(k / N_TEACHERS);
    return Array.from({ length: N_MEMBERS }, (_, i) => names[(k + i * step) % N_TEACHERS]);
  });
  let [nEnsembles, nTemperatures] = [0, 0];
  const pair = { teachers: names.slice(0, N_MEMBERS), student: STUDENT };
  const another = () => ({ teachers: ensembles[nEnsembles++ % ensembles.length], student: STUDENT });
  const warmer = () => ({ ...pair, temperature: 1.1 + 0.01 * nTemperatures++ });
  const asked = {
    statistics_members: () => analysis.report({ ...another(), sizes: false }),
    statistics_temperature: () => analysis.report({ ...warmer(), sizes: false }),
    statistics_sizes: () => analysis.report(another()),
    statistics_sizes_temperature: () => analysis.report(warmer()),
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
