/** The pictures of the test set, for the list of images. */
import { signal } from "@preact/signals";
import type { Records } from "../../../../pkg/api.js";
import { hasTestSet } from "../../state/data_sets.ts";
import { client } from "../../state/client.ts";
import { messageOf, notifyError } from "../../state/notices.ts";
import { testSetWords } from "../../test_set/strings.ts";
import { testImages } from "../../test_set/verification.ts";

/** The test images; null until they are loaded. */
export const records = signal<Records | null>(null);
const isFetching = signal(false);

/** Loads the test images if they can be had. */
export async function fetchImages(): Promise<void> {
  if (records.peek() || isFetching.peek() || !hasTestSet.value || !client.value) return;
  isFetching.value = true;
  try {
    records.value = await testImages();
  } catch (error) {
    notifyError(testSetWords.images.failed, [messageOf(error)]);
  } finally {
    isFetching.value = false;
  }
}
