import type { ComponentChildren } from "preact";

/** A table that may be wider than the screen and scrolls on its own, also by keyboard. */
export function ScrollingTable({ label, children }: { label: string; children: ComponentChildren }) {
  return (
    <div class="table-wrap" role="group" aria-label={label} tabIndex={0}>
      {children}
    </div>
  );
}
