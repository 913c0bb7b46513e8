/** The settings of a distillation, their defaults and their bounds. */
import { signal } from "@preact/signals";
import type { Policy, Schedule } from "../../../pkg/api.js";
import { words } from "../common/strings.ts";

export interface Recipe {
  temperature: number;
  alpha: number;
  learningRate: number;
  weightDecay: number;
  steps: number;
  batchSize: number;
  policy: Policy;
  schedule: Schedule;
  seed: number;
  /** How many training images the run uses. */
  nImages: number;
  /** How many test images measure the run. */
  nHeldOut: number;
}

/** From a measured sweep: docs/distillation-defaults.md. */
export const DEFAULT_RECIPE: Readonly<Recipe> = {
  temperature: 4,
  alpha: 0,
  learningRate: 0.003,
  weightDecay: 1e-4,
  steps: 60,
  batchSize: 64,
  policy: "flip_crop",
  schedule: "cosine",
  seed: 0,
  nImages: 2_000,
  nHeldOut: 200,
};

export type NumberSetting = { [K in keyof Recipe]: Recipe[K] extends number ? K : never }[keyof Recipe];

export const BOUNDS: Readonly<Record<NumberSetting, { min: number; max: number; step: number | "any" }>> = {
  temperature: { min: 1, max: 16, step: 0.5 },
  alpha: { min: 0, max: 1, step: 0.05 },
  learningRate: { min: 1e-6, max: 1, step: "any" },
  weightDecay: { min: 0, max: 0.1, step: "any" },
  steps: { min: 1, max: 100_000, step: 1 },
  batchSize: { min: 2, max: 512, step: 1 },
  seed: { min: 0, max: 4_294_967_295, step: 1 },
  nImages: { min: 2, max: 10_000, step: 1 },
  nHeldOut: { min: 1, max: 10_000, step: 1 },
};

/** The policies of the paper's Fig. 3 that need no other images, with the usual one first. */
export const POLICIES: readonly Policy[] = [
  "flip_crop",
  "none",
  "rotation",
  "vertical_flip",
  "color_jitter",
  "combined",
  "mixup",
  "noise",
];

export const recipe = signal<Recipe>({ ...DEFAULT_RECIPE });

export function set<K extends keyof Recipe>(key: K, value: Recipe[K]): void {
  recipe.value = { ...recipe.value, [key]: value };
}

export function isValid(key: NumberSetting, value: number): boolean {
  const { min, max, step } = BOUNDS[key];
  return Number.isFinite(value) && value >= min && value <= max && (step !== 1 || Number.isInteger(value));
}

export const wrongSettings = (of: Recipe): NumberSetting[] =>
  (Object.keys(BOUNDS) as NumberSetting[]).filter((key) => !isValid(key, of[key]));

/** Why labels cannot have the weight that they are given. */
export function alphaError({ alpha, policy }: Recipe, hasLabels: boolean): string | undefined {
  if (!(alpha > 0)) return undefined;
  if (!hasLabels) return words.distil.alphaNeedsLabels;
  return policy === "mixup" ? words.distil.alphaOfMixup : undefined;
}
