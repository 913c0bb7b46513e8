//! The gradient of a convolution's weights, summed over images: of each kernel position, inputs^T * gradients.
//!
//! Where Winograd's products suit the convolution, they do here too: with F(2x2, 3x3)'s y = A^T [(G w) (B^T d)] the gradient of w
//! is G^T [(A dy) (B^T d)], 16 products of a 4x4 window and a 2x2 tile of the output's gradients instead of 36. G^T can wait until
//! all images are summed.

use super::activations::View;
use super::simd::{LANES, Vector};
use super::tile::{CHANNELS, PIXELS, Tile, add_outer, halves, halves_mut, zero};
use super::winograd::{self, PRODUCTS};
use crate::kernels::plan::Conv;

/// Output rows whose gradients are taken at a time: of them and of their inputs, what one tile reads fits the first cache.
const STRIP_PIXELS: usize = 256;

/// Winograd's tiles at a time: their products fit the second cache.
const STRIP_TILES: usize = 64;

/// Unused entries between panels: at a distance of a power of two, the same pixel of all panels would fall on one set of the
/// first cache.
const PANEL_GAP: usize = 4;

/// `[input channel % PIXELS, output channel % CHANNELS]`
pub type WeightTile = [[f32; CHANNELS]; PIXELS];

/// Adds images to a gradient, one at a time.
pub struct WeightGradient<'a> {
    conv: &'a Conv,
    by_winograd: bool,
    /// `[c_in / 4, side, side, 4]`, inputs with their border; by Winograd `[PRODUCTS, c_in / LANES, tiles, LANES]`.
    inputs: Vec<f32>,
    /// `[c_out / CHANNELS, pixels, CHANNELS]`, the output's gradients; by Winograd `[PRODUCTS, c_out / CHANNELS, tiles, CHANNELS]`.
    gradients: Vec<[f32; CHANNELS]>,
}

impl<'a> WeightGradient<'a> {
    /// Makes room for an image.
    pub fn new(conv: &'a Conv) -> Self {
        let panels = conv.c_out / CHANNELS;
        let by_winograd = winograd::suits(conv);
        let (inputs, gradients) = if by_winograd {
            let tiles = PRODUCTS * (strip_tiles(conv.size_out()) + PANEL_GAP);
            (tiles * conv.c_in, tiles * panels)
        } else {
            let side = conv.size_in + conv.kernel / 2 * 2;
            let pixels = conv.size_out() * conv.size_out() + PANEL_GAP;
            (
                conv.c_in.div_ceil(PIXELS) * (side * side + PANEL_GAP) * PIXELS,
                panels * pixels,
            )
        };
        Self {
            conv,
            by_winograd,
            inputs: vec![0.0; inputs],
            gradients: vec![[0.0; CHANNELS]; gradients],
        }
    }

    /// Sums of nothing: `[terms, c_in / PIXELS, c_out / CHANNELS]`, where terms are the kernel's positions or Winograd's products.
    pub fn sums(conv: &Conv) -> Vec<WeightTile> {
        let tiles = terms(conv) * conv.c_in.div_ceil(PIXELS) * (conv.c_out / CHANNELS);
        vec![[[0.0; CHANNELS]; PIXELS]; tiles]
    }

    /// Adds an image's input and gradient of the output to `sums`.
    pub fn add(&mut self, input: View<'_>, dy: View<'_>, sums: &mut [WeightTile]) {
        if self.by_winograd {
            self.add_products(input, dy, sums)
        } else {
            self.add_positions(input, dy, sums)
        }
    }

    fn add_positions(&mut self, input: View<'_>, dy: View<'_>, sums: &mut [WeightTile]) {
        let Conv {
            kernel,
            stride,
            c_in,
            c_out,
            ..
        } = *self.conv;
        let (size, side) = (dy.size(), input.size() + 2 * input.border());
        let (pixels, positions) = (size * size + PANEL_GAP, side * side + PANEL_GAP);
        let all_inputs = self.inputs.as_chunks_mut::<PIXELS>().0;
        for (position, channels) in input.values().chunks_exact(c_in).enumerate() {
            let (fours, rest) = channels.as_chunks::<PIXELS>();
            for (group, four) in fours.iter().enumerate() {
                all_inputs[group * positions + position] = *four;
            }
            if !rest.is_empty() {
                all_inputs[fours.len() * positions + position][..rest.len()].copy_from_slice(rest);
            }
        }
        for (pixel, channels) in dy.values().chunks_exact(c_out).enumerate() {
            for (panel, channels) in channels.as_chunks::<CHANNELS>().0.iter().enumerate() {
                self.gradients[panel * pixels + pixel] = *channels;
            }
        }
        let rows = (STRIP_PIXELS / size).max(1);
        let (groups, panels) = (c_in.div_ceil(PIXELS), c_out / CHANNELS);
        for strip in (0..size).step_by(rows) {
            for (group, inputs) in all_inputs.chunks_exact(positions).enumerate() {
                for (panel, gradients) in self.gradients.chunks_exact(pixels).enumerate() {
                    for tap in 0..kernel * kernel {
                        let mut tile = zero();
                        for y in strip..(strip + rows).min(size) {
                            let first = (y * stride + tap / kernel) * side + tap % kernel;
                            let (inputs, gradients) = (&inputs[first..], &gradients[y * size..][..size]);
                            tile = match stride {
                                1 => add_outer(tile, inputs.iter(), gradients),
                                _ => add_outer(tile, inputs.iter().step_by(stride), gradients),
                            };
                        }
                        add_tile(&mut sums[(tap * groups + group) * panels + panel], tile);
                    }
                }
            }
        }
    }

