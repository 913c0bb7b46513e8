export interface Point {
  x: number;
  /** Null where the value is not known, which leaves a gap in the line. */
  y: number | null;
}

/**
 * Keeps at most four points of each of `n` equal stretches of the x axis: the first, the lowest, the highest and the last one.
 *
 * With one stretch per pixel, the line covers the same pixels as before. `points` are in the order of x. A stretch without a single
 * known value becomes a gap; a gap inside a stretch is narrower than a pixel and is closed.
 */
export function decimate(points: readonly Point[], n: number): readonly Point[] {
  if (points.length <= 4 * n) return points;
  const first = points[0]!.x;
  const span = points.at(-1)!.x - first || 1;
  const kept: Point[] = [];
  let at = 0;
  for (let stretch = 1; stretch <= n; stretch++) {
    const end = first + (span * stretch) / n;
    const start = at;
    let [low, high, from, to] = [-1, -1, -1, -1];
    for (; at < points.length && (points[at]!.x < end || stretch === n); at++) {
      const { y } = points[at]!;
      if (y === null) continue;
      if (from < 0) from = low = high = at;
      to = at;
      if (y < points[low]!.y!) low = at;
      if (y > points[high]!.y!) high = at;
    }
    if (at === start) continue;
    if (from < 0) kept.push(points[start]!);
    else for (const i of new Set([from, Math.min(low, high), Math.max(low, high), to])) kept.push(points[i]!);
  }
  return kept;
}

/** The index of the value nearest to `x` among rising values. */
export function nearest(rising: readonly number[], x: number): number {
  let [low, high] = [0, rising.length - 1];
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (rising[middle]! <= x) low = middle;
    else high = middle;
  }
  return high > 0 && Math.abs(rising[high]! - x) < Math.abs(rising[low]! - x) ? high : low;
}
