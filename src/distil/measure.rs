//! What a step is trained towards, and its figures, in f64 on the host.

use super::Recipe;
use super::objective::label_nll;
use crate::metrics::argmax;

/// Metrics of one step on the augmented batch, before the update and with BatchNorm in training mode.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Step {
    /// Number of steps done, including this one.
    pub step: u32,
    /// The batch's loss.
    pub loss: f64,
    /// (1 - alpha) times the loss of a student that predicts exactly what its teacher does: with the paper's objective
    /// tau^2 H(softmax(z_t / tau)). It is 0 on labels.
    pub loss_floor: f64,
    /// Share of the batch on which the student's top-1 class is the ensemble's; on labels, the label.
    pub agreement: f64,
    /// The learning rate of this step.
    pub learning_rate: f64,
}

/// What a batch is trained towards.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Target {
    /// Labels `[n]`, all below the number of classes.
    Labels(Vec<u8>),
    /// The ensemble's log-probabilities `[n, classes]`, beside the labels if they are known.
    Ensemble {
        log_probs: Vec<f32>,
        labels: Option<Vec<u8>>,
    },
}

impl Target {
    /// Measures the step that these logits `[n, classes]` of the student belong to; `step` counts it.
    pub fn measure(&self, logits: &[f32], n_classes: usize, recipe: &Recipe, step: u32) -> Step {
        let Recipe {
            objective, temperature, ..
        } = *recipe;
        let alpha = match self {
            Self::Labels(_) => 1.0,
            Self::Ensemble { .. } => recipe.alpha,
        };
        let (mut soft, mut hard, mut floor, mut n_agree) = (0.0, 0.0, 0.0, 0u32);
        for (i, student) in logits.chunks(n_classes).enumerate() {
            let label = self.label(i);
            if let Some(label) = label.filter(|_| alpha > 0.0) {
                hard += label_nll(student, label);
            }
            let class = match self {
                Self::Labels(_) => label,
                Self::Ensemble { log_probs, .. } => log_probs.chunks(n_classes).nth(i).map(|teacher| {
                    soft += objective.loss(teacher, student, temperature);
                    floor += objective.floor(teacher, temperature);
                    argmax(teacher)
                }),
            };
            n_agree += u32::from(Some(argmax(student)) == class);
        }
        let n = (logits.len() / n_classes) as f64;
        Step {
            step,
            loss: (alpha * hard + (1.0 - alpha) * soft) / n,
            loss_floor: (1.0 - alpha) * floor / n,
            agreement: f64::from(n_agree) / n,
            learning_rate: recipe.learning_rate_at(step.saturating_sub(1)),
        }
    }

    fn label(&self, image: usize) -> Option<usize> {
        let labels = match self {
            Self::Labels(labels) => Some(labels),
            Self::Ensemble { labels, .. } => labels.as_ref(),
        };
        labels?.get(image).map(|&label| usize::from(label))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two images with two classes; the student is certain of neither.
    #[test]
    fn a_step_by_hand() {
        let logits = [0.0, 0.0, 3f32.ln(), 0.0];
        let teacher = [0.8f32.ln(), 0.2f32.ln(), 0.25f32.ln(), 0.75f32.ln()];
        let recipe = Recipe {
            temperature: 1.0,
            alpha: 0.25,
            learning_rate: 0.5,
            ..Recipe::default()
        };
        let hard = (2f64.ln() + 4f64.ln()) / 2.0;
        let soft = (2f64.ln() - (0.25 * 0.75f64.ln() + 0.75 * 0.25f64.ln())) / 2.0;
        let entropy = |p: f64| -(p * p.ln() + (1.0 - p) * (1.0 - p).ln());

        let target = Target::Ensemble {
            log_probs: teacher.to_vec(),
            labels: Some(vec![0, 1]),
        };
        let step = target.measure(&logits, 2, &recipe, 1);
        assert!((step.loss - (0.25 * hard + 0.75 * soft)).abs() < 1e-6, "{step:?}");
        let floor = 0.75 * (entropy(0.8) + entropy(0.25)) / 2.0;
        assert!((step.loss_floor - floor).abs() < 1e-6, "{step:?}");
        assert_eq!((step.agreement, step.learning_rate, step.step), (0.5, 0.5, 1));

        let step = Target::Labels(vec![0, 1]).measure(&logits, 2, &recipe, 1);
        assert!((step.loss - hard).abs() < 1e-6, "{step:?}");
        assert_eq!((step.agreement, step.loss_floor), (0.5, 0.0));
    }
}
