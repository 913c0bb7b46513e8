// Zeros between the pixels: what a convolution of stride 2 skipped has no gradient.

@group(0) @binding(0) var<storage, read> x: array<vec4f>; // [n, SIZE, SIZE, C]
@group(0) @binding(1) var<storage, read_write> y: array<vec4f>; // [n, 2 * SIZE, 2 * SIZE, C]

$CONSTANTS

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(global_invocation_id) id: vec3u) {
    if (id.x >= VALUES) {
        return;
    }
    let pixel = id.x / C;
    let column = pixel % (2u * SIZE);
    // An image has an even number of rows, so the rows of all images can be counted together.
    let row = pixel / (2u * SIZE);
    let there = ((row / 2u) * SIZE + column / 2u) * C + id.x % C;
    let skipped = ((row | column) & 1u) == 1u;
    y[id.x] = select(x[there], vec4f(), skipped);
}
