//! `fidelity train`.

use anyhow::Result;
use clap::Args;

use crate::settings::{Effective, Settings};
use crate::training::{self, RunArguments};

/// Train a network on CIFAR-100's labels, as a teacher.
///
/// The preset `teacher` is the paper's: 200 epochs in batches of 256, SGD with momentum 0.9, a cosine from 0.1 to 0, weight decay 1e-4
/// on all parameters, flip and crop. `fast-teacher` takes 40 epochs (36 from depth 44) in batches of 128, the first quarter on smaller
/// pictures, with a warm-up and a weight decay of 5e-4 on weights only. Every setting of a preset may be changed by a TOML file and by
/// flags; all that were in force stand in NAME.toml.
///
/// Each epoch gives a line in NAME.jsonl and TensorBoard's scalars in NAME.events. Ctrl-C saves NAME.checkpoint, from which --resume goes
/// on to the same network, bit by bit on the CPU.
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
