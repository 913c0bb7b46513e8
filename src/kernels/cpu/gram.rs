//! Inner products of all pairs of rows.

use super::parallel;

/// Rows per side of a block of products that is summed in registers.
const ROWS: usize = 4;
/// Lanes of a sum: one vector.
const LANES: usize = 4;
/// Values of a row whose products are summed in f32, before these sums are added in f64.
const RUN: usize = 512;

/// `X X^T`, `[n, n]`, of `x`, `[n, width]`.
pub fn gram(x: &[f32], n: usize) -> Vec<f32> {
    let width = x.len() / n.max(1);
    let mut products = vec![0.0; n * n];
    let blocks = products.chunks_mut((ROWS * n).max(1)).enumerate();
    parallel::for_each(
        blocks,
        &mut Vec::new(),
        || (),
        |(), (block, products)| {
            let first = block * ROWS;
            // The lower triangle; the other one is its mirror image.
            for column in (0..(first + ROWS).min(n)).step_by(ROWS) {
                let sums = block_of(x, width, n, first, column);
                for (row, sums) in products.chunks_exact_mut(n).zip(sums) {
                    let room = ROWS.min(n - column);
                    row[column..][..room].copy_from_slice(&sums[..room]);
                }
            }
        },
    );
    for i in 0..n {
        for j in i + 1..n {
            products[i * n + j] = products[j * n + i];
        }
    }
    products
}

/// Products of the rows from `first` on with those from `column` on; a row beyond the last counts as the last.
fn block_of(x: &[f32], width: usize, n: usize, first: usize, column: usize) -> [[f32; ROWS]; ROWS] {
    let row = |i: usize| &x[i.min(n - 1) * width..][..width];
    let (a, b): ([&[f32]; ROWS], [&[f32]; ROWS]) = (
        std::array::from_fn(|i| row(first + i)),
        std::array::from_fn(|i| row(column + i)),
    );
    let mut totals = [[0.0f64; ROWS]; ROWS];
    for start in (0..width).step_by(RUN) {
        let end = (start + RUN).min(width);
        let whole = start + (end - start) / LANES * LANES;
        let mut sums = [[[0.0f32; LANES]; ROWS]; ROWS];
        for k in (start..whole).step_by(LANES) {
            let load = |row: &[f32]| -> [f32; LANES] { std::array::from_fn(|lane| row[k + lane]) };
            let right: [[f32; LANES]; ROWS] = std::array::from_fn(|j| load(b[j]));
            for (sums, left) in sums.iter_mut().zip(a) {
                let left = load(left);
                for (sum, right) in sums.iter_mut().zip(&right) {
                    for lane in 0..LANES {
                        sum[lane] += left[lane] * right[lane];
                    }
                }
            }
        }
        for (i, totals) in totals.iter_mut().enumerate() {
            for (j, total) in totals.iter_mut().enumerate() {
                let rest = (whole..end).map(|k| f64::from(a[i][k]) * f64::from(b[j][k]));
                *total += sums[i][j].iter().map(|sum| f64::from(*sum)).sum::<f64>() + rest.sum::<f64>();
            }
        }
    }
    totals.map(|row| row.map(|total| total as f32))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pair_of_rows_for_odd_sizes() {
        for (n, width) in [(1, 1), (2, 3), (5, 512), (9, 1030), (4, 0)] {
            let x: Vec<f32> = (0..n * width).map(|i| (i * 7919 % 251) as f32 / 100.0 - 1.0).collect();
            let found = gram(&x, n);
            assert_eq!(found.len(), n * n);
            for i in 0..n {
                for j in 0..n {
                    let (a, b) = (&x[i * width..][..width], &x[j * width..][..width]);
                    let expected: f64 = a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum();
                    let error = (f64::from(found[i * n + j]) - expected).abs();
                    assert!(error <= 1e-5 * (1.0 + expected.abs()), "{n} {width} {i} {j}: {error}");
                }
            }
        }
        assert!(gram(&[], 0).is_empty());
    }
}
