//! The program `fidelity` trains, distils, measures, inspects and converts networks natively. It is a thin shell over the library, with
//! one file per command in `commands`.

mod commands;
mod data;
mod device;
mod events;
mod files;
mod interrupt;
mod networks;
mod output;
mod predictions;
mod report;
mod settings;
mod stored;
mod training;

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

use crate::commands::{augment, bench, convert, devices, distil, evaluate, inspect, logits, manifest, train};

const ABOUT: &str = "Measures how faithfully a distilled student matches its teachers";

const MANUAL: &str = "\
Measures how faithfully a distilled student matches its teachers. It also trains networks and manages their files.

Networks are PreResNets for CIFAR-100, stored as safetensors in PyTorch's conventions: the page's own, those saved by the page, and \
state dicts of other programs. The figures follow Stanton et al. 2021, over the 10,000 test images: accuracy, top-5 accuracy, \
negative log-likelihood and calibration error of each network and of the teachers' ensemble, and the agreement and KL divergence of \
each student with the ensemble.

The images come from the binary version of CIFAR-100. Give it with --data or the variable CIFAR100_ARCHIVE: a .tar.gz file with any \
name, its first part, or a folder with the parts or with test.bin. Stored logits need no images.";

const EXAMPLES: &str = "\
Examples:
  fidelity evaluate --teacher t0.logits.f16 --teacher t1.logits.f16 --student s.logits.f16
  fidelity inspect t0.safetensors
  fidelity help evaluate";

#[derive(Parser)]
#[command(name = "fidelity", version, about = ABOUT, long_about = MANUAL, after_long_help = EXAMPLES)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Train(Box<train::Arguments>),
    Distil(Box<distil::Arguments>),
    Evaluate(evaluate::Arguments),
    Logits(logits::Arguments),
    Augment(augment::Arguments),
    Bench(bench::Arguments),
    Inspect(inspect::Arguments),
    Convert(convert::Arguments),
    Manifest(manifest::Arguments),
    Devices(devices::Arguments),
}

fn main() -> ExitCode {
    match run(Cli::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> Result<()> {
    match command {
        Command::Train(arguments) => train::run(*arguments),
        Command::Distil(arguments) => distil::run(*arguments),
        Command::Evaluate(arguments) => evaluate::run(arguments),
        Command::Logits(arguments) => logits::run(arguments),
        Command::Augment(arguments) => augment::run(arguments),
        Command::Bench(arguments) => bench::run(arguments),
        Command::Inspect(arguments) => inspect::run(arguments),
        Command::Convert(arguments) => convert::run(arguments),
        Command::Manifest(arguments) => manifest::run(arguments),
        Command::Devices(arguments) => devices::run(arguments),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::Cli;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
