//! Named recipes, with their lengths in epochs.

use serde::{Deserialize, Serialize};

use super::{Decay, Recipe};

/// A recipe for any number of images: its lengths are epochs, from which [`Preset::recipe()`] computes steps.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Preset {
    /// Passes over the images. A last, incomplete batch is skipped.
    pub epochs: u32,
    /// How many of the first epochs run at 24x24 pixels.
    pub small_epochs: u32,
    /// Epochs of warm-up, in which the learning rate rises; at most an eighth of all steps.
    pub warm_up_epochs: u32,
    /// All other settings. `steps`, `small_steps` and `warm_up_steps` are ignored.
    pub recipe: Recipe,
}

/// The name of a recipe.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "cli", derive(clap::ValueEnum))]
#[serde(rename_all = "kebab-case")]
pub enum PresetName {
    /// The paper's teachers: 200 epochs in batches of 256, cosine from 0.1 to 0, weight decay 1e-4 on all parameters
    // The momentum is Nesterov's here too; the paper says so only of its students.
    Teacher,
    /// The paper's students: 300 epochs in batches of 128, cosine from 5e-2 to 1e-6, weight decay 1e-4 on all parameters
    Student,
    /// Nearly as accurate as `teacher` in a fifth of the time: 40 epochs (36 from depth 44) in batches of 128, warm-up, cosine
    /// from 0.1 to 0, weight decay 5e-4 on weights only, the first quarter (third) of the epochs on smaller images
    #[serde(alias = "furnace-teacher")]
    #[cfg_attr(feature = "cli", value(alias = "furnace-teacher"))]
    FastTeacher,
    /// Nearly as accurate as `student` in a fifth of the time: the same recipe over 60 epochs (24 from depth 44), the first
    /// quarter (third) of them on smaller images
    #[serde(alias = "furnace-student")]
    #[cfg_attr(feature = "cli", value(alias = "furnace-student"))]
    FastStudent,
}

impl Default for Preset {
    fn default() -> Self {
        PresetName::Teacher.preset(false)
    }
}

impl PresetName {
    /// Returns the settings for a network with or without bottleneck blocks.
    pub fn preset(self, is_bottleneck: bool) -> Preset {
        let paper = Recipe {
            learning_rate: 0.1,
            batch_size: 256,
            ..Recipe::default()
        };
        let fast = Recipe {
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
            (Self::FastTeacher, false) => (40, 10, 5, fast),
            (Self::FastTeacher, true) => (36, 12, 5, fast),
            (Self::FastStudent, false) => (60, 15, 5, fast),
            (Self::FastStudent, true) => (24, 8, 5, fast),
        };
        Preset {
            epochs,
            small_epochs,
            warm_up_epochs,
            recipe,
        }
    }
}

impl Preset {
    /// Counts the batches per epoch. If the images are fewer than a batch, they form one.
    pub fn steps_per_epoch(&self, n_images: usize) -> u32 {
        let batch_size = (self.recipe.batch_size as usize).min(n_images).max(1);
        u32::try_from(n_images / batch_size).unwrap_or(u32::MAX).max(1)
    }

    /// Returns the recipe for `n_images` training images.
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

    const ALL: [PresetName; 4] = [
        PresetName::Teacher,
        PresetName::Student,
        PresetName::FastTeacher,
        PresetName::FastStudent,
    ];

    #[test]
    fn former_names_are_still_read() {
        let read = |name: &str| serde_json::from_value::<PresetName>(name.into()).unwrap();
        for (name, former, preset) in [
            ("fast-teacher", "furnace-teacher", PresetName::FastTeacher),
            ("fast-student", "furnace-student", PresetName::FastStudent),
        ] {
            assert_eq!((read(name), read(former)), (preset, preset));
            assert_eq!(serde_json::to_value(preset).unwrap(), name);
        }
    }

    #[cfg(feature = "cli")]
    #[test]
    fn the_command_line_and_files_use_the_same_names() {
        use clap::ValueEnum;

        assert_eq!(PresetName::value_variants(), ALL);
        for preset in ALL {
            let value = preset.to_possible_value().unwrap();
            assert_eq!(serde_json::to_value(preset).unwrap(), value.get_name());
            for name in value.get_name_and_aliases() {
                assert_eq!(PresetName::from_str(name, false), Ok(preset));
                assert_eq!(serde_json::from_value::<PresetName>(name.into()).unwrap(), preset);
            }
        }
    }

    /// 50,000 images in batches of 128 are 390 steps per epoch. The warm-up takes 5 epochs if that is less than an eighth.
    #[test]
    fn lengths_follow_from_the_number_of_images() {
        let fast = PresetName::FastTeacher.preset(false).recipe(50_000);
        assert_eq!(
            (fast.steps, fast.small_steps, fast.warm_up_steps),
            (15_600, 3_900, 1_950)
        );
        let large = PresetName::FastStudent.preset(true).recipe(50_000);
        assert_eq!(
            (large.steps, large.small_steps, large.warm_up_steps),
            (9360, 3120, 1170)
        );
        let short = Preset {
            epochs: 3,
            ..PresetName::FastTeacher.preset(false)
        };
        let short = short.recipe(2000);
        assert_eq!((short.steps, short.small_steps, short.warm_up_steps), (45, 45, 5));
        let paper = PresetName::Student.preset(false).recipe(50_000);
        assert_eq!((paper.steps, paper.small_steps, paper.warm_up_steps), (117_000, 0, 0));
        assert!((paper.learning_rate_at(116_999) - 1e-6).abs() < 1e-10);
        assert_eq!(PresetName::Teacher.preset(true).steps_per_epoch(100), 1);
        for preset in ALL {
            assert!(preset.preset(true).recipe(50_000).check(50_000, true).is_ok());
        }
    }
}
