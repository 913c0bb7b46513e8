//! The settings of a training: a preset, refined by a TOML file, refined by flags.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::Args;
use fidelity_lab::data::part::Part;
use fidelity_lab::distil::{Decay, Objective, Policy, Preset, PresetName, Recipe, Schedule};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use toml::Table;

/// What both commands have.
#[derive(Args, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct Settings {
    /// Recipe that the other settings refine: teacher and student are the paper's, furnace-teacher and furnace-student reach nearly as
    /// far in a fifth of the time [default: teacher or student, after the command].
    #[arg(long, value_parser = named::<PresetName>, value_name = "NAME")]
    pub preset: Option<PresetName>,
    /// Layers with weights: 6n+2 below 44, 9n+2 from there [default: 20, or the first teacher's].
    #[arg(long, value_name = "N")]
    pub depth: Option<usize>,
    /// Fixes the initial weights, the order of the images and their augmentation [default: 0].
    #[arg(long, value_name = "N")]
    pub seed: Option<u32>,
    /// Passes over the training images.
    #[arg(long, value_name = "N")]
    pub epochs: Option<u32>,
    /// Epochs, the first ones, on pictures of 24x24 pixels, which take half the time.
    #[arg(long, value_name = "N")]
    pub small_epochs: Option<u32>,
    /// Epochs in which the learning rate rises; at most an eighth of all.
    #[arg(long, value_name = "N")]
    pub warm_up_epochs: Option<u32>,
    /// Images a step.
    #[arg(long, value_name = "N")]
    pub batch_size: Option<u32>,
    /// The largest.
    #[arg(long, value_name = "RATE")]
    pub learning_rate: Option<f64>,
    /// Where it ends.
    #[arg(long, value_name = "RATE")]
    pub last_learning_rate: Option<f64>,
    /// How it falls: cosine or constant.
    #[arg(long, value_parser = named::<Schedule>, value_name = "NAME")]
    pub schedule: Option<Schedule>,
    /// Strength of weight decay.
    #[arg(long, value_name = "STRENGTH")]
    pub weight_decay: Option<f64>,
    /// What it pulls on: all parameters, or weights only, neither norms nor biases.
    #[arg(long, value_parser = named::<Decay>, value_name = "WHICH")]
    pub decay: Option<Decay>,
    /// Augmentation: none, flip_crop, rotation, vertical_flip, color_jitter, combined, mixup or noise; `fidelity augment` shows them.
    #[arg(long, value_parser = named::<Policy>, value_name = "NAME")]
    pub policy: Option<Policy>,
    /// Keeps the statistics of BatchNorm that the run starts with.
    #[arg(long, num_args = 0..=1, default_missing_value = "true", value_name = "BOOL")]
    pub freeze_statistics: Option<bool>,
    /// A network to start from, instead of random weights.
    #[arg(long, value_name = "NETWORK")]
    pub init: Option<PathBuf>,
    /// Only the first N training images.
    #[arg(long, value_name = "N")]
    pub limit: Option<usize>,
    /// Only this part of the training images (of those that --limit leaves), in thousandths.
    #[arg(long, value_parser = part, value_name = "FROM:TO")]
    pub split: Option<String>,
    /// Epochs between two measurements on the test set; the last epoch is always measured [default: 5].
    #[arg(long, value_name = "N")]
    pub eval_every: Option<u32>,
}

/// What a distillation has beside them.
#[derive(Args, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct DistilSettings {
    /// Networks whose ensemble teaches.
    #[arg(long, num_args = 1.., value_name = "NETWORK")]
    pub teachers: Option<Vec<PathBuf>>,
    /// What the student is held to: cross_entropy (the paper's), reverse_cross_entropy, kl, symmetric_kl, brier or hard_labels.
    #[arg(long, value_parser = named::<Objective>, value_name = "NAME")]
    pub objective: Option<Objective>,
    /// tau, which softens both networks' answers.
    #[arg(long, value_name = "TAU")]
    pub temperature: Option<f64>,
    /// Weight of the labels' loss, 0 to 1.
    #[arg(long, value_name = "WEIGHT")]
    pub alpha: Option<f64>,
    /// Starts at LAMBDA * first teacher + (1 - LAMBDA) * random weights, with BatchNorm's statistics estimated anew and the learning
    /// rate scaled by 1 - LAMBDA.
    #[arg(long, value_name = "LAMBDA", conflicts_with = "init")]
    pub start_near: Option<f64>,
}

