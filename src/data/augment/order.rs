//! The images of each training step.

use crate::data::random::{Purpose, Random};

/// Indices of the images of step `step` (from 0). Each epoch shuffles anew and is cut into batches; a smaller last batch is
/// dropped. `batch_size` is capped at `n_images`; the result is empty if either is 0.
pub fn batch_indices(seed: u32, step: u32, batch_size: usize, n_images: usize) -> Vec<usize> {
    let batch_size = batch_size.min(n_images);
    if batch_size == 0 {
        return Vec::new();
    }
    let batches_per_epoch = n_images / batch_size;
    let step = u64::from(step);
    let (epoch, batch) = (step / batches_per_epoch as u64, step % batches_per_epoch as u64);
    let first = batch as usize * batch_size;
    epoch_order(seed, epoch, n_images)[first..first + batch_size].to_vec()
}

/// All indices below `n_images`, in the epoch's random order.
pub fn epoch_order(seed: u32, epoch: u64, n_images: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..n_images).collect();
    Random::new(seed, Purpose::Order, epoch).shuffle(&mut order);
    order
}

#[cfg(test)]
mod tests {
    use super::*;

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
        // 10 images in batches of 4: two batches per epoch, two images dropped.
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
    fn the_numbers_are_the_same_on_every_platform() {
        assert_eq!(epoch_order(1, 0, 8), ORDER);
    }

    const ORDER: [usize; 8] = [4, 1, 6, 3, 7, 2, 5, 0];
}
