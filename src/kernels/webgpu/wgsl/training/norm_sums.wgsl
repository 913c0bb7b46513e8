// For the gradient of a norm with a ReLU behind it: over runs of CHUNK pixels, sums of the gradient before the ReLU and of its
// product with the centred input. A thread takes four channels of a run.

@group(0) @binding(0) var<storage, read> x: array<vec4f>; // [PIXELS, C]
@group(0) @binding(1) var<storage, read> dy: array<vec4f>; // [PIXELS, C], behind the ReLU
@group(0) @binding(2) var<storage, read> parameters: array<vec4f>; // at SCALE: scale [C], shift [C]
@group(0) @binding(3) var<storage, read> mean: array<vec4f>; // [C]
@group(0) @binding(4) var<storage, read_write> y: array<vec4f>; // [CHUNKS, 2, C]

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
    let centre = mean[channel];
    var sum = vec4f();
    var products = vec4f();
    for (var i = chunk * CHUNK; i < last; i++) {
        let value = x[i * C + channel];
        let g = select(vec4f(), dy[i * C + channel], fma(value, scale, shift) > vec4f());
        sum += g;
        products = fma(g, value - centre, products);
    }
    y[2u * chunk * C + channel] = sum;
    y[(2u * chunk + 1u) * C + channel] = products;
}
