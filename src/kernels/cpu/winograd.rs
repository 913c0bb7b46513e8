//! 3x3 convolutions of stride 1 with 2.25 times fewer multiply-adds: F(2x2, 3x3) of Lavin and Gray (2016, arXiv 1509.09308).
//!
//! Four outputs of a 2x2 tile come from 16 products of a transformed 4x4 window and transformed weights, summed over input
//! channels, where the sums themselves would take 36. Each of the 16 is a matrix product of tiles by channels. (Larger tiles
//! save more and round worse.)

use super::activations::View;
use super::conv::Store;
use super::simd::{LANES, Vector};
use super::tile::{self, CHANNELS, PIXELS};
use crate::kernels::plan::Conv;

/// Products of a tile.
pub const PRODUCTS: usize = 16;
/// Tiles at a time: their windows, 1 KiB an input channel, stay in the first caches beside a panel's weights.
const TILES: usize = 16;

/// A convolution with transformed weights in panels of a tile's output channels.
#[derive(Clone, Debug)]
pub struct WinogradConv {
    c_in: usize,
    size: usize,
    /// `[c_out / CHANNELS, PRODUCTS, c_in, CHANNELS]`
    weights: Vec<[f32; CHANNELS]>,
    /// `[c_out / CHANNELS, CHANNELS]`
    bias: Vec<[f32; CHANNELS]>,
}

/// Buffers between the steps of a convolution.
#[derive(Clone, Debug, Default)]
pub struct WinogradScratch {
    /// `[PRODUCTS, TILES, c_in]`
    windows: Vec<f32>,
    /// `[TILES, PRODUCTS, CHANNELS]`
    sums: Vec<[f32; CHANNELS]>,
}

/// Whether Winograd's products can compute the convolution.
pub fn suits(conv: &Conv) -> bool {
    conv.kernel == 3
        && conv.stride == 1
        && conv.c_in.is_multiple_of(LANES)
        && conv.c_out.is_multiple_of(CHANNELS)
        && conv.size_in.is_multiple_of(2)
}

impl WinogradConv {
    /// Transforms the weights; `None` if the products do not suit the convolution.
    pub fn new(conv: &Conv) -> Option<Self> {
        if !suits(conv) {
            return None;
        }
        let (c_in, panels) = (conv.c_in, conv.c_out / CHANNELS);
        let mut weights = vec![[0.0; CHANNELS]; panels * PRODUCTS * c_in];
        for input in 0..c_in {
            for output in 0..conv.c_out {
                let tap = |i: usize| f64::from(conv.weight[(i * c_in + input) * conv.c_out + output]);
                let first = output / CHANNELS * PRODUCTS * c_in + input;
                for (i, value) in transformed_weights(std::array::from_fn(tap)).into_iter().enumerate() {
                    weights[first + i * c_in][output % CHANNELS] = value as f32;
                }
            }
        }
        let zeros = || vec![[0.0; CHANNELS]; panels];
        let bias = conv
            .bias
            .as_ref()
            .map_or_else(zeros, |bias| bias.as_chunks().0.to_vec());
        Some(Self {
            c_in,
            size: conv.size_in,
            weights,
            bias,
        })
    }

    /// Pixels per side of its output.
    pub fn size_out(&self) -> usize {
        self.size
    }

    /// Sets the pixels per side of its output, an even number; the weights do not depend on them.
    pub fn set_size_out(&mut self, size: usize) {
        self.size = size;
    }

