//! Reduction of any picture to the 32x32 pixels that a network sees: composited on white, cropped to its centre, box-averaged.
//!
//! The average matches Pillow's `resize((32, 32), Image.BOX)`, with which published 32x32 data sets were made, including its
//! rounding. Unlike an area average it never splits a source pixel: each counts fully for the box that contains its centre.

use std::ops::Range;

use super::image::ImageError;
use super::{IMAGE_BYTES, SIDE};

/// Fixed-point bits of a weight in Pillow's 8-bit resampling.
const WEIGHT_BITS: u32 = 22;

/// Reduces a picture `[height, width, 4]` of RGBA bytes (alpha not premultiplied) to a network's pixels `[32, 32, 3]`.
///
/// Values are averaged as stored (sRGB). The longer side is cropped equally at both ends, an odd pixel at the right or bottom. An
/// opaque 32x32 picture is returned unchanged.
///
/// # Errors
/// [`ImageError::Pixels`] if there are no bytes or their number is not width x height x 4.
pub fn reduce_to_32(rgba: &[u8], width: usize, height: usize) -> Result<[u8; IMAGE_BYTES], ImageError> {
    let expected = width.checked_mul(height).and_then(|n| n.checked_mul(4));
    if expected != Some(rgba.len()) || rgba.is_empty() {
        let expected = expected.map_or("more bytes than memory can hold".into(), |n| {
            format!("{n} bytes, more than 0")
        });
        return Err(ImageError::Pixels {
            width,
            height,
            found: rgba.len(),
            expected,
        });
    }
    let side = width.min(height);
    let (left, top) = ((width - side) / 2, (height - side) / 2);
    let boxes = boxes(side);

    // Pillow averages along rows first and rounds, then along columns: [side, 32, 3].
    let mut rows = Vec::with_capacity(side * SIDE * 3);
    let mut opaque = vec![0; side * 3];
    for row in rgba.chunks_exact(4 * width).skip(top).take(side) {
        let pixels = row[4 * left..4 * (left + side)].as_chunks::<4>().0;
        for (rgb, rgba) in opaque.as_chunks_mut::<3>().0.iter_mut().zip(pixels) {
            *rgb = on_white(rgba);
        }
        for source in &boxes {
            let pixels = &opaque.as_chunks::<3>().0[source.clone()];
            rows.extend((0..3).map(|channel| average(pixels.iter().map(|rgb| rgb[channel]), source.len())));
        }
    }
    let mut reduced = [0; IMAGE_BYTES];
    let row_bytes = SIDE * 3;
    for (out, source) in reduced.chunks_exact_mut(row_bytes).zip(&boxes) {
        for (i, value) in out.iter_mut().enumerate() {
            *value = average(source.clone().map(|row| rows[row * row_bytes + i]), source.len());
        }
    }
    Ok(reduced)
}

/// The source pixels of each of the 32 boxes along one axis.
///
/// A pixel belongs to a box if the distance between their centres, in units of the box (of one pixel at least, when enlarging),
/// is in (-1/2, 1/2]. The two roundings to whole pixels and the multiplication by the inverse are Pillow's: if a centre lies
/// exactly on an edge, the last bit decides, so the operations are the same, in the same order, in f64.
fn boxes(side: usize) -> [Range<usize>; SIDE] {
    let scale = side as f64 / SIDE as f64;
    let width = scale.max(1.0);
    let inverse = 1.0 / width;
    std::array::from_fn(|i| {
        let centre = (i as f64 + 0.5) * scale;
        // `as` truncates fractions and saturates negative values to 0.
        let first = (centre - 0.5 * width + 0.5) as usize;
        let end = ((centre + 0.5 * width + 0.5) as usize).min(side);
        let counts = |&pixel: &usize| {
            let distance = (pixel as f64 - centre + 0.5) * inverse;
            distance > -0.5 && distance <= 0.5
        };
        let nearest = (centre as usize).min(side - 1);
        let first = (first..end).find(counts).unwrap_or(nearest);
        let last = (first..end).rev().find(counts).unwrap_or(nearest);
        first..last + 1
    })
}

/// The rounded mean of `n` values, computed in fixed point.
fn average(values: impl Iterator<Item = u8>, n: usize) -> u8 {
    let one = f64::from(1 << WEIGHT_BITS);
    let weight = (0.5 + one / n as f64) as u64;
    let sum: u64 = values.map(u64::from).sum();
    ((sum * weight + (1 << (WEIGHT_BITS - 1))) >> WEIGHT_BITS).min(255) as u8
}

/// Composites a pixel on white.
fn on_white(&[r, g, b, alpha]: &[u8; 4]) -> [u8; 3] {
    let alpha = u32::from(alpha);
    [r, g, b].map(|value| ((u32::from(value) * alpha + 255 * (255 - alpha) + 127) / 255) as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_opaque_picture_of_32_pixels_passes() {
        let rgba: Vec<u8> = (0..SIDE * SIDE)
            .flat_map(|i| [i as u8, (i / 3) as u8, (i * 7) as u8, 255])
            .collect();
        let expected: Vec<u8> = rgba.chunks(4).flat_map(|p| p[..3].to_vec()).collect();
        assert_eq!(reduce_to_32(&rgba, 32, 32).unwrap()[..], expected);
    }

    #[test]
    fn transparent_is_white_and_half_is_between() {
        assert_eq!(on_white(&[10, 20, 30, 0]), [255; 3]);
        assert_eq!(on_white(&[10, 20, 30, 255]), [10, 20, 30]);
        // 0 * 128/255 + 255 * 127/255 = 127
        assert_eq!(on_white(&[0, 255, 0, 128]), [127, 255, 127]);
        assert_eq!(reduce_to_32(&[0; 4], 1, 1).unwrap(), [255; IMAGE_BYTES]);
    }

    #[test]
    fn boxes_cover_all_pixels_when_they_divide() {
        assert_eq!(boxes(64)[5], 10..12);
        assert_eq!(boxes(32)[31], 31..32);
        assert_eq!(boxes(16)[4..6], [2..3, 2..3]);
        assert_eq!(boxes(1), std::array::from_fn(|_| 0..1));
        // Side 48 gives boxes of 1.5 pixels. The edge at 1.5 is pixel 1's centre, which belongs to the lower box.
        assert_eq!(boxes(48)[..3], [0..2, 2..3, 3..5]);
        for side in 1..2000 {
            assert!(
                boxes(side)
                    .iter()
                    .all(|source| !source.is_empty() && source.end <= side),
                "{side}"
            );
        }
    }

    #[test]
    fn the_centre_is_kept() {
        // Of 5 x 1 pixels only the third is used, and of 1 x 4 only the second.
        let row: Vec<u8> = (0..5).flat_map(|x| [x, x, x, 255]).collect();
        assert_eq!(reduce_to_32(&row, 5, 1).unwrap(), [2; IMAGE_BYTES]);
        assert_eq!(reduce_to_32(&row[..16], 1, 4).unwrap(), [1; IMAGE_BYTES]);
    }

    #[test]
    fn averages_round_to_the_nearest() {
        assert_eq!(average([1, 2].into_iter(), 2), 2);
        assert_eq!(average([1, 1, 2].into_iter(), 3), 1);
        assert_eq!(average([255; 7].into_iter(), 7), 255);
    }

    #[test]
    fn wrong_lengths_are_refused() {
        for (n, width, height) in [(0, 0, 0), (0, 0, 5), (15, 2, 2), (16, usize::MAX, 2)] {
            assert!(
                matches!(reduce_to_32(&vec![0; n], width, height), Err(ImageError::Pixels { .. })),
                "{n}"
            );
        }
    }
}
