/** Paints the confusion matrix, which has too many fields for elements of the page. */
import { N_TEST_IMAGES } from "../../state/class_names.ts";

/** A matrix of counts, and the names along its sides. */
export interface HeatData {
  n: number;
  /** By row and column, in the order of the classes. */
  counts: Uint32Array;
  /** The classes in the order in which they are shown. */
  order: readonly number[];
  names: readonly string[];
  /** Names of groups of neighbours in the order; all groups have the same size. */
  groups: readonly string[];
  rowsAre: string;
  columnsAre: string;
}
/** The part in sight: its upper left corner in fields, and how many fields fill the width. */
export interface Sight {
  x: number;
  y: number;
  span: number;
}

const WIDE_PX = 520;
const LABELLED_PX = 10;
/** Room for the names of the axes, and of the classes if they can be read. */
export interface Room {
  gutter: number;
  header: number;
}
const WORDS = 104;
const hasWords = (width: number, span: number, perGroup: number) =>
  (width - WORDS) / span >= LABELLED_PX || (width >= WIDE_PX && perGroup > 1);
export const roomOf = (width: number, span: number, perGroup: number): Room =>
  hasWords(width, span, perGroup) ? { gutter: WORDS, header: 84 } : { gutter: 22, header: 22 };

interface Painting extends HeatData {
  view: Sight;
  room: Room;
  side: number;
  cell: number;
  /** The field that is read now. */
  at: { row: number; column: number } | null;
}

export function paintHeat(
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
  // The names of the classes if each has room, else those of their superclasses.
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