    /// Computes all pixels and channels and hands them to `store`. `input` has a border of a zero or more.
    pub fn run(&self, input: View<'_>, scratch: &mut WinogradScratch, store: &mut impl Store) {
        let tiles_per_row = self.size / 2;
        let n_tiles = tiles_per_row * tiles_per_row;
        scratch.windows.resize(PRODUCTS * TILES * self.c_in, 0.0);
        scratch.sums.resize(TILES * PRODUCTS, [0.0; CHANNELS]);
        for first in (0..n_tiles).step_by(TILES) {
            let n = TILES.min(n_tiles - first);
            let place = |tile: usize| [(first + tile) / tiles_per_row * 2, (first + tile) % tiles_per_row * 2];
            for tile in 0..n {
                transform_window(input, place(tile), |product, channel, values| {
                    let index = (product * TILES + tile) * self.c_in + channel;
                    values.store(vector_mut(&mut scratch.windows[index..]));
                });
            }
            let panels = self.weights.chunks_exact(PRODUCTS * self.c_in).zip(&self.bias);
            for (panel, (weights, bias)) in panels.enumerate() {
                self.multiply(weights, n, scratch);
                for (tile, sums) in scratch.sums.as_chunks::<PRODUCTS>().0.iter().enumerate().take(n) {
                    let [y, x] = place(tile);
                    for (i, outputs) in transformed_sums(sums, bias).into_iter().enumerate() {
                        store.store(y + i / 2, x + i % 2, panel * CHANNELS, outputs);
                    }
                }
            }
        }
    }

    /// The sums over input channels of one panel, four tiles at a time; those beyond the last tile are not used.
    fn multiply(&self, weights: &[[f32; CHANNELS]], n_tiles: usize, scratch: &mut WinogradScratch) {
        let c_in = self.c_in;
        for (i, weights) in weights.chunks_exact(c_in).enumerate() {
            let windows = &scratch.windows[i * TILES * c_in..][..TILES * c_in];
            for first in (0..n_tiles).step_by(PIXELS) {
                let window = |p: usize| &windows[(first + p) * c_in..][..c_in];
                let inputs = [window(0), window(1), window(2), window(3)];
                let sums = tile::accumulate(tile::zero(), inputs, weights);
                for (p, [low, high]) in sums.into_iter().enumerate() {
                    let [to_low, to_high] = tile::halves_mut(&mut scratch.sums[(first + p) * PRODUCTS + i]);
                    low.store(to_low);
                    high.store(to_high);
                }
            }
        }
    }
}

/// B^T d B for all input channels of the window whose second row and column are `y` and `x`; `store` takes which product it is, the
/// first channel and the values.
#[inline(always)]
pub fn transform_window(input: View<'_>, [y, x]: [usize; 2], mut store: impl FnMut(usize, usize, Vector)) {
    let border = input.border() - 1;
    let (values, row_len, c_in) = (input.values(), input.row_len(), input.channels());
    let first = (y + border) * row_len + (x + border) * c_in;
    let rows: [&[f32]; 4] = std::array::from_fn(|row| &values[first + row * row_len..][..4 * c_in]);
    for channel in (0..c_in).step_by(LANES) {
        let load = |row: usize, column: usize| vector(&rows[row][column * c_in + channel..]);
        let columns: [[Vector; 4]; 4] = std::array::from_fn(|column| {
            let d: [Vector; 4] = std::array::from_fn(|row| load(row, column));
            differences(d)
        });
        let transposed: [[Vector; 4]; 4] = std::array::from_fn(|row| columns.map(|column| column[row]));
        for (row, values) in transposed.into_iter().enumerate() {
            for (column, product) in differences(values).into_iter().enumerate() {
                store(4 * row + column, channel, product);
            }
        }
    }
}

/// G g G^T of a kernel `[3, 3]`.
fn transformed_weights(g: [f64; 9]) -> [f64; PRODUCTS] {
    let column = |[a, b, c]: [f64; 3]| [a, (a + b + c) / 2.0, (a - b + c) / 2.0, c];
    let columns: [[f64; 4]; 3] = std::array::from_fn(|j| column([g[j], g[3 + j], g[6 + j]]));
    let rows: [[f64; 4]; 4] = std::array::from_fn(|i| column(columns.map(|column| column[i])));
    std::array::from_fn(|i| rows[i / 4][i % 4])
}

/// B^T d for four values.
#[inline(always)]
fn differences([a, b, c, d]: [Vector; 4]) -> [Vector; 4] {
    [a.sub(c), b.add(c), c.sub(b), b.sub(d)]
}

