//! The settings of a training run: flags override a TOML file, which overrides a preset.

use std::num::NonZeroU32;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::Args;
use fidelity_lab::data::part::Part;
use fidelity_lab::distil::{Decay, Objective, Policy, Preset, PresetName, Recipe, Schedule};
use serde::{Deserialize, Serialize};
use toml::Table;

/// Epochs between two measurements on the test set if nothing sets them.
const DEFAULT_EVAL_EVERY: NonZeroU32 = NonZeroU32::new(5).unwrap();

/// Settings of both `train` and `distil`.
#[derive(Args, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct Settings {
    /// Recipe from which the other settings take their defaults [default: teacher for `train`, student for `distil`].
    #[arg(long, value_name = "NAME")]
    pub preset: Option<PresetName>,
    /// Number of layers with weights: 6n+2 below 44, 9n+2 from 44 on [default: the first teacher's, or 20].
    #[arg(long, value_name = "N")]
    pub depth: Option<usize>,
    /// Seed of the initial weights, the order of the images and their augmentation [default: 0].
    #[arg(long, value_name = "N")]
    pub seed: Option<u32>,
    /// Passes over the training images.
    #[arg(long, value_name = "N")]
    pub epochs: Option<u32>,
    /// How many of the first epochs use images of 24x24 pixels, which take half the time.
    #[arg(long, value_name = "N")]
    pub small_epochs: Option<u32>,
    /// Epochs of warm-up, in which the learning rate rises; at most an eighth of all epochs.
    #[arg(long, value_name = "N")]
    pub warm_up_epochs: Option<u32>,
    /// Images per step.
    #[arg(long, value_name = "N")]
    pub batch_size: Option<u32>,
    /// Peak learning rate.
    #[arg(long, value_name = "RATE")]
    pub learning_rate: Option<f64>,
    /// Final learning rate.
    #[arg(long, value_name = "RATE")]
    pub last_learning_rate: Option<f64>,
    /// Learning-rate schedule.
    #[arg(long, value_name = "NAME")]
    pub schedule: Option<Schedule>,
    /// Strength of weight decay.
    #[arg(long, value_name = "STRENGTH")]
    pub weight_decay: Option<f64>,
    /// Parameters that decay: all, or weights only.
    #[arg(long, value_name = "WHICH")]
    pub decay: Option<Decay>,
    /// Augmentation of the training images; `fidelity augment` shows each policy.
    #[arg(long, value_name = "NAME")]
    pub policy: Option<Policy>,
    /// Keep BatchNorm's initial statistics instead of updating them.
    #[arg(long, num_args = 0..=1, default_missing_value = "true", value_name = "BOOL")]
    pub freeze_statistics: Option<bool>,
    /// Network to start from instead of random weights.
    #[arg(long, value_name = "NETWORK")]
    pub init: Option<PathBuf>,
    /// Use only the first N training images.
    #[arg(long, value_name = "N")]
    pub limit: Option<usize>,
    /// Use only this part of the training images (after --limit), in thousandths: 0:500 is the first half.
    #[arg(long, value_parser = part, value_name = "FROM:TO")]
    pub split: Option<String>,
    #[arg(long, value_name = "N", help = format!(
        "Epochs between two measurements on the test set; the last epoch is always measured [default: {DEFAULT_EVAL_EVERY}]"
    ))]
    pub eval_every: Option<NonZeroU32>,
}

/// Settings of `distil` alone.
#[derive(Args, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct DistilSettings {
    /// Networks that teach as an ensemble.
    #[arg(long, num_args = 1.., value_name = "NETWORK")]
    pub teachers: Option<Vec<PathBuf>>,
    /// Loss between the teachers' and the student's probabilities.
    #[arg(long, value_name = "NAME")]
    pub objective: Option<Objective>,
    /// Temperature of both networks' softmax in the loss.
    #[arg(long, value_name = "TAU")]
    pub temperature: Option<f64>,
    /// Weight of the loss on the true labels, from 0 to 1.
    #[arg(long, value_name = "WEIGHT")]
    pub alpha: Option<f64>,
    /// Start from LAMBDA * first teacher + (1 - LAMBDA) * random weights, with new estimates of BatchNorm's statistics and the learning
    /// rate scaled by 1 - LAMBDA.
    #[arg(long, value_name = "LAMBDA", conflicts_with = "init")]
    pub start_near: Option<f64>,
}

