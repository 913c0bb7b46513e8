//! Named recipes, with their lengths in epochs.

use serde::{Deserialize, Serialize};

use super::{Decay, Recipe};
use crate::error::{LabError, LabResult};

/// A recipe for any number of images: a recipe's steps follow from epochs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Preset {
    /// Passes over the images; of each, the last, smaller batch is left out.
    pub epochs: u32,
    /// Epochs, the first ones, at 24x24 pixels.
    pub small_epochs: u32,
    /// Epochs in which the learning rate rises, but at most an eighth of all steps.
    pub warm_up_epochs: u32,
    /// Everything else; its `steps`, `small_steps` and `warm_up_steps` are not used.
    pub recipe: Recipe,
}

/// Which recipe.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PresetName {
    /// The paper's teachers: 200 epochs in batches of 256, a cosine from 0.1 to 0, weight decay 1e-4 on all parameters. Its momentum
    /// is Nesterov's here as well, which the paper says of its students only.
    Teacher,
    /// The paper's students: 300 epochs in batches of 128, a cosine from 5e-2 to 1e-6.
    Student,
    /// A teacher in a fifth of the time: 40 epochs (36 of a network of bottleneck blocks) in batches of 128, the first quarter
    /// (third) on smaller pictures, a warm-up, a cosine from 0.1 to 0, weight decay 5e-4 on weights only.
    FurnaceTeacher,
    /// A student in the same manner: 60 epochs, 15 of them small (24 and 8 of bottleneck blocks).
    FurnaceStudent,
}

impl Default for Preset {
    fn default() -> Self {
        PresetName::Teacher.preset(false)
    }
}

impl PresetName {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Teacher, Self::Student, Self::FurnaceTeacher, Self::FurnaceStudent];

    /// As it is written in settings.
    pub fn name(self) -> &'static str {
        match self {
            Self::Teacher => "teacher",
            Self::Student => "student",
            Self::FurnaceTeacher => "furnace-teacher",
            Self::FurnaceStudent => "furnace-student",
        }
    }

    /// Its settings, for a network with bottleneck blocks or without.
    pub fn preset(self, is_bottleneck: bool) -> Preset {
        let paper = Recipe {
            learning_rate: 0.1,
            batch_size: 256,
            ..Recipe::default()
        };
        let furnace = Recipe {
            learning_rate: 0.1,
            batch_size: 128,
            weight_decay: 5e-4,
            decay: Decay::Weights,
            ..Recipe::default()
        };
        let (epochs, small_epochs, warm_up_epochs, recipe) = match (self, is_bottleneck) {
            (Self::Teacher, _) => (200, 0, 0, paper),
            (Self::Student, _) => {
                let recipe = Recipe {
                    learning_rate: 5e-2,
                    last_learning_rate: 1e-6,
                    batch_size: 128,
                    ..paper
                };
                (300, 0, 0, recipe)
            }
            (Self::FurnaceTeacher, false) => (40, 10, 5, furnace),
            (Self::FurnaceTeacher, true) => (36, 12, 5, furnace),
            (Self::FurnaceStudent, false) => (60, 15, 5, furnace),
            (Self::FurnaceStudent, true) => (24, 8, 5, furnace),
        };
        Preset {
            epochs,
            small_epochs,
            warm_up_epochs,
            recipe,
        }
    }
}

impl std::str::FromStr for PresetName {
    type Err = LabError;

    fn from_str(name: &str) -> LabResult<Self> {
        let known = Self::ALL.into_iter().find(|preset| preset.name() == name);
        known.ok_or_else(|| {
            let names: Vec<_> = Self::ALL.iter().map(|preset| preset.name()).collect();
            LabError::bad_argument(format!("there is no preset `{name}`; there are {}", names.join(", ")))
        })
    }
}

impl Preset {
    /// Batches of an epoch: at least one, of all images where those are fewer than a batch.
    pub fn steps_per_epoch(&self, n_images: usize) -> u32 {
        let batch_size = (self.recipe.batch_size as usize).min(n_images).max(1);
        u32::try_from(n_images / batch_size).unwrap_or(u32::MAX).max(1)
    }

    /// The recipe for so many images.
    pub fn recipe(&self, n_images: usize) -> Recipe {
        let steps_per_epoch = self.steps_per_epoch(n_images);
        let steps = self.epochs.saturating_mul(steps_per_epoch);
        Recipe {
            steps,
            small_steps: self.small_epochs.saturating_mul(steps_per_epoch).min(steps),
            warm_up_steps: self.warm_up_epochs.saturating_mul(steps_per_epoch).min(steps / 8),
            ..self.recipe.clone()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_and_unknown_ones_told() {
        for preset in PresetName::ALL {
            assert_eq!(preset.name().parse(), Ok(preset));
            assert_eq!(
                serde_json::to_string(&preset).unwrap(),
                format!("\"{}\"", preset.name())
            );
        }
        let message = "best".parse::<PresetName>().unwrap_err().message;
        assert!(
            message.contains("`best`") && message.contains("furnace-student"),
            "{message}"
        );
    }

    /// 50,000 images in batches of 128: 390 steps an epoch; the warm-up is 5 epochs where that is less than an eighth.
    #[test]
    fn lengths_follow_from_the_number_of_images() {
        let furnace = PresetName::FurnaceTeacher.preset(false).recipe(50_000);
        assert_eq!(
            (furnace.steps, furnace.small_steps, furnace.warm_up_steps),
            (15_600, 3_900, 1_950)
        );
        let large = PresetName::FurnaceStudent.preset(true).recipe(50_000);
        assert_eq!(
            (large.steps, large.small_steps, large.warm_up_steps),
            (9360, 3120, 1170)
        );
        let short = Preset {
            epochs: 3,
            ..PresetName::FurnaceTeacher.preset(false)
        };
        let short = short.recipe(2000);
        assert_eq!((short.steps, short.small_steps, short.warm_up_steps), (45, 45, 5));
        let paper = PresetName::Student.preset(false).recipe(50_000);
        assert_eq!((paper.steps, paper.small_steps, paper.warm_up_steps), (117_000, 0, 0));
        assert!((paper.learning_rate_at(116_999) - 1e-6).abs() < 1e-10);
        assert_eq!(PresetName::Teacher.preset(true).steps_per_epoch(100), 1);
        for preset in PresetName::ALL {
            assert!(preset.preset(true).recipe(50_000).check(50_000, true).is_ok());
        }
    }
}
