// $TITLE
//
// The gradient of a convolution's weight, summed over a part of the pixels. A thread makes a row of the window for TILE_IN by
// TILE_OUT vectors of channels and goes along rows of pixels. Lanes of a vector register take neighbouring rows, and all
// that a thread keeps is in private memory.

@group(0) @binding(0) var<storage, read> x: array<vec4f>; // [n, SIZE_IN, SIZE_IN, C_IN]
@group(0) @binding(1) var<storage, read> dy: array<vec4f>; // [n, SIZE_OUT, SIZE_OUT, C_OUT]
@group(0) @binding(2) var<storage, read_write> y: array<vec4f>; // [PARTS, KERNEL, KERNEL, 4 * C_IN, C_OUT]
$NORM_BINDING

$CONSTANTS

var<private> p: array<vec4f, PRIVATE>;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) id: vec3u, @builtin(local_invocation_id) lane: vec3u) {
    let tile = id.y;
    let tap = id.z;
    let part = id.x * WORKGROUP + lane.x;
    let channel_in = tile / (C_OUT / TILE_OUT) * TILE_IN;
    let channel_out = tile % (C_OUT / TILE_OUT) * TILE_OUT;
$NORM
    for (var row = part; row < ROWS; row += PARTS) {
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
    // Indexed by a variable, which keeps the array in memory.
    for (var i = 0u; i < KERNEL * 4u * TILE_IN; i++) {
        let place = first + ((i / (4u * TILE_IN)) * 4u * C_IN + i % (4u * TILE_IN)) * C_OUT;
        for (var v = 0u; v < TILE_OUT; v++) {
            y[place + v] = p[i * TILE_OUT + v];
        }
    }
}
