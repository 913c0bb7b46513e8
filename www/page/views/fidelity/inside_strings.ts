/** Texts of the comparison of networks by their activations, loaded with it. */
import { count, duration, inWords } from "../../common/format.ts";
import type { Kind } from "../../test_set/paper.ts";

export const ckaWords = {
  heading: "Inside the networks: how similar are their representations?",
  lead: "Centred kernel alignment (CKA) measures how similarly two networks arrange the same images internally, whatever they predict: 1 for the same arrangement up to rotation and scale, about 0 for unrelated ones. It is computed here from the activations at the end of each of the three stages.",
  images: "Images",
  source: (title: string, n: number) => `${title}, ${count(n)}`,
  run: "Compare inside",
  cancel: "Cancel",
  running: (done: number, total: number) => `${count(done)} of ${count(total)} images`,
  left: (seconds: number) => `${duration(seconds)} left`,
  progressLabel: "Images compared",
  done: (n: number, title: string) => `Computed here just now: ${title}, n = ${count(n)}, in batches of at most 256.`,
  cancelled: (n: number, total: number, title: string) =>
    `Cancelled: ${title}, the first ${count(n)} of ${count(total)} images.`,
  failed: "The networks could not be compared.",
  few: "So few images tell little; choose hundreds from the test set.",
  needs: "Choose at least two networks above.",
  empty:
    "Nothing compared yet. This device computes the networks chosen above, which takes seconds on a GPU and, for thousands of images, minutes on a CPU.",
  onlySamples: "Only the samples are available, which are too few to tell much.",
  outdated: "You have chosen other networks since; these figures belong to the networks named in them.",
  kernel: "Kernel",
  kernels: { linear: "linear", rbf: "RBF" },
  kernelText: {
    linear: "Linear: products of the activations, centred by the unbiased HSIC over minibatches.",
    rbf: "RBF, as in the authors’ code: each network’s bandwidth is half the median distance between two images of the first batch.",
  },
  title: "Similarity by stage",
  axis: "CKA",
  stage: (i: number) => `Stage ${i + 1}`,
  student: (name: string) => `${name} and each teacher`,
  teachers: "two teachers",
  values: (student: string | null, teachers: string | null) =>
    [student && `student ${student}`, teachers && `teachers ${teachers}`].filter(Boolean).join(" · "),
  span: (low: string, high: string) => `${low} to ${high}`,
  paper: (values: readonly string[], source: string, kind: Kind) =>
    `In the paper, a self-distilled ResNet-20 and its teacher have ${inWords(values)} in the three stages [${kind}] (${source}).`,
  pairs: "All pairs",
  pair: "Pair",
  names: (first: string, second: string) => `${first}, ${second}`,
  header: ["first", "second", "stage", "n_images", "cka_linear", "cka_rbf", "bandwidth_first", "bandwidth_second"],
  columns: (stage: string) => [`${stage}, linear`, `${stage}, RBF`, `${stage}, bandwidths`],
  about: (networks: readonly string[], title: string, n: number, version: string) => [
    `Networks: ${inWords(networks)}`,
    `${title}, n = ${count(n)}. Fidelity Lab ${version}`,
  ],
} as const;
