/** Tells which WebAssembly SIMD this browser supports. */

/** A module with `f32x4.relaxed_madd(0, 0, 0)`, which a browser without relaxed SIMD rejects. */
const RELAXED_SIMD = new Uint8Array([
  0x00,
  0x61,
  0x73,
  0x6d,
  0x01,
  0x00,
  0x00,
  0x00, // magic, version
  0x01,
  0x05,
  0x01,
  0x60,
  0x00,
  0x01,
  0x7b, // type: () -> v128
  0x03,
  0x02,
  0x01,
  0x00, // one function of that type
  0x0a,
  0x13,
  0x01,
  0x11,
  0x00, // its code, without locals
  0x41,
  0x00,
  0xfd,
  0x0f, // i32.const 0, i8x16.splat
  0x41,
  0x00,
  0xfd,
  0x0f,
  0x41,
  0x00,
  0xfd,
  0x0f,
  0xfd,
  0x85,
  0x02, // f32x4.relaxed_madd
  0x0b, // end
]);

/** Whether modules with relaxed SIMD load here. Elsewhere one relaxed instruction makes the browser reject the whole module. */
export function hasRelaxedSimd(): boolean {
  return WebAssembly.validate(RELAXED_SIMD);
}

/** The smallest module with a SIMD instruction: () -> v128, i32.const 0, i8x16.splat, i8x16.popcnt. */
const SIMD = new Uint8Array([
  0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 10, 1, 8, 0, 65, 0, 253, 15, 253, 98, 11,
]);

/** Whether this environment has the vectors that every module needs. */
export function hasSimd(): boolean {
  return typeof WebAssembly === "object" && WebAssembly.validate(SIMD);
}
