// The gradient of a 3x3 convolution's weight, summed over a part of the pixels.
//
// A thread sums the products of a vector of input channels with two vectors of the output's gradient, 4 by 8 channels, for one row
// of the window, along every PARTS-th row of pixels. Neighbouring threads share what they read.

@group(0) @binding(0) var<storage, read> x: array<vec4f>; // [n, SIZE_IN, SIZE_IN, C_IN]
@group(0) @binding(1) var<storage, read> dy: array<vec4f>; // [n, SIZE_OUT, SIZE_OUT, C_OUT]
@group(0) @binding(2) var<storage, read_write> y: array<vec4f>; // [PARTS, 3, 3, 4 * C_IN, C_OUT]
@group(0) @binding(3) var<storage, read> parameters: array<vec4f>; // at SCALE if NORMED: scale [C_IN], shift [C_IN]

$CONSTANTS
const TILE_OUT = 2u; // vectors of output channels

$FUNCTIONS
@compute @workgroup_size(WORKGROUP)
fn main(@builtin(global_invocation_id) id: vec3u) {
    let tile = id.x % TILES;
    let window_row = id.x / TILES % 3u;
    let part = id.x / (TILES * 3u);
    if (part >= PARTS) {
        return;
    }
    let channel_in = tile / (C_OUT / TILE_OUT);
    let channel_out = tile % (C_OUT / TILE_OUT) * TILE_OUT;
    let norm = norm_of(channel_in);
    var left0 = mat4x4f();
    var left1 = mat4x4f();
    var here0 = mat4x4f();
    var here1 = mat4x4f();
    var right0 = mat4x4f();
    var right1 = mat4x4f();
    for (var row = part; row < ROWS; row += PARTS) {
        let row_in = i32(row % SIZE_OUT * STRIDE + window_row) - 1;
        if (row_in < 0 || row_in >= i32(SIZE_IN)) {
            continue;
        }
        let start = (row / SIZE_OUT * SIZE_IN + u32(row_in)) * SIZE_IN * C_IN + channel_in;
        // The window's columns; each pixel is read once and moves from right to left.
        var left = vec4f();
        var here = activated(x[start], norm);
        for (var column = 0u; column < SIZE_OUT; column++) {
            let pixel_in = start + column * STRIDE * C_IN;
            let pixel_out = (row * SIZE_OUT + column) * C_OUT + channel_out;
            let dy0 = dy[pixel_out];
            let dy1 = dy[pixel_out + 1u];
            if (STRIDE == 2u) {
                here = activated(x[pixel_in], norm);
            }
            // At stride 2 the right neighbour of the last pixel is inside the image.
            let is_inside = STRIDE == 2u || column + 1u < SIZE_OUT;
            let right = select(vec4f(), activated(x[pixel_in + C_IN], norm), is_inside);
            left0 = add_products(left0, left, dy0);
            left1 = add_products(left1, left, dy1);
            here0 = add_products(here0, here, dy0);
            here1 = add_products(here1, here, dy1);
            right0 = add_products(right0, right, dy0);
            right1 = add_products(right1, right, dy1);
            left = select(here, right, STRIDE == 2u);
            here = right;
        }
    }
    let first = ((part * 3u + window_row) * 3u * C_IN + channel_in) * 4u * C_OUT + channel_out;
    let next_column = 4u * C_IN * C_OUT;
    store(first, left0);
    store(first + 1u, left1);
    store(first + next_column, here0);
    store(first + next_column + 1u, here1);
    store(first + 2u * next_column, right0);
    store(first + 2u * next_column + 1u, right1);
}
