/** Formats numbers for the visitor. */
const locale = "en";
const percentFormat = new Intl.NumberFormat(locale, {
  style: "percent",
  minimumFractionDigits: 1,
  maximumFractionDigits: 1,
});
const countFormat = new Intl.NumberFormat(locale);
const fixed = (digits: number) =>
  new Intl.NumberFormat(locale, { minimumFractionDigits: digits, maximumFractionDigits: digits });
const two = fixed(2);
const three = fixed(3);
const short = new Intl.NumberFormat(locale, { maximumSignificantDigits: 3 });

export const percent = (share: number): string => percentFormat.format(share);
export const count = (n: number): string => countFormat.format(n);
export const nats = (value: number): string => three.format(value);
export const probability = (value: number): string => two.format(value);
export const brief = (value: number): string =>
  value !== 0 && Math.abs(value) < 1e-3 ? value.toExponential(1) : short.format(value);
export const megabytes = (bytes: number): string => `${fixed(1).format(bytes / 1e6)} MB`;

export const plural = (n: number, one: string, many: string): string => `${count(n)} ${n === 1 ? one : many}`;
export const images = (n: number): string => plural(n, "image", "images");
/** Joins names or numbers as in a sentence. */
export const inWords = (parts: readonly string[]): string =>
  parts.length < 2 ? parts.join() : `${parts.slice(0, -1).join(", ")} and ${parts.at(-1)!}`;

export function duration(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${String(whole % 60).padStart(2, "0")} s`;
  return `${Math.floor(whole / 3600)} h ${String(Math.floor((whole % 3600) / 60)).padStart(2, "0")} min`;
}
