// Mean and biased variance of each channel from those of runs of pixels (Chan et al. 1979). A workgroup computes four channels;
// everything is added in a fixed order.

@group(0) @binding(0) var<storage, read> x: array<vec4f>; // [CHUNKS, 2, C]: means, sums of squared deviations
@group(0) @binding(1) var<storage, read_write> y: array<vec4f>; // [2, C]: mean, variance

$CONSTANTS

var<workgroup> sums: array<vec4f, WORKGROUP>;
var<workgroup> squares: array<vec4f, WORKGROUP>;

fn pixels(chunk: u32) -> f32 {
    return f32(min(CHUNK, PIXELS - chunk * CHUNK));
}

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_id) lane: vec3u) {
    let channel = group.x;
    var sum = vec4f();
    for (var i = lane.x; i < CHUNKS; i += WORKGROUP) {
        sum += pixels(i) * x[2u * i * C + channel];
    }
    sums[lane.x] = sum;
    workgroupBarrier();
    var mean = vec4f();
    for (var i = 0u; i < WORKGROUP; i++) {
        mean += sums[i];
    }
    mean /= f32(PIXELS);
    var square = vec4f();
    for (var i = lane.x; i < CHUNKS; i += WORKGROUP) {
        let d = x[2u * i * C + channel] - mean;
        square += x[(2u * i + 1u) * C + channel] + pixels(i) * d * d;
    }
    squares[lane.x] = square;
    workgroupBarrier();
    if (lane.x == 0u) {
        var all = vec4f();
        for (var i = 0u; i < WORKGROUP; i++) {
            all += squares[i];
        }
        y[channel] = mean;
        y[C + channel] = all / f32(PIXELS);
    }
}
