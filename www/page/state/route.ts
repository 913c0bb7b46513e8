/** The page's address: a view after the hash, the view's own state after a `?`, the device and a manifest as parameters. */
import { signal } from "@preact/signals";
import type { DeviceChoice } from "../../../pkg/api.js";
import { words } from "../common/strings.ts";
import { notifyInfo } from "./notices.ts";

export const VIEWS = ["compare", "fidelity", "distil", "findings"] as const;
export type View = (typeof VIEWS)[number];

interface Route {
  view: View;
  query: string;
}

function parse(hash: string): Route {
  const [path = "", query = ""] = hash.replace(/^#\/?/, "").split(/\?(.*)/s);
  const found = VIEWS.find((name) => name === path);
  if (!found && path) notifyInfo(words.link.noView(path));
  return found ? { view: found, query } : { view: "compare", query: "" };
}

const first = parse(location.hash);
export const view = signal<View>(first.view);
/** The state of each view that has been shown, as the address holds it. */
const queries = signal<Readonly<Partial<Record<View, string>>>>({ [first.view]: first.query });
export const queryOf = (name: View): string => queries.value[name] ?? "";

/** The address of a view in the state in which the visitor left it. */
export const hrefOf = (name: View): string => hrefWith(name, queryOf(name));
export const hrefWith = (name: View, query: string): string => `#/${name}${query && `?${query}`}`;

/** Writes a view's state into the address, without a step of the history. */
export function setQuery(name: View, query: string): void {
  if (query === queryOf(name)) return;
  queries.value = { ...queries.value, [name]: query };
  if (view.value === name) history.replaceState(null, "", hrefOf(name));
}

window.addEventListener("hashchange", () => {
  const next = parse(location.hash);
  queries.value = { ...queries.value, [next.view]: next.query };
  if (next.view === view.value) return;
  view.value = next.view;
  scrollTo(0, 0); // one page, several views: each begins at its top
});

const DEVICES: readonly DeviceChoice[] = ["webgpu", "cpu"];

export function deviceFromAddress(): DeviceChoice {
  const wanted = new URLSearchParams(location.search).get("device");
  return DEVICES.find((device) => device === wanted) ?? "auto";
}

/** The address of a manifest on this host whose networks the page shows. */
export const manifestFromAddress = (): string | null => new URLSearchParams(location.search).get("manifest");

/** The same view on another device: a new page load, since a module holds one backend. */
export function addressWithDevice(device: "webgpu" | "cpu"): string {
  const parameters = new URLSearchParams({ device });
  const manifest = manifestFromAddress();
  if (manifest !== null) parameters.set("manifest", manifest);
  return `${location.pathname}?${parameters}${hrefOf(view.value)}`;
}
