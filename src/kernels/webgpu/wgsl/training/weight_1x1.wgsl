// The gradient of a 1x1 convolution's weight, summed over a part of the pixels.
//
// A thread sums the products of two vectors of input channels with two vectors of the output's gradient, 8 by 8 channels, along
// every PARTS-th row of pixels. Neighbouring threads share what they read.

@group(0) @binding(0) var<storage, read> x: array<vec4f>; // [n, SIZE_IN, SIZE_IN, C_IN]
@group(0) @binding(1) var<storage, read> dy: array<vec4f>; // [n, SIZE_OUT, SIZE_OUT, C_OUT]
@group(0) @binding(2) var<storage, read_write> y: array<vec4f>; // [PARTS, 4 * C_IN, C_OUT]
@group(0) @binding(3) var<storage, read> parameters: array<vec4f>; // at SCALE if NORMED: scale [C_IN], shift [C_IN]

$CONSTANTS
const TILE = 2u; // vectors of channels

$FUNCTIONS
@compute @workgroup_size(WORKGROUP)
fn main(@builtin(global_invocation_id) id: vec3u) {
    let tile = id.x % TILES;
    let part = id.x / TILES;
    if (part >= PARTS) {
        return;
    }
    let channel_in = tile / (C_OUT / TILE) * TILE;
    let channel_out = tile % (C_OUT / TILE) * TILE;
    let norm0 = norm_of(channel_in);
    let norm1 = norm_of(channel_in + 1u);
    var sum00 = mat4x4f();
    var sum01 = mat4x4f();
    var sum10 = mat4x4f();
    var sum11 = mat4x4f();
    for (var row = part; row < ROWS; row += PARTS) {
        let start = (row / SIZE_OUT * SIZE_IN + row % SIZE_OUT * STRIDE) * SIZE_IN * C_IN + channel_in;
        for (var column = 0u; column < SIZE_OUT; column++) {
            let pixel_in = start + column * STRIDE * C_IN;
            let pixel_out = (row * SIZE_OUT + column) * C_OUT + channel_out;
            let dy0 = dy[pixel_out];
            let dy1 = dy[pixel_out + 1u];
            let x0 = activated(x[pixel_in], norm0);
            let x1 = activated(x[pixel_in + 1u], norm1);
            sum00 = add_products(sum00, x0, dy0);
            sum01 = add_products(sum01, x0, dy1);
            sum10 = add_products(sum10, x1, dy0);
            sum11 = add_products(sum11, x1, dy1);
        }
    }
    let first = (part * C_IN + channel_in) * 4u * C_OUT + channel_out;
    store(first, sum00);
    store(first + 1u, sum01);
    store(first + 4u * C_OUT, sum10);
    store(first + 4u * C_OUT + 1u, sum11);
}
