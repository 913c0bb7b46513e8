// $TITLE
//
// The gradient of a convolution's weight, summed over a part of the pixels, for software adapters: sums lie in private memory,
// so that a value that is read serves many of them. The lanes of a vector register take neighbouring pixels, and each keeps sums
// of its own.

@group(0) @binding(0) var<storage, read> x: array<vec4f>; // [n, SIZE_IN, SIZE_IN, C_IN]
@group(0) @binding(1) var<storage, read> dy: array<vec4f>; // [n, SIZE_OUT, SIZE_OUT, C_OUT]
@group(0) @binding(2) var<storage, read_write> y: array<vec4f>; // [PARTS, KERNEL, KERNEL, 4 * C_IN, C_OUT]
$NORM_BINDING

$CONSTANTS

var<private> p: array<vec4f, SUMS>;

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(local_invocation_id) lane: vec3u) {
    let channel_in = id.y / (C_OUT / TILE_OUT) * TILE_IN;
    let channel_out = id.y % (C_OUT / TILE_OUT) * TILE_OUT;
$NORM
$PIXELS
    let first = (id.x * LANES + lane.x) * (KERNEL * KERNEL * 4u * C_IN * C_OUT) + 4u * channel_in * C_OUT + channel_out;
    for (var i = 0u; i < KERNEL * KERNEL * 4u * TILE_IN; i++) {
        let place = first + ((i / (4u * TILE_IN)) * 4u * C_IN + i % (4u * TILE_IN)) * C_OUT;
        for (var v = 0u; v < TILE_OUT; v++) {
            y[place + v] = p[i * TILE_OUT + v];
        }
    }
}
