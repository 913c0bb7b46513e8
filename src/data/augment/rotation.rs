//! Rotation about the centre.

use crate::data::random::{Purpose, Random};
use crate::data::{IMAGE_BYTES, SIDE};

/// Largest angle either way, from the paper's text (its public configuration says 90).
pub const MAX_DEGREES: f64 = 20.0;

/// Rotates each image `[n, 32, 32, 3]` by an angle uniform on [-20, 20) degrees. A trailing partial image is left unchanged.
pub fn rotate(pixels: &mut [u8], seed: u32, step: u32) {
    let mut random = Random::new(seed, Purpose::Rotation, step.into());
    for image in pixels.as_chunks_mut::<IMAGE_BYTES>().0 {
        *image = rotated(image, random.symmetric() * MAX_DEGREES.to_radians());
    }
}

/// Rotates with nearest-neighbour sampling: each pixel copies the one whose centre is nearest to its source position (ties go to
/// the even row or column, as PyTorch's `grid_sample` rounds); positions outside the image are black. A positive angle rotates
/// the content counter-clockwise.
pub fn rotated(image: &[u8; IMAGE_BYTES], radians: f64) -> [u8; IMAGE_BYTES] {
    let (sin, cos) = radians.sin_cos();
    let centre = (SIDE as f64 - 1.0) / 2.0;
    let inside = |at: f64| (at >= 0.0 && at < SIDE as f64).then_some(at as usize);
    let mut turned = [0; IMAGE_BYTES];
    for (i, pixel) in turned.as_chunks_mut::<3>().0.iter_mut().enumerate() {
        let (x, y) = ((i % SIDE) as f64 - centre, (i / SIDE) as f64 - centre);
        let column = (cos * x - sin * y + centre).round_ties_even();
        let row = (sin * x + cos * y + centre).round_ties_even();
        if let Some((row, column)) = inside(row).zip(inside(column)) {
            pixel.copy_from_slice(&image[3 * (row * SIDE + column)..][..3]);
        }
    }
    turned
}

#[cfg(test)]
mod tests {
    use super::super::testing::{golden, golden_images, picture, pixel};
    use super::*;

    #[test]
    fn no_angle_is_the_image_and_right_angles_move_every_pixel() {
        let image = picture();
        assert_eq!(rotated(&image, 0.0), image);
        let quarter = rotated(&image, std::f64::consts::FRAC_PI_2);
        // The top edge moves to the left.
        assert_eq!(pixel(&quarter, 5, 0), pixel(&image, 0, 26));
        assert_eq!(pixel(&quarter, 31, 7), pixel(&image, 7, 0));
        let half = rotated(&image, std::f64::consts::PI);
        assert_eq!(pixel(&half, 3, 4), pixel(&image, 28, 27));
    }

    #[test]
    fn what_comes_in_is_black_and_the_centre_stays() {
        let turned = rotated(&picture(), 20f64.to_radians());
        for (row, column) in [(0, 0), (0, 31), (31, 0), (31, 31)] {
            assert_eq!(pixel(&turned, row, column), [0; 3], "{row} {column}");
        }
        for (row, column) in [(15, 15), (15, 16), (16, 15), (16, 16)] {
            assert_eq!(pixel(&turned, row, column), pixel(&picture(), row, column));
        }
    }

    /// PyTorch computes in f32, whose rounding decides pixels midway between two source pixels; each image has only a few.
    #[test]
    fn images_are_turned_as_pytorch_turns_them() {
        let expected = golden("rotation");
        let expected = expected.as_chunks::<IMAGE_BYTES>().0;
        for ((image, degrees), expected) in golden_images().iter().zip(golden("rotation.degrees")).zip(expected) {
            let turned = rotated(image, f64::from(degrees).to_radians());
            let n_other = turned
                .iter()
                .zip(expected)
                .filter(|(a, b)| f32::from(**a) != **b)
                .count();
            assert!(n_other <= 3 * 3, "{degrees} degrees: {n_other} values differ");
        }
    }

    /// Each of ten bins of 4 degrees gets a tenth of 4,000 draws, within five standard deviations.
    #[test]
    fn angles_are_uniform() {
        let mut random = Random::new(1, Purpose::Rotation, 0);
        let mut bins = [0; 10];
        for _ in 0..4000 {
            let degrees = random.symmetric() * MAX_DEGREES;
            bins[((degrees + MAX_DEGREES) / 4.0) as usize] += 1;
        }
        assert!(bins.iter().all(|n: &usize| n.abs_diff(400) < 95), "{bins:?}");
    }
}
