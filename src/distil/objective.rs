//! Objectives of distillation, in f64 on the host. They define what the tensor version must compute, and give the figures that a step
//! reports.

use serde::{Deserialize, Serialize};

use crate::metrics::{argmax, entropy, kl_divergence, log_softmax};

/// The part of a distillation's loss that compares the teacher's p with the student's q, both at temperature tau. The factor tau^2
/// makes the size of the gradients independent of tau (Hinton et al. 2015).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "browser", derive(tsify::Tsify))]
#[cfg_attr(feature = "cli", derive(clap::ValueEnum), value(rename_all = "snake_case"))]
#[serde(rename_all = "snake_case")]
pub enum Objective {
    /// tau^2 * -sum_j p_j log q_j, as in the paper
    #[default]
    CrossEntropy,
    /// tau^2 * -sum_j q_j log p_j; minimal for a student that gives all probability to the teacher's first class
    ReverseCrossEntropy,
    /// tau^2 * KL(p || q), with the gradients of cross_entropy and a floor of 0
    Kl,
    /// tau^2 * (KL(p || q) + KL(q || p))
    SymmetricKl,
    /// tau^2 * sum_j (p_j - q_j)^2 (Brier 1950)
    // The paper's authors divide by the number of classes as well.
    Brier,
    /// -log q_k of the teacher's first class k, always at temperature 1
    HardLabels,
}

impl Objective {
    #[cfg(test)]
    pub(super) const ALL: [Self; 6] = [
        Self::CrossEntropy,
        Self::ReverseCrossEntropy,
        Self::Kl,
        Self::SymmetricKl,
        Self::Brier,
        Self::HardLabels,
    ];

    /// Returns the loss of one image from both networks' logits.
    pub fn loss(self, teacher: &[f32], student: &[f32], temperature: f64) -> f64 {
        if self == Self::HardLabels {
            return label_nll(student, argmax(teacher));
        }
        let p = log_softmax(teacher, temperature);
        let q = log_softmax(student, temperature);
        let loss = match self {
            Self::CrossEntropy => cross_entropy(&p, &q),
            Self::ReverseCrossEntropy => cross_entropy(&q, &p),
            Self::Kl => kl_divergence(&p, &q),
            Self::SymmetricKl => kl_divergence(&p, &q) + kl_divergence(&q, &p),
            Self::Brier => p.iter().zip(&q).map(|(p, q)| (p.exp() - q.exp()).powi(2)).sum(),
            Self::HardLabels => 0.0,
        };
        temperature * temperature * loss
    }

    /// Returns the loss of a student that predicts exactly as its teacher. This is the minimum, except for the reverse cross-entropy
    /// and hard labels, which reward more certainty than the teacher has.
    pub fn floor(self, teacher: &[f32], temperature: f64) -> f64 {
        match self {
            Self::CrossEntropy | Self::ReverseCrossEntropy => {
                temperature * temperature * entropy(&log_softmax(teacher, temperature))
            }
            Self::Kl | Self::SymmetricKl | Self::Brier => 0.0,
            Self::HardLabels => label_nll(teacher, argmax(teacher)),
        }
    }
}

/// Returns -log q_k of the class `label` at temperature 1, or infinity if `label` is out of range.
pub fn label_nll(student: &[f32], label: usize) -> f64 {
    log_softmax(student, 1.0)
        .get(label)
        .map_or(f64::INFINITY, |log_q| -log_q)
}

fn cross_entropy(p: &[f64], q: &[f64]) -> f64 {
    -p.iter().zip(q).map(|(p, q)| p.exp() * q).sum::<f64>()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Logits of probabilities.
    fn logits<const N: usize>(probabilities: [f32; N]) -> [f32; N] {
        probabilities.map(f32::ln)
    }

    fn assert_close(what: &str, found: f64, expected: f64) {
        assert!((found - expected).abs() < 1e-6, "{what}: {found}, not {expected}");
    }

    /// Teacher (0.8, 0.2), student (0.5, 0.5): cross-entropies ln 2 and -(ln 0.8 + ln 0.2) / 2.
    #[test]
    fn losses_by_hand() {
        let (teacher, student) = (logits([0.8, 0.2]), logits([0.5, 0.5]));
        let loss = |objective: Objective| objective.loss(&teacher, &student, 1.0);
        let (forward, reverse) = (2f64.ln(), -0.5 * (0.8f64 * 0.2).ln());
        let entropy = -(0.8 * 0.8f64.ln() + 0.2 * 0.2f64.ln());
        assert_close("forward", loss(Objective::CrossEntropy), forward);
        assert_close("reverse", loss(Objective::ReverseCrossEntropy), reverse);
        assert_close("KL", loss(Objective::Kl), forward - entropy);
        assert_close(
            "symmetric",
            loss(Objective::SymmetricKl),
            forward - entropy + reverse - 2f64.ln(),
        );
        assert_close("Brier", loss(Objective::Brier), 2.0 * 0.3 * 0.3);
        assert_close("hard", loss(Objective::HardLabels), 2f64.ln());
        assert_close("labels", label_nll(&teacher, 1), -(0.2f64.ln()));
        assert_eq!(label_nll(&teacher, 2), f64::INFINITY);
    }

    /// At tau 2 the odds 4 and 9 become 2 and 3.
    #[test]
    fn losses_by_hand_at_temperature_two() {
        let (teacher, student) = (logits([0.8, 0.2]), logits([0.9, 0.1]));
        let loss = |objective: Objective| objective.loss(&teacher, &student, 2.0);
        let forward = -(2.0 / 3.0 * 0.75f64.ln() + 1.0 / 3.0 * 0.25f64.ln());
        let reverse = -(0.75 * (2f64 / 3.0).ln() + 0.25 * (1f64 / 3.0).ln());
        assert_close("forward", loss(Objective::CrossEntropy), 4.0 * forward);
        assert_close("reverse", loss(Objective::ReverseCrossEntropy), 4.0 * reverse);
        assert_close("Brier", loss(Objective::Brier), 4.0 * 2.0 / 144.0);
        assert_close("hard", loss(Objective::HardLabels), -(0.9f64.ln()));
    }

    #[test]
    fn the_floor_is_the_loss_of_the_teacher_s_own_answers() {
        let teacher = [0.3, -1.0, 2.0, 0.1];
        for objective in Objective::ALL {
            for temperature in [1.0, 4.0] {
                let own = objective.loss(&teacher, &teacher, temperature);
                assert_close(
                    &format!("{objective:?} at {temperature}"),
                    own,
                    objective.floor(&teacher, temperature),
                );
            }
        }
    }
}
