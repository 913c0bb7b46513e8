//! Vertical flip.

use crate::data::random::{Purpose, Random};
use crate::data::{IMAGE_BYTES, SIDE};

/// Turns each image `[n, 32, 32, 3]` upside down with probability 1/2. A trailing partial image is left unchanged.
pub fn vertical_flip(pixels: &mut [u8], seed: u32, step: u32) {
    let mut random = Random::new(seed, Purpose::VerticalFlip, step.into());
    for image in pixels.as_chunks_mut::<IMAGE_BYTES>().0 {
        if random.coin() {
            flip(image);
        }
    }
}

fn flip(image: &mut [u8; IMAGE_BYTES]) {
    image.as_chunks_mut::<{ 3 * SIDE }>().0.reverse();
}

#[cfg(test)]
mod tests {
    use super::super::testing::{picture, pixel};
    use super::*;

    #[test]
    fn rows_are_reversed_and_columns_stay() {
        let mut image = picture();
        flip(&mut image);
        assert_eq!(pixel(&image, 0, 5), pixel(&picture(), 31, 5));
        assert_eq!(pixel(&image, 20, 31), pixel(&picture(), 11, 31));
        flip(&mut image);
        assert_eq!(image, picture());
    }

    /// Half of 4,000 images are flipped, within five standard deviations, and each result is the image or its flip.
    #[test]
    fn half_are_flipped() {
        let mut pixels = picture().repeat(4000);
        vertical_flip(&mut pixels, 1, 0);
        let mut flipped = picture();
        flip(&mut flipped);
        let images = pixels.as_chunks::<IMAGE_BYTES>().0;
        let n = images.iter().filter(|image| **image == flipped).count();
        assert!(n.abs_diff(2000) < 158, "{n}");
        assert!(images.iter().all(|image| *image == flipped || *image == picture()));
    }
}