/// All settings, from whichever source.
#[derive(Clone, Debug)]
pub struct Effective {
    pub settings: Settings,
    /// None for a training on labels.
    pub distil: Option<DistilSettings>,
}

impl Effective {
    /// Flags over the file.
    ///
    /// # Errors
    /// Where the file cannot be read, or has a setting that there is not, or not of this command.
    pub fn new(file: Option<&Path>, flags: Settings, distil: Option<DistilSettings>) -> Result<Self> {
        let mut table = match file {
            Some(path) => {
                let text =
                    std::fs::read_to_string(path).with_context(|| format!("could not read {}", path.display()))?;
                let table: Table = text.parse().with_context(|| path.display().to_string())?;
                check_keys(&table, distil.is_some()).with_context(|| path.display().to_string())?;
                table
            }
            None => Table::new(),
        };
        table.extend(Table::try_from(flags)?);
        if let Some(distil) = &distil {
            table.extend(Table::try_from(distil)?);
        }
        let in_file = || file.map_or_else(String::new, |path| path.display().to_string());
        let part_of = |table: Table| -> Result<Settings> { table.try_into().with_context(in_file) };
        let settings = part_of(table.clone())?;
        if let Some(split) = &settings.split {
            part(split).map_err(anyhow::Error::msg).with_context(in_file)?;
        }
        let distil = match distil {
            Some(_) => Some(table.try_into().with_context(in_file)?),
            None => None,
        };
        Ok(Self { settings, distil })
    }

    /// The preset with these settings in it, for a network of bottleneck blocks or not. From here on every setting has a value, and
    /// the text says it.
    pub fn complete(&mut self, depth: usize, is_bottleneck: bool) -> Preset {
        let default = if self.distil.is_some() {
            PresetName::Student
        } else {
            PresetName::Teacher
        };
        let settings = &mut self.settings;
        settings.depth = Some(depth);
        let base = settings.preset.get_or_insert(default).preset(is_bottleneck);
        let Preset {
            epochs,
            small_epochs,
            warm_up_epochs,
            recipe,
        } = base;
        let mut preset = Preset {
            epochs: *settings.epochs.get_or_insert(epochs),
            small_epochs: *settings.small_epochs.get_or_insert(small_epochs),
            warm_up_epochs: *settings.warm_up_epochs.get_or_insert(warm_up_epochs),
            recipe: Recipe {
                seed: *settings.seed.get_or_insert(recipe.seed),
                batch_size: *settings.batch_size.get_or_insert(recipe.batch_size),
                learning_rate: *settings.learning_rate.get_or_insert(recipe.learning_rate),
                last_learning_rate: *settings.last_learning_rate.get_or_insert(recipe.last_learning_rate),
                schedule: *settings.schedule.get_or_insert(recipe.schedule),
                weight_decay: *settings.weight_decay.get_or_insert(recipe.weight_decay),
                decay: *settings.decay.get_or_insert(recipe.decay),
                policy: *settings.policy.get_or_insert(recipe.policy),
                freeze_statistics: *settings.freeze_statistics.get_or_insert(recipe.freeze_statistics),
                ..recipe
            },
        };
        settings.eval_every.get_or_insert(5);
        if let Some(distil) = &mut self.distil {
            let recipe = &mut preset.recipe;
            recipe.objective = *distil.objective.get_or_insert(recipe.objective);
            recipe.temperature = *distil.temperature.get_or_insert(recipe.temperature);
            recipe.alpha = *distil.alpha.get_or_insert(recipe.alpha);
        }
        preset
    }

