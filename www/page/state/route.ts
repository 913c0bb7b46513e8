/** The page's address: a view after the hash, the device and a manifest as parameters. Everything else in it is ignored. */
import { signal } from "@preact/signals";
import type { DeviceChoice } from "../../../pkg/api.js";

export const VIEWS = ["compare", "fidelity", "distil"] as const;
export type View = (typeof VIEWS)[number];

const parseView = (hash: string): View => VIEWS.find((view) => hash === `#/${view}`) ?? "compare";

export const view = signal<View>(parseView(location.hash));
export const hrefOf = (name: View): string => `#/${name}`;

window.addEventListener("hashchange", () => {
  view.value = parseView(location.hash);
  scrollTo(0, 0); // one page, three views: each begins at its top
});

const DEVICES: readonly DeviceChoice[] = ["webgpu", "cpu"];

export function deviceFromAddress(): DeviceChoice {
  const wanted = new URLSearchParams(location.search).get("device");
  return DEVICES.find((device) => device === wanted) ?? "auto";
}

/** A manifest on this host whose networks are to be shown. */
export const manifestFromAddress = (): string | null => new URLSearchParams(location.search).get("manifest");

/** The same view on another device: a new page load, since a module holds one backend. */
export function addressWithDevice(device: "webgpu" | "cpu"): string {
  const parameters = new URLSearchParams({ device });
  const manifest = manifestFromAddress();
  if (manifest !== null) parameters.set("manifest", manifest);
  return `${location.pathname}?${parameters}${hrefOf(view.value)}`;
}
