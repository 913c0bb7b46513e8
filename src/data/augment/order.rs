//! Seeded order and augmentation of training images.
//!
//! All of it is a function of seed and step (and epoch) alone, with no state between calls: a run that goes on from a checkpoint
//! sees the images that it would have seen. ChaCha gives the same numbers on every platform.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

use super::{IMAGE_BYTES, SIDE};

/// Pixels of black around an image before it is cropped.
pub const PADDING: usize = 4;

/// What random numbers are for, so that two purposes never share a stream.
#[derive(Clone, Copy)]
enum Purpose {
    Order = 1,
    FlipCrop = 2,
}

/// Indices of the images of step `step` (from 0): each epoch is a new order, cut into batches of which the last, if smaller, is
/// left out. `batch_size` is at most `n_images` here; empty where either is 0.
pub fn batch_indices(seed: u32, step: u32, batch_size: usize, n_images: usize) -> Vec<usize> {
    let batch_size = batch_size.min(n_images);
    if batch_size == 0 {
        return Vec::new();
    }
    let batches_an_epoch = n_images / batch_size;
    let step = u64::from(step);
    let (epoch, batch) = (step / batches_an_epoch as u64, step % batches_an_epoch as u64);
    let first = batch as usize * batch_size;
    epoch_order(seed, epoch, n_images)[first..first + batch_size].to_vec()
}

/// All indices below `n_images`, each once, in the order of an epoch (Fisher and Yates' shuffle).
pub fn epoch_order(seed: u32, epoch: u64, n_images: usize) -> Vec<usize> {
    let mut random = generator(seed, Purpose::Order, epoch);
    let mut order: Vec<usize> = (0..n_images).collect();
    for last in (1..n_images).rev() {
        order.swap(last, below(&mut random, last + 1));
    }
    order
}

/// Moves each image `[n, 32, 32, 3]` by up to 4 pixels in each direction, filling with black (the paper's random crop with
/// padding 4), and mirrors it left to right with probability 1/2. Bytes that are no whole image stay as they are.
pub fn flip_crop(pixels: &mut [u8], seed: u32, step: u32) {
    let mut random = generator(seed, Purpose::FlipCrop, step.into());
    for image in pixels.as_chunks_mut::<IMAGE_BYTES>().0 {
        let top = below(&mut random, 2 * PADDING + 1);
        let left = below(&mut random, 2 * PADDING + 1);
        let mirrored = below(&mut random, 2) == 1;
        *image = crop(image, top, left, mirrored);
    }
}

/// The 32x32 window at row `top` and column `left` of the image with its black border.
fn crop(image: &[u8; IMAGE_BYTES], top: usize, left: usize, mirrored: bool) -> [u8; IMAGE_BYTES] {
    let mut cropped = [0; IMAGE_BYTES];
    let inside = |at: usize| at.checked_sub(PADDING).filter(|&at| at < SIDE);
    for (i, pixel) in cropped.as_chunks_mut::<3>().0.iter_mut().enumerate() {
        let (row, column) = (i / SIDE, i % SIDE);
        let column = if mirrored { SIDE - 1 - column } else { column };
        if let Some((row, column)) = inside(row + top).zip(inside(column + left)) {
            let at = 3 * (row * SIDE + column);
            pixel.copy_from_slice(&image[at..at + 3]);
        }
    }
    cropped
}

fn generator(seed: u32, purpose: Purpose, stream: u64) -> ChaCha8Rng {
    let mut key = [0; 32];
    key[..4].copy_from_slice(&seed.to_le_bytes());
    key[4] = purpose as u8;
    let mut generator = ChaCha8Rng::from_seed(key);
    generator.set_stream(stream);
    generator
}

/// A whole number below `bound`, each equally likely (Lemire 2019, with rejection). `bound` is 1 to 2^32.
fn below(random: &mut ChaCha8Rng, bound: usize) -> usize {
    let bound = bound as u64;
    let rejected = (1 << 32) % bound;
    loop {
        let product = u64::from(random.next_u32()) * bound;
        if product & 0xffff_ffff >= rejected {
            return (product >> 32) as usize;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picture() -> [u8; IMAGE_BYTES] {
        std::array::from_fn(|i| (i % 251) as u8 + 1)
    }

    fn pixel(image: &[u8], row: usize, column: usize) -> &[u8] {
        &image[3 * (row * SIDE + column)..][..3]
    }

    #[test]
    fn an_epoch_takes_each_image_once() {
        for n_images in [0, 1, 2, 1000] {
            let mut order = epoch_order(7, 3, n_images);
            assert!(n_images < 1000 || order != (0..n_images).collect::<Vec<_>>());
            order.sort_unstable();
            assert_eq!(order, (0..n_images).collect::<Vec<_>>());
        }
    }

    #[test]
    fn batches_are_cut_from_epochs() {
        // 10 images in batches of 4: two batches an epoch, two images left out.
        let batch = |step| batch_indices(5, step, 4, 10);
        assert_eq!([batch(0), batch(1)].concat(), epoch_order(5, 0, 10)[..8]);
        assert_eq!(batch(3), epoch_order(5, 1, 10)[4..8]);
        assert_ne!(epoch_order(5, 0, 10), epoch_order(5, 1, 10));
        assert_ne!(epoch_order(5, 0, 10), epoch_order(6, 0, 10));
        assert_eq!(
            batch_indices(5, u32::MAX, 64, 10).len(),
            10,
            "a batch is at most all images"
        );
        assert!(batch_indices(5, 0, 0, 10).is_empty() && batch_indices(5, 0, 4, 0).is_empty());
    }

    #[test]
    fn the_centre_crop_is_the_image_and_a_corner_is_black() {
        let image = picture();
        assert_eq!(crop(&image, PADDING, PADDING, false), image);
        let corner = crop(&image, 0, 0, false);
        assert_eq!(pixel(&corner, 3, 31), [0; 3]);
        assert_eq!(pixel(&corner, 31, 3), [0; 3]);
        assert_eq!(pixel(&corner, 4, 4), pixel(&image, 0, 0));
        let other = crop(&image, 8, 8, false);
        assert_eq!(pixel(&other, 0, 0), pixel(&image, 4, 4));
        assert_eq!(pixel(&other, 28, 0), [0; 3]);
        let mirrored = crop(&image, PADDING, PADDING, true);
        assert_eq!(pixel(&mirrored, 9, 0), pixel(&image, 9, 31));
    }

    #[test]
    fn all_moves_occur_and_depend_on_seed_and_step_alone() {
        let augmented = |seed, step| {
            let mut pixels = picture().repeat(512);
            flip_crop(&mut pixels, seed, step);
            pixels
        };
        let first = augmented(1, 0);
        assert_eq!(first, augmented(1, 0));
        assert_ne!(first, augmented(2, 0));
        assert_ne!(first, augmented(1, 1));
        let image = picture();
        let mut seen = std::collections::BTreeSet::new();
        for found in first.as_chunks::<IMAGE_BYTES>().0 {
            let moves = (0..9).flat_map(|top| (0..9).flat_map(move |left| [(top, left, false), (top, left, true)]));
            let found = moves
                .into_iter()
                .find(|&(top, left, mirrored)| crop(&image, top, left, mirrored) == *found);
            seen.insert(found.expect("it is one of the 162 moves"));
        }
        assert!(seen.len() > 130, "{} of 162 moves in 512 draws", seen.len());
    }

    #[test]
    fn the_numbers_are_the_same_on_every_platform() {
        assert_eq!(epoch_order(1, 0, 8), ORDER);
    }

    const ORDER: [usize; 8] = [4, 1, 6, 3, 7, 2, 5, 0];
}