    fn add_products(&mut self, input: View<'_>, dy: View<'_>, sums: &mut [WeightTile]) {
        let (c_in, c_out, size) = (self.conv.c_in, self.conv.c_out, dy.size());
        let (panels, tiles_per_row) = (c_out / CHANNELS, size / 2);
        let room = strip_tiles(size) + PANEL_GAP;
        let n_tiles = tiles_per_row * tiles_per_row;
        for first in (0..n_tiles).step_by(STRIP_TILES) {
            let n = STRIP_TILES.min(n_tiles - first);
            for tile in 0..n {
                let place = [(first + tile) / tiles_per_row * 2, (first + tile) % tiles_per_row * 2];
                let inputs = &mut self.inputs;
                winograd::transform_window(input, place, |product, channel, values| {
                    let index = ((product * c_in + channel) * room) + tile * LANES;
                    values.store(winograd::vector_mut(&mut inputs[index..]));
                });
                for panel in 0..panels {
                    for half in [0, 1] {
                        let pixel = |i: usize| {
                            let row = dy.row(place[0] + i / 2);
                            winograd::vector(&row[(place[1] + i % 2) * c_out + panel * CHANNELS + half * LANES..])
                        };
                        for (product, values) in spread(std::array::from_fn(pixel)).into_iter().enumerate() {
                            let to = &mut self.gradients[(product * panels + panel) * room + tile];
                            values.store(halves_mut(to)[half]);
                        }
                    }
                }
            }
            let inputs = self.inputs.chunks_exact(room * LANES);
            // A vector of channels may be several of a tile's rows.
            let rows =
                inputs.flat_map(|inputs| (0..LANES / PIXELS).map(move |row| &inputs.as_chunks::<PIXELS>().0[row..]));
            for (i, inputs) in rows.enumerate() {
                let product = i / (c_in / PIXELS);
                let gradients = self.gradients[product * panels * room..]
                    .chunks_exact(room)
                    .take(panels);
                for (sums, gradients) in sums[i * panels..].iter_mut().zip(gradients) {
                    add_tile(
                        sums,
                        add_outer(zero(), inputs.iter().step_by(LANES / PIXELS), &gradients[..n]),
                    );
                }
            }
        }
    }

    /// Adds the parts in their order, and lays them out as `[c_out, c_in, kernel, kernel]`.
    pub fn finish(conv: &Conv, mut parts: impl Iterator<Item = Vec<WeightTile>>) -> Vec<f32> {
        let mut tiles = parts.next().unwrap_or_default();
        for part in parts {
            let values = tiles.as_flattened_mut().as_flattened_mut().iter_mut();
            values
                .zip(part.as_flattened().as_flattened())
                .for_each(|(sum, value)| *sum += value);
        }
        let n_terms = terms(conv);
        let (groups, panels) = (conv.c_in.div_ceil(PIXELS), conv.c_out / CHANNELS);
        let taps = conv.kernel * conv.kernel;
        let mut weight = vec![0.0; conv.c_out * conv.c_in * taps];
        for (i, weight) in weight.chunks_exact_mut(taps).enumerate() {
            let (output, input) = (i / conv.c_in, i % conv.c_in);
            let term = |term: usize| {
                let tile = &tiles[(term * groups + input / PIXELS) * panels + output / CHANNELS];
                tile[input % PIXELS][output % CHANNELS]
            };
            if n_terms == taps {
                weight
                    .iter_mut()
                    .enumerate()
                    .for_each(|(tap, weight)| *weight = term(tap))
            } else {
                weight.copy_from_slice(&gathered(std::array::from_fn(term)))
            }
        }
        weight
    }
}