    /// As a file that gives the same settings again.
    ///
    /// # Errors
    /// Where a path is no text.
    pub fn text(&self) -> Result<String> {
        let mut table = Table::try_from(&self.settings)?;
        if let Some(distil) = &self.distil {
            table.extend(Table::try_from(distil)?);
        }
        Ok(table.to_string())
    }

    /// Which training images.
    pub fn part(&self) -> Part {
        let split = self.settings.split.as_deref();
        split.and_then(|split| split.parse().ok()).unwrap_or(Part::WHOLE)
    }
}

/// A misspelt setting would be none.
fn check_keys(table: &Table, is_distillation: bool) -> Result<()> {
    let command = if is_distillation {
        clap::Command::new("distil")
    } else {
        clap::Command::new("train")
    };
    let command = Settings::augment_args(command);
    let command = if is_distillation {
        DistilSettings::augment_args(command)
    } else {
        command
    };
    let known: Vec<&str> = command.get_arguments().filter_map(|arg| arg.get_long()).collect();
    match table.keys().find(|key| !known.contains(&key.as_str())) {
        Some(key) => bail!("there is no setting `{key}`; there are {}", known.join(", ")),
        None => Ok(()),
    }
}

/// A value by the name that it has in files, of which serde lists those that there are.
fn named<T: DeserializeOwned>(name: &str) -> Result<T, String> {
    serde_json::from_value(name.into()).map_err(|e| e.to_string())
}

fn part(text: &str) -> Result<String, String> {
    text.parse::<Part>().map(|part| part.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(text: &str) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("settings.toml");
        std::fs::write(&path, text).unwrap();
        (folder, path)
    }

    #[test]
    fn flags_go_before_the_file_and_the_file_before_the_preset() {
        let (_folder, path) =
            file("preset = \"furnace-teacher\"\nepochs = 7\nlearning-rate = 0.3\npolicy = \"noise\"\n");
        let flags = Settings {
            epochs: Some(9),
            ..Settings::default()
        };
        let mut effective = Effective::new(Some(&path), flags, None).unwrap();
        let preset = effective.complete(20, false);
        assert_eq!((preset.epochs, preset.small_epochs), (9, 10));
        assert_eq!(preset.recipe.learning_rate, 0.3);
        assert_eq!(
            (preset.recipe.policy, preset.recipe.decay),
            (Policy::Noise, Decay::Weights)
        );

        let (_folder, path) = file(&effective.text().unwrap());
        let mut again = Effective::new(Some(&path), Settings::default(), None).unwrap();
        assert_eq!(again.complete(20, false), preset);
        assert_eq!(again.text().unwrap(), effective.text().unwrap());
    }

    #[test]
    fn a_distillation_has_its_own_beside_them() {
        let (_folder, path) = file("teachers = [\"a\", \"b\"]\nobjective = \"brier\"\ntemperature = 1\n");
        let mut effective = Effective::new(Some(&path), Settings::default(), Some(DistilSettings::default())).unwrap();
        let preset = effective.complete(20, false);
        assert_eq!(
            (preset.recipe.objective, preset.recipe.temperature),
            (Objective::Brier, 1.0)
        );
        assert_eq!((preset.epochs, preset.recipe.batch_size), (300, 128));
        assert_eq!(effective.distil.unwrap().teachers.unwrap().len(), 2);
    }

    #[test]
    fn wrong_files_are_told() {
        let message = |text: &str| {
            let (_folder, path) = file(text);
            let error = Effective::new(Some(&path), Settings::default(), None).unwrap_err();
            format!("{error:#}")
        };
        assert!(message("epoch = 3").contains("no setting `epoch`; there are preset, depth"));
        assert!(message("temperature = 3").contains("no setting `temperature`"));
        assert!(message("policy = \"sideways\"").contains("sideways"));
        assert!(message("epochs = -1").contains("settings.toml"));
        assert!(message("split = \"5\"").contains("FROM:TO"));
        assert!(message("a = [").contains("settings.toml"));
    }
}
