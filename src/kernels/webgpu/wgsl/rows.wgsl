// $TITLE
//
// For software adapters: as in the 1x1 convolution, a thread keeps the weights of its channels in private memory. It works
// down a column of pixels and reads each row of its window once: what the row gives to the pixels below and above is carried
// in sums.

@group(0) @binding(0) var<storage, read> x: array<vec4f>; // [n, SIZE, SIZE, C_IN]
@group(0) @binding(1) var<storage, read> parameters: array<vec4f>; // weight [3, 3, 4 * C_IN, C_OUT], then $PARAMETERS
@group(0) @binding(2) var<storage, read_write> y: array<vec4f>; // [n, SIZE, SIZE, C_OUT]
@group(0) @binding(3) var<uniform> images: vec4u; // n

$CONSTANTS

var<private> p: array<vec4f, PRIVATE>;

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(workgroup_id) id: vec3u,
    @builtin(local_invocation_id) lane: vec3u,
    @builtin(num_workgroups) workgroups: vec3u,
) {
    let channel = id.y * CHANNELS;
$FILL
    for (var strip = id.x; strip < images.x * (SIZE / WORKGROUP); strip += workgroups.x) {
        let column = strip % (SIZE / WORKGROUP) * WORKGROUP + lane.x;
        let corner = strip / (SIZE / WORKGROUP) * (SIZE * SIZE) + column;
        let has_left = column > 0u;
        let has_right = column < SIZE - 1u;
        // Left of the first pixel this wraps around; what is read there is not used.
        var start = (corner - 1u) * C_IN;
        var out = corner * C_OUT + channel;
$CLEAR
        for (var row = 0u; row < SIZE; row++) {
$READ
$BELOW
            if (row > 0u) {
$STORE_ABOVE
            }
$HERE
$ABOVE
$CARRY
            start += SIZE * C_IN;
            out += SIZE * C_OUT;
        }
$STORE_LAST
    }
}
