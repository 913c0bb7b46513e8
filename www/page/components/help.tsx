import type { TargetedToggleEvent } from "preact";
import { useId } from "preact/hooks";
import { words, type TermName } from "../common/strings.ts";

const WIDTH = 320;
const GAP = 8;

/** Explains a term in plain words behind a small button. */
export function Help({ term }: { term: TermName }) {
  const id = useId();
  const [name, meaning] = words.help.terms[term];

  // Anchor positioning is not in every browser yet (Firefox): placed by hand when it opens.
  const place = (event: TargetedToggleEvent<HTMLSpanElement>) => {
    const box = event.currentTarget;
    if (event.newState !== "open") return;
    const button = box.previousElementSibling!.getBoundingClientRect();
    box.style.left = `${Math.max(GAP, Math.min(button.left, innerWidth - WIDTH - GAP))}px`;
    const isLow = button.bottom > innerHeight * 0.7;
    box.style.top = isLow ? "auto" : `${button.bottom + GAP / 2}px`;
    box.style.bottom = isLow ? `${innerHeight - button.top + GAP / 2}px` : "auto";
    addEventListener("scroll", () => box.matches(":popover-open") && box.hidePopover(), { once: true, passive: true });
  };

  return (
    <>
      <button type="button" class="help" popovertarget={id} aria-label={words.help.what(name)}>
        ?
      </button>
      <span id={id} popover="auto" class="help-text" onBeforeToggle={place}>
        {meaning}
      </span>
    </>
  );
}
