/** The networks that a visitor meets first. */
import type { LabClient } from "../../../pkg/client.js";
import { fetchManifest, setsOf } from "./manifest.ts";
import { sets, useFamily } from "./networks.ts";
import { messageOf, notifyError } from "./notices.ts";
import { manifestFromAddress } from "./route.ts";
import { words } from "../common/strings.ts";

/** Starts with the shipped networks, unless the address names a manifest. */
export async function startNetworks(lab: LabClient): Promise<void> {
  const manifest = manifestFromAddress();
  try {
    sets.value = setsOf(await fetchManifest());
  } catch (error) {
    notifyError(words.networks.manifestFailed, [messageOf(error)]);
    if (manifest === null) return;
  }
  if (manifest !== null && (await (await import("./own_manifest.ts")).openManifest(manifest))) return;
  // A GPU affords the best; a processor answers soonest with the smallest.
  const first = lab.device.kind === "cpu" ? sets.value.toSorted((a, b) => a.depth - b.depth)[0] : sets.value[0];
  if (first) await useFamily(first.family);
  else notifyError(words.networks.none);
}
