// A norm's gradients from the sums over runs of pixels, and what its input's gradient needs. With g the gradient before the ReLU
// and d the centred input: dx = scale * g + a * d + b, a = -scale / (var + eps) * mean(g d), b = -scale * mean(g)
// (Ioffe & Szegedy 2015). A workgroup computes four channels; everything is added in a fixed order.

@group(0) @binding(0) var<storage, read> x: array<vec4f>; // [CHUNKS, 2, C]: sums of g, of g d
@group(0) @binding(1) var<storage, read> parameters: array<vec4f>; // at SCALE: scale [C]
@group(0) @binding(2) var<storage, read> mean: array<vec4f>; // [C]
@group(0) @binding(3) var<storage, read> variance: array<vec4f>; // [C]
@group(0) @binding(4) var<storage, read_write> gamma: array<vec4f>; // [C]
@group(0) @binding(5) var<storage, read_write> beta: array<vec4f>; // [C]
@group(0) @binding(6) var<storage, read_write> y: array<vec4f>; // [3, C]: a, b, mean

$CONSTANTS
$EPSILON

var<workgroup> sums: array<vec4f, WORKGROUP>;
var<workgroup> products: array<vec4f, WORKGROUP>;

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_id) lane: vec3u) {
    let channel = group.x;
    var sum = vec4f();
    var product = vec4f();
    for (var i = lane.x; i < CHUNKS; i += WORKGROUP) {
        sum += x[2u * i * C + channel];
        product += x[(2u * i + 1u) * C + channel];
    }
    sums[lane.x] = sum;
    products[lane.x] = product;
    workgroupBarrier();
    if (lane.x == 0u) {
        sum = vec4f();
        product = vec4f();
        for (var i = 0u; i < WORKGROUP; i++) {
            sum += sums[i];
            product += products[i];
        }
        let scale = parameters[SCALE + channel];
        let deviation = sqrt(variance[channel] + EPSILON);
        gamma[channel] = product / deviation;
        beta[channel] = sum;
        y[channel] = -scale * product / (deviation * deviation * f32(PIXELS));
        y[C + channel] = -scale * sum / f32(PIXELS);
        y[2u * C + channel] = mean[channel];
    }
}
