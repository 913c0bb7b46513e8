//! Seeded random numbers: a function of seed, purpose and stream alone. ChaCha yields the same numbers on every platform.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

/// The purpose of random numbers, so that two purposes never share a stream.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Purpose {
    Order = 1,
    FlipCrop = 2,
    Rotation = 3,
    VerticalFlip = 4,
    ColorJitter = 5,
    MixUp = 6,
    Noise = 7,
    Weights = 8,
    Bootstrap = 9,
    Halves = 10,
}

/// Random numbers for one purpose; `stream` is the epoch, the step or another counter that suits the purpose.
pub(crate) struct Random(ChaCha8Rng);

impl Random {
    pub fn new(seed: u32, purpose: Purpose, stream: u64) -> Self {
        let mut key = [0; 32];
        key[..4].copy_from_slice(&seed.to_le_bytes());
        key[4] = purpose as u8;
        let mut generator = ChaCha8Rng::from_seed(key);
        generator.set_stream(stream);
        Self(generator)
    }

    /// Returns 32 random bits.
    pub fn bits(&mut self) -> u32 {
        self.0.next_u32()
    }

    /// Returns an integer below `bound`, each equally likely (Lemire 2019, with rejection). `bound` is from 1 to 2^32.
    pub fn below(&mut self, bound: usize) -> usize {
        let bound = bound as u64;
        let rejected = (1 << 32) % bound;
        loop {
            let product = u64::from(self.bits()) * bound;
            if product & 0xffff_ffff >= rejected {
                return (product >> 32) as usize;
            }
        }
    }

    /// Returns a number in [0, 1), a multiple of 2^-32.
    pub fn unit(&mut self) -> f64 {
        f64::from(self.bits()) / 4_294_967_296.0
    }

    /// Returns a number in [-1, 1).
    pub fn symmetric(&mut self) -> f64 {
        2.0 * self.unit() - 1.0
    }

    /// Returns true with probability 1/2.
    pub fn coin(&mut self) -> bool {
        self.below(2) == 1
    }

    /// Returns two independent samples of the standard normal distribution (Marsaglia's polar method).
    pub fn normal_pair(&mut self) -> [f64; 2] {
        loop {
            let (x, y) = (self.symmetric(), self.symmetric());
            let square = x * x + y * y;
            if square > 0.0 && square < 1.0 {
                let factor = (-2.0 * square.ln() / square).sqrt();
                return [x * factor, y * factor];
            }
        }
    }

    /// Shuffles `items`; all orders are equally likely (Fisher-Yates).
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last + 1));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn purposes_seeds_and_streams_have_numbers_of_their_own() {
        let first = |seed, purpose, stream| Random::new(seed, purpose, stream).bits();
        let one = first(1, Purpose::Noise, 1);
        assert_eq!(one, first(1, Purpose::Noise, 1));
        for other in [
            first(2, Purpose::Noise, 1),
            first(1, Purpose::MixUp, 1),
            first(1, Purpose::Noise, 2),
        ] {
            assert_ne!(one, other);
        }
    }

    /// Checks the moments of 100,000 draws within five standard deviations.
    #[test]
    fn moments_are_those_of_the_distributions() {
        let mut random = Random::new(3, Purpose::Weights, 0);
        let n = 100_000;
        let moments = |values: &[f64]| {
            let mean = values.iter().sum::<f64>() / values.len() as f64;
            let var = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / values.len() as f64;
            (mean, var)
        };
        let uniform: Vec<f64> = (0..n).map(|_| random.symmetric()).collect();
        let (mean, var) = moments(&uniform);
        assert!(mean.abs() < 0.0092 && (var - 1.0 / 3.0).abs() < 0.0048, "{mean} {var}");
        assert!(uniform.iter().all(|v| (-1.0..1.0).contains(v)));
        let normal: Vec<f64> = (0..n / 2).flat_map(|_| random.normal_pair()).collect();
        let (mean, var) = moments(&normal);
        assert!(mean.abs() < 0.016 && (var - 1.0).abs() < 0.023, "{mean} {var}");
        let beyond = normal.iter().filter(|v| v.abs() > 2.0).count() as f64 / n as f64;
        assert!(
            (beyond - 0.0455).abs() < 0.0033,
            "{beyond} beyond two standard deviations"
        );
    }
}
