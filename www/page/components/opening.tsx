import type { Signal } from "@preact/signals";
import type { ComponentType } from "preact";
import { Lazy } from "./lazy.tsx";

interface Props {
  summary: string;
  isOpen: Signal<boolean>;
  load: () => Promise<ComponentType<object>>;
  testId: string;
}

/** A card that is closed at first; its code is loaded when it is opened. */
export function Opening({ summary, isOpen, load, testId }: Props) {
  return (
    <details
      class="card"
      open={isOpen.value}
      onToggle={(event) => {
        isOpen.value = event.currentTarget.open;
      }}
      data-testid={testId}
    >
      <summary>{summary}</summary>
      {isOpen.value && <Lazy load={load} props={{}} />}
    </details>
  );
}
