// $TITLE
//
// A thread computes PIXELS neighbouring pixels of a row in CHANNELS vectors of channels. Threads that share pixels are
// neighbours, so that they read the same activations and, together, consecutive weights. All sizes are constants and the
// tile is written out, so that it lives in registers.

@group(0) @binding(0) var<storage, read> x: array<vec4f>; // [n, SIZE_IN, SIZE_IN, C_IN]
@group(0) @binding(1) var<storage, read> parameters: array<vec4f>; // weight [KERNEL, KERNEL, 4 * C_IN, C_OUT], then $PARAMETERS
@group(0) @binding(2) var<storage, read_write> y: array<vec4f>; // [n, SIZE_OUT, SIZE_OUT, C_OUT]

$CONSTANTS

@compute @workgroup_size(WORKGROUP)
fn main(@builtin(global_invocation_id) id: vec3u) {
    let channel = id.x % GROUPS * CHANNELS;
    let tile = id.x / GROUPS;
    let column = tile % TILES_PER_ROW * PIXELS;
    let row = tile / TILES_PER_ROW % SIZE_OUT;
    let image = tile / (TILES_PER_ROW * SIZE_OUT);
$END
$CLEAR
$LOOP
    let out = ((image * SIZE_OUT + row) * SIZE_OUT + column) * C_OUT + channel;
$STORE
}
