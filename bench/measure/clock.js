/** Time, and what is made of it. */

export async function timed(work) {
  const start = performance.now();
  const result = await work();
  return { ms: performance.now() - start, result };
}

export function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** At first a browser runs wasm that it has compiled in haste; it has better code after a second of work. */
const WARM_UP_MS = 1500;

/** Runs each kind of work until warm; `msSpent` is what passes before this have already worked. */
export async function warmUp(works, msSpent = 0) {
  const start = performance.now();
  while (performance.now() - start + msSpent < WARM_UP_MS) for (const work of works) await work();
}

/**
 * Several kinds of work that take turns, in ms: at least `rounds.least` rounds, and more while there is time.
 * Every other round goes backwards, so that none always follows the same other one.
 */
export async function alternate(works, rounds) {
  const times = works.map(() => []);
  const start = performance.now();
  for (let round = 0; round < rounds.most && (round < rounds.least || performance.now() - start < rounds.ms); round++) {
    const order = [...works.keys()];
    if (round % 2) order.reverse();
    for (const i of order) times[i].push((await timed(works[i])).ms);
  }
  return times.map((list) => ({ ms: median(list), best: Math.min(...list), rounds: list.length }));
}
