// The gradient of a convolution's weight from the sums over parts of the pixels, in PyTorch's order of dimensions. Parts are
// added one after the other, so that the result is the same each time.

@group(0) @binding(0) var<storage, read> x: array<vec4f>; // [PARTS, TAPS, C_IN, C_OUT]
@group(0) @binding(1) var<storage, read_write> y: array<f32>; // [4 * C_OUT, C_IN, TAPS]

$CONSTANTS

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(global_invocation_id) id: vec3u) {
    if (id.x >= WEIGHTS) {
        return;
    }
    var sum = vec4f();
    for (var part = 0u; part < PARTS; part++) {
        sum += x[part * WEIGHTS + id.x];
    }
    let first = (4u * (id.x % C_OUT) * C_IN + id.x / C_OUT % C_IN) * TAPS + id.x / (C_OUT * C_IN);
    y[first] = sum.x;
    y[first + C_IN * TAPS] = sum.y;
    y[first + 2u * C_IN * TAPS] = sum.z;
    y[first + 3u * C_IN * TAPS] = sum.w;
}
