/** Axes, round ticks on them, and a range of round numbers around values. */

export interface Axis {
  label: string;
  min: number;
  max: number;
  format: (value: number) => string;
}

/** The smallest of 1, 2, 5, 10, … times a power of ten that cuts `span` into at most `n` steps. */
function stepOf(span: number, n: number): number {
  const least = span / Math.max(1, n);
  const power = 10 ** Math.floor(Math.log10(least));
  return power * ([1, 2, 5].find((factor) => factor * power >= least) ?? 10);
}

const exact = (value: number) => Number(value.toPrecision(12));

/** About `n` round numbers from `min` to `max`. */
export function ticksOf(min: number, max: number, n: number): number[] {
  const step = stepOf(max - min, n);
  const ticks: number[] = [];
  for (let i = Math.ceil(min / step - 1e-9); i * step <= max + 1e-9 * step; i++) ticks.push(exact(i * step));
  return ticks;
}

/** A range that holds all values and begins and ends on one of its about `n` ticks. Equal values get a tick's room on both sides. */
export function roundRange(
  values: Iterable<number | null>,
  { n = 3.5, lowest = -Infinity, highest = Infinity }: { n?: number; lowest?: number; highest?: number } = {},
): { min: number; max: number } {
  let [low, high] = [Infinity, -Infinity];
  for (const value of values) {
    if (value === null || !Number.isFinite(value)) continue;
    low = Math.min(low, value);
    high = Math.max(high, value);
  }
  if (low > high) return { min: Math.max(0, lowest), max: Math.min(1, highest) };
  if (high - low <= 1e-9 * Math.max(1, Math.abs(high))) {
    const room = stepOf(Math.abs(high) || 1, n);
    [low, high] = [low - room, high + room];
  }
  [low, high] = [Math.max(low, lowest), Math.min(high, highest)];
  // The rounded range is wider, which may call for a wider step.
  for (let step = 0, next = stepOf(high - low, n); next > step; next = stepOf(high - low, n)) {
    step = next;
    low = exact(Math.floor(low / step + 1e-9) * step);
    high = exact(Math.ceil(high / step - 1e-9) * step);
  }
  return { min: Math.max(low, lowest), max: Math.min(high, highest) };
}