/// A^T m A + bias: the four pixels of a tile.
#[inline(always)]
fn transformed_sums(sums: &[[f32; CHANNELS]; PRODUCTS], bias: &[f32; CHANNELS]) -> [[Vector; 2]; 4] {
    let mut pixels = [tile::halves(bias).map(Vector::load); 4];
    for half in [0, 1] {
        let load = |i: usize| Vector::load(tile::halves(&sums[i])[half]);
        let ends = |[a, b, c, d]: [Vector; 4]| [a.add(b).add(c), b.sub(c).sub(d)];
        let columns: [[Vector; 2]; 4] =
            std::array::from_fn(|j| ends([load(j), load(4 + j), load(8 + j), load(12 + j)]));
        for row in 0..2 {
            let outputs = ends(columns.map(|column| column[row]));
            for (column, output) in outputs.into_iter().enumerate() {
                let pixel = &mut pixels[2 * row + column][half];
                *pixel = pixel.add(output);
            }
        }
    }
    pixels
}

/// Loads the first values.
#[inline(always)]
pub fn vector(values: &[f32]) -> Vector {
    Vector::load(values.first_chunk().expect("channels are whole vectors"))
}

/// The place of the first values.
#[inline(always)]
pub fn vector_mut(values: &mut [f32]) -> &mut [f32; LANES] {
    values.first_chunk_mut().expect("channels are whole vectors")
}

#[cfg(test)]
mod tests {
    use super::super::activations::Activations;
    use super::super::conv::{PackedConv, Plain};
    use super::*;
    use crate::testing::values;

    /// Against the direct sums, at sizes with fewer tiles than are taken at a time and with a last group that is not full.
    #[test]
    fn it_computes_what_the_sums_do() {
        for (size, c_in, c_out, has_bias) in [
            (2, 16, 16, true),
            (6, 16, 32, false),
            (8, 64, 64, true),
            (32, 16, 16, true),
        ] {
            let conv = Conv {
                kernel: 3,
                stride: 1,
                c_in,
                c_out,
                size_in: size,
                weight: values(9 * c_in * c_out, 1),
                bias: has_bias.then(|| values(c_out, 2)),
            };
            let mut input = Activations::new(size, 1, c_in);
            let pixels = values(size * size * c_in, 3);
            for (y, row) in pixels.chunks_exact(size * c_in).enumerate() {
                input.row_mut(y).copy_from_slice(row);
            }
            let mut outputs = [(); 2].map(|()| Activations::new(size, 0, c_out));
            let [direct, fast] = &mut outputs;
            PackedConv::new(&conv).run(input.view(), &mut Plain(direct));
            let winograd = WinogradConv::new(&conv).expect("it suits");
            // A scratch that another layer has used.
            let mut scratch = WinogradScratch {
                windows: vec![9.0; 7],
                ..WinogradScratch::default()
            };
            winograd.run(input.view(), &mut scratch, &mut Plain(fast));
            let largest = direct.view().values().iter().fold(0.0f32, |m, v| m.max(v.abs()));
            assert!(largest > 1.0);
            for (i, (a, b)) in fast.view().values().iter().zip(direct.view().values()).enumerate() {
                assert!(
                    (a - b).abs() <= 2e-6 * largest,
                    "{size} {c_in} {c_out} at {i}: {a}, not {b}"
                );
            }
        }
    }

    #[test]
    fn other_kinds_are_left_alone() {
        let conv = |kernel: usize, stride, c_in| Conv {
            kernel,
            stride,
            c_in,
            c_out: 16,
            size_in: 8,
            weight: vec![0.0; kernel * kernel * c_in * 16],
            bias: None,
        };
        assert!(WinogradConv::new(&conv(3, 1, 16)).is_some());
        for [kernel, stride, c_in] in [[1, 1, 16], [3, 2, 16], [3, 1, 3]] {
            assert!(WinogradConv::new(&conv(kernel, stride, c_in)).is_none());
        }
    }
}
