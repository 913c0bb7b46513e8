//! MixUp of inputs.

use crate::data::IMAGE_BYTES;
use crate::data::random::{Purpose, Random};

/// Mixes each image `[n, 32, 32, 3]` of a batch with another: `lambda x_i + (1 - lambda) x_j` with j from a random permutation
/// of the batch and one lambda per batch, uniform on [0, 1) (Zhang et al. 2018; the paper mixes inputs only, and its teacher
/// predicts on the mixed image). A trailing partial image is left unchanged.
pub fn mixup(pixels: &mut [u8], seed: u32, step: u32) {
    let mut random = Random::new(seed, Purpose::MixUp, step.into());
    let lambda = random.unit();
    let mut partners: Vec<usize> = (0..pixels.len() / IMAGE_BYTES).collect();
    random.shuffle(&mut partners);
    mix(pixels, lambda, &partners);
}

fn mix(pixels: &mut [u8], lambda: f64, partners: &[usize]) {
    let before = pixels.to_vec();
    let before = before.as_chunks::<IMAGE_BYTES>().0;
    for (image, partner) in pixels.as_chunks_mut::<IMAGE_BYTES>().0.iter_mut().zip(partners) {
        for (value, other) in image.iter_mut().zip(&before[*partner]) {
            let mixed = lambda * f64::from(*value) + (1.0 - lambda) * f64::from(*other);
            *value = mixed.round() as u8;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn images(levels: &[u8]) -> Vec<u8> {
        levels.iter().flat_map(|&level| [level; IMAGE_BYTES]).collect()
    }

    #[test]
    fn one_lambda_by_hand() {
        let mixed = |lambda| {
            let mut pixels = images(&[0, 100, 201]);
            mix(&mut pixels, lambda, &[1, 2, 0]);
            pixels
        };
        assert_eq!(mixed(1.0), images(&[0, 100, 201]), "all of the image itself");
        assert_eq!(mixed(0.0), images(&[100, 201, 0]), "all of its partner");
        // Shares of 25 % and 75 % give 75, 175.75 and 50.25.
        assert_eq!(mixed(0.25), images(&[75, 176, 50]));
    }

    /// Mixtures of images of 0 and 255 reveal lambda: one per batch, and uniform over 2,000 steps.
    #[test]
    fn lambda_is_uniform_and_one_a_batch() {
        let mut bins = [0usize; 5];
        let mut n_mixed = 0;
        for step in 0..2000 {
            let mut pixels = images(&[0, 255, 0, 255]);
            mixup(&mut pixels, 1, step);
            let levels: Vec<u8> = pixels.chunks(IMAGE_BYTES).map(|image| image[0]).collect();
            // An image mixed with an equal one stays as it is; otherwise black ones become 1 - lambda and white ones lambda.
            let own = [0, 255, 0, 255];
            let lambdas: Vec<f64> = levels
                .iter()
                .zip(own)
                .filter(|(level, own)| **level != *own)
                .map(|(level, own)| (f64::from(level.abs_diff(255 - own))) / 255.0)
                .collect();
            if let Some(lambda) = lambdas.first() {
                assert!(
                    lambdas.iter().all(|other| (other - lambda).abs() < 0.005),
                    "{lambdas:?}"
                );
                bins[((lambda * 5.0) as usize).min(4)] += 1;
                n_mixed += 1;
            }
        }
        let expected = n_mixed / 5;
        assert!(n_mixed > 1500, "{n_mixed}");
        assert!(bins.iter().all(|n| n.abs_diff(expected) < 100), "{bins:?}");
    }
}
