//! Centred kernel alignment of two networks' features with linear and RBF kernels, from the features' Gram matrices, summed over
//! minibatches by the unbiased HSIC (Song et al. 2012; Nguyen et al. 2021).
//!
//! The HSIC is computed as the product of U-centred matrices (Székely and Rizzo 2014), which is the same number. In this form no large
//! terms cancel, and a network's own HSIC is a sum of squares.

use serde::Serialize;

use super::elementary::exp_in_place;
use crate::error::{LabError, LabResult};

/// The unbiased HSIC divides by n (n - 3).
const MIN_BATCH: usize = 4;
/// The RBF kernel's bandwidth as a share of the median distance.
const BANDWIDTH: f64 = 0.5;
/// If a network's own HSIC divided by the kernel's squared diagonal is below this, its features differ by rounding only.
const ALIKE: f64 = 1e-12;
/// How far a Gram matrix may be from its transpose, as a share of its largest diagonal element.
const ASYMMETRY: f64 = 1e-3;

/// Centred kernel alignment of two networks' features, summed over minibatches by the unbiased HSIC (Song et al. 2012; Nguyen et al.
/// 2021). For each network, the RBF kernel's bandwidth is 0.5 times the median distance between two images of the first batch.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[cfg_attr(feature = "browser", derive(tsify::Tsify), tsify(missing_as_null))]
#[serde(rename_all = "camelCase")]
pub struct Cka {
    pub n_images: u32,
    pub n_batches: u32,
    /// null if a network has the same features for all images.
    #[cfg_attr(feature = "browser", tsify(type = "number | null"))]
    pub linear: Option<f64>,
    #[cfg_attr(feature = "browser", tsify(type = "number | null"))]
    pub rbf: Option<f64>,
    /// Bandwidths of the RBF kernels of the first and the second network.
    #[cfg_attr(feature = "browser", tsify(type = "[number, number]"))]
    pub bandwidths: [f64; 2],
}

/// Sums over batches.
#[derive(Clone, Debug, Default)]
pub struct CkaAccumulator {
    n_images: u32,
    n_batches: u32,
    bandwidths: [f64; 2],
    linear: Sums,
    rbf: Sums,
}

/// HSIC of the first kernel with itself, of both, and of the second with itself; and the squares of the kernels' diagonals.
#[derive(Clone, Debug, Default)]
struct Sums {
    hsic: [f64; 3],
    scales: [f64; 2],
}

impl CkaAccumulator {
    /// Adds a batch: the Gram matrices `[n, n]` of two networks' features of the same images.
    ///
    /// # Errors
    /// `bad_argument` if there are fewer than 4 images, if the number of values is wrong, or if a matrix is not finite or not symmetric.
    /// In these cases nothing is added.
    pub fn push(&mut self, first: &[f32], second: &[f32], n: usize) -> LabResult<Cka> {
        if n < MIN_BATCH {
            return Err(LabError::bad_argument(format!(
                "n is {n}; a batch must be of at least {MIN_BATCH} images"
            )));
        }
        let grams = [check("first", first, n)?, check("second", second, n)?];
        let [a, b] = [0, 1].map(|i| square_distances(&grams[i], n));
        if self.n_batches == 0 {
            self.bandwidths = [&a, &b].map(|squares| BANDWIDTH * median_distance(squares, n));
        }
        let mean = |i: usize| (0..n).map(|j| grams[i][j * n + j]).sum::<f64>() / n as f64;
        self.linear.add([mean(0), mean(1)], &grams, n);
        let kernels = [rbf(a, self.bandwidths[0], n), rbf(b, self.bandwidths[1], n)];
        self.rbf.add([1.0; 2], &kernels, n);
        self.n_images += n as u32;
        self.n_batches += 1;
        Ok(Cka {
            n_images: self.n_images,
            n_batches: self.n_batches,
            linear: self.linear.alignment(),
            rbf: self.rbf.alignment(),
            bandwidths: self.bandwidths,
        })
    }
}

/// A Gram matrix as f64.
fn check(what: &str, gram: &[f32], n: usize) -> LabResult<Vec<f64>> {
    if n.checked_mul(n) != Some(gram.len()) {
        let message = format!(
            "{what} is {} values; a Gram matrix of {n} images takes {n} x {n}",
            gram.len()
        );
        return Err(LabError::bad_argument(message));
    }
    let error = |at: usize, fault: &str| {
        let message = format!("{what}: the product of images {} and {} {fault}", at / n, at % n);
        Err(LabError::bad_argument(message))
    };
    if let Some(at) = gram.iter().position(|x| !x.is_finite()) {
        return error(at, "is no finite number; the network may have diverged");
    }
    let gram: Vec<f64> = gram.iter().map(|&x| f64::from(x)).collect();
    let bound = ASYMMETRY * (0..n).map(|i| gram[i * n + i].abs()).fold(0.0, f64::max);
    match (0..n * n).find(|&at| (gram[at] - gram[at % n * n + at / n]).abs() > bound) {
        Some(at) => error(
            at,
            "is not that of the same images the other way round; a Gram matrix is symmetric",
        ),
        None => Ok(gram),
    }
}