/// The settings of a run, merged from all sources.
#[derive(Clone, Debug)]
pub struct Effective {
    pub settings: Settings,
    /// None if the run trains on labels.
    pub distil: Option<DistilSettings>,
}

impl Effective {
    /// Merges the flags into the settings of the file.
    ///
    /// # Errors
    /// If the file cannot be read, or has a setting that this command does not.
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

    /// Returns the preset with these settings applied, for a network with or without bottleneck blocks. Afterwards every setting has a
    /// value, which [`Effective::text`] writes.
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
        settings.eval_every.get_or_insert(DEFAULT_EVAL_EVERY);
        if let Some(distil) = &mut self.distil {
            let recipe = &mut preset.recipe;
            recipe.objective = *distil.objective.get_or_insert(recipe.objective);
            recipe.temperature = *distil.temperature.get_or_insert(recipe.temperature);
            recipe.alpha = *distil.alpha.get_or_insert(recipe.alpha);
        }
        preset
    }

    /// Returns the number of epochs between two measurements on the test set.
    pub fn eval_every(&self) -> u32 {
        self.settings.eval_every.unwrap_or(DEFAULT_EVAL_EVERY).get()
    }

    /// Writes the settings as a TOML file that reproduces them.
    ///
    /// # Errors
    /// If a path is not valid UTF-8.
    pub fn text(&self) -> Result<String> {
        let mut table = Table::try_from(&self.settings)?;
        if let Some(distil) = &self.distil {
            table.extend(Table::try_from(distil)?);
        }
        Ok(table.to_string())
    }

    /// Returns the part of the training set that is used.
    pub fn part(&self) -> Part {
        let split = self.settings.split.as_deref();
        split.and_then(|split| split.parse().ok()).unwrap_or(Part::WHOLE)
    }
}

/// Rejects unknown keys, which would otherwise be ignored.
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
        Some(key) => bail!("unknown setting `{key}`; the settings are {}", known.join(", ")),
        None => Ok(()),
    }
}

fn part(text: &str) -> Result<String, String> {
    text.parse::<Part>().map(|part| part.to_string())
}

#[cfg(test)]
mod tests {
    use clap::ValueEnum;

    use super::*;

    fn file(text: &str) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("settings.toml");
        std::fs::write(&path, text).unwrap();
        (folder, path)
    }

    #[test]
    fn flags_override_the_file_and_the_file_the_preset() {
        let (_folder, path) = file("preset = \"fast-teacher\"\nepochs = 7\nlearning-rate = 0.3\npolicy = \"noise\"\n");
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
    fn a_distillation_has_settings_of_its_own() {
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
    fn former_names_of_presets_are_still_read() {
        let (_folder, path) = file("preset = \"furnace-student\"\n");
        let mut effective = Effective::new(Some(&path), Settings::default(), Some(DistilSettings::default())).unwrap();
        assert_eq!(effective.complete(20, false).epochs, 60);
        assert!(effective.text().unwrap().contains("preset = \"fast-student\""));
    }

    /// The names in files are serde's, and those of flags clap's.
    #[test]
    fn flags_and_files_use_the_same_names() {
        fn check<T: ValueEnum + Serialize>() {
            for value in T::value_variants() {
                let name = value.to_possible_value().unwrap().get_name().to_owned();
                assert_eq!(serde_json::to_value(value).unwrap(), name);
            }
        }
        check::<Schedule>();
        check::<Decay>();
        check::<Policy>();
        check::<Objective>();
        let policies: Vec<_> = Policy::value_variants().iter().map(|policy| policy.name()).collect();
        assert_eq!(policies, Policy::ALL.map(Policy::name));
    }

    #[test]
    fn errors_name_the_file_and_the_setting() {
        let message = |text: &str| {
            let (_folder, path) = file(text);
            let error = Effective::new(Some(&path), Settings::default(), None).unwrap_err();
            format!("{error:#}")
        };
        assert!(message("epoch = 3").contains("unknown setting `epoch`; the settings are preset, depth"));
        assert!(message("temperature = 3").contains("unknown setting `temperature`"));
        assert!(message("policy = \"sideways\"").contains("sideways"));
        assert!(message("epochs = -1").contains("settings.toml"));
        assert!(message("eval-every = 0").contains("settings.toml"));
        assert!(message("split = \"5\"").contains("FROM:TO"));
        assert!(message("a = [").contains("settings.toml"));
    }
}
