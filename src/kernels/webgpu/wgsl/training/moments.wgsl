// Mean and spread of each channel over runs of CHUNK pixels. A thread takes four channels of a run, and subtracts the run's first
// value before it squares, so that nothing cancels if the mean is far from zero.

@group(0) @binding(0) var<storage, read> x: array<vec4f>; // [PIXELS, C]
@group(0) @binding(1) var<storage, read_write> y: array<vec4f>; // [CHUNKS, 2, C]: means, sums of squared deviations

$CONSTANTS

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(global_invocation_id) id: vec3u) {
    if (id.x >= CHUNKS * C) {
        return;
    }
    let channel = id.x % C;
    let chunk = id.x / C;
    let first = chunk * CHUNK;
    let last = min(first + CHUNK, PIXELS);
    let origin = x[first * C + channel];
    var sum = vec4f();
    var squares = vec4f();
    for (var i = first; i < last; i++) {
        let d = x[i * C + channel] - origin;
        sum += d;
        squares = fma(d, d, squares);
    }
    let n = f32(last - first);
    y[2u * chunk * C + channel] = origin + sum / n;
    y[(2u * chunk + 1u) * C + channel] = squares - sum * sum / n;
}
