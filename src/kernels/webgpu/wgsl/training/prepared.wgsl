// A convolution's parameters as its kernel reads them, from PyTorch's: the weight with the output channels last and, if there
// is a norm, its scale and shift.

@group(0) @binding(0) var<storage, read> weight: array<f32>; // [4 * C_OUT, C_IN, TAPS]
@group(0) @binding(1) var<storage, read_write> y: array<vec4f>; // [TAPS, C_IN, C_OUT]$NORM_PARAMETERS
$NORM_BINDINGS

$CONSTANTS
$EPSILON

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(global_invocation_id) id: vec3u) {
    if (id.x < WEIGHTS) {
        let first = 4u * (id.x % C_OUT);
        let in_and_tap = (id.x / C_OUT % C_IN) * TAPS + id.x / (C_OUT * C_IN);
        const ROW = C_IN * TAPS;
        y[id.x] = vec4f(
            weight[first * ROW + in_and_tap],
            weight[(first + 1u) * ROW + in_and_tap],
            weight[(first + 2u) * ROW + in_and_tap],
            weight[(first + 3u) * ROW + in_and_tap],
        );
    }
$NORM
}
