import { comparisonOf } from "../state/predictions.ts";
import { pictures, select, selected, type Picture } from "../state/pictures.ts";
import { words } from "../common/strings.ts";
import { Pixels } from "./pixels.tsx";

export function Mark({ agrees }: { agrees: boolean | null }) {
  return <span class={`mark ${agrees === null ? "none" : agrees ? "agree" : "differ"}`} aria-hidden="true" />;
}

const markText = (agrees: boolean | null) =>
  agrees === null ? words.compare.marks.none : agrees ? words.compare.marks.agree : words.compare.marks.differ;

/** All pictures as thumbs, each marked: a filled dot where student and ensemble agree, a ring where they differ. */
export function Gallery() {
  const step = (event: KeyboardEvent) => {
    const list = pictures.value;
    const current = list.findIndex((picture) => picture.id === selected.value?.id);
    const target = { ArrowRight: current + 1, ArrowLeft: current - 1, Home: 0, End: list.length - 1 }[event.key];
    const next = target === undefined ? undefined : list[target];
    if (!next) return;
    event.preventDefault();
    select(next.id);
    (event.currentTarget as HTMLElement).querySelector<HTMLElement>(`[data-picture="${next.id}"]`)?.focus();
  };
  return (
    // The keys arrive from the buttons in the list.
    // oxlint-disable-next-line jsx-a11y/no-noninteractive-element-interactions
    <ul class="gallery" aria-label={words.compare.gallery} onKeyDown={step} data-testid="gallery">
      {pictures.value.map((picture) => (
        <li key={picture.id}>
          <Thumb picture={picture} />
        </li>
      ))}
    </ul>
  );
}

function Thumb({ picture }: { picture: Picture }) {
  const agrees = comparisonOf(picture)?.agrees ?? null;
  return (
    <button
      type="button"
      class="thumb"
      aria-pressed={selected.value?.id === picture.id}
      onClick={() => select(picture.id)}
      aria-label={`${picture.name}, ${markText(agrees)}`}
      title={picture.name}
      data-picture={picture.id}
      data-testid="thumb"
      data-agrees={agrees === null ? "unknown" : String(agrees)}
    >
      {picture.url ? (
        <img class="pixels" src={picture.url} alt="" width="48" height="48" />
      ) : (
        picture.pixels && <Pixels pixels={picture.pixels} />
      )}
      <Mark agrees={agrees} />
    </button>
  );
}
