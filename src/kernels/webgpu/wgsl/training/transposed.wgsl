// The weight of the convolution that a convolution's input gradient is: input and output channels change places and the window
// is turned around.

@group(0) @binding(0) var<storage, read> weight: array<f32>; // [C_OUT, 4 * C_IN, TAPS]
@group(0) @binding(1) var<storage, read_write> y: array<vec4f>; // [TAPS, C_OUT, C_IN]

$CONSTANTS

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(global_invocation_id) id: vec3u) {
    if (id.x < WEIGHTS) {
        let tap = TAPS - 1u - id.x / (C_IN * C_OUT);
        let first = ((id.x / C_IN % C_OUT) * 4u * C_IN + 4u * (id.x % C_IN)) * TAPS + tap;
        y[id.x] = vec4f(weight[first], weight[first + TAPS], weight[first + 2u * TAPS], weight[first + 3u * TAPS]);
    }
}
