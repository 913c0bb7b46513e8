//! Per-image values from which the metrics are computed.

use super::row::{Row, two_largest};

/// The values of each image that determine accuracy, likelihood, calibration and margin.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Figures {
    /// The most probable class; the first of equal ones.
    pub top1: Vec<u8>,
    pub confidence: Vec<f64>,
    /// Log-probability of the most probable class minus that of the second; infinite if there is only one class.
    pub lead: Vec<f64>,
    /// Log-probability of the true class.
    pub likelihood: Vec<f64>,
    /// The number of classes ranked before the true one.
    pub rank: Vec<u8>,
}

impl Figures {
    pub fn with_capacity(n: usize) -> Self {
        Self {
            top1: Vec::with_capacity(n),
            confidence: Vec::with_capacity(n),
            lead: Vec::with_capacity(n),
            likelihood: Vec::with_capacity(n),
            rank: Vec::with_capacity(n),
        }
    }

    pub fn push(&mut self, Row { probs, logs }: &Row, label: u8) {
        let at = usize::from(label);
        let likelihood = logs[at];
        let (largest, second) = two_largest(logs);
        let top1 = logs.iter().position(|&log| log == largest).unwrap_or(0);
        let (before, after) = if top1 == at {
            (0, 0)
        } else {
            let before = logs[..at].iter().filter(|&&log| log >= likelihood).count();
            (before, logs[at..].iter().filter(|&&log| log > likelihood).count())
        };
        self.top1.push(top1 as u8);
        self.confidence.push(probs[top1]);
        self.lead.push(largest - second);
        self.likelihood.push(likelihood);
        self.rank.push((before + after) as u8);
    }

    /// Returns the values at another temperature, which keeps the order of classes. `log_sums` holds each image's logsumexp of the
    /// log-probabilities times `inverse`.
    pub fn soft(&self, inverse: f64, log_sums: &[f64], confidence: Vec<f64>) -> Self {
        let soften = |(log, log_sum): (&f64, &f64)| log * inverse - log_sum;
        Self {
            top1: self.top1.clone(),
            confidence,
            lead: self.lead.iter().map(|lead| lead * inverse).collect(),
            likelihood: self.likelihood.iter().zip(log_sums).map(soften).collect(),
            rank: self.rank.clone(),
        }
    }

    /// Returns the values of some images.
    pub fn of(&self, images: &[usize]) -> Self {
        fn pick<T: Copy>(of: &[T], images: &[usize]) -> Vec<T> {
            images.iter().map(|&image| of[image]).collect()
        }
        Self {
            top1: pick(&self.top1, images),
            confidence: pick(&self.confidence, images),
            lead: pick(&self.lead, images),
            likelihood: pick(&self.likelihood, images),
            rank: pick(&self.rank, images),
        }
    }

    pub fn is_right(&self, image: usize) -> bool {
        self.rank[image] == 0
    }

    /// Returns the number of images that are right.
    pub fn n_right(&self) -> usize {
        self.rank.iter().filter(|&&rank| rank == 0).count()
    }

    /// Returns the probability of the most probable class minus that of the second; exactly 0 if they are equal.
    pub fn margin(&self, image: usize) -> f64 {
        -self.confidence[image] * (-self.lead[image]).exp_m1()
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::close;
    use super::*;

    #[test]
    fn figures_of_ties_and_of_zeros() {
        let mut figures = Figures::default();
        let row = |probs: &[f64], logs: &[f64]| Row {
            probs: probs.to_vec(),
            logs: logs.to_vec(),
        };
        figures.push(&row(&[0.25; 4], &[0.25f64.ln(); 4]), 2);
        figures.push(&row(&[1.0, 0.0, 0.0], &[0.0, -900.0, -800.0]), 1);
        figures.push(&row(&[1.0], &[0.0]), 0);
        assert_eq!(
            (figures.top1.clone(), figures.rank.clone()),
            (vec![0; 3], vec![2, 2, 0])
        );
        assert_eq!(figures.confidence, [0.25, 1.0, 1.0]);
        assert_eq!(figures.likelihood[1], -900.0);
        assert_eq!(
            (figures.lead[1], [0, 1, 2].map(|i| figures.margin(i))),
            (800.0, [0.0, 1.0, 1.0])
        );
        // A probability that underflowed to 0 becomes positive again.
        close(&[figures.soft(0.01, &[0.0; 3], vec![0.0; 3]).lead[1]], &[8.0]);
    }
}
