/** A figure of the page as a file of its own: an SVG that needs no style sheet, and a PNG of it. */
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

/** What a figure says of itself in its file. */
export interface Caption {
  title: string;
  lines: readonly string[];
}

function element(name: string, attributes: Record<string, string | number>, text = ""): SVGElement {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, String(value));
  made.textContent = text;
  return made;
}

/** The same drawing with its computed style as attributes, and without what only a page needs. */
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

/** All drawings, canvases and words (`.export-text`) of a box, where they stand in it, under the caption. */
export function svgOf(box: HTMLElement, { title, lines }: Caption): SVGSVGElement {
  const frame = box.getBoundingClientRect();
  const style = getComputedStyle(box);
  const top = MARGIN + LINE_HEIGHT * (lines.length + 1) + MARGIN;
  const [width, height] = [Math.max(480, frame.width) + 2 * MARGIN, frame.height + top + MARGIN];
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
    const at = node.getBoundingClientRect();
    return { x: at.left - frame.left + MARGIN, y: at.top - frame.top + top, width: at.width, height: at.height };
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
