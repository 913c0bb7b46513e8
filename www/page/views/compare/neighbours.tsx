import { useEffect } from "preact/hooks";
import { hrefOf } from "../../state/route.ts";
import { testSetWords } from "../../test_set/strings.ts";
import { goToPlace, placeInList, watchCompareLink } from "./compare_images.ts";

/** Shows the test images that the address names, with links along their list and back to it. */
export function Neighbours() {
  useEffect(watchCompareLink, []);
  if (!placeInList.value) return null;
  const { list, place } = placeInList.value;
  const { previous, next, place: text, back, label } = testSetWords.images.neighbours;
  return (
    <nav class="row" aria-label={label} data-testid="neighbours">
      <button
        type="button"
        disabled={place === 0}
        onClick={() => goToPlace(list, place - 1)}
        data-testid="previous-image"
      >
        {previous}
      </button>
      <button
        type="button"
        disabled={place === list.length - 1}
        onClick={() => goToPlace(list, place + 1)}
        data-testid="next-image"
      >
        {next}
      </button>
      <span class="hint" role="status">
        {text(place, list.length)}
      </span>
      <a href={hrefOf("fidelity")}>{back}</a>
    </nav>
  );
}
