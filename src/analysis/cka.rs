//! Centred kernel alignment of two networks' features, summed over minibatches by the unbiased HSIC (Song et al. 2012; Nguyen et al.
//! 2021), of linear and of RBF kernels.
//!
//! The HSIC is written as the product of U-centred matrices (Székely and Rizzo 2014), which is the same number: nothing large cancels
//! then, and a network's own HSIC is a sum of squares.

use serde::Serialize;

use super::elementary::exp_in_place;
use crate::error::{LabError, LabResult};

/// The unbiased HSIC divides by n (n - 3).
const MIN_BATCH: usize = 4;
/// The RBF kernel's bandwidth as a share of the median distance.
const BANDWIDTH: f64 = 0.5;
/// A network's own HSIC, over the kernel's diagonal squared, below which its answers differ by rounding alone.
const ALIKE: f64 = 1e-12;
/// Features that are summed in f32 before f64 takes over.
const BLOCK: usize = 256;
/// Rows of a tile of the Gram matrix, on one side and on the other: as many sums as fit a processor's vector registers.
const TILE: (usize, usize) = (4, 2);
const LANES: usize = 4;

/// What is known of two networks after some batches.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[cfg_attr(feature = "browser", derive(tsify::Tsify), tsify(missing_as_null))]
#[serde(rename_all = "camelCase")]
pub struct Cka {
    pub n_images: u32,
    pub n_batches: u32,
    /// null where a network answers all images alike.
    #[cfg_attr(feature = "browser", tsify(type = "number | null"))]
    pub linear: Option<f64>,
    #[cfg_attr(feature = "browser", tsify(type = "number | null"))]
    pub rbf: Option<f64>,
    /// Of the RBF kernels: first, second.
    #[cfg_attr(feature = "browser", tsify(type = "[number, number]"))]
    pub bandwidths: [f64; 2],
}

