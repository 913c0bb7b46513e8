// The stem: 3x3 convolution of normalised pixels, 3 -> 16 channels, 32x32 pixels.
//
// A thread computes four neighbouring pixels of a row. Their window is 18 bytes of each of three rows; as the row starts at a
// multiple of four bytes, it lies in five words, of which the outer two belong to the neighbours.

@group(0) @binding(0) var<storage, read> pixels: array<u32>; // bytes [n, 32, 32, 3]
@group(0) @binding(1) var<storage, read> parameters: array<vec4f>; // weight [3, 3, 3, 4], scale and shift of red, green, blue
@group(0) @binding(2) var<storage, read_write> y: array<vec4f>; // [n, 32, 32, 4]

const SIZE = 32u;
const WORDS_PER_ROW = 24u;
const TILES_PER_ROW = 8u;
const SCALE = 108u;
const SHIFT = 109u;

@compute @workgroup_size($WORKGROUP)
fn main(@builtin(global_invocation_id) id: vec3u) {
    let tile = id.x % TILES_PER_ROW;
    let row = id.x / TILES_PER_ROW % SIZE;
    let image = id.x / (TILES_PER_ROW * SIZE);
    let scale = parameters[SCALE];
    let shift = parameters[SHIFT];

$CLEAR
    for (var dy = 0u; dy < 3u; dy++) {
        // Padding is zero after the normalisation.
        let row_in = i32(row + dy) - 1;
        let inside = row_in >= 0 && row_in < i32(SIZE);
        let word = (image * SIZE + u32(clamp(row_in, 0, i32(SIZE) - 1))) * WORDS_PER_ROW + tile * 3u;
        let left = inside && tile > 0u;
        let right = inside && tile < TILES_PER_ROW - 1u;
$LOAD
$MULTIPLY
    }
    let out = id.x * 16u;
$STORE
}
