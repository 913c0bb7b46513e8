import fineLabelNames from "../../weights/fine-label-names.txt?raw";
import { words } from "../common/strings.ts";

const CIFAR100: readonly string[] = fineLabelNames
  .trim()
  .split("\n")
  .map((name) => name.replaceAll("_", " "));

export const CIFAR100_CLASSES = CIFAR100.length;
/** The size of CIFAR-100's test set. */
export const N_TEST_IMAGES = 10_000;

/** The name of a class, or its number for networks with another number of classes. */
export function className(index: number, nClasses: number = CIFAR100.length): string {
  return (nClasses === CIFAR100.length && CIFAR100[index]) || words.compare.classNumber(index);
}