impl Sums {
    fn add(&mut self, scales: [f64; 2], kernels: &[Vec<f64>; 2], n: usize) {
        let [a, b] = [u_centred(&kernels[0], n), u_centred(&kernels[1], n)];
        let pairs = (n * (n - 3)) as f64;
        let hsic = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>() / pairs;
        for (sum, value) in self.hsic.iter_mut().zip([hsic(&a, &a), hsic(&a, &b), hsic(&b, &b)]) {
            *sum += value;
        }
        for (sum, scale) in self.scales.iter_mut().zip(scales) {
            *sum += scale * scale;
        }
    }

    fn alignment(&self) -> Option<f64> {
        let [first, both, second] = self.hsic;
        let differs = first > ALIKE * self.scales[0] && second > ALIKE * self.scales[1];
        differs.then(|| both / (first.sqrt() * second.sqrt()))
    }
}

/// A kernel matrix less its rows' and columns' means, as these are without the diagonal, which becomes 0. A constant makes no difference;
/// one is taken off first, so that kernels of equal values are zeros.
fn u_centred(kernel: &[f64], n: usize) -> Vec<f64> {
    let base = kernel[1];
    let mut centred: Vec<f64> = kernel.iter().map(|value| value - base).collect();
    (0..n).for_each(|i| centred[i * n + i] = 0.0);
    let rows: Vec<f64> = centred.chunks_exact(n).map(|row| row.iter().sum()).collect();
    let total: f64 = rows.iter().sum();
    let (m, whole) = ((n - 2) as f64, total / ((n - 1) * (n - 2)) as f64);
    for i in 0..n {
        for j in 0..n {
            centred[i * n + j] -= (rows[i] + rows[j]) / m - whole;
        }
        centred[i * n + i] = 0.0;
    }
    centred
}

fn square_distances(gram: &[f64], n: usize) -> Vec<f64> {
    let of = |i: usize, j: usize| (gram[i * n + i] + gram[j * n + j] - 2.0 * gram[i * n + j]).max(0.0);
    (0..n * n).map(|at| of(at / n, at % n)).collect()
}

/// Returns the median distance over pairs of images.
fn median_distance(squares: &[f64], n: usize) -> f64 {
    let mut distances: Vec<f64> = (1..n)
        .flat_map(|i| squares[i * n..i * n + i].iter().map(|d| d.sqrt()))
        .collect();
    distances.sort_unstable_by(f64::total_cmp);
    let half = distances.len() / 2;
    if distances.len().is_multiple_of(2) {
        0.5 * (distances[half - 1] + distances[half])
    } else {
        distances[half]
    }
}

/// exp(-d^2 / (2 bandwidth^2)), and its limit for a bandwidth of 0.
fn rbf(mut squares: Vec<f64>, bandwidth: f64, n: usize) -> Vec<f64> {
    if bandwidth == 0.0 {
        squares.iter_mut().for_each(|d| *d = f64::from(u8::from(*d == 0.0)));
        return squares;
    }
    let factor = -0.5 / bandwidth / bandwidth;
    squares.iter_mut().for_each(|d| *d *= factor);
    squares.chunks_exact_mut(n).for_each(exp_in_place);
    squares
}

#[cfg(test)]
mod tests {
    use super::*;

    fn features(n: usize, width: usize, seed: usize) -> Vec<f32> {
        let value = |i: usize| ((i as f64 * 0.617 + seed as f64 * 1.31).sin() * 1e4).fract() as f32;
        (0..n * width).map(value).collect()
    }

    /// The formula of Song et al. 2012, equation 5, as it stands there.
    fn song(k: &[f64], l: &[f64], n: usize) -> f64 {
        let off = |m: &[f64], i: usize, j: usize| if i == j { 0.0 } else { m[i * n + j] };
        let all = || (0..n).flat_map(|i| (0..n).map(move |j| (i, j)));
        let trace: f64 = all().map(|(i, j)| off(k, i, j) * off(l, j, i)).sum();
        let total = |m: &[f64]| all().map(|(i, j)| off(m, i, j)).sum::<f64>();
        let row = |m: &[f64], i: usize| (0..n).map(|j| off(m, i, j)).sum::<f64>();
        let product: f64 = (0..n).map(|i| row(k, i) * row(l, i)).sum();
        let n = n as f64;
        (trace + total(k) * total(l) / ((n - 1.0) * (n - 2.0)) - 2.0 / (n - 2.0) * product) / (n * (n - 3.0))
    }

