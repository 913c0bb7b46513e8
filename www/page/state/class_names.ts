import fineLabelNames from "../../weights/fine-label-names.txt?raw";
import { words } from "../common/strings.ts";

const CIFAR100: readonly string[] = fineLabelNames
  .trim()
  .split("\n")
  .map((name) => name.replaceAll("_", " "));

export const CIFAR100_CLASSES = CIFAR100.length;
/** Of CIFAR-100. */
export const N_TEST_IMAGES = 10_000;

/** The word for a class; networks of another class count answer with numbers. */
export function className(index: number, nClasses: number = CIFAR100.length): string {
  return (nClasses === CIFAR100.length && CIFAR100[index]) || words.compare.classNumber(index);
}
