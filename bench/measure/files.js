/** Files of the checkout, in a page and in Node alike: the benchmark's server shows the same folders at the same places. */

const ROOT = new URL("../../", import.meta.url);

export const IN_NODE = ROOT.protocol === "file:";

/** The address of a file by its path in the checkout. */
export const urlOf = (path) => new URL(path, ROOT);

export async function bytesOf(path) {
  const url = urlOf(path);
  if (IN_NODE) return new Uint8Array(await (await import("node:fs/promises")).readFile(url));
  const response = await fetch(url);
  if (!response.ok) throw new Error(`${url}: ${response.status}`);
  return new Uint8Array(await response.arrayBuffer());
}

/** The tensors of a safetensors file by name, `{ shape, values }`. */
export function readSafetensors(bytes) {
  const length = Number(new DataView(bytes.buffer, bytes.byteOffset, 8).getBigUint64(0, true));
  const { __metadata__: metadata = {}, ...entries } = JSON.parse(
    new TextDecoder().decode(bytes.subarray(8, 8 + length)),
  );
  const tensors = {};
  for (const [
    name,
    {
      dtype,
      shape,
      data_offsets: [begin, end],
    },
  ] of Object.entries(entries))
    tensors[name] = { shape, values: valuesOf(dtype, bytes.slice(8 + length + begin, 8 + length + end)) };
  return { metadata, tensors };
}

function valuesOf(dtype, data) {
  switch (dtype) {
    case "U8":
      return data;
    case "I32":
      return new Int32Array(data.buffer);
    case "F32":
      return new Float32Array(data.buffer);
    case "F64":
      return new Float64Array(data.buffer);
    case "F16":
      return Float32Array.from(new Uint16Array(data.buffer), half);
    default:
      throw new Error(`tensors of ${dtype} are not read here`);
  }
}

function half(bits) {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  if (exponent === 31) return fraction ? NaN : sign * Infinity;
  return sign * (exponent ? 2 ** (exponent - 15) * (1 + fraction / 1024) : 2 ** -14 * (fraction / 1024));
}

/** A safetensors file of f32 tensors, from `{ name: { shape, values } }`. */
export function writeSafetensors(tensors, metadata) {
  const header = { __metadata__: metadata };
  let end = 0;
  for (const [name, { shape, values }] of Object.entries(tensors))
    header[name] = { dtype: "F32", shape, data_offsets: [end, (end += values.length * 4)] };
  const text = new TextEncoder().encode(JSON.stringify(header));
  const bytes = new Uint8Array(8 + text.length + end);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(text.length), true);
  bytes.set(text, 8);
  let at = 8 + text.length;
  for (const { values } of Object.values(tensors)) {
    bytes.set(new Uint8Array(Float32Array.from(values).buffer), at);
    at += values.length * 4;
  }
  return bytes;
}
