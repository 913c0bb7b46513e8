/** Visitors' manifests, in the form of the page's own: dropped together with their files, or named by an address on this host. */
import { N_TEST_IMAGES } from "./class_names.ts";
import { checked, download } from "./download.ts";
import { client } from "./client.ts";
import { isNetwork, setsOf, type ManifestNetwork, type NetworkSet, type ReadFile } from "./manifest.ts";
import { addSets, everyListed, freeCopyName, networks, sets } from "./networks.ts";
import { messageOf, notifyError, notifyInfo } from "./notices.ts";
import { words } from "../common/strings.ts";
import { manifestWords } from "./manifest_strings.ts";

const BYTES_OF_F16 = 2;

/** Imports a dropped manifest with the dropped files that it lists. Returns the names of these files, or of all files if the manifest is refused. */
export async function takeManifest(manifest: File, files: readonly File[]): Promise<string[]> {
  let listed: string[] = [];
  const isTaken = await takeOver(manifest.name, async () => {
    const entries = parseManifest(await manifest.text());
    listed = entries.flatMap(({ file, logits }) => [file, ...(logits ? [logits.file] : [])]).map(baseName);
    const find = (name: string) => files.find((file) => file.name === baseName(name));
    const missing = entries.map(({ file }) => file).filter((file) => !find(file));
    if (missing.length > 0) throw new Error(manifestWords.missing(missing.join(", ")));
    for (const { file, bytes } of entries.flatMap((entry) => [entry, ...(entry.logits ? [entry.logits] : [])])) {
      const size = find(file)?.size;
      if (size !== undefined && size !== bytes) throw new Error(manifestWords.length(file, size, bytes));
    }
    const read: ReadFile = async (name, expected, onBytes) => {
      const bytes = new Uint8Array(await find(name)!.arrayBuffer());
      onBytes(bytes.length);
      return checked(bytes, name, expected);
    };
    return entries.map(({ logits, ...entry }) => ({
      ...entry,
      ...(logits && find(logits.file) ? { logits } : {}),
      read,
    }));
  });
  return isTaken ? listed : files.map(({ name }) => name);
}

/** Imports the manifest at an address of this host. Returns whether its networks are in use then. */
export async function openManifest(address: string): Promise<boolean> {
  return takeOver(address, async () => {
    if (!URL.canParse(address, location.href)) throw new Error(manifestWords.noAddress(address));
    const url = new URL(address, location.href);
    if (url.origin !== location.origin) throw new Error(manifestWords.otherHost(url.href));
    const response = await fetch(url);
    if (!response.ok) throw new Error(manifestWords.http(url.pathname, response.status));
    const read: ReadFile = (name, expected, onBytes) => download(new URL(name, url).href, name, expected, onBytes);
    return parseManifest(await response.text()).map((entry) => ({ ...entry, read }));
  });
}

/** Imports the whole manifest, or shows a message and changes nothing. */
async function takeOver(name: string, entries: () => Promise<ManifestNetwork[]>): Promise<boolean> {
  try {
    const lab = client.value;
    if (!lab) throw new Error(words.compare.notReady);
    const { own, renamed } = withFreeNames(await entries());
    const found = setsOf(own).map((set) => ({ ...set, family: freeFamily(set.family) }));
    const [first] = found;
    if (!first) throw new Error(manifestWords.noSet);
    found.forEach(checkClasses);
    await addSets(lab, found);
    const without = own.filter(({ logits }) => !logits).map((entry) => entry.name);
    notifyInfo(manifestWords.added(name, own.length, first.family), [
      ...renamed,
      ...(without.length > 0 ? [manifestWords.withoutLogits(without.join(", "))] : []),
    ]);
    return true;
  } catch (error) {
    notifyError(manifestWords.refused(name), [messageOf(error)]);
    return false;
  }
}

const baseName = (path: string): string => path.split("/").at(-1)!;

/** Gives each network a name that no loaded or listed network has. */
function withFreeNames(entries: readonly ManifestNetwork[]): { own: ManifestNetwork[]; renamed: string[] } {
  const taken = new Set([
    ...networks.value.map(({ info }) => info.name),
    ...everyListed.value.map((entry) => entry.name),
  ]);
  const names = new Map<string, string>();
  for (const { name } of entries) {
    const free = freeCopyName(name, taken);
    taken.add(free);
    names.set(name, free);
  }
  const own = entries.map((entry) => ({
    ...entry,
    name: names.get(entry.name)!,
    taughtBy: entry.taughtBy?.map((teacher) => names.get(teacher)!) ?? null,
  }));
  return {
    own,
    renamed: [...names].filter(([from, to]) => from !== to).map(([from, to]) => manifestWords.renamed(from, to)),
  };
}

