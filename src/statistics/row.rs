//! One image's prediction, and what is computed from it.

use super::elementary::{SMALLEST_PROBABILITY, exp_into, ln, ln_into};
use super::lens::Lens;

/// One image's probabilities and log-probabilities.
pub(super) struct Row {
    pub probs: Vec<f64>,
    pub logs: Vec<f64>,
}

impl Row {
    pub fn new(n_classes: usize) -> Self {
        Self {
            probs: vec![0.0; n_classes],
            logs: vec![0.0; n_classes],
        }
    }

    /// Where `logs` are logits: makes them log-probabilities, and fills in the probabilities. Returns logsumexp.
    pub fn normalise(&mut self) -> f64 {
        let largest = two_largest(&self.logs).0;
        exp_into(&self.logs, 1.0, largest, &mut self.probs);
        let sum = sum(&self.probs);
        let (inverse, log_sum) = (1.0 / sum, largest + ln(sum));
        scale(&mut self.probs, inverse);
        self.logs.iter_mut().for_each(|log| *log -= log_sum);
        log_sum
    }

    /// Where `logs` are log-probabilities, `largest` the largest of them: makes them those of softmax(log p * inverse), and fills in the
    /// probabilities. Returns the softmax's logsumexp and its largest probability.
    pub fn soften(&mut self, largest: f64, inverse: f64) -> (f64, f64) {
        let (log_sum, share) = self.soften_largest(largest, inverse);
        scale(&mut self.probs, share);
        self.logs.iter_mut().for_each(|log| *log = *log * inverse - log_sum);
        (log_sum, share)
    }

    /// What [`Self::soften`] returns, where nobody asks for the other classes.
    pub fn soften_largest(&mut self, largest: f64, inverse: f64) -> (f64, f64) {
        exp_into(&self.logs, inverse, largest * inverse, &mut self.probs);
        let sum = sum(&self.probs);
        (largest * inverse + ln(sum), 1.0 / sum)
    }

    /// Sums a row of fine classes to superclasses.
    pub fn gather(&mut self, fine: &Self, lens: Lens) {
        self.probs.fill(0.0);
        for (fine, p) in fine.probs.iter().enumerate() {
            self.probs[usize::from(lens.class_of(fine as u8))] += p;
        }
        ln_into(&self.probs, &mut self.logs);
        for class in (0..self.probs.len()).filter(|&class| self.probs[class] < SMALLEST_PROBABILITY) {
            let of_class = fine.logs.iter().enumerate();
            let of_class = of_class.filter(|&(fine, _)| usize::from(lens.class_of(fine as u8)) == class);
            self.logs[class] = log_sum_exp(of_class.map(|(_, &log)| log));
        }
    }
}

/// Sum of p (log p - log q), never negative; a class of probability 0 counts nothing.
#[inline(never)]
pub(super) fn divergence(row: &Row, log_q: &[f64]) -> f64 {
    let mut lanes = [0.0; 4];
    let (p, log_p, log_q) = (
        row.probs.chunks_exact(4),
        row.logs.chunks_exact(4),
        log_q.chunks_exact(4),
    );
    let rest = p.remainder().iter().zip(log_p.remainder()).zip(log_q.remainder());
    let rest: f64 = rest.map(|((p, log_p), log_q)| p * (log_p - log_q)).sum();
    for ((p, log_p), log_q) in p.zip(log_p).zip(log_q) {
        for i in 0..4 {
            lanes[i] += p[i] * (log_p[i] - log_q[i]);
        }
    }
    (lanes.iter().sum::<f64>() + rest).max(0.0)
}

/// The mean of rows, of which there is at least one. The last bits depend on their order.
pub(super) fn mean<'a>(rows: impl ExactSizeIterator<Item = &'a [f64]>, means: &mut [f64]) {
    let share = 1.0 / rows.len() as f64;
    for (i, row) in rows.enumerate() {
        match i {
            0 => means.copy_from_slice(row),
            _ => add(means, row),
        }
    }
    scale(means, share);
}

#[inline(never)]
fn add(sums: &mut [f64], values: &[f64]) {
    sums.iter_mut().zip(values).for_each(|(sum, value)| *sum += value);
}

#[inline(never)]
fn scale(values: &mut [f64], factor: f64) {
    values.iter_mut().for_each(|value| *value *= factor);
}

/// In four parts, which a compiler may add side by side.
#[inline(never)]
pub(super) fn sum(values: &[f64]) -> f64 {
    let mut lanes = [0.0; 4];
    let chunks = values.chunks_exact(4);
    let rest: f64 = chunks.remainder().iter().sum();
    chunks.for_each(|chunk| (0..4).for_each(|i| lanes[i] += chunk[i]));
    lanes.iter().sum::<f64>() + rest
}

/// The largest value and the one after it, which may be equal; minus infinity where there is none.
#[inline(never)]
pub(super) fn two_largest(values: &[f64]) -> (f64, f64) {
    let larger = |a: f64, b: f64| if a > b { a } else { b };
    let smaller = |a: f64, b: f64| if a < b { a } else { b };
    let (mut first, mut second) = ([f64::NEG_INFINITY; 4], [f64::NEG_INFINITY; 4]);
    let chunks = values.chunks_exact(4);
    let rest = chunks.remainder();
    for chunk in chunks {
        for i in 0..4 {
            second[i] = larger(second[i], smaller(first[i], chunk[i]));
            first[i] = larger(first[i], chunk[i]);
        }
    }
    let all = first.iter().chain(&second).chain(rest);
    all.fold((f64::NEG_INFINITY, f64::NEG_INFINITY), |(first, second), &value| {
        (larger(first, value), larger(second, smaller(first, value)))
    })
}

#[inline(never)]
pub(super) fn smallest(values: &[f64]) -> f64 {
    let smaller = |a: f64, b: f64| if b < a { b } else { a };
    let mut lanes = [f64::INFINITY; 4];
    let chunks = values.chunks_exact(4);
    let rest = chunks.remainder();
    chunks.for_each(|chunk| (0..4).for_each(|i| lanes[i] = smaller(lanes[i], chunk[i])));
    lanes.iter().chain(rest).fold(f64::INFINITY, |a, &b| smaller(a, b))
}

pub(super) fn log_sum_exp(values: impl Iterator<Item = f64> + Clone) -> f64 {
    let largest = values.clone().fold(f64::NEG_INFINITY, f64::max);
    if largest == f64::NEG_INFINITY {
        return largest;
    }
    largest + values.map(|value| (value - largest).exp()).sum::<f64>().ln()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_and_maxima_of_any_length() {
        for n in 0..11 {
            let values: Vec<f64> = (0..n).map(|i| f64::from((i * 7) % 11)).collect();
            assert_eq!(sum(&values), values.iter().sum::<f64>());
            let mut sorted = values.clone();
            sorted.sort_unstable_by(f64::total_cmp);
            let nth = |i: usize| sorted.iter().rev().nth(i).copied().unwrap_or(f64::NEG_INFINITY);
            assert_eq!(two_largest(&values), (nth(0), nth(1)));
            let last = sorted.first().copied().unwrap_or(f64::INFINITY);
            assert_eq!(smallest(&values), last);
        }
    }
}
