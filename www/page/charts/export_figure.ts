/** Saves a figure of the page as a file: an SVG that needs no style sheet, or a PNG of that. */
import { save } from "../common/save.ts";

const SVG = "http://www.w3.org/2000/svg";
const STYLES = [
  "fill",
  "fill-opacity",
  "stroke",
  "stroke-width",
  "stroke-dasharray",
  "stroke-opacity",
  "font-size",
  "font-weight",
  "opacity",
  "display",
];
const MARGIN = 16;
const LINE_HEIGHT = 18;
const PNG_SCALE = 2;
const FONT = "system-ui, sans-serif";

/** The title and the lines of text above a figure in its file. */
export interface Caption {
  title: string;
  lines: readonly string[];
}

function element(name: string, attributes: Record<string, string | number>, text = ""): SVGElement {
  const node = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, String(value));
  node.textContent = text;
  return node;
}

function textWidth(text: string, size: number, weight = 400): number {
  const context = document.createElement("canvas").getContext("2d")!;
  context.font = `${weight} ${size}px ${FONT}`;
  return context.measureText(text).width;
}

/** Copies a drawing, turns its computed style into attributes, and leaves out what only the page needs. */
function frozen(drawing: SVGSVGElement): SVGSVGElement {
  const copy = drawing.cloneNode(true) as SVGSVGElement;
  const originals = [drawing, ...drawing.querySelectorAll("*")];
  [copy, ...copy.querySelectorAll("*")].forEach((node, i) => {
    const style = getComputedStyle(originals[i]!);
    for (const name of [...node.getAttributeNames()].filter((name) => /^(class|role|tabindex|aria-|data-)/.test(name)))
      node.removeAttribute(name);
    for (const name of STYLES) node.setAttribute(name, style.getPropertyValue(name));
  });
  return copy;
}

/** Draws all drawings, canvases and words (`.export-text`) of a box, each in its place, below the caption. */
export function svgOf(box: HTMLElement, { title, lines }: Caption): SVGSVGElement {
  const frame = box.getBoundingClientRect();
  const style = getComputedStyle(box);
  const top = MARGIN + LINE_HEIGHT * (lines.length + 1) + MARGIN;
  const words = Math.max(textWidth(title, 16, 600), ...lines.map((line) => textWidth(line, 12)));
  const width = Math.ceil(Math.max(480, frame.width, words)) + 2 * MARGIN;
  const height = frame.height + top + MARGIN;
  const root = element("svg", {
    xmlns: SVG,
    width,
    height,
    viewBox: `0 0 ${width} ${height}`,
    "font-family": FONT,
  }) as SVGSVGElement;
  const token = (name: string) => style.getPropertyValue(`--${name}`).trim();
  root.append(
    element("title", {}, title),
    element("desc", {}, lines.join("\n")),
    element("rect", { width, height, fill: token("card") }),
  );
  root.append(
    element("text", { x: MARGIN, y: MARGIN + 14, "font-size": 16, "font-weight": 600, fill: token("text") }, title),
  );
  lines.forEach((line, i) =>
    root.append(
      element(
        "text",
        { x: MARGIN, y: MARGIN + 14 + LINE_HEIGHT * (i + 1), "font-size": 12, fill: token("muted") },
        line,
      ),
    ),
  );
  const place = (node: Element) => {
    const { left, top: y, width: nodeWidth, height: nodeHeight } = node.getBoundingClientRect();
    return { x: left - frame.left + MARGIN, y: y - frame.top + top, width: nodeWidth, height: nodeHeight };
  };
  for (const drawing of box.querySelectorAll("svg")) {
    if (drawing.parentElement!.closest("svg")) continue;
    const copy = frozen(drawing);
    for (const [key, value] of Object.entries(place(drawing))) copy.setAttribute(key, String(value));
    copy.setAttribute("overflow", "visible");
    root.append(copy);
  }
  for (const canvas of box.querySelectorAll("canvas"))
    root.append(element("image", { ...place(canvas), href: canvas.toDataURL(), style: "image-rendering: pixelated" }));
  for (const word of box.querySelectorAll(".export-text")) {
    const { x, y, height: tall } = place(word);
    const { fontSize, fontWeight, color } = getComputedStyle(word);
    root.append(
      element(
        "text",
        {
          x,
          y: y + tall / 2,
          "dominant-baseline": "central",
          "font-size": fontSize,
          "font-weight": fontWeight,
          fill: color,
        },
        word.textContent ?? "",
      ),
    );
  }
  return root;
}

const blobOf = (drawing: SVGSVGElement) =>
  new Blob([new XMLSerializer().serializeToString(drawing)], { type: "image/svg+xml" });

export function saveSvg(name: string, box: HTMLElement, caption: Caption): void {
  save(`${name}.svg`, blobOf(svgOf(box, caption)));
}

export async function savePng(name: string, box: HTMLElement, caption: Caption): Promise<void> {
  const drawing = svgOf(box, caption);
  const address = URL.createObjectURL(blobOf(drawing));
  try {
    const image = new Image();
    image.src = address;
    await image.decode();
    const canvas = document.createElement("canvas");
    canvas.width = PNG_SCALE * Number(drawing.getAttribute("width"));
    canvas.height = PNG_SCALE * Number(drawing.getAttribute("height"));
    canvas.getContext("2d")!.drawImage(image, 0, 0, canvas.width, canvas.height);
    const blob = await new Promise<Blob | null>((resolve) => canvas.toBlob(resolve, "image/png"));
    if (blob) save(`${name}.png`, blob);
  } finally {
    URL.revokeObjectURL(address);
  }
}
