import type { ComponentChildren } from "preact";
import "./plot.css";

/** Whom a line or mark stands for. It sets the colour, and the shape, so that no one has to tell marks apart by colour. */
export type Look = "ensemble" | "student" | "member" | "control";

/** A circle for teachers, a diamond for students, a square for controls. */
export function Shape({ look, cx, cy, r }: { look: Look; cx: number; cy: number; r: number }) {
  if (look === "ensemble" || look === "member") return <circle class="shape" cx={cx} cy={cy} r={r} />;
  return (
    <rect
      class="shape"
      x={cx - r}
      y={cy - r}
      width={2 * r}
      height={2 * r}
      transform={look === "student" ? `rotate(45 ${cx} ${cy})` : undefined}
    />
  );
}

interface KeyProps {
  look: Look;
  isDashed?: boolean;
  /** Whether the line has marks. */
  isMarked?: boolean;
  /** Set for a key to single marks: filled or outlined. */
  isOutline?: boolean;
  children: ComponentChildren;
}

/** Says what a line or an outline means. */
export function PlotKey({ look, isDashed = false, isMarked = true, isOutline, children }: KeyProps) {
  return (
    <span>
      <svg width="24" height="16" aria-hidden="true">
        {isOutline === undefined ? (
          <g class={`plot-line ${look}`}>
            <path d="M0 8L24 8" stroke-dasharray={isDashed ? "6 4" : undefined} />
            {isMarked && <Shape look={look} cx={12} cy={8} r={4} />}
          </g>
        ) : (
          <g class={`mark-point ${look}${isOutline ? " outline" : ""}`}>
            <Shape look={look} cx={12} cy={8} r={5} />
          </g>
        )}
      </svg>
      {children}
    </span>
  );
}
