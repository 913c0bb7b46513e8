// The gradient before a norm from the one behind its ReLU, in place. A thread takes four channels of CHUNK pixels.

@group(0) @binding(0) var<storage, read> x: array<vec4f>; // [PIXELS, C]
@group(0) @binding(1) var<storage, read> parameters: array<vec4f>; // at SCALE: scale [C], shift [C]
@group(0) @binding(2) var<storage, read> coefficients: array<vec4f>; // [3, C]: a, b, mean
@group(0) @binding(3) var<storage, read_write> dy: array<vec4f>; // [PIXELS, C]

$CONSTANTS

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(global_invocation_id) id: vec3u) {
    if (id.x >= CHUNKS * C) {
        return;
    }
    let channel = id.x % C;
    let chunk = id.x / C;
    let last = min((chunk + 1u) * CHUNK, PIXELS);
    let scale = parameters[SCALE + channel];
    let shift = parameters[SCALE + C + channel];
    let a = coefficients[channel];
    let b = coefficients[C + channel];
    let centre = coefficients[2u * C + channel];
    for (var i = chunk * CHUNK; i < last; i++) {
        let value = x[i * C + channel];
        let g = select(vec4f(), dy[i * C + channel], fma(value, scale, shift) > vec4f());
        dy[i * C + channel] = fma(scale, g, fma(a, value - centre, b));
    }
}
