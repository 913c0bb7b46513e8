//! Random replacement of channel values.

use crate::data::IMAGE_BYTES;
use crate::data::random::{Purpose, Random};

/// Probability that a channel value is replaced.
const PROBABILITY: f64 = 0.2;

/// Replaces each channel value of the images `[n, 32, 32, 3]` independently with probability 0.2 by a random value from 0 to
/// 255. A trailing partial image is left unchanged.
pub fn noise(pixels: &mut [u8], seed: u32, step: u32) {
    let mut random = Random::new(seed, Purpose::Noise, step.into());
    redrawn(
        pixels.as_chunks_mut::<IMAGE_BYTES>().0.as_flattened_mut(),
        PROBABILITY,
        &mut random,
    );
}

/// Replaces each value with this probability, rounded down to a multiple of 2^-24, by a random value from 0 to 255.
pub fn redrawn(values: &mut [u8], probability: f64, random: &mut Random) {
    let below = (probability * f64::from(1 << 24)) as u32;
    for value in values {
        // 24 bits decide whether to replace the value; the other 8 are the new value.
        let bits = random.bits();
        if bits >> 8 < below {
            *value = bits as u8;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// In 100 black images 20 % of the values are replaced (1 in 256 of these by 0 again), uniformly over all levels and
    /// independently of the pixel's other channels. Bounds are five standard deviations.
    #[test]
    fn a_fifth_of_all_values_is_uniform() {
        let n = 100 * IMAGE_BYTES;
        let mut pixels = vec![0; n];
        noise(&mut pixels, 1, 0);
        let n_new = pixels.iter().filter(|v| **v > 0).count() as f64;
        let expected = 0.2 * 255.0 / 256.0;
        assert!((n_new / n as f64 - expected).abs() < 0.0037, "{n_new}");
        let mut bins = [0usize; 8];
        pixels
            .iter()
            .filter(|v| **v > 0)
            .for_each(|v| bins[usize::from(*v) / 32] += 1);
        let each = n_new / 8.0;
        assert!(
            bins[1..].iter().all(|n| (*n as f64 - each).abs() < 5.0 * each.sqrt()),
            "{bins:?}"
        );
        let pairs = pixels.chunks(3).filter(|p| p[0] > 0 && p[1] > 0).count() as f64;
        let share = pairs / (n / 3) as f64;
        assert!((share - expected * expected).abs() < 0.0031, "{share}");
    }
}
