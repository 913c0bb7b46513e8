/** The address of test images in the Compare view. */
import { batch } from "@preact/signals";
import { N_TEST_IMAGES } from "../state/class_names.ts";
import { activeFamily, chooseStudent, isInUse, networks, use, useFamily } from "../state/networks.ts";
import { hrefWith } from "../state/route.ts";
import { listOf, numberFrom, orNull, writeLink, type Fields } from "./link.ts";

interface CompareLink {
  image: number | null;
  list: number[];
}
const index = numberFrom(0, N_TEST_IMAGES - 1, true);
export const COMPARE_FIELDS: Fields<CompareLink> = {
  image: { name: "image", codec: orNull(index), initial: null },
  list: { name: "list", codec: listOf(index), initial: [] },
};

/** On either side of the image. */
const N_NEIGHBOURS = 10;
/** The address of an image in a list. */
export const compareHref = (list: ArrayLike<number>, place: number): string =>
  hrefWith("compare", compareQuery(list, place));

export function compareQuery(list: ArrayLike<number>, place: number): string {
  const from = Math.max(0, Math.min(place - N_NEIGHBOURS, list.length - 2 * N_NEIGHBOURS - 1));
  const near = Array.from({ length: Math.min(2 * N_NEIGHBOURS + 1, list.length - from) }, (_, i) => list[from + i]!);
  return writeLink(COMPARE_FIELDS, { image: list[place]!, list: near });
}

/** Puts exactly these networks in use, as far as their weights are available. */
export async function alignNetworks(family: string, teachers: readonly string[], student: string): Promise<void> {
  if (activeFamily.value !== family) await useFamily(family);
  const wanted = [...teachers, student];
  const loaded = networks.value.map(({ info }) => info.name);
  if (!wanted.every((name) => loaded.includes(name))) return;
  batch(() => {
    for (const name of loaded) if (isInUse(name) && !wanted.includes(name)) use(name, false);
    for (const name of wanted) if (!isInUse(name)) use(name, true);
    chooseStudent(student);
  });
}
