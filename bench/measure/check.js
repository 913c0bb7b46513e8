/** Both sides must compute the same, or a comparison of their times means nothing: what differs fails the run. */
import { N_CLASSES } from "./data.js";

/** What rounding can explain. */
const LOGITS = 2e-3;
const LOSS = 1e-3;

function argmax(values) {
  return values.reduce((best, value, i) => (value > values[best] ? i : best), 0);
}

/** Largest difference; infinite where a number is none or the lengths differ. */
export function largestDifference(a, b) {
  if (a.length !== b.length) return Infinity;
  let largest = 0;
  for (let i = 0; i < a.length; i++) {
    const difference = Math.abs(a[i] - b[i]);
    largest = Number.isNaN(difference) ? Infinity : Math.max(largest, difference);
  }
  return largest;
}

/** Logits [n, classes] of the same images. */
export function checkLogits(what, a, b) {
  const largest = largestDifference(a, b);
  let sameClass = true;
  for (let i = 0; i < a.length; i += N_CLASSES)
    sameClass &&= argmax(a.subarray(i, i + N_CLASSES)) === argmax(b.subarray(i, i + N_CLASSES));
  if (!(largest <= LOGITS) || !sameClass)
    throw new Error(`${what}: logits differ by up to ${largest}, same classes: ${sameClass}`);
  return largest;
}

/** Losses of the same steps; relative, where they are more than 1. */
export function checkLosses(what, a, b) {
  const largest = Math.max(...a.map((loss, i) => Math.abs(loss - b[i]) / Math.max(1, Math.abs(b[i]))));
  if (!(a.length === b.length && largest <= LOSS))
    throw new Error(`${what}: losses ${a.join(", ")} against ${b.join(", ")}`);
  return largest;
}

/** Figures that must be the same within `bound`. */
export function checkFigures(what, found, expected, bound) {
  for (const [name, value] of Object.entries(expected))
    if (!(Math.abs(found[name] - value) <= bound))
      throw new Error(`${what}: ${name} is ${found[name]}, ${value} is right`);
}

/** Marks what a peer cannot do, which is told and leaves out its figures, but does not end the run. */
export const PEER_FAILED = "the peer failed: ";

/** `work` of a peer's, whose failures are marked as its own. */
export const ofPeer = (name, work) => async () => {
  try {
    return await work();
  } catch (error) {
    throw new Error(`${PEER_FAILED}${name}: ${error.message}`, { cause: error });
  }
};

/** The engine throws plain objects with a code and a message, of which a browser would say no more than "Object". */
export function asError(error) {
  if (error instanceof Error) return error;
  return new Error(error?.message ? `${error.code}: ${error.message}` : String(error));
}
