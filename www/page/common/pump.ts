interface Pump<T> {
  /** Says what is wanted now, at most `size` items of it, or null if there is nothing to do. */
  next: (size: number) => T | null;
  work: (piece: T) => Promise<void>;
  /** Takes an error of `next` or `work`. Work ends with it, until it is asked for again. */
  onError: (error: unknown) => void;
  onIdle?: () => void;
  /** Sizes start at 1 so that a first result is quick. They double while a piece takes less than `slowMs`, up to `largest`. */
  batch?: { largest: number; slowMs: number };
}

/**
 * Makes a function that starts work on whatever is wanted, one piece at a time, and does nothing while that work goes on.
 *
 * What is wanted is asked anew before each piece, so the newest wish wins and an abandoned one costs nothing.
 */
export function createPump<T>({ next, work, onError, onIdle, batch }: Pump<T>): () => void {
  let isRunning = false;
  const run = async () => {
    isRunning = true;
    let size = 1;
    try {
      for (let piece = next(size); piece !== null; piece = next(size)) {
        const start = performance.now();
        await work(piece);
        if (batch) {
          const isFast = performance.now() - start < batch.slowMs;
          size = isFast ? Math.min(batch.largest, 2 * size) : Math.max(1, size >> 1);
        }
      }
    } catch (error) {
      onError(error);
    } finally {
      isRunning = false;
    }
    onIdle?.();
  };
  return () => {
    if (!isRunning) void run();
  };
}