/// Sums over batches.
#[derive(Clone, Debug, Default)]
pub struct CkaAccumulator {
    n_images: u32,
    n_batches: u32,
    /// Features an image; none before the first batch.
    widths: Option<[usize; 2]>,
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
    /// Adds a batch of features `[n, width]` of the same images; widths may differ between the networks, but not between batches.
    ///
    /// # Errors
    /// `bad_argument` for fewer than 4 images, for a number of values that is no multiple of these or not that of the batches before,
    /// and for a value that is not finite. Nothing has been added then.
    pub fn push(&mut self, first: &[f32], second: &[f32], n: usize) -> LabResult<Cka> {
        if n < MIN_BATCH {
            return Err(LabError::bad_argument(format!(
                "n is {n}; a batch must be of at least {MIN_BATCH} images"
            )));
        }
        let known = self.widths.map_or([None; 2], |widths| widths.map(Some));
        let widths = [
            check("first", first, n, known[0])?,
            check("second", second, n, known[1])?,
        ];
        let grams = [gram(first, n), gram(second, n)];
        let distances = [square_distances(&grams[0], n), square_distances(&grams[1], n)];
        if self.widths.is_none() {
            self.bandwidths = [0, 1].map(|i| BANDWIDTH * median_distance(&distances[i], n));
        }
        self.widths = Some(widths);
        let mean = |i: usize| (0..n).map(|j| grams[i][j * n + j]).sum::<f64>() / n as f64;
        self.linear.add([mean(0), mean(1)], &grams, n);
        let [a, b] = distances;
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

/// The features an image.
fn check(what: &str, features: &[f32], n: usize, width: Option<usize>) -> LabResult<usize> {
    let found = features.len();
    if found == 0 || !found.is_multiple_of(n) {
        let message =
            format!("{what} are {found} values; there must be as many for each of {n} images, and at least one");
        return Err(LabError::bad_argument(message));
    }
    if let Some(width) = width.filter(|width| width * n != found) {
        let message = format!(
            "{what} are {found} values; {n} images of {width}, as in the batches before, take {}",
            n * width
        );
        return Err(LabError::bad_argument(message));
    }
    let width = found / n;
    if let Some(at) = features.iter().position(|x| !x.is_finite()) {
        let (image, class) = (at / width, at % width);
        let message =
            format!("{what}: feature {class} of image {image} is no finite number; the network may have diverged");
        return Err(LabError::bad_argument(message));
    }
    Ok(width)
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

/// Of the pairs of two images.
fn median_distance(squares: &[f64], n: usize) -> f64 {
    let mut distances: Vec<f64> = (1..n)
        .flat_map(|i| squares[i * n..i * n + i].iter().map(|d| d.sqrt()))
        .collect();
    distances.sort_unstable_by(f64::total_cmp);
    let half = distances.len() / 2;
    match distances.len().is_multiple_of(2) {
        true => 0.5 * (distances[half - 1] + distances[half]),
        false => distances[half],
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

/// The products `[n, n]` of the images' features, centred over the batch: HSIC knows no mean, and f32 is the more exact without.
fn gram(features: &[f32], n: usize) -> Vec<f64> {
    let width = features.len() / n;
    let padded = width.next_multiple_of(LANES);
    let n_rows = n.next_multiple_of(TILE.0);
    let centred = centre(features, n, width, padded, n_rows);
    let mut gram = vec![0.0; n_rows * n_rows];
    // A block of all images' features stays in a cache while all tiles pass over it.
    for begin in (0..padded).step_by(BLOCK) {
        let end = padded.min(begin + BLOCK);
        let row = |i: usize| &centred[i * padded + begin..i * padded + end];
        for i in (0..n_rows).step_by(TILE.0) {
            let left = std::array::from_fn(|k| row(i + k));
            for j in (0..i + TILE.0).step_by(TILE.1) {
                let sums = tile(left, std::array::from_fn(|k| row(j + k)));
                for (k, sums) in sums.iter().enumerate() {
                    for (l, sum) in sums.iter().enumerate() {
                        gram[(i + k) * n_rows + j + l] += f64::from(*sum);
                    }
                }
            }
        }
    }
    // The tiles' triangle to the whole, without the padding.
    (0..n * n)
        .map(|at| (at / n, at % n))
        .map(|(i, j)| gram[i.max(j) * n_rows + i.min(j)])
        .collect()
}

/// `[n_rows, padded]`, zeros beyond `n` and `width`. Means are of the differences to the first image, so that equal features are zeros.
fn centre(features: &[f32], n: usize, width: usize, padded: usize, n_rows: usize) -> Vec<f32> {
    let first = &features[..width];
    let mut means = vec![0.0; width];
    for row in features.chunks_exact(width) {
        let differences = row.iter().zip(first).map(|(&x, &x0)| f64::from(x) - f64::from(x0));
        means.iter_mut().zip(differences).for_each(|(mean, d)| *mean += d);
    }
    means.iter_mut().for_each(|mean| *mean /= n as f64);
    let mut centred = vec![0.0; n_rows * padded];
    for (row, to) in features.chunks_exact(width).zip(centred.chunks_exact_mut(padded)) {
        for (((to, &x), &x0), mean) in to.iter_mut().zip(row).zip(first).zip(&means) {
            *to = (f64::from(x) - f64::from(x0) - mean) as f32;
        }
    }
    centred
}

/// The products of some rows with some others, each a multiple of `LANES` long.
#[inline(always)]
fn tile(left: [&[f32]; TILE.0], right: [&[f32]; TILE.1]) -> [[f32; TILE.1]; TILE.0] {
    let mut sums = [[[0.0f32; LANES]; TILE.1]; TILE.0];
    let left = left.map(|row| row.as_chunks::<LANES>().0);
    let right = right.map(|row| row.as_chunks::<LANES>().0);
    let n = left[0].len();
    let (left, right) = (left.map(|row| &row[..n]), right.map(|row| &row[..n]));
    for at in 0..n {
        for (sums, a) in sums.iter_mut().zip(&left) {
            for (sums, b) in sums.iter_mut().zip(&right) {
                for lane in 0..LANES {
                    sums[lane] += a[at][lane] * b[at][lane];
                }
            }
        }
    }
    sums.map(|row| row.map(|lanes| lanes.iter().sum()))
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

    fn plain_gram(features: &[f32], n: usize) -> Vec<f64> {
        let width = features.len() / n;
        let row = |i: usize| &features[i * width..(i + 1) * width];
        let dot = |i: usize, j: usize| {
            row(i)
                .iter()
                .zip(row(j))
                .map(|(&a, &b)| f64::from(a) * f64::from(b))
                .sum()
        };
        (0..n * n).map(|at| dot(at / n, at % n)).collect()
    }

    #[test]
    fn the_linear_kernel_is_that_of_the_formula_for_any_size() {
        for (n, widths) in [(4, [1, 3]), (5, [4, 2]), (13, [300, 259]), (9, [1030, 5])] {
            let mut sums = CkaAccumulator::default();
            let mut expected = [0.0; 3];
            for batch in 0..2 {
                let (a, b) = (features(n, widths[0], batch), features(n, widths[1], batch + 7));
                let found = sums.push(&a, &b, n).unwrap();
                let (k, l) = (plain_gram(&a, n), plain_gram(&b, n));
                for (sum, value) in expected
                    .iter_mut()
                    .zip([song(&k, &k, n), song(&k, &l, n), song(&l, &l, n)])
                {
                    *sum += value;
                }
                let expected = expected[1] / (expected[0] * expected[2]).sqrt();
                let linear = found.linear.unwrap();
                assert!(
                    (linear - expected).abs() < 1e-5,
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
        let found = CkaAccumulator::default().push(&a, &turned, 20).unwrap();
        assert!((found.linear.unwrap() - 1.0).abs() < 1e-6);
        assert!((found.rbf.unwrap() - 1.0).abs() < 1e-6);
        assert!((found.bandwidths[1] - 2.0 * found.bandwidths[0]).abs() < 1e-5);
    }

    #[test]
    fn the_bandwidth_is_of_the_first_batch() {
        // Distances 1, 2, 4, 1, 3, 2: the median is 2.
        let line = [0.0, 1.0, 2.0, 4.0];
        let mut sums = CkaAccumulator::default();
        let found = sums.push(&line, &line.map(|x| 10.0 * x), 4).unwrap();
        assert!((found.bandwidths[0] - 1.0).abs() < 1e-6 && (found.bandwidths[1] - 10.0).abs() < 1e-5);
        let later = sums.push(&line.map(|x| 7.0 * x), &line, 4).unwrap();
        assert_eq!(
            (later.bandwidths, later.n_images, later.n_batches),
            (found.bandwidths, 8, 2)
        );
    }

    #[test]
    fn a_network_that_answers_all_alike_is_aligned_with_none() {
        let a = features(8, 5, 0);
        for constant in [vec![0.0; 24], [0.1, 1e6, -3.3].repeat(8)] {
            let found = CkaAccumulator::default().push(&a, &constant, 8).unwrap();
            assert_eq!((found.linear, found.rbf, found.bandwidths[1]), (None, None, 0.0));
        }
        // More than half of the pairs are the same image, but not all.
        let two: Vec<f32> = (0..8).map(|i| f32::from(u8::from(i >= 6))).collect();
        let found = CkaAccumulator::default().push(&two, &two, 8).unwrap();
        assert_eq!(found.bandwidths[0], 0.0);
        assert!((found.linear.unwrap() - 1.0).abs() < 1e-9 && (found.rbf.unwrap() - 1.0).abs() < 1e-9);
    }

    #[test]
    fn bad_batches_add_nothing() {
        let mut sums = CkaAccumulator::default();
        let good = features(5, 2, 0);
        let before = sums.push(&good, &good, 5).unwrap();
        let mut nan = good.clone();
        nan[3] = f32::NAN;
        for (first, second, n, part) in [
            (&good[..6], &good[..6], 3, "at least 4"),
            (&good[..9], &good[..], 5, "first are 9 values"),
            (&good[..], &[][..], 5, "second are 0 values"),
            (&good[..], &good[..5], 5, "5 images of 2"),
            (&nan[..], &good[..], 5, "first: feature 1 of image 1"),
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
