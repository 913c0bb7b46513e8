//! The settings with which a network is trained or distilled.

use serde::{Deserialize, Serialize};

use super::schedule::{Course, Schedule};
use super::{Objective, Policy};
use crate::error::{LabError, LabResult};

/// The parameters to which weight decay applies.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "browser", derive(tsify::Tsify))]
#[cfg_attr(feature = "cli", derive(clap::ValueEnum), value(rename_all = "snake_case"))]
#[serde(rename_all = "snake_case")]
pub enum Decay {
    /// All parameters, including norms and biases, as in the paper
    #[default]
    All,
    /// Weights of convolutions and of the head; neither norms nor biases
    Weights,
}

/// The settings of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "browser", derive(tsify::Tsify))]
#[serde(rename_all = "camelCase", default)]
pub struct Recipe {
    /// The distillation objective that compares the student with its teachers.
    pub objective: Objective,
    /// Temperature tau of the distillation loss.
    pub temperature: f64,
    /// Weight of the labels' NLL in the loss, from 0 to 1.
    pub alpha: f64,
    /// Peak learning rate, reached after warm-up.
    pub learning_rate: f64,
    /// Final learning rate of a decaying schedule.
    pub last_learning_rate: f64,
    /// Number of warm-up steps, in which the learning rate rises.
    pub warm_up_steps: u32,
    /// Weight decay of the parameters that `decay` selects.
    pub weight_decay: f64,
    /// Parameters that decay.
    pub decay: Decay,
    /// Number of steps; each takes one batch.
    pub steps: u32,
    /// Number of initial steps whose images are reduced to 24x24 pixels.
    pub small_steps: u32,
    /// Images per batch; the number of training images is the upper limit.
    pub batch_size: u32,
    /// Augmentation of the training images.
    pub policy: Policy,
    /// Learning-rate schedule.
    pub schedule: Schedule,
    /// Whether BatchNorm keeps its initial running statistics and normalises with them.
    pub freeze_statistics: bool,
    /// Seed of the images' order and augmentation.
    pub seed: u32,
}

impl Default for Recipe {
    fn default() -> Self {
        Self {
            objective: Objective::default(),
            temperature: 4.0,
            alpha: 0.0,
            learning_rate: 0.003,
            last_learning_rate: 0.0,
            warm_up_steps: 0,
            weight_decay: 1e-4,
            decay: Decay::default(),
            steps: 60,
            small_steps: 0,
            batch_size: 64,
            policy: Policy::default(),
            schedule: Schedule::default(),
            freeze_statistics: false,
            seed: 0,
        }
    }
}

impl Recipe {
    /// # Errors
    /// `bad_argument`, naming the first setting that is out of range.
    pub fn check(&self, n_images: usize, has_labels: bool) -> LabResult<()> {
        let in_range = |what: &str, value: f64, low: f64, high: f64| {
            if value >= low && value <= high {
                Ok(())
            } else {
                Err(LabError::bad_argument(format!(
                    "{what} is {value}; it must be from {low} to {high}"
                )))
            }
        };
        in_range("temperature", self.temperature, 0.1, 100.0)?;
        in_range("alpha", self.alpha, 0.0, 1.0)?;
        in_range("learningRate", self.learning_rate, 0.0, 10.0)?;
        in_range("lastLearningRate", self.last_learning_rate, 0.0, 10.0)?;
        in_range("weightDecay", self.weight_decay, 0.0, 1.0)?;
        in_range("steps", self.steps.into(), 1.0, 1e7)?;
        in_range("warmUpSteps", self.warm_up_steps.into(), 0.0, self.steps.into())?;
        in_range("smallSteps", self.small_steps.into(), 0.0, self.steps.into())?;
        in_range("batchSize", self.batch_size.into(), 2.0, 1024.0)?;
        in_range("the number of training images", n_images as f64, 2.0, 1e6)?;
        if self.alpha > 0.0 && !has_labels {
            return Err(LabError::bad_argument(format!(
                "alpha is {}; an alpha above 0 needs labels, but there are none",
                self.alpha
            )));
        }
        if self.alpha > 0.0 && self.policy == Policy::Mixup {
            return Err(LabError::bad_argument(format!(
                "alpha is {}; it must be 0 with the policy mixup, because no label fits mixed images",
                self.alpha
            )));
        }
        Ok(())
    }

    /// The learning rate of step `step`, counted from 0.
    pub fn learning_rate_at(&self, step: u32) -> f64 {
        let course = Course {
            base: self.learning_rate,
            last: self.last_learning_rate,
            warm_up_steps: self.warm_up_steps,
            total_steps: self.steps,
        };
        self.schedule.learning_rate(&course, step)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_that_are_not_given_are_the_default_s() {
        let recipe: Recipe = serde_json::from_str("{\"steps\":7,\"policy\":\"mixup\",\"decay\":\"weights\"}").unwrap();
        assert_eq!(
            recipe,
            Recipe {
                steps: 7,
                policy: Policy::Mixup,
                decay: Decay::Weights,
                ..Recipe::default()
            }
        );
    }

    #[test]
    fn what_is_out_of_range_is_named() {
        let message = |recipe: Recipe| recipe.check(100, false).unwrap_err().message;
        let default = Recipe::default;
        assert!(default().check(100, false).is_ok());
        let warm = Recipe {
            warm_up_steps: 61,
            ..default()
        };
        assert_eq!(message(warm), "warmUpSteps is 61; it must be from 0 to 60");
        let small = Recipe {
            small_steps: 61,
            ..default()
        };
        assert!(message(small).starts_with("smallSteps is 61"));
        let last = Recipe {
            last_learning_rate: f64::NAN,
            ..default()
        };
        assert!(message(last).starts_with("lastLearningRate is NaN"));
        let mixed = Recipe {
            alpha: 0.5,
            policy: Policy::Mixup,
            ..default()
        };
        assert!(mixed.check(100, true).unwrap_err().message.contains("no label fits"));
        let labelled = Recipe {
            alpha: 0.5,
            ..default()
        };
        assert!(message(labelled).contains("needs labels"));
    }
}
