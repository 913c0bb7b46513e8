//! `fidelity distil`.

use anyhow::Result;
use clap::Args;

use crate::settings::{DistilSettings, Effective, Settings};
use crate::training::{self, RunArguments};

/// Distil a student from the ensemble of one or more teachers.
///
/// The preset `student` is the paper's: 300 epochs in batches of 128, SGD with Nesterov momentum 0.9, a cosine from 5e-2 to 1e-6, weight
/// decay 1e-4 on all parameters, temperature 4, no labels. `fast-student` takes 60 epochs (24 from depth 44), the first quarter on
/// smaller pictures, with a warm-up and a weight decay of 5e-4 on weights only. Every setting of a preset may be changed by a TOML file
/// and by flags; all that were in force stand in NAME.toml.
///
/// Each epoch gives a line in NAME.jsonl (the loss and its floor, agreement on the augmented training images and, where the test set was
/// measured, accuracy, agreement, KL, NLL and calibration error) and TensorBoard's scalars in NAME.events. Ctrl-C saves NAME.checkpoint,
/// from which --resume goes on to the same network, bit by bit on the CPU.
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
