/** Turns a view's state into text for the address and back, with a codec per field. Fields with their initial value are left out. */

export interface Codec<T> {
  /** Returns undefined if the text is not a value. */
  read: (text: string) => T | undefined;
  write: (value: T) => string;
}
export type Fields<S> = {
  readonly [K in keyof S]: { readonly name: string; readonly codec: Codec<S[K]>; readonly initial: S[K] };
};

/** Commas separate a list's items, so they are escaped within these. */
const escaped = (item: string) => item.replaceAll("%", "%25").replaceAll(",", "%2C");
const unescaped = (item: string) => item.replaceAll("%2C", ",").replaceAll("%25", "%");

export const oneOf = <T extends string>(values: readonly T[]): Codec<T> => ({
  read: (text) => values.find((value) => value === text),
  write: String,
});
export const textCodec: Codec<string> = { read: (text) => text || undefined, write: String };
export const flag: Codec<boolean> = {
  read: (text) => ({ yes: true, no: false })[text],
  write: (on) => (on ? "yes" : "no"),
};
export const numberFrom = (min: number, max: number, isWhole = false): Codec<number> => ({
  read: (text) => {
    const value = Number(text);
    return text.trim() !== "" && value >= min && value <= max && (!isWhole || Number.isInteger(value))
      ? value
      : undefined;
  },
  write: String,
});
export const listOf = <T>({ read, write }: Codec<T>): Codec<T[]> => ({
  read: (text) => {
    const items = text.split(",").map((item) => read(unescaped(item)));
    return items.every((item) => item !== undefined) ? items : undefined;
  },
  write: (items) => items.map((item) => escaped(write(item))).join(","),
});
/** A field that may be null, which is written as an empty text. */
export const orNull = <T>({ read, write }: Codec<T>): Codec<T | null> => ({
  read,
  write: (value) => (value === null ? "" : write(value)),
});

export const initialOf = <S extends object>(fields: Fields<S>): S =>
  Object.fromEntries(Object.entries(fields).map(([key, field]) => [key, (field as { initial: unknown }).initial])) as S;

/** `ignored` are the parameters that nobody knows or that have no sensible value, as they stand in the address. */
export function parseLink<S extends object>(fields: Fields<S>, query: string): { state: S; ignored: string[] } {
  const state = initialOf(fields);
  const ignored: string[] = [];
  for (const [name, text] of new URLSearchParams(query)) {
    const key = (Object.keys(fields) as (keyof S)[]).find((candidate) => fields[candidate].name === name);
    const value = key === undefined ? undefined : fields[key].codec.read(text);
    if (key === undefined || value === undefined) ignored.push(`${name}=${text}`);
    else state[key] = value;
  }
  return { state, ignored };
}

export function writeLink<S extends object>(fields: Fields<S>, state: S): string {
  const parts = (Object.keys(fields) as (keyof S)[]).flatMap((key) => {
    const { name, codec, initial } = fields[key];
    const text = codec.write(state[key]);
    return text === codec.write(initial)
      ? []
      : [`${name}=${encodeURIComponent(text).replaceAll("%2C", ",").replaceAll("%20", "+")}`];
  });
  return parts.join("&");
}
