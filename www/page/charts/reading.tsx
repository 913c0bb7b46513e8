import { nearest } from "./decimate.ts";
import type { Look } from "./shape.tsx";
import { chartWords } from "./strings.ts";

/** Positions along the x axis that the reader can step through, and what there is to read at each. */
export interface Reading {
  /** Rising. */
  xs: readonly number[];
  /** The values at a position in words, and where they are marked in the chart. */
  at: (x: number) => { text: string; values: readonly { look: Look; y: number }[] };
}

const PAGE = 10;

/** What there is to read at the position nearest to `x`. */
export function readingAt({ xs, at }: Reading, x: number) {
  const position = xs[nearest(xs, x)];
  return position === undefined ? null : { x: position, ...at(position) };
}

interface Props {
  label: string;
  reading: Reading;
  /** The position that is read now; null while there is none. */
  at: number | null;
  area: { left: number; right: number; top: number; bottom: number };
  /** The x value under a pixel of the drawing. */
  valueAt: (pixel: number) => number;
  onRead: (x: number | null) => void;
}

/** Covers the chart's area: the pointer or the arrow keys choose the position that is read. */
export function ReadingSlider({ label, reading, at, area, valueAt, onRead }: Props) {
  const { xs } = reading;
  const last = xs.length - 1;
  const index = at === null ? last : nearest(xs, at);
  const onPointer = (event: PointerEvent & { currentTarget: SVGRectElement }) => {
    const drawing = event.currentTarget.ownerSVGElement!.getBoundingClientRect();
    onRead(xs[nearest(xs, valueAt(event.clientX - drawing.left))]!);
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key === "Escape") return onRead(null);
    const target = {
      ArrowRight: index + 1,
      ArrowUp: index + 1,
      ArrowLeft: index - 1,
      ArrowDown: index - 1,
      PageUp: index + Math.ceil(last / PAGE),
      PageDown: index - Math.ceil(last / PAGE),
      Home: 0,
      End: last,
    }[event.key];
    if (target === undefined) return;
    event.preventDefault();
    onRead(xs[Math.max(0, Math.min(last, target))]!);
  };
  return (
    <rect
      class="reading"
      x={area.left}
      y={area.top}
      width={Math.max(0, area.right - area.left)}
      height={area.bottom - area.top}
      role="slider"
      tabIndex={0}
      aria-label={chartWords.valuesOf(label)}
      aria-valuemin={xs[0]}
      aria-valuemax={xs[last]}
      aria-valuenow={xs[index]}
      aria-valuetext={reading.at(xs[index]!).text}
      data-testid="reading-slider"
      onPointerMove={onPointer}
      onPointerDown={onPointer}
      onPointerLeave={(event) => {
        if (event.pointerType === "mouse" && document.activeElement !== event.currentTarget) onRead(null);
      }}
      onFocus={() => onRead(xs[index]!)}
      onBlur={() => onRead(null)}
      onKeyDown={onKeyDown}
    />
  );
}