const freeFamily = (family: string): string =>
  freeCopyName(manifestWords.family(family), new Set(sets.value.map((set) => set.family)));

function checkClasses({ teachers, students }: NetworkSet): void {
  const [first] = teachers;
  const other = [...teachers, ...students].find(({ nClasses }) => nClasses !== first!.nClasses);
  if (other) throw new Error(manifestWords.classes(first!.name, first!.nClasses, other.name, other.nClasses));
}

/** Reads the networks of a manifest. Throws an error that says what is wrong with the first wrong one, and what would be right. */
export function parseManifest(text: string): ManifestNetwork[] {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    throw new Error(manifestWords.notJson(messageOf(error)), { cause: error });
  }
  const list = isObject(json) ? json.networks : undefined;
  if (!Array.isArray(list) || list.length === 0) throw new Error(manifestWords.noNetworks);
  list.forEach((entry, i) => {
    const wrong = faultOf(entry, list);
    const name = isObject(entry) && typeof entry.name === "string" ? entry.name : "";
    if (wrong) throw new Error(manifestWords.wrongEntry(i, name, ...wrong));
  });
  // The page's own check has the last word.
  if (!list.every(isNetwork)) throw new Error(words.files.manifestForm);
  for (const { logits, nClasses } of list) {
    const expected = N_TEST_IMAGES * nClasses * BYTES_OF_F16;
    if (logits && logits.bytes !== expected)
      throw new Error(manifestWords.logitsLength(logits.file, logits.bytes, expected, nClasses));
  }
  return list;
}

type Json = Record<string, unknown>;
const isObject = (value: unknown): value is Json =>
  typeof value === "object" && value !== null && !Array.isArray(value);
const isText = (value: unknown) => typeof value === "string" && value.length > 0;
/** Whether a path stays below the manifest: no other host, no parent folder. */
const isPath = (value: unknown) =>
  typeof value === "string" && /^[^/\\:?#]+(\/[^/\\:?#]+)*$/.test(value) && !value.split("/").includes("..");
const isCount = (value: unknown) => Number.isInteger(value) && (value as number) > 0;
const isSha256 = (value: unknown) => typeof value === "string" && /^[0-9a-f]{64}$/.test(value);
const isShare = (value: unknown) => typeof value === "number" && Number.isFinite(value);

/** Finds the first wrong field and says what it must be. */
function faultOf(entry: unknown, list: readonly unknown[]): [string, string] | null {
  const { should } = manifestWords;
  if (!isObject(entry)) return ["networks", should.object];
  if (entry.role !== "teacher" && entry.role !== "student") return ["role", should.role];
  for (const field of ["name", "family"]) if (!isText(entry[field])) return [field, should.text];
  if (list.filter((other) => isObject(other) && other.name === entry.name).length > 1) return ["name", should.unique];
  if (!isPath(entry.file)) return ["file", should.file];
  for (const field of ["bytes", "depth", "nClasses"]) if (!isCount(entry[field])) return [field, should.count];
  if (!isSha256(entry.sha256)) return ["sha256", should.sha256];
  const { metrics, taughtBy, logits } = entry;
  if (!isObject(metrics) || !["accuracy", "top5Accuracy", "nll", "ece"].every((field) => isShare(metrics[field])))
    return ["metrics", should.metrics];
  if (entry.role === "teacher" && taughtBy !== null) return ["taughtBy", should.noTeachers];
  if (entry.role === "student") {
    if (!Array.isArray(taughtBy) || taughtBy.length === 0 || !taughtBy.every(isText))
      return ["taughtBy", should.teachersOf];
    const unlisted = taughtBy.find(
      (name) => !list.some((other) => isObject(other) && other.role === "teacher" && other.name === name),
    );
    if (unlisted !== undefined) return ["taughtBy", should.listed(String(unlisted))];
  }
  if (logits !== undefined) {
    if (!isObject(logits)) return ["logits", should.logits];
    if (!isPath(logits.file)) return ["logits.file", should.file];
    if (!isCount(logits.bytes)) return ["logits.bytes", should.count];
    if (!isSha256(logits.sha256)) return ["logits.sha256", should.sha256];
  }
  return null;
}
