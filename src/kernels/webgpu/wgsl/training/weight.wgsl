// $TITLE
//
// The gradient of a convolution's weight, summed over a part of the pixels. A thread makes a row of the window for TILE_IN by
// TILE_OUT vectors of channels and goes along rows of pixels; neighbouring threads share what they read.

@group(0) @binding(0) var<storage, read> x: array<vec4f>; // [n, SIZE_IN, SIZE_IN, C_IN]
@group(0) @binding(1) var<storage, read> dy: array<vec4f>; // [n, SIZE_OUT, SIZE_OUT, C_OUT]
@group(0) @binding(2) var<storage, read_write> y: array<vec4f>; // [PARTS, KERNEL, KERNEL, 4 * C_IN, C_OUT]
$NORM_BINDING

$CONSTANTS

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(global_invocation_id) id: vec3u) {
    let channel_out = id.x % (C_OUT / TILE_OUT) * TILE_OUT;
    let rest = id.x / (C_OUT / TILE_OUT);
    let channel_in = rest % (C_IN / TILE_IN) * TILE_IN;
    let tap = rest / (C_IN / TILE_IN) % KERNEL;
    let part = rest / (C_IN / TILE_IN * KERNEL);
    if (part >= PARTS) {
        return;
    }
$NORM
$CLEAR
    let end = min((part + 1u) * ROWS_A_PART, ROWS);
    for (var row = part * ROWS_A_PART; row < end; row++) {
        let row_in = i32(row % SIZE_OUT * STRIDE + tap) - i32(KERNEL / 2u);
        if (row_in < 0 || row_in >= i32(SIZE_IN)) {
            continue;
        }
        let start = (row / SIZE_OUT * SIZE_IN + u32(row_in)) * SIZE_IN * C_IN + channel_in;
$ROW
        for (var column = 0u; column < SIZE_OUT; column++) {
            let place = start + column * STRIDE * C_IN;
            let there = (row * SIZE_OUT + column) * C_OUT + channel_out;
$PIXEL
        }
    }
    let first = (((part * KERNEL + tap) * KERNEL) * 4u * C_IN + 4u * channel_in) * C_OUT + channel_out;
$STORE
}
