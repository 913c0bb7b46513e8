// $TITLE
//
// For software adapters: as in the 1x1 convolution, a thread keeps weights of its channels in private memory and works through
// its pixels once for each chunk of input channels. It goes down a column of pixels and reads each row of its window once: what
// the row gives to the pixels above and below is carried in sums.

@group(0) @binding(0) var<storage, read> x: array<vec4f>; // [n, SIZE_IN, SIZE_IN, C_IN]
@group(0) @binding(1) var<storage, read> parameters: array<vec4f>; // weight [3, 3, 4 * C_IN, C_OUT], then $PARAMETERS
@group(0) @binding(2) var<storage, read_write> y: array<vec4f>; // [n, SIZE_OUT, SIZE_OUT, C_OUT]
$IMAGES

$CONSTANTS

var<private> p: array<vec4f, PRIVATE>;

@compute @workgroup_size(WORKGROUP)
fn main(
    @builtin(workgroup_id) id: vec3u,
    @builtin(local_invocation_id) lane: vec3u,
    @builtin(num_workgroups) workgroups: vec3u,
) {
    let channel = id.y * CHANNELS;
    let end = images.x * (SIZE_OUT / WORKGROUP);
    for (var chunk = 0u; chunk < C_IN; chunk += CHUNK) {
$FILL
        for (var strip = id.x; strip < end; strip += workgroups.x) {
            let column = strip % (SIZE_OUT / WORKGROUP) * WORKGROUP + lane.x;
            let image = strip / (SIZE_OUT / WORKGROUP);
            let has_left = column > 0u;
            let has_right = column < SIZE_OUT - 1u;
            // Left of the first pixel this wraps around; what is read there is not used.
            var start = (image * SIZE_IN * SIZE_IN + column * STRIDE - 1u) * C_IN + chunk;
            var out = (image * SIZE_OUT * SIZE_OUT + column) * C_OUT + channel;
$CLEAR
            for (var row = 0u; row < SIZE_OUT; row++) {
$ROW
                start += STRIDE * SIZE_IN * C_IN;
                out += SIZE_OUT * C_OUT;
            }
$LAST
        }
    }
}
