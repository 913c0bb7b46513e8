// SGD with Nesterov momentum and weight decay, as in PyTorch. A thread computes one value.

@group(0) @binding(0) var<storage, read> value: array<f32>; // [N]
@group(0) @binding(1) var<storage, read> gradient: array<f32>; // [N]
@group(0) @binding(2) var<storage, read> velocity: array<f32>; // [N]
@group(0) @binding(3) var<storage, read> settings: array<f32>; // learning rate, weight decay, momentum
@group(0) @binding(4) var<storage, read_write> new_value: array<f32>; // [N]
@group(0) @binding(5) var<storage, read_write> new_velocity: array<f32>; // [N]

$CONSTANTS

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(global_invocation_id) id: vec3u) {
    if (id.x >= N) {
        return;
    }
    let g = fma(settings[1], value[id.x], gradient[id.x]);
    let v = fma(settings[2], velocity[id.x], g);
    new_velocity[id.x] = v;
    new_value[id.x] = value[id.x] - settings[0] * fma(settings[2], v, g);
}
