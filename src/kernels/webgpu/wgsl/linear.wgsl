// The classifier. A thread computes the logit of a class.

@group(0) @binding(0) var<storage, read> x: array<vec4f>; // [n, FEATURES]
@group(0) @binding(1) var<storage, read> parameters: array<f32>; // weight [4 * FEATURES, CLASSES], bias [CLASSES]
@group(0) @binding(2) var<storage, read_write> y: array<f32>; // [n, CLASSES]

const FEATURES = $FEATURESu;
const CLASSES = $CLASSESu;

@compute @workgroup_size($WORKGROUP)
fn main(@builtin(global_invocation_id) id: vec3u) {
    let category = id.x % CLASSES;
    let image = id.x / CLASSES;
    var logit = parameters[4u * FEATURES * CLASSES + category];
    for (var k = 0u; k < FEATURES; k++) {
        let features = x[image * FEATURES + k];
        let weight = 4u * k * CLASSES + category;
        logit = fma(features.x, parameters[weight], logit);
        logit = fma(features.y, parameters[weight + CLASSES], logit);
        logit = fma(features.z, parameters[weight + 2u * CLASSES], logit);
        logit = fma(features.w, parameters[weight + 3u * CLASSES], logit);
    }
    // The last workgroup may reach beyond the buffer, and a write beyond the end may land on the last value.
    if (id.x < arrayLength(&y)) {
        y[id.x] = logit;
    }
}
