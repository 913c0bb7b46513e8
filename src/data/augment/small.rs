//! Smaller images, for cheap first epochs.

use super::level::level;
use crate::data::{IMAGE_BYTES, SIDE};

/// Width and height of a reduced image in pixels.
pub const SMALL_SIDE: usize = 24;

/// Reduces images `[n, 32, 32, 3]` to `[n, 24, 24, 3]` by bilinear interpolation with a triangle filter stretched by the
/// scale, as PyTorch's `interpolate(mode="bilinear", antialias=True)` does, and rounds to levels.
pub fn smaller(pixels: &[u8]) -> Vec<u8> {
    let taps = taps();
    let mut small = Vec::with_capacity(pixels.len() / IMAGE_BYTES * SMALL_SIDE * SMALL_SIDE * 3);
    for image in pixels.as_chunks::<IMAGE_BYTES>().0 {
        // Columns first, `[32, 24, 3]`.
        let rows = image.as_chunks::<{ 3 * SIDE }>().0;
        let narrow: Vec<[f32; 3]> = rows
            .iter()
            .flat_map(|row| {
                let row = row.as_chunks::<3>().0;
                taps.iter()
                    .map(|taps| taps.sum(|i| row[i].map(|v| f32::from(v) / 255.0)))
            })
            .collect();
        for taps in &taps {
            for column in 0..SMALL_SIDE {
                let pixel = taps.sum(|i| narrow[i * SMALL_SIDE + column]);
                small.extend(pixel.map(level));
            }
        }
    }
    small
}

/// The weights of one output pixel for the input pixels of a line, starting at `first`.
struct Taps {
    first: usize,
    weights: Vec<f32>,
}

impl Taps {
    fn sum(&self, pixel: impl Fn(usize) -> [f32; 3]) -> [f32; 3] {
        let mut sum = [0.0; 3];
        for (i, weight) in (self.first..).zip(&self.weights) {
            let pixel = pixel(i);
            sum = std::array::from_fn(|channel| sum[channel] + pixel[channel] * weight);
        }
        sum
    }
}

/// Triangle filters of half-width 32/24 around the centres of the output pixels, each normalised to sum 1.
fn taps() -> [Taps; SMALL_SIDE] {
    let scale = SIDE as f64 / SMALL_SIDE as f64;
    std::array::from_fn(|i| {
        let centre = scale * (i as f64 + 0.5);
        let first = (centre - scale + 0.5).max(0.0) as usize;
        let end = ((centre + scale + 0.5) as usize).min(SIDE);
        let weight = |i: usize| (1.0 - ((i as f64 + 0.5 - centre) / scale).abs()).max(0.0);
        let sum: f64 = (first..end).map(weight).sum();
        Taps {
            first,
            weights: (first..end).map(|i| (weight(i) / sum) as f32).collect(),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::super::testing::{assert_levels, golden, golden_images};
    use super::*;

    #[test]
    fn images_are_reduced_as_pytorch_reduces_them() {
        let small = smaller(golden_images().as_flattened());
        assert_levels("24 pixels", &small, &golden("small"));
    }

    #[test]
    fn one_colour_stays_and_a_slope_keeps_its_middle() {
        let image: [u8; IMAGE_BYTES] = std::array::from_fn(|i| [10, 128, 255][i % 3]);
        let small = smaller(&image.repeat(2));
        assert_eq!(small.len(), 2 * SMALL_SIDE * SMALL_SIDE * 3);
        assert!(small.chunks(3).all(|pixel| *pixel == [10, 128, 255]));
        // The level rises by 7 per column; pixel i of the small image is centred at 4/3 (i + 1/2) - 1/2.
        let slope: [u8; IMAGE_BYTES] = std::array::from_fn(|i| (7 * (i / 3 % SIDE)) as u8);
        let small = smaller(&slope);
        for i in 2..SMALL_SIDE - 2 {
            let expected = 7.0 * (4.0 / 3.0 * (i as f64 + 0.5) - 0.5);
            let found = f64::from(small[3 * i]);
            assert!((found - expected).abs() < 1.1, "{i}: {found}, not {expected}");
        }
    }
}
