//! What is distilled and how.

use serde::{Deserialize, Serialize};

use super::Schedule;
use crate::error::{LabError, LabResult};

/// How training images are varied.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "browser", derive(tsify::Tsify))]
#[serde(rename_all = "snake_case")]
pub enum Policy {
    /// As they are.
    None,
    /// Random crop with padding 4 in black, and a horizontal flip with probability 1/2.
    #[default]
    FlipCrop,
}

/// The settings of one distillation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "browser", derive(tsify::Tsify))]
#[serde(rename_all = "camelCase", default)]
pub struct Recipe {
    /// tau of the distillation loss.
    pub temperature: f64,
    /// Weight of the labels' NLL, 0 to 1.
    pub alpha: f64,
    /// At the first step.
    pub learning_rate: f64,
    /// On every parameter, BatchNorm's too.
    pub weight_decay: f64,
    /// Batches in all.
    pub steps: u32,
    /// Images a batch; no more than there are.
    pub batch_size: u32,
    /// How training images are varied.
    pub policy: Policy,
    /// How the learning rate falls.
    pub schedule: Schedule,
    /// Fixes the order of the images and their augmentation.
    pub seed: u32,
}

impl Default for Recipe {
    fn default() -> Self {
        Self {
            temperature: 4.0,
            alpha: 0.0,
            learning_rate: 0.003,
            weight_decay: 1e-4,
            steps: 60,
            batch_size: 64,
            policy: Policy::default(),
            schedule: Schedule::default(),
            seed: 0,
        }
    }
}

impl Recipe {
    /// # Errors
    /// Names the first setting that is out of its range.
    pub fn check(&self, n_images: usize, has_labels: bool) -> LabResult<()> {
        let in_range = |what: &str, value: f64, low: f64, high: f64| match value >= low && value <= high {
            true => Ok(()),
            false => Err(LabError::bad_argument(format!(
                "{what} is {value}; it must be from {low} to {high}"
            ))),
        };
        in_range("temperature", self.temperature, 0.1, 100.0)?;
        in_range("alpha", self.alpha, 0.0, 1.0)?;
        in_range("learningRate", self.learning_rate, 0.0, 10.0)?;
        in_range("weightDecay", self.weight_decay, 0.0, 1.0)?;
        in_range("steps", self.steps.into(), 1.0, 1e6)?;
        in_range("batchSize", self.batch_size.into(), 2.0, 1024.0)?;
        in_range("the number of training images", n_images as f64, 2.0, 1e6)?;
        if self.alpha > 0.0 && !has_labels {
            return Err(LabError::bad_argument(format!(
                "alpha is {}; above 0 it needs labels, and there are none",
                self.alpha
            )));
        }
        Ok(())
    }
}
