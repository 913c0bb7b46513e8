//! The figures of a step, in f64 on the host.

use super::Recipe;
use super::objective::label_loss;
use crate::metrics::argmax;

/// What one step measured, on the batch as it was augmented, before the update and with BatchNorm in training mode.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Step {
    /// Steps done, this one included.
    pub step: u32,
    /// The loss.
    pub loss: f64,
    /// (1 - alpha) times the loss of a student that answers as its teacher: in the paper's case tau^2 H(softmax(z_t / tau)). 0 on
    /// labels.
    pub loss_floor: f64,
    /// Share of the batch with the ensemble's top-1 class, on labels with the label.
    pub agreement: f64,
    /// Of this step.
    pub learning_rate: f64,
}

/// What a step's networks answered, and the labels.
pub(super) struct Answers<'a> {
    /// `[n, classes]`
    pub logits: &'a [f32],
    /// Log-probabilities `[n, classes]`; none on labels.
    pub teacher: Option<&'a [f32]>,
    /// `[n]`, all below the number of classes.
    pub labels: Option<&'a [u8]>,
    pub n_classes: usize,
}

impl Answers<'_> {
    /// `step` counts this one.
    pub fn measure(&self, recipe: &Recipe, step: u32) -> Step {
        let Recipe {
            objective,
            temperature,
            alpha,
            ..
        } = *recipe;
        let (mut soft, mut hard, mut floor, mut n_agree) = (0.0, 0.0, 0.0, 0u32);
        for (i, student) in self.logits.chunks(self.n_classes).enumerate() {
            let label = self
                .labels
                .and_then(|labels| labels.get(i))
                .map(|&label| usize::from(label));
            let teacher = self.teacher.and_then(|teacher| teacher.chunks(self.n_classes).nth(i));
            if let Some(teacher) = teacher {
                soft += objective.loss(teacher, student, temperature);
                floor += objective.floor(teacher, temperature);
            }
            if let Some(label) = label.filter(|_| alpha > 0.0 || teacher.is_none()) {
                hard += label_loss(student, label);
            }
            n_agree += u32::from(Some(argmax(student)) == teacher.map(argmax).or(label));
        }
        let n = (self.logits.len() / self.n_classes) as f64;
        let alpha = if self.teacher.is_some() { alpha } else { 1.0 };
        Step {
            step,
            loss: (alpha * hard + (1.0 - alpha) * soft) / n,
            loss_floor: (1.0 - alpha) * floor / n,
            agreement: f64::from(n_agree) / n,
            learning_rate: recipe.learning_rate_at(step.saturating_sub(1)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two images of two classes; the student is sure of neither.
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
        let answers = |teacher, labels| Answers {
            logits: &logits,
            teacher,
            labels,
            n_classes: 2,
        };
        let hard = (2f64.ln() + 4f64.ln()) / 2.0;
        let soft = (2f64.ln() - (0.25 * 0.75f64.ln() + 0.75 * 0.25f64.ln())) / 2.0;
        let entropy = |p: f64| -(p * p.ln() + (1.0 - p) * (1.0 - p).ln());

        let step = answers(Some(&teacher[..]), Some(&[0, 1][..])).measure(&recipe, 1);
        assert!((step.loss - (0.25 * hard + 0.75 * soft)).abs() < 1e-6, "{step:?}");
        let floor = 0.75 * (entropy(0.8) + entropy(0.25)) / 2.0;
        assert!((step.loss_floor - floor).abs() < 1e-6, "{step:?}");
        assert_eq!((step.agreement, step.learning_rate, step.step), (0.5, 0.5, 1));

        let step = answers(None, Some(&[0, 1][..])).measure(&recipe, 1);
        assert!((step.loss - hard).abs() < 1e-6, "{step:?}");
        assert_eq!((step.agreement, step.loss_floor), (0.5, 0.0));
    }
}
