//! The inner loop: a tile of 4 pixels by two vectors of channels of a matrix product.

use super::simd::{LANES, Vector};

/// Pixels a tile.
pub const PIXELS: usize = 4;
/// Channels per tile: two vectors, which are 8 channels, or 16 with AVX2.
pub const CHANNELS: usize = 2 * LANES;
/// Accumulators of a tile, `[pixel][channel / LANES]`: eight registers of the sixteen that x86 has, which leaves room for two of
/// weights, one of inputs and a temporary.
pub type Tile = [[Vector; 2]; PIXELS];

/// All pixels of a tile begin with the bias of its channels.
#[inline(always)]
pub fn start(bias: &[f32; CHANNELS]) -> Tile {
    [halves(bias).map(Vector::load); PIXELS]
}

/// Adds `inputs[pixel][k] * weights[k][channel]` over k.
///
/// The loop is not unrolled: given several rounds at once, LLVM loads all their inputs first, which spills registers.
#[inline(always)]
pub fn accumulate(mut tile: Tile, inputs: [&[f32]; PIXELS], weights: &[[f32; CHANNELS]]) -> Tile {
    let [a, b, c, d] = inputs;
    for ((((weights, a), b), c), d) in weights.iter().zip(a).zip(b).zip(c).zip(d) {
        let [low, high] = halves(weights).map(Vector::load);
        for (pixel, input) in tile.iter_mut().zip([a, b, c, d]) {
            let input = Vector::splat(*input);
            pixel[0] = pixel[0].mul_add(input, low);
            pixel[1] = pixel[1].mul_add(input, high);
        }
    }
    tile
}

/// A tile of zeros.
#[inline(always)]
pub fn zero() -> Tile {
    [[Vector::splat(0.0); 2]; PIXELS]
}

/// Adds `inputs[k][row] * gradients[k][column]` over k, as many as there are gradients.
#[inline(always)]
pub fn add_outer<'a>(
    mut tile: Tile,
    inputs: impl Iterator<Item = &'a [f32; PIXELS]>,
    gradients: &[[f32; CHANNELS]],
) -> Tile {
    for (gradients, inputs) in gradients.iter().zip(inputs) {
        let [low, high] = halves(gradients).map(Vector::load);
        for (row, input) in tile.iter_mut().zip(inputs) {
            let input = Vector::splat(*input);
            row[0] = row[0].mul_add(input, low);
            row[1] = row[1].mul_add(input, high);
        }
    }
    tile
}

/// The two vectors of a tile's channels.
#[inline(always)]
pub fn halves(channels: &[f32; CHANNELS]) -> [&[f32; LANES]; 2] {
    let [low, high] = channels.as_chunks::<LANES>().0 else {
        unreachable!("they are two vectors")
    };
    [low, high]
}

/// As [`halves`], to be written.
#[inline(always)]
pub fn halves_mut(channels: &mut [f32; CHANNELS]) -> [&mut [f32; LANES]; 2] {
    let [low, high] = channels.as_chunks_mut::<LANES>().0 else {
        unreachable!("they are two vectors")
    };
    [low, high]
}
