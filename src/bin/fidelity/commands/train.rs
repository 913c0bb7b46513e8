//! `fidelity train`.

use anyhow::Result;
use clap::Args;

use crate::settings::{Effective, Settings};
use crate::training::{self, RunArguments};

/// Train a network on CIFAR-100's labels, as a teacher.
///
/// The preset `teacher` is the paper's recipe: 200 epochs in batches of 256, SGD with momentum 0.9, cosine from 0.1 to 0, weight decay
/// 1e-4 on all parameters, flip and crop. The preset `fast-teacher` is nearly as accurate in a fifth of the time. Flags override a TOML
/// file (--settings), which overrides the preset; NAME.toml records the settings in force.
///
/// Each epoch adds a line to NAME.jsonl and TensorBoard scalars to NAME.events. Ctrl-C saves NAME.checkpoint. --resume continues from
/// it to the network of an uninterrupted run, bit by bit on the CPU.
#[derive(Args)]
#[command(after_long_help = "\
Examples:
  fidelity train --data cifar-100-binary.tar.gz --preset fast-teacher --seed 1 --out runs/teacher1.safetensors
  fidelity train --settings runs/teacher1.toml --seed 2 --out runs/teacher2.safetensors
  fidelity train --resume --out runs/teacher2.safetensors
  tensorboard --logdir runs")]
pub struct Arguments {
    #[command(flatten)]
    run: RunArguments,
    #[command(flatten)]
    settings: Settings,
}

pub fn run(arguments: Arguments) -> Result<()> {
    let file = training::settings_file(&arguments.run)?;
    let effective = Effective::new(file.as_deref(), arguments.settings, None)?;
    training::run(arguments.run, effective)
}