/// What the weights of a pair of channels are made of.
fn terms(conv: &Conv) -> usize {
    if winograd::suits(conv) {
        PRODUCTS
    } else {
        conv.kernel * conv.kernel
    }
}

fn strip_tiles(size: usize) -> usize {
    STRIP_TILES.min(size * size / 4)
}

/// A g A^T of a tile of four pixels.
#[inline(always)]
fn spread([a, b, c, d]: [Vector; 4]) -> [Vector; PRODUCTS] {
    let ends = |a: Vector, b: Vector| [a, a.add(b), a.sub(b), Vector::splat(0.0).sub(b)];
    let (left, right) = (ends(a, c), ends(b, d));
    let rows: [[Vector; 4]; 4] = std::array::from_fn(|i| ends(left[i], right[i]));
    std::array::from_fn(|i| rows[i / 4][i % 4])
}

/// G^T m G.
fn gathered(m: [f32; PRODUCTS]) -> [f32; 9] {
    let column = |[a, b, c, d]: [f32; 4]| [a + (b + c) / 2.0, (b - c) / 2.0, (b + c) / 2.0 + d];
    let columns: [[f32; 3]; 4] = std::array::from_fn(|j| column([m[j], m[4 + j], m[8 + j], m[12 + j]]));
    let rows: [[f32; 3]; 3] = std::array::from_fn(|i| column(columns.map(|column| column[i])));
    std::array::from_fn(|i| rows[i / 3][i % 3])
}

fn add_tile(sums: &mut WeightTile, tile: Tile) {
    for (sums, [low, high]) in sums.iter_mut().zip(tile) {
        let [old_low, old_high] = halves(sums).map(Vector::load);
        let [to_low, to_high] = halves_mut(sums);
        low.add(old_low).store(to_low);
        high.add(old_high).store(to_high);
    }
}

#[cfg(test)]
mod tests {
    use super::super::activations::Activations;
    use super::*;
    use crate::testing::values;

    /// Against the definition, at sizes with fewer tiles than a strip, with a last strip that is not full, and for kinds that are
    /// summed position by position; over two images in two parts.
    #[test]
    fn gradients_of_two_images() {
        for [size, kernel, stride, c_in, c_out] in [
            [2, 3, 1, 16, 16],
            [6, 3, 1, 16, 32],
            [18, 3, 1, 16, 16],
            [8, 3, 1, 64, 64],
            [8, 3, 2, 16, 16],
            [8, 1, 1, 16, 32],
            [8, 3, 1, 3, 16],
        ] {
            let conv = Conv {
                kernel,
                stride,
                c_in,
                c_out,
                size_in: size,
                weight: Vec::new(),
                bias: None,
            };
            let size_out = conv.size_out();
            let mut gradient = WeightGradient::new(&conv);
            let mut expected = vec![0.0f64; c_out * c_in * kernel * kernel];
            let parts = [1, 2].map(|seed| {
                let (x, dy) = (
                    values(size * size * c_in, seed),
                    values(size_out * size_out * c_out, 9 + seed),
                );
                let mut padded = Activations::new(size, kernel / 2, c_in);
                for (y, row) in x.chunks_exact(size * c_in).enumerate() {
                    padded.row_mut(y).copy_from_slice(row);
                }
                for (i, expected) in expected.iter_mut().enumerate() {
                    let (output, input, tap) = (
                        i / (c_in * kernel * kernel),
                        i / (kernel * kernel) % c_in,
                        i % (kernel * kernel),
                    );
                    for pixel in 0..size_out * size_out {
                        let row = (pixel / size_out * stride + tap / kernel).wrapping_sub(kernel / 2);
                        let column = (pixel % size_out * stride + tap % kernel).wrapping_sub(kernel / 2);
                        if row < size && column < size {
                            let x = x[(row * size + column) * c_in + input];
                            *expected += f64::from(x) * f64::from(dy[pixel * c_out + output]);
                        }
                    }
                }
                let mut sums = WeightGradient::sums(&conv);
                gradient.add(padded.view(), View::new(&dy, size_out), &mut sums);
                sums
            });
            let found = WeightGradient::finish(&conv, parts.into_iter());
            assert_eq!(found.len(), expected.len());
            let largest = expected.iter().fold(0.0f64, |m, v| m.max(v.abs()));
            assert!(largest > 1.0);
            for (i, (found, expected)) in found.iter().zip(&expected).enumerate() {
                assert!(
                    (f64::from(*found) - expected).abs() <= 4e-6 * largest,
                    "{size} {kernel} {stride} {c_in} {c_out} at {i}: {found}, not {expected}"
                );
            }
        }
    }
}
