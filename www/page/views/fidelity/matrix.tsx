import { useEffect, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import type { Confusion as Counts } from "../../../../pkg/analysis_api.js";
import { Segmented } from "../../components/segmented.tsx";
import { count, percent } from "../../common/format.ts";
import { N_TEST_IMAGES } from "../../state/class_names.ts";
import { testSetWords } from "../../test_set/strings.ts";
import { useAsked } from "../../test_set/asked.ts";
import { change, choice, imagesHref, MATRICES, showImages, type Choice, type Matrix } from "../../test_set/choice.ts";
import { namesOf, superclasses } from "../../test_set/classes.ts";
import { Figure } from "../../test_set/figure.tsx";
import { confusion, type Pair } from "../../test_set/questions.ts";
import { labels } from "../../test_set/stored_logits.ts";

const N_LARGEST = 12;
const [MOST_PX, WIDE_PX, LABELLED_PX, ZOOM, FEWEST] = [744, 520, 10, 1.6, 4];
/** Room for the axes' names, and for the classes' where they can be read. */
interface Room {
  gutter: number;
  header: number;
}
const WORDS = 104;
const hasWords = (width: number, span: number, perGroup: number) =>
  (width - WORDS) / span >= LABELLED_PX || (width >= WIDE_PX && perGroup > 1);
const roomOf = (width: number, span: number, perGroup: number): Room =>
  hasWords(width, span, perGroup) ? { gutter: WORDS, header: 84 } : { gutter: 22, header: 22 };

/** Two answers against each other, class by class. */
export function Confusion() {
  const { answer, isBusy, error } = useAsked(confusion);
  if (error)
    return (
      <p class="notice error" role="alert">
        {error}
      </p>
    );
  return (
    <div class="rooms" data-testid="confusion-answer">
      <div class="card">
        <Segmented
          label={testSetWords.confusion.which}
          testId="matrix"
          value={choice.value.matrix}
          options={MATRICES.map((value) => ({ value, text: testSetWords.confusion.title[value] }))}
          onChange={(matrix) => change({ matrix })}
        />
      </div>
      {answer ? (
        <Shown question={answer.question} value={answer.value} isBusy={isBusy} />
      ) : (
        <p class="empty">{testSetWords.waiting} …</p>
      )}
    </div>
  );
}

const filterKey = { truth: "trueClass", teacher: "teacherClass", student: "studentClass" } as const;

function Shown({ question, value, isBusy }: { question: Pair; value: Counts; isBusy: boolean }) {
  const { nClasses: n, rows, columns, counts } = value;
  const level = question.level ?? "fine";
  const names = useMemo(() => namesOf(level), [level]);
  /** Classes of a superclass stand together, so that likely mistakes lie near the diagonal. */
  const order = useMemo(() => {
    const group = level === "fine" ? superclasses(labels.value!) : new Uint8Array(n);
    return Array.from({ length: n }, (_, i) => i).sort((x, y) => group[x]! - group[y]! || x - y);
  }, [level, n]);
  const matrix = `${rows}-${columns}` as Matrix;
  const filterOf = (row: number, column: number): Partial<Choice> => ({
    [filterKey[rows]]: row,
    [filterKey[columns]]: column,
  });
  const text = (row: number, column: number) =>
    testSetWords.confusion.field(
      names[row]!,
      names[column]!,
      counts[row * n + column]!,
      testSetWords.confusion.rows[rows],
      testSetWords.confusion.rows[columns],
    );
  const nDiagonal = order.reduce((sum, i) => sum + counts[i * n + i]!, 0);
  const largest = Array.from(counts.keys())
    .filter((i) => Math.floor(i / n) !== i % n && counts[i]! > 0)
    .sort((x, y) => counts[y]! - counts[x]! || x - y)
    .slice(0, N_LARGEST);
  return (
    <Figure
      title={`${testSetWords.confusion.title[matrix]}: ${testSetWords.confusion.diagonal(percent(nDiagonal / N_TEST_IMAGES))}`}
      hint={testSetWords.confusion.hint[matrix]}
      testId="lab-confusion"
      isBusy={isBusy}
      question={question}
      table={{
        header: [rows, ...names],
        rows: names.map((name, row) => [name, ...counts.subarray(row * n, (row + 1) * n)]),
      }}
      json={{
        rows,
        columns,
        classes: names,
        counts: names.map((_, row) => Array.from(counts.subarray(row * n, (row + 1) * n))),
      }}
    >
      <div class="confusion-grid">
        <Heat
          n={n}
          counts={counts}
          order={order}
          names={names}
          groups={level === "fine" ? namesOf("coarse") : names}
          rowsAre={testSetWords.confusion.rows[rows]}
          columnsAre={testSetWords.confusion.rows[columns]}
          text={text}
          onOpen={(row, column) => showImages(filterOf(row, column))}
        />
        <div>
          <h4>{testSetWords.confusion.largest}</h4>
          <table class="results largest" data-testid="largest-confusions">
            <thead>
              <tr>
                <th scope="col">{testSetWords.confusion.rows[rows]}</th>
                <th scope="col">{testSetWords.confusion.rows[columns]}</th>
                <th scope="col">{testSetWords.confusion.show}</th>
              </tr>
            </thead>
            <tbody>
              {largest.map((i) => {
                const [row, column] = [Math.floor(i / n), i % n];
                return (
                  <tr key={i}>
                    <th scope="row">{names[row]}</th>
                    <td>{names[column]}</td>
                    <td>
                      <a href={imagesHref(filterOf(row, column))} aria-label={text(row, column)}>
                        {count(counts[i]!)}
                      </a>
                    </td>
                  </tr>
                );
              })}
            </tbody>
          </table>
        </div>
      </div>
    </Figure>
  );
}

interface HeatProps {
  n: number;
  counts: Uint32Array;
  order: readonly number[];
  names: readonly string[];
  /** Of as many neighbours in the order each. */ groups: readonly string[];
  rowsAre: string;
  columnsAre: string;
  text: (row: number, column: number) => string;
  onOpen: (row: number, column: number) => void;
}
/** Upper left corner in fields, and how many fields fill the width. */
interface Window {
  x: number;
  y: number;
  span: number;
}

function Heat({ n, counts, order, names, groups, rowsAre, columnsAre, text, onOpen }: HeatProps) {
  const box = useRef<HTMLDivElement>(null);
  const canvas = useRef<HTMLCanvasElement>(null);
  const [width, setWidth] = useState(0);
  const [view, setView] = useState<Window>({ x: 0, y: 0, span: n });
  const [at, setAt] = useState<{ row: number; column: number } | null>(null);
  const [theme, setTheme] = useState(0);
  const room = roomOf(width, view.span, n / groups.length);
  const { gutter, header } = room;
  const side = Math.max(0, width - gutter);
  const cell = side / view.span;
  const clamp = ({ x, y, span }: Window): Window => {
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
  useLayoutEffect(() => {
    const element = box.current!;
    const resize = () => setWidth(Math.min(MOST_PX, element.clientWidth));
    const observer = new ResizeObserver(resize);
    observer.observe(element);
    resize();
    const scheme = matchMedia("(prefers-color-scheme: dark)");
    const repaint = () => setTheme((old) => old + 1);
    scheme.addEventListener("change", repaint);
    return () => {
      observer.disconnect();
      scheme.removeEventListener("change", repaint);
    };
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
    paint(context, { n, counts, order, names, groups, rowsAre, columnsAre, view, room, side, cell, at });
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

interface Painting extends Omit<HeatProps, "text" | "onOpen"> {
  view: Window;
  room: Room;
  side: number;
  cell: number;
  at: { row: number; column: number } | null;
}

function paint(
  context: CanvasRenderingContext2D,
  { n, counts, order, names, groups, rowsAre, columnsAre, view, room: { gutter, header }, side, cell, at }: Painting,
): void {
  const style = getComputedStyle(context.canvas);
  const token = (name: string) => style.getPropertyValue(`--${name}`).trim();
  context.clearRect(0, 0, side + gutter, side + header);
  context.fillStyle = token("raised");
  context.fillRect(gutter, header, side, side);
  const most = Math.max(1, ...counts.filter((_, i) => Math.floor(i / n) !== i % n));
  const [fromY, toY] = [Math.floor(view.y), Math.min(n, Math.ceil(view.y + view.span))];
  const [fromX, toX] = [Math.floor(view.x), Math.min(n, Math.ceil(view.x + view.span))];
  const [left, top] = [
    (column: number) => gutter + (column - view.x) * cell,
    (row: number) => header + (row - view.y) * cell,
  ];
  const gap = cell > 8 ? 1 : 0;
  const [diagonal, off] = [token("text"), token("student")];
  context.save();
  context.beginPath();
  context.rect(gutter, header, side, side);
  context.clip();
  for (let row = fromY; row < toY; row++) {
    for (let column = fromX; column < toX; column++) {
      const value = counts[order[row]! * n + order[column]!]!;
      if (value === 0) continue;
      context.fillStyle = row === column ? diagonal : off;
      // Counts differ by hundreds: their root keeps the small ones in sight.
      context.globalAlpha =
        row === column
          ? 0.12 + 0.5 * Math.sqrt(Math.min(1, value / (N_TEST_IMAGES / n)))
          : 0.12 + 0.88 * Math.sqrt(value / most);
      context.fillRect(left(column), top(row), Math.max(1, cell - gap), Math.max(1, cell - gap));
    }
  }
  context.globalAlpha = 1;
  if (cell >= 22) {
    context.font = "11px system-ui";
    context.textAlign = "center";
    context.textBaseline = "middle";
    for (let row = fromY; row < toY; row++) {
      for (let column = fromX; column < toX; column++) {
        const value = counts[order[row]! * n + order[column]!]!;
        if (value === 0) continue;
        context.fillStyle = token(row !== column && value > most / 3 ? "card" : "text");
        context.fillText(String(value), left(column) + cell / 2, top(row) + cell / 2);
      }
    }
  }
  if (at) {
    context.strokeStyle = token("text");
    context.lineWidth = 2;
    context.strokeRect(left(at.column) - 1, top(at.row) - 1, cell + 1, cell + 1);
  }
  context.restore();
  context.fillStyle = token("muted");
  context.font = "600 12px system-ui";
  context.textAlign = "left";
  context.textBaseline = "alphabetic";
  context.fillText(`${columnsAre} →`, gutter, 12);
  context.save();
  context.rotate(-Math.PI / 2);
  context.textAlign = "right";
  context.fillText(`← ${rowsAre}`, -header, 12);
  context.restore();
  if (header < 40) return;
  // The classes' names where there is room for each, else those of their superclasses.
  const size = cell >= LABELLED_PX ? 1 : n / groups.length;
  const words = size === 1 ? order.map((index) => names[index]!) : groups;
  context.font = "11px system-ui";
  context.fillStyle = token("text");
  context.textBaseline = "middle";
  const short = (name: string, px: number) => {
    let text = name;
    while (text.length > 2 && context.measureText(text).width > px) text = `${text.slice(0, -2)}…`;
    return text;
  };
  words.forEach((name, i) => {
    const [x, y] = [left((i + 0.5) * size), top((i + 0.5) * size)];
    if (y >= header && y <= header + side) {
      context.textAlign = "right";
      context.fillText(short(name, gutter - 24), gutter - 6, y);
    }
    if (x < gutter || x > gutter + side) return;
    context.save();
    context.translate(x, header - 6);
    context.rotate(-Math.PI / 3);
    context.textAlign = "left";
    context.fillText(short(name, header - 22), 0, 0);
    context.restore();
  });
}
