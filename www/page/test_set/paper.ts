/** Figures of the paper: Stanton, Izmailov, Kirichenko, Alemi, Wilson, "Does Knowledge Distillation Really Work?", NeurIPS 2021, arXiv 2106.05945v2. */

/** Whether a value is printed in the paper or was read off a figure, to within about half a point or worse. */
export type Kind = "exact" | "read off a figure";
export interface Source {
  source: string;
  kind: Kind;
}
/** Shares. */
export interface PaperStudent extends Source {
  setting: string;
  accuracy: number;
  agreement: number;
  policy?: string;
  temperature?: number;
  nTeachers: number;
}

const FIG3: readonly [policy: string, temperature: number | undefined, accuracy: number, agreement: number][] = [
  ["baseline", 1, 0.725, 0.79],
  ["baseline", 4, 0.745, 0.84],
  ["rotation", undefined, 0.735, 0.815],
  ["vertical flip", undefined, 0.74, 0.815],
  ["colour jitter", undefined, 0.745, 0.825],
  ["combined", undefined, 0.73, 0.835],
  ["MixUp", 1, 0.75, 0.835],
  ["MixUp", 4, 0.745, 0.855],
  ["GAN images", 4, 0.745, 0.835],
  ["SVHN images", undefined, 0.725, 0.795],
  ["noise", undefined, 0.715, 0.785],
];
/** Five ResNet-56 taught one ResNet-56. The temperature is missing if the figure's label names none. */
export const POLICIES: readonly PaperStudent[] = FIG3.map(([policy, temperature, accuracy, agreement]) => ({
  setting: `ResNet-56 of five, ${policy}${temperature === undefined ? "" : `, temperature ${temperature}`}`,
  accuracy,
  agreement,
  policy,
  ...(temperature === undefined ? {} : { temperature }),
  nTeachers: 5,
  source: "Fig. 3",
  kind: "read off a figure",
}));

const GRID: readonly [nTeachers: number, accuracy: readonly number[], agreement: readonly number[]][] = [
  [1, [59.38, 61.33, 59.87, 59.16], [58.04, 65.31, 65.24, 65.27]],
  [3, [59.65, 62.78, 62.12, 61.38], [63.91, 72.77, 72.38, 71.56]],
  [5, [60.25, 63.21, 62.18, 61.45], [67.16, 74.77, 75.32, 74.92]],
];
export const GRID_TEMPERATURES = [1, 4, 8, 16] as const;
/** ResNet-20 on half the data. */
export const TEMPERATURE_GRID: readonly PaperStudent[] = GRID.flatMap(([nTeachers, accuracies, agreements]) =>
  GRID_TEMPERATURES.map((temperature, i) => ({
    setting: `ResNet-20 of ${nTeachers} on half the data, temperature ${temperature}`,
    accuracy: accuracies[i]! / 100,
    agreement: agreements[i]! / 100,
    temperature,
    nTeachers,
    source: "Fig. 9",
    kind: "exact" as const,
  })),
);

export const PLANE: readonly PaperStudent[] = [
  {
    setting: "self-distilled ResNet-56, no GAN images",
    accuracy: 0.72,
    agreement: 0.725,
    nTeachers: 1,
    source: "Fig. 1a",
    kind: "read off a figure",
  },
  {
    setting: "self-distilled ResNet-56, 50,000 GAN images",
    accuracy: 0.71,
    agreement: 0.745,
    nTeachers: 1,
    source: "Fig. 1a",
    kind: "read off a figure",
  },
  ...POLICIES,
  ...TEMPERATURE_GRID,
];

/** ResNet-56 at temperature 1: one student per number of teachers m, at the ends of the curve. */
export const SIZES: readonly (Source & { m: number; agreement: number })[] = [
  { m: 1, agreement: 0.775, source: "Fig. 10", kind: "read off a figure" },
  { m: 12, agreement: 0.86, source: "Fig. 10", kind: "read off a figure" },
];

/** Train agreement of self-distilled ResNet-20 with LayerNorm that start at lambda * teacher + (1 - lambda) * random weights; the range over runs. */
export const CLIFF: readonly (Source & { lambda: number; low: number; high: number })[] = [
  [0, 78.7, 79.3],
  [0.25, 79.8, 81.1],
  [0.375, 97.3, 97.8],
  [0.5, 99.6, 99.8],
  [0.75, 99.4, 99.8],
  [1, 100, 100],
].map(([lambda, low, high]) => ({
  lambda: lambda!,
  low: low! / 100,
  high: high! / 100,
  source: "Fig. 6",
  kind: "exact",
}));

/** Self-distillation: agreement on training and on test images, where the figure shows both. */
export const TRAIN_AND_TEST: readonly (Source & { setting: string; train: number; test: number })[] = [
  {
    setting: "self-distilled ResNet-56, flips and crops",
    train: 1,
    test: 0.725,
    source: "Fig. 5 and 1a",
    kind: "read off a figure",
  },
  {
    setting: "self-distilled ResNet-56, 50,000 GAN images",
    train: 0.95,
    test: 0.745,
    source: "Fig. 5 and 1a",
    kind: "read off a figure",
  },
];

/** Self-distilled ResNet-56: agreement on training images by policy, as a range if the figure's bars are too close to tell apart. */
export const TRAIN_BY_POLICY: readonly (Source & { policy: string; low: number; high: number })[] = [
  ["baseline", 1, 1],
  ["rotation", 0.8, 0.9],
  ["vertical flip", 0.8, 0.9],
  ["colour jitter", 0.8, 0.9],
  ["combined", 0.6, 0.6],
  ["GAN images", 0.95, 0.95],
].map(([policy, low, high]) => ({
  policy: String(policy),
  low: Number(low),
  high: Number(high),
  source: "Fig. 5",
  kind: "read off a figure",
}));

/** CKA by stage between a self-distilled ResNet-20, started from random weights, and its teacher. */
export const INSIDE: Source & { cka: readonly number[] } = {
  cka: [0.939, 0.925, 0.885],
  source: "Table 1",
  kind: "exact",
};

/** The paper's recipe: epochs, batch size, peak learning rate, and weight decay on all weights. */
export const RECIPE = {
  teacher: { epochs: 200, batch: 256, learningRate: 0.1 },
  student: { epochs: 300, batch: 128, learningRate: 0.05 },
  weightDecay: 1e-4,
} as const;

/** The paper's names for the policies of a manifest. */
const POLICY_WORDS: Readonly<Record<string, string>> = {
  flip_crop: "baseline",
  vertical_flip: "vertical flip",
  color_jitter: "colour jitter",
  jitter: "colour jitter",
  vflip: "vertical flip",
  mixup: "MixUp",
};
export const policyWord = (policy: string | undefined): string =>
  policy === undefined ? "baseline" : (POLICY_WORDS[policy] ?? policy);
