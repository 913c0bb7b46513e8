/** Names of the classes on both levels, and which superclass a class is in. */
import type { Level } from "../../../pkg/analysis_api.js";
import coarseLabelNames from "../../weights/coarse-label-names.txt?raw";
import { CIFAR100_CLASSES, className, N_TEST_IMAGES } from "../state/class_names.ts";
import { type TestLabels } from "./stored_logits.ts";

const COARSE: readonly string[] = coarseLabelNames
  .trim()
  .split("\n")
  .map((name) => name.replaceAll("_", " "));

export const nameOf = (index: number, level: Level): string =>
  level === "fine" ? className(index) : (COARSE[index] ?? String(index));
export const namesOf = (level: Level): string[] =>
  Array.from({ length: level === "fine" ? CIFAR100_CLASSES : COARSE.length }, (_, index) => nameOf(index, level));

/** Superclass of each class, as the test images have them. */
export function superclasses({ fine, coarse }: TestLabels): Uint8Array {
  const groups = new Uint8Array(CIFAR100_CLASSES);
  for (let i = 0; i < N_TEST_IMAGES; i++) groups[fine[i]!] = coarse[i]!;
  return groups;
}
