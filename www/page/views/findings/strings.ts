/** Words of the Findings view, loaded with it. */
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
  withoutLogits: "Some test logits could not be loaded; where they are needed, the maker’s figures stand in.",
  legend:
    "Filled marks are our networks, computed here from their stored test logits; outlines are the paper’s, which were trained far longer.",
  paper: "the paper",
  oursTaught: "our students",
  oursUntaught: "our teachers, against the others’ ensemble",
  source: (source: string, kind: Kind) => `[${kind}] ${source}`,
  paperValues: (source: string) => `The paper’s values: ${source}.`,
  missing: "Missing",
  notTrained: "not trained yet",
  about: (networks: readonly string[], n: number, version: string) => [
    `Ours: ${inWords(networks)}. Paper: Stanton et al. 2021, arXiv 2106.05945v2`,
    `CIFAR-100 test set, n = ${count(n)}. Fidelity Lab ${version}`,
  ],

  recipe: {
    unknown: "How its recipe differs from the paper’s is not known.",
    same: "Its recipe is the paper’s.",
    near: (lambda: number) => `It began at λ = ${brief(lambda)} of its teacher’s weights.`,
    differs: (differences: readonly Difference[]) =>
      `Otherwise than in the paper: ${inWords(differences.map(({ what, ours, paper }) => differenceNames[what](ours, paper)))}.`,
  },
  detail: {
    taught: (by: readonly string[], accuracy: number, agreement: number) =>
      `taught by ${inWords(by)}: accuracy ${percent(accuracy)}, agreement with them ${percent(agreement)}.`,
    untaught: (by: readonly string[], accuracy: number, agreement: number) =>
      `not taught: accuracy ${percent(accuracy)}, agreement with the ensemble of ${inWords(by)} ${percent(agreement)}.`,
    paper: (accuracy: number, agreement: number, source: string) =>
      `accuracy ${percent(accuracy)}, agreement ${percent(agreement)}. ${source}.`,
    computed: "Computed here from stored logits.",
    measured: "As measured by the maker.",
  },

  points: [
    {
      title: "A student can be accurate and unfaithful",
      text: "Distillation often makes a good student without making a copy. In the paper, a student that is as accurate as its teachers still answers about every fifth to fourth test image otherwise than they do [read off a figure]. Right of the middle and low: accurate, and unfaithful.",
    },
    {
      title: "With ensembles, the more faithful student is the better calibrated one",
      text: "An ensemble’s answer is smoother than a single network’s, and easier to match: agreement grows with the number of teachers. Among students of ensembles, those that follow more closely also know better how sure to be.",
    },
    {
      title: "More or other data moves fidelity only so far",
      text: "Stronger augmentation, MixUp or images from a generator tell the student more about its teachers, and raise agreement by some points. None of them brings it near 100%.",
    },
    {
      title: "Optimisation is the cause",
      text: "The student does not even match its teachers on the images that it was distilled on: agreement there stays below 100% and the loss above its floor. Begun near enough to a teacher’s own weights, it does match: between the two lies a cliff.",
    },
    {
      title: "There is a trade-off",
      text: "Data that pin the teacher down are harder to fit. The more the training images vary, the less agreement is reached on them, while agreement on the test images grows a little: what more images tell is partly lost again to optimisation.",
    },
  ],

  plane: {
    title: "Accuracy and fidelity",
    x: "Test accuracy of the student",
    y: "Agreement with its teachers",
    hint: "Each mark is a network. Teachers stand where they are by chance and skill alone: nobody taught them to agree.",
    missing: "None of our students was trained as long as the paper’s (300 epochs), and none on GAN or SVHN images.",
    header: ["network", "whose", "accuracy", "agreement", "compared with", "source"],
  },
  sizes: {
    title: "Agreement over the number of teachers",
    x: "Teachers in the ensemble, m",
    y: "Agreement",
    hint: "A line is one student of ours, held against ensembles of its first m teachers. The paper’s outlines are a student of m teachers each, at temperature 1.",
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
    hint: "In the paper’s words for ensembles: to the right, and further down.",
    detail: (agreement: number, ece: number) => `agreement ${percent(agreement)}, ECE ${brief(ece)}.`,
    few: (n: number) =>
      `${n === 0 ? "No student" : n === 1 ? "One student" : `${count(n)} students`} shipped: three or more are needed to see a tendency.`,
    noPaper:
      "None of the paper’s students is drawn here: pairs of agreement and ECE stand in figures that were not read off.",
    header: ["network", "agreement", "ece", "teachers"],
  },
  policies: {
    title: "Agreement by augmentation and temperature",
    x: "Agreement with the teachers on test images",
    values: (paper: string, ours: string) => `paper ${paper} · ours ${ours}`,
    row: (policy: string, temperature: number | undefined) =>
      temperature === undefined ? policy : `${policy} (temperature ${brief(temperature)})`,
    hint: "In the paper five ResNet-56 teach one. A row without a temperature is one whose temperature the figure’s label does not name; our students of any stand in it.",
    grid: "Agreement by temperature",
    header: ["training", "temperature", "whose", "agreement", "accuracy", "source"],
    missing: (rows: readonly string[]) => `Not trained yet by us: ${inWords(rows)}.`,
    gridX: "Temperature of the distillation",
    gridY: "Agreement",
    gridHint:
      "In the paper ResNet-20 on half the data: a line for students of 1, 3 and 5 teachers, from below. Ours stand at their own temperature.",
    gridMissing: "Students on half the data are not trained yet by us.",
  },
  cliff: {
    title: "The cliff between two basins",
    x: "λ, the teacher’s share in the first weights",
    y: "Agreement on training images",
    hint: "A student of one teacher begins at λ times the teacher’s weights plus 1 − λ times random ones.",
    detail: (lambda: number, low: number, high: number, source: string) =>
      `λ = ${brief(lambda)}: ${low === high ? percent(low) : `${percent(low)} to ${percent(high)}`} over runs of a self-distilled ResNet-20 with LayerNorm. ${source}.`,
    ours: (lambda: number, agreement: number) => `λ = ${brief(lambda)}: ${percent(agreement)}.`,
    missing: "Students of ours that begin near a teacher are not trained yet.",
    missingSome: (lambdas: readonly number[]) => `Not trained yet by us: λ = ${inWords(lambdas.map(brief))}.`,
    header: ["whose", "lambda", "train_agreement_low", "train_agreement_high", "source"],
  },
  trainTest: {
    title: "Agreement in training and in the test",
    x: "Agreement on training images",
    y: "Agreement on test images",
    hint: "On the dashed line both are the same. Ours are measured on training images as they are.",
    detail: (train: number, test: number) => `training ${percent(train)}, test ${percent(test)}.`,
    missing: (names: readonly string[]) => `Without a train agreement: ${inWords(names)}.`,
    header: ["network", "whose", "train_agreement", "test_agreement", "source"],
  },
  curve: {
    title: "A student by epoch",
    student: "Student",
    x: "Epoch",
    y: "Share of images",
    train: "agreement, training",
    test: "agreement, test",
    accuracy: "accuracy, test",
    hint: "The training’s own record: agreement on training images as they were augmented, on test images where it was measured.",
    missing: "No student that ships has a record by epoch in its manifest yet.",
    header: ["epoch", "loss", "train_agreement", "test_agreement", "accuracy"],
  },
  trade: {
    title: "Agreement in training by augmentation",
    x: "Agreement with the teacher on training images",
    hint: "The paper’s self-distilled ResNet-56; a range where bars lie close together.",
    missing: (rows: readonly string[]) => `Not trained yet by us: ${inWords(rows)}.`,
    header: ["training", "whose", "train_agreement_low", "train_agreement_high", "source"],
  },
} as const;