    /// Of features `[n, width]`.
    fn gram(features: &[f32], n: usize) -> Vec<f32> {
        let width = features.len() / n;
        let row = |i: usize| &features[i * width..(i + 1) * width];
        let product = |(a, b): (&f32, &f32)| f64::from(*a) * f64::from(*b);
        let dot = |i: usize, j: usize| row(i).iter().zip(row(j)).map(product).sum::<f64>() as f32;
        (0..n * n).map(|at| dot(at / n, at % n)).collect()
    }

    #[test]
    fn the_linear_kernel_is_that_of_the_formula() {
        for (n, widths) in [(4, [1, 3]), (5, [4, 2]), (13, [30, 25])] {
            let mut sums = CkaAccumulator::default();
            let mut expected = [0.0; 3];
            for batch in 0..2 {
                let a = gram(&features(n, widths[0], batch), n);
                let b = gram(&features(n, widths[1], batch + 7), n);
                let found = sums.push(&a, &b, n).unwrap();
                let [k, l] = [a, b].map(|gram| gram.into_iter().map(f64::from).collect::<Vec<_>>());
                for (sum, value) in expected
                    .iter_mut()
                    .zip([song(&k, &k, n), song(&k, &l, n), song(&l, &l, n)])
                {
                    *sum += value;
                }
                let expected = expected[1] / (expected[0] * expected[2]).sqrt();
                let linear = found.linear.unwrap();
                assert!(
                    (linear - expected).abs() < 1e-9,
                    "{n} {widths:?}: {linear} is not {expected}"
                );
            }
        }
    }

    #[test]
    fn a_network_is_aligned_with_itself_however_turned_and_moved() {
        let a = features(20, 3, 0);
        let turned: Vec<f32> = a
            .chunks_exact(3)
            .flat_map(|x| [5.0 - 2.0 * x[1], 2.0 * x[0] + 9.0, 2.0 * x[2]])
            .collect();
        let found = CkaAccumulator::default()
            .push(&gram(&a, 20), &gram(&turned, 20), 20)
            .unwrap();
        assert!((found.linear.unwrap() - 1.0).abs() < 1e-6);
        assert!((found.rbf.unwrap() - 1.0).abs() < 1e-6);
        assert!((found.bandwidths[1] - 2.0 * found.bandwidths[0]).abs() < 1e-4);
    }

    #[test]
    fn the_bandwidth_is_of_the_first_batch() {
        // Distances 1, 2, 4, 1, 3, 2: the median is 2.
        let line = |scale: f32| gram(&[0.0, 1.0, 2.0, 4.0].map(|x| scale * x), 4);
        let mut sums = CkaAccumulator::default();
        let found = sums.push(&line(1.0), &line(10.0), 4).unwrap();
        assert_eq!(found.bandwidths, [1.0, 10.0]);
        let later = sums.push(&line(7.0), &line(1.0), 4).unwrap();
        assert_eq!(
            (later.bandwidths, later.n_images, later.n_batches),
            (found.bandwidths, 8, 2)
        );
    }

    #[test]
    fn a_network_that_answers_all_alike_is_aligned_with_none() {
        let a = gram(&features(8, 5, 0), 8);
        for constant in [vec![0.0; 24], [0.1, 1e6, -3.3].repeat(8)] {
            let found = CkaAccumulator::default().push(&a, &gram(&constant, 8), 8).unwrap();
            assert_eq!((found.linear, found.rbf, found.bandwidths[1]), (None, None, 0.0));
        }
        // More than half of the pairs are the same image, but not all.
        let two: Vec<f32> = (0..8).map(|i| f32::from(u8::from(i >= 6))).collect();
        let two = gram(&two, 8);
        let found = CkaAccumulator::default().push(&two, &two, 8).unwrap();
        assert_eq!(found.bandwidths[0], 0.0);
        assert!((found.linear.unwrap() - 1.0).abs() < 1e-9 && (found.rbf.unwrap() - 1.0).abs() < 1e-9);
    }

    #[test]
    fn bad_batches_add_nothing() {
        let mut sums = CkaAccumulator::default();
        let good = gram(&features(5, 2, 0), 5);
        let before = sums.push(&good, &good, 5).unwrap();
        let spoilt = |value: f32| {
            let mut gram = good.clone();
            gram[8] = value;
            gram
        };
        for (first, second, n, part) in [
            (&good[..9], &good[..9], 3, "at least 4"),
            (&good[..24], &good[..], 5, "first is 24 values"),
            (&good[..], &[][..], 5, "second is 0 values"),
            (
                &spoilt(f32::NAN)[..],
                &good[..],
                5,
                "first: the product of images 1 and 3 is no finite",
            ),
            (&good[..], &spoilt(9.0)[..], 5, "symmetric"),
        ] {
            let error = sums.push(first, second, n).unwrap_err();
            assert!(error.message.contains(part), "{error}");
        }
        let mut fresh = CkaAccumulator::default();
        assert_eq!(fresh.push(&good, &good, 5).unwrap(), before);
        assert_eq!(
            fresh.push(&good, &good, 5).unwrap(),
            sums.push(&good, &good, 5).unwrap()
        );
    }
}
