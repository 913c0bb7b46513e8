// Running statistics of a norm, moved towards those of a batch. A thread computes those of a channel.

@group(0) @binding(0) var<storage, read> running_mean: array<f32>; // [C]
@group(0) @binding(1) var<storage, read> running_variance: array<f32>; // [C]
@group(0) @binding(2) var<storage, read> mean: array<f32>; // [C]
@group(0) @binding(3) var<storage, read> variance: array<f32>; // [C]
@group(0) @binding(4) var<storage, read_write> new_mean: array<f32>; // [C]
@group(0) @binding(5) var<storage, read_write> new_variance: array<f32>; // [C]

$CONSTANTS
const MOMENTUM = $MOMENTUMf;
// Ratio of the unbiased variance to the biased one.
const UNBIASED = f32(PIXELS) / f32(max(PIXELS, 2u) - 1u);

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(global_invocation_id) id: vec3u) {
    if (id.x >= C) {
        return;
    }
    new_mean[id.x] = (1.0 - MOMENTUM) * running_mean[id.x] + MOMENTUM * mean[id.x];
    new_variance[id.x] = (1.0 - MOMENTUM) * running_variance[id.x] + MOMENTUM * UNBIASED * variance[id.x];
}
