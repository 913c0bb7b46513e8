import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { useWidth } from "../../components/use_width.ts";
import { testSetWords } from "../../test_set/strings.ts";
import { paintHeat, roomOf, type HeatData, type Sight } from "./heat_paint.ts";

const MOST_PX = 744;
const ZOOM = 1.6;
/** Fields across at the strongest zoom. */
const FEWEST = 4;

interface Props extends HeatData {
  text: (row: number, column: number) => string;
  onOpen: (row: number, column: number) => void;
}

/** A matrix of colours that is zoomed, moved and read by pointer, touch or keyboard. */
export function Heat({ n, counts, order, names, groups, rowsAre, columnsAre, text, onOpen }: Props) {
  const [box, boxWidth] = useWidth();
  const width = Math.min(MOST_PX, boxWidth);
  const canvas = useRef<HTMLCanvasElement>(null);
  const [view, setView] = useState<Sight>({ x: 0, y: 0, span: n });
  const [at, setAt] = useState<{ row: number; column: number } | null>(null);
  const [theme, setTheme] = useState(0);
  const room = roomOf(width, view.span, n / groups.length);
  const { gutter, header } = room;
  const side = Math.max(0, width - gutter);
  const cell = side / view.span;
  const clamp = ({ x, y, span }: Sight): Sight => {
    const fit = Math.max(FEWEST, Math.min(n, span));
    return { span: fit, x: Math.max(0, Math.min(n - fit, x)), y: Math.max(0, Math.min(n - fit, y)) };
  };
  const zoom = (factor: number, centre = { x: view.x + view.span / 2, y: view.y + view.span / 2 }) =>
    setView((now) => {
      const span = Math.max(FEWEST, Math.min(n, now.span / factor));
      const keep = span / now.span;
      return clamp({ span, x: centre.x - (centre.x - now.x) * keep, y: centre.y - (centre.y - now.y) * keep });
    });
  useEffect(() => {
    setView({ x: 0, y: 0, span: n });
    setAt(null);
  }, [n]);
  useEffect(() => {
    const scheme = matchMedia("(prefers-color-scheme: dark)");
    const repaint = () => setTheme((old) => old + 1);
    scheme.addEventListener("change", repaint);
    return () => scheme.removeEventListener("change", repaint);
  }, []);
  useLayoutEffect(() => {
    if (side <= 0) return;
    const element = canvas.current!;
    const ratio = devicePixelRatio;
    element.width = Math.round(width * ratio);
    element.height = Math.round((side + header) * ratio);
    element.style.width = `${width}px`;
    element.style.height = `${side + header}px`;
    const context = element.getContext("2d")!;
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    paintHeat(context, { n, counts, order, names, groups, rowsAre, columnsAre, view, room, side, cell, at });
  }, [n, counts, order, view, width, at, theme]);

  const fieldAt = (event: { clientX: number; clientY: number }) => {
    const frame = canvas.current!.getBoundingClientRect();
    const [x, y] = [
      (event.clientX - frame.left - gutter) / cell + view.x,
      (event.clientY - frame.top - header) / cell + view.y,
    ];
    const inside = event.clientX - frame.left >= gutter && event.clientY - frame.top >= header && x < n && y < n;
    return inside ? { row: Math.floor(y), column: Math.floor(x), x, y } : null;
  };
  const pointers = useRef(new Map<number, { x: number; y: number }>());
  const moved = useRef(false);
  const onPointerMove = (event: PointerEvent) => {
    const before = pointers.current.get(event.pointerId);
    if (!before) {
      if (event.pointerType === "mouse") setAt(fieldAt(event));
      return;
    }
    const now = { x: event.clientX, y: event.clientY };
    const [dx, dy] = [now.x - before.x, now.y - before.y];
    if (!moved.current && Math.hypot(dx, dy) < 5) return;
    moved.current = true;
    const others = [...pointers.current].filter(([id]) => id !== event.pointerId).map(([, point]) => point);
    if (others[0]) {
      const distance = (point: { x: number; y: number }) => Math.hypot(point.x - others[0]!.x, point.y - others[0]!.y);
      const centre = fieldAt({ clientX: (now.x + others[0].x) / 2, clientY: (now.y + others[0].y) / 2 });
      zoom(distance(now) / Math.max(1, distance(before)), centre ?? undefined);
    } else setView((old) => clamp({ ...old, x: old.x - dx / cell, y: old.y - dy / cell }));
    pointers.current.set(event.pointerId, now);
  };
  const onPointerUp = (event: PointerEvent) => {
    const isClick = pointers.current.has(event.pointerId) && !moved.current;
    pointers.current.delete(event.pointerId);
    if (pointers.current.size === 0) moved.current = false;
    const field = isClick ? fieldAt(event) : null;
    if (!field) return;
    // A finger reads first and opens with its second tap; a mouse has read already.
    const isSecond = at !== null && at.row === field.row && at.column === field.column;
    setAt(field);
    if (event.pointerType === "mouse" || isSecond) onOpen(order[field.row]!, order[field.column]!);
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const now = at ?? { row: Math.floor(view.y), column: Math.floor(view.x) };
    const [dy, dx] = (
      { ArrowDown: [1, 0], ArrowUp: [-1, 0], ArrowRight: [0, 1], ArrowLeft: [0, -1] } as Record<
        string,
        [number, number]
      >
    )[event.key] ?? [0, 0];
    if (dx || dy) {
      const next =
        at === null
          ? now
          : { row: Math.max(0, Math.min(n - 1, now.row + dy)), column: Math.max(0, Math.min(n - 1, now.column + dx)) };
      setAt(next);
      setView((old) =>
        clamp({
          ...old,
          x: next.column < old.x ? next.column : Math.max(old.x, next.column + 1 - old.span),
          y: next.row < old.y ? next.row : Math.max(old.y, next.row + 1 - old.span),
        }),
      );
    } else if (event.key === "Enter" && at) onOpen(order[at.row]!, order[at.column]!);
    else if (event.key === "+") zoom(ZOOM);
    else if (event.key === "-") zoom(1 / ZOOM);
    else return;
    event.preventDefault();
  };
  return (
    <div class="heat" ref={box}>
      <div class="row zoom-row" role="group" aria-label={testSetWords.confusion.zoom}>
        <button
          type="button"
          class="quiet"
          onClick={() => zoom(ZOOM)}
          disabled={view.span <= FEWEST}
          aria-label={testSetWords.confusion.zoomIn}
          data-testid="zoom-in"
        >
          +
        </button>
        <button
          type="button"
          class="quiet"
          onClick={() => zoom(1 / ZOOM)}
          disabled={view.span >= n}
          aria-label={testSetWords.confusion.zoomOut}
          data-testid="zoom-out"
        >
          −
        </button>
        {view.span < n && (
          <button type="button" class="quiet" onClick={() => setView({ x: 0, y: 0, span: n })}>
            {testSetWords.confusion.whole}
          </button>
        )}
      </div>
      <canvas
        ref={canvas}
        class={`heat-canvas${view.span < n ? " zoomed" : ""}`}
        tabIndex={0}
        role="application"
        aria-label={testSetWords.confusion.canvas}
        data-testid="confusion-canvas"
        data-span={view.span.toFixed(1)}
        onPointerDown={(event) => {
          pointers.current.set(event.pointerId, { x: event.clientX, y: event.clientY });
          event.currentTarget.setPointerCapture(event.pointerId);
        }}
        onPointerMove={onPointerMove}
        onPointerUp={onPointerUp}
        onPointerCancel={(event) => pointers.current.delete(event.pointerId)}
        onKeyDown={onKeyDown}
      />
      <p class="heat-field" aria-live="polite" data-testid="confusion-field">
        {at ? (
          <>
            {text(order[at.row]!, order[at.column]!)}{" "}
            <button
              type="button"
              class="quiet"
              onClick={() => onOpen(order[at.row]!, order[at.column]!)}
              data-testid="confusion-open"
            >
              {testSetWords.confusion.show}
            </button>
          </>
        ) : (
          <span class="hint">{testSetWords.confusion.point}</span>
        )}
      </p>
    </div>
  );
}
