// $TITLE
//
// For software adapters, which pay for an access to a buffer as for dozens of multiply-adds but next to nothing for private
// memory at a constant index: a thread copies weights of its channels into private memory and then works through many pixels.
// Its neighbours of a workgroup, the lanes of a vector register, take neighbouring pixels. Where not all input channels'
// weights are meant to fit, it works through its pixels once for each chunk of them and adds up the sums in place.

@group(0) @binding(0) var<storage, read> x: array<vec4f>; // [n, SIZE_IN, SIZE_IN, C_IN]
@group(0) @binding(1) var<storage, read> parameters: array<vec4f>; // weight [4 * C_IN, C_OUT], then $PARAMETERS
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
    let end = images.x * (SIZE_OUT * SIZE_OUT / WORKGROUP);
    for (var chunk = 0u; chunk < C_IN; chunk += CHUNK) {
$FILL
        for (var tile = id.x; tile < end; tile += workgroups.x) {
            let pixel = tile * WORKGROUP + lane.x;
            let start = $START * C_IN + chunk;
            let out = pixel * C_OUT + channel;
$READ
$MULTIPLY
$STORE
        }
    }
}
