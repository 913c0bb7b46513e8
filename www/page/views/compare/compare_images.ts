/** Test images of a list in the Compare view, each with its neighbours. */
import { batch, computed, effect, signal } from "@preact/signals";
import { testSetWords } from "../../test_set/strings.ts";
import { hasTestSet } from "../../state/data_sets.ts";
import { client } from "../../state/client.ts";
import { isReady } from "../../state/networks.ts";
import { messageOf, notifyError, notifyInfo } from "../../state/notices.ts";
import { pictures, PIXELS_BYTES, select, selected, type Picture } from "../../state/pictures.ts";
import { queryOf, setQuery, view } from "../../state/route.ts";
import { COMPARE_FIELDS, compareQuery } from "../../test_set/compare_link.ts";
import { parseLink, writeLink } from "../../test_set/link.ts";
import { images } from "../../test_set/questions.ts";
import { openStoredLogits } from "../../test_set/stored_logits.ts";
import { testImages } from "../../test_set/verification.ts";

/** The address whose images are shown. */
const shown = signal("");
const idOf = (image: number) => `test-${image}`;

/** Where the picture that is looked at stands in the list that led to it: the explorer's whole one, else what the address holds of it. */
export const placeInList = computed(() => {
  const image = imageOf(selected.value);
  if (image === null || shown.value === "" || queryOf("compare") !== shown.value) return null;
  const found = images.answer.value?.value.indices;
  const list = found?.includes(image) ? found : parseLink(COMPARE_FIELDS, shown.value).state.list;
  const place = list.indexOf(image);
  return place < 0 ? null : { list, place };
});

/** Replaces the image by another one of the list, without adding to the history. */
export const goToPlace = (list: ArrayLike<number>, place: number): void =>
  setQuery("compare", compareQuery(list, place));

function imageOf(picture: Picture | null): number | null {
  const text = /^test-(\d+)$/.exec(picture?.id ?? "")?.[1];
  return text === undefined ? null : Number(text);
}

/** Shows the images that the address names and keeps the shown one in the address, until the returned function is called. */
export function watchCompareLink(): () => void {
  const stops = [
    effect(() => {
      const query = view.value === "compare" ? queryOf("compare") : "";
      if (!query || !client.value || !isReady.value || query === shown.peek()) return;
      void [hasTestSet.value]; // what is missing may come
      queueMicrotask(() => void show(query));
    }),
    effect(() => {
      const image = imageOf(selected.value);
      if (shown.value === "" || queryOf("compare") !== shown.value || image === null) return;
      const { state } = parseLink(COMPARE_FIELDS, shown.value);
      const query = writeLink(COMPARE_FIELDS, { ...state, image });
      batch(() => {
        shown.value = query;
        setQuery("compare", query);
      });
    }),
  ];
  return () => stops.forEach((stop) => stop());
}

let told = "";

async function show(query: string): Promise<void> {
  const {
    state: { image, list },
    ignored,
  } = parseLink(COMPARE_FIELDS, query);
  if (ignored.length > 0 && told !== query) notifyInfo(testSetWords.link.ignored, ignored);
  const wanted = list.length > 0 ? list : image === null ? [] : [image];
  if (wanted.length === 0) return;
  if (!hasTestSet.value) {
    if (told !== query) notifyInfo(testSetWords.images.howToAdd);
    told = query;
    return;
  }
  told = query;
  try {
    await openStoredLogits();
    const { pixels, labels } = await testImages();
    const found = wanted.map(
      (i): Picture => ({
        id: idOf(i),
        name: testSetWords.images.open(i),
        origin: "test",
        label: labels[i]!,
        pixels: pixels.slice(i * PIXELS_BYTES, (i + 1) * PIXELS_BYTES),
        width: 32,
        height: 32,
        url: null,
      }),
    );
    batch(() => {
      shown.value = query;
      pictures.value = [...found, ...pictures.value.filter(({ origin }) => origin !== "test")];
      select(idOf(image ?? wanted[0]!));
    });
  } catch (error) {
    notifyError(testSetWords.images.failed, [messageOf(error)]);
  }
}
