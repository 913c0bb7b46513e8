// The last norm, a ReLU and the mean over all pixels. A thread computes four features of an image.

@group(0) @binding(0) var<storage, read> x: array<vec4f>; // [n, PIXELS, C]
@group(0) @binding(1) var<storage, read> parameters: array<vec4f>; // scale [C], shift [C]
@group(0) @binding(2) var<storage, read_write> y: array<vec4f>; // [n, C]

const PIXELS = $PIXELSu;
const C = $CHANNELSu;

@compute @workgroup_size($WORKGROUP)
fn main(@builtin(global_invocation_id) id: vec3u) {
    let channel = id.x % C;
    let start = id.x / C * PIXELS * C + channel;
    let scale = parameters[channel];
    let shift = parameters[C + channel];
    var sum = vec4f();
    for (var i = 0u; i < PIXELS; i++) {
        sum += max(fma(x[start + i * C], scale, shift), vec4f());
    }
    y[id.x] = sum / f32(PIXELS);
}
