/** The arithmetic that showing predictions needs. */

export function logSoftmax(logits: Float32Array): Float32Array {
  let max = -Infinity;
  for (const z of logits) if (z > max) max = z;
  let sum = 0;
  for (const z of logits) sum += Math.exp(z - max);
  const logSum = max + Math.log(sum);
  return logits.map((z) => z - logSum);
}

export function argmax(values: Float32Array): number {
  let best = 0;
  for (let i = 1; i < values.length; i++) if (values[i]! > values[best]!) best = i;
  return best;
}

/** Returns the `k` classes with the largest values, largest first. */
export function topClasses(values: Float32Array, k: number): number[] {
  return Array.from(values.keys())
    .sort((a, b) => values[b]! - values[a]! || a - b)
    .slice(0, k);
}

/** KL(p || q) in nats, both as log-probabilities. */
export function klNats(logP: Float32Array, logQ: Float32Array): number {
  let sum = 0;
  for (let c = 0; c < logP.length; c++) {
    const p = Math.exp(logP[c]!);
    if (p > 0) sum += p * (logP[c]! - logQ[c]!);
  }
  return Math.max(0, sum);
}

export interface Interval {
  low: number;
  high: number;
}

/** Wilson's score interval (95 %) of a share of n. */
export function wilson(share: number, n: number): Interval {
  const z = 1.959964;
  const centre = (share + (z * z) / (2 * n)) / (1 + (z * z) / n);
  const half = (z / (1 + (z * z) / n)) * Math.sqrt((share * (1 - share)) / n + (z * z) / (4 * n * n));
  return { low: Math.max(0, centre - half), high: Math.min(1, centre + half) };
}
