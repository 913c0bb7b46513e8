/** Texts of the Findings view, loaded with it. */
import { brief, count, inWords, percent, plural } from "../../common/format.ts";
import type { Difference } from "./evidence.ts";
import type { Kind } from "../../test_set/paper.ts";

const differenceNames: Record<Difference["what"], (ours: string, paper: string | null) => string> = {
  epochs: (ours, paper) => `${ours} ${ours === "1" ? "epoch" : "epochs"} instead of ${paper}`,
  smallEpochs: (ours) => `the first ${ours} epochs on 24-pixel pictures`,
  batch: (ours, paper) => `batches of ${ours} instead of ${paper}`,
  learningRate: (ours, paper) => `learning rate ${ours} instead of ${paper}`,
  weightDecay: (ours, paper) => `weight decay ${ours} instead of ${paper}`,
  split: (ours) => `on the part ${ours} of the training set`,
};

export const findingsWords = {
  opening: "Opening the networks’ figures",
  failed: "The networks’ figures could not be opened.",
  loading: (name: string, done: string, total: string, nLeft: number) =>
    `Loading the test logits of ${name}: ${done} of ${total}${nLeft > 0 ? `, ${count(nLeft)} more to come` : ""}`,
  withoutLogits: "Some test logits could not be loaded; the figures that ship with the networks are shown instead.",
  legend:
    "Filled marks are our networks, computed here from their stored test logits; outlines are the paper’s networks, which were trained far longer.",
  paper: "the paper",
  oursTaught: "our students",
  oursUntaught: "our teachers, each compared with the ensemble of the others",
  source: (source: string, kind: Kind) => `[${kind}] ${source}`,
  paperValues: (source: string) => `The paper’s values: ${source}.`,
  missing: "Missing",
  notTrained: "not trained yet",
  about: (networks: readonly string[], n: number, version: string) => [
    `Ours: ${inWords(networks)}. Paper: Stanton et al. 2021, arXiv 2106.05945v2`,
    `CIFAR-100 test set, n = ${count(n)}. Fidelity Lab ${version}`,
  ],

  recipe: {
    unknown: "How its recipe differs from the paper’s is unknown.",
    same: "It was trained with the paper’s recipe.",
    near: (lambda: number) => `It started at λ = ${brief(lambda)} on the way from random weights to its teacher’s.`,
    differs: (differences: readonly Difference[]) =>
      `Differences from the paper: ${inWords(differences.map(({ what, ours, paper }) => differenceNames[what](ours, paper)))}.`,
  },
  detail: {
    taught: (by: readonly string[], accuracy: number, agreement: number) =>
      `taught by ${inWords(by)}: accuracy ${percent(accuracy)}, agreement with them ${percent(agreement)}.`,
    untaught: (by: readonly string[], accuracy: number, agreement: number) =>
      `not taught: accuracy ${percent(accuracy)}, agreement with the ensemble of ${inWords(by)} ${percent(agreement)}.`,
    paper: (accuracy: number, agreement: number, source: string) =>
      `accuracy ${percent(accuracy)}, agreement ${percent(agreement)}. ${source}.`,
    computed: "Computed here from stored logits.",
    measured: "As shipped with the network.",
  },

  points: [
    {
      title: "A student can be accurate and unfaithful",
      text: "Distillation often makes a good student without making a copy. In the paper, a student as accurate as its teachers still disagrees with them on about a fifth to a quarter of the test images [read off a figure]. Marks on the right and low are accurate but unfaithful.",
    },
    {
      title: "With ensembles, the more faithful student is the better calibrated one",
      text: "An ensemble’s probabilities are smoother than a single network’s and easier to match: agreement grows with the number of teachers. Among students of ensembles, the more faithful ones are also better calibrated.",
    },
    {
      title: "More or other data moves fidelity only so far",
      text: "Stronger augmentation, MixUp or generated images tell the student more about its teachers and raise agreement by a few points. None of them brings it near 100%.",
    },
    {
      title: "Optimisation is the cause",
      text: "The student does not match its teachers even on the images that it was distilled on: agreement there stays below 100% and the loss stays above its floor. A student that starts close enough to a teacher’s weights does match; a cliff separates the two cases.",
    },
    {
      title: "There is a trade-off",
      text: "Data that constrain the student more are harder to fit. The more the training images vary, the lower the agreement on them, while agreement on the test images grows a little: optimisation loses part of what more images would teach.",
    },
  ],

  plane: {
    title: "Accuracy and fidelity",
    x: "Test accuracy of the student",
    y: "Agreement with its teachers",
    hint: "Each mark is a network. Teachers agree by skill and chance alone: they were not taught to.",
    missing: "None of our students was trained as long as the paper’s (300 epochs), and none on GAN or SVHN images.",
    header: ["network", "whose", "accuracy", "agreement", "compared with", "source"],
  },
  sizes: {
    title: "Agreement over the number of teachers",
    x: "Teachers in the ensemble, m",
    y: "Agreement",
    hint: "Each line is one of our students, compared with ensembles of its first m teachers. Each outline is a student of m teachers in the paper, at temperature 1.",
    student: (name: string, m: number, agreement: number) =>
      `${name} with the first ${count(m)}: ${percent(agreement)}`,
    detail: (m: number, agreement: number, source: string) =>
      `${plural(m, "teacher", "teachers")}: agreement ${percent(agreement)}. ${source}.`,
    missing: (m: number) => `No student of ${plural(m, "teacher", "teachers")} is trained yet.`,
    header: ["whose", "teachers", "agreement", "source"],
  },
  calibration: {
    title: "Fidelity and calibration",
    x: "Agreement with its teachers",
    y: "ECE of the student",
    hint: "The paper’s finding for ensembles: further right means further down.",
    detail: (agreement: number, ece: number) => `agreement ${percent(agreement)}, ECE ${brief(ece)}.`,
    few: (n: number) =>
      `${n === 0 ? "No student ships" : n === 1 ? "One student ships" : `${count(n)} students ship`} with the page; a trend needs three or more.`,
    noPaper:
      "The paper’s students are not shown here: its pairs of agreement and ECE are only in figures that were not read off.",
    header: ["network", "agreement", "ece", "teachers"],
  },
  policies: {
    title: "Agreement by augmentation and temperature",
    x: "Agreement with the teachers on test images",
    values: (paper: string, ours: string) => `paper ${paper} · ours ${ours}`,
    row: (policy: string, temperature: number | undefined) =>
      temperature === undefined ? policy : `${policy} (temperature ${brief(temperature)})`,
    hint: "In the paper, five ResNet-56 teach one. If a row names no temperature, neither does the paper’s figure; our students appear in it at every temperature.",
    grid: "Agreement by temperature",
    header: ["training", "temperature", "whose", "agreement", "accuracy", "source"],
    missing: (rows: readonly string[]) => `We have not trained yet: ${inWords(rows)}.`,
    gridX: "Temperature of the distillation",
    gridY: "Agreement",
    gridHint:
      "In the paper: ResNet-20 on half the data, with one line each for students of 1, 3 and 5 teachers, from bottom to top. Our students are at the temperature they were trained at.",
    gridMissing: "We have not trained students on half the data yet.",
  },
  cliff: {
    title: "The cliff between two basins",
    x: "λ, the teacher’s share in the first weights",
    y: "Agreement on training images",
    hint: "A student of one teacher starts at λ times the teacher’s weights plus 1 − λ times random weights.",
    detail: (lambda: number, low: number, high: number, source: string) =>
      `λ = ${brief(lambda)}: ${low === high ? percent(low) : `${percent(low)} to ${percent(high)}`} over runs of a self-distilled ResNet-20 with LayerNorm. ${source}.`,
    ours: (lambda: number, agreement: number) => `λ = ${brief(lambda)}: ${percent(agreement)}.`,
    missing: "We have not trained students that start near a teacher yet.",
    missingSome: (lambdas: readonly number[]) => `We have not trained yet: λ = ${inWords(lambdas.map(brief))}.`,
    header: ["whose", "lambda", "train_agreement_low", "train_agreement_high", "source"],
  },
  trainTest: {
    title: "Agreement on training and test images",
    x: "Agreement on training images",
    y: "Agreement on test images",
    hint: "On the dashed line both are equal. For our networks, agreement is measured on training images without augmentation.",
    detail: (train: number, test: number) => `training ${percent(train)}, test ${percent(test)}.`,
    missing: (names: readonly string[]) => `No agreement on training images is known for: ${inWords(names)}.`,
    header: ["network", "whose", "train_agreement", "test_agreement", "source"],
  },
  curve: {
    title: "A student, epoch by epoch",
    student: "Student",
    x: "Epoch",
    y: "Share of images",
    train: "agreement, training",
    test: "agreement, test",
    accuracy: "accuracy, test",
    hint: "Recorded during training: agreement on augmented training images, and on test images at the epochs where it was measured.",
    missing: "The manifest has no record by epoch for any student yet.",
    header: ["epoch", "loss", "train_agreement", "test_agreement", "accuracy"],
  },
  trade: {
    title: "Agreement in training by augmentation",
    x: "Agreement with the teacher on training images",
    hint: "The paper’s self-distilled ResNet-56; bars too close to tell apart are shown as a range.",
    missing: (rows: readonly string[]) => `We have not trained yet: ${inWords(rows)}.`,
    header: ["training", "whose", "train_agreement_low", "train_agreement_high", "source"],
  },
} as const;
