//! `fidelity distil`.

use anyhow::Result;
use clap::Args;

use crate::settings::{DistilSettings, Effective, Settings};
use crate::training::{self, RunArguments};

/// Distil a student from the ensemble of one or more teachers.
///
/// The preset `student` is the paper's recipe: 300 epochs in batches of 128, SGD with Nesterov momentum 0.9, cosine from 5e-2 to 1e-6,
/// weight decay 1e-4 on all parameters, temperature 4, no labels. The preset `fast-student` is nearly as accurate in a fifth of the
/// time. Flags override a TOML file (--settings), which overrides the preset; NAME.toml records the settings in force.
///
/// Each epoch adds a line to NAME.jsonl and TensorBoard scalars to NAME.events: the loss and its floor, agreement on the augmented
/// training images and, if the test set was measured, accuracy, agreement, KL, NLL and calibration error. Ctrl-C saves
/// NAME.checkpoint. --resume continues from it to the network of an uninterrupted run, bit by bit on the CPU.
#[derive(Args)]
#[command(after_long_help = "\
Examples:
  fidelity distil --preset fast-student --teachers runs/teacher{0,1,2}.safetensors --out runs/student.safetensors
  fidelity distil --teachers runs/teacher0.safetensors --start-near 0.375 --epochs 20 --out runs/near.safetensors
  fidelity distil --resume --out runs/student.safetensors")]
pub struct Arguments {
    #[command(flatten)]
    run: RunArguments,
    #[command(flatten)]
    distil: DistilSettings,
    #[command(flatten)]
    settings: Settings,
}

pub fn run(arguments: Arguments) -> Result<()> {
    let file = training::settings_file(&arguments.run)?;
    let effective = Effective::new(file.as_deref(), arguments.settings, Some(arguments.distil))?;
    training::run(arguments.run, effective)
}
