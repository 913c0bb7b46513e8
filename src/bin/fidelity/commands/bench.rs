//! `fidelity bench`.

use std::time::Instant;

use anyhow::Result;
use clap::Args;
use fidelity_lab::architecture::Architecture;
use fidelity_lab::data::IMAGE_BYTES;
use fidelity_lab::data::cifar::N_FINE;
use fidelity_lab::device::native::NativeDevice;
use fidelity_lab::device::{ComputeDevice, Evaluator};
use fidelity_lab::distil::{Recipe, Training, start};
use fidelity_lab::session::{Images, ModelInfo};
use fidelity_lab::weights::{Network, Normalisation, Role};
use pollster::block_on;
use serde_json::json;

use crate::device::DeviceArguments;
use crate::output;

/// Steps whose figures are read back at once, as a training does it.
const STEPS_PER_READ: usize = 50;

/// Measure how fast a device trains and evaluates.
///
/// A training step is everything of one: order and augmentation (flip and crop), forward and backward pass, update, figures. A forward
/// pass is an evaluation of the same images. Each is repeated until the time is over; the figure is the median, so that what else runs
/// on the machine counts little. --threads 1 gives the speed of one core.
///
/// The CPU's kernels use AVX2 where the program is compiled for it: RUSTFLAGS="-C target-cpu=native".
#[derive(Args)]
#[command(after_long_help = "\
Examples:
  fidelity bench --threads 1
  fidelity bench --device wgpu --depth 56 --json")]
pub struct Arguments {
    /// Depths of the networks.
    #[arg(long, num_args = 1.., default_values_t = [20, 56], value_name = "N")]
    depth: Vec<usize>,
    /// Images a step.
    #[arg(long, default_value_t = 128, value_name = "N", value_parser = clap::value_parser!(u32).range(2..=1024))]
    batch_size: u32,
    /// Time for each measurement.
    #[arg(long, default_value_t = 5.0, value_name = "SECONDS")]
    seconds: f64,
    /// A line of JSON a network.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    device: DeviceArguments,
}

pub fn run(arguments: Arguments) -> Result<()> {
    let device = arguments.device.open()?;
    if !arguments.json {
        output::print(&format!("{}, batches of {}\n", device.name, arguments.batch_size))?;
    }
    for &depth in &arguments.depth {
        let architecture = Architecture::new(depth, N_FINE)?;
        let family = architecture.family();
        let network = start::random(&family.to_lowercase(), architecture, Normalisation::default(), 0);
        let forward = forward(&network, &device, &arguments)?;
        let step = if device.trains() {
            Some(step(&network, &device, &device.trainable()?, &arguments)?)
        } else {
            None
        };
        let n = f64::from(arguments.batch_size);
        let line = if arguments.json {
            let row = json!({
                "device": device.kind.name(),
                "name": device.name,
                "depth": depth,
                "batchSize": arguments.batch_size,
                "forwardImagesPerSecond": n / forward,
                "stepImagesPerSecond": step.map(|step| n / step),
            });
            row.to_string()
        } else {
            let figure = |seconds: f64| format!("{:8.1} images/s ({:6.2} ms each)", n / seconds, 1e3 * seconds / n);
            let step = step.map_or_else(|| "not trained on in this build".to_owned(), figure);
            format!("{family:13}  training step {step}   forward pass {}", figure(forward))
        };
        output::print(&(line + "\n"))?;
    }
    Ok(())
}

/// Seconds a batch.
fn forward(network: &Network, device: &NativeDevice, arguments: &Arguments) -> Result<f64> {
    let evaluator = Evaluator::of_network(network, &device.executor)?;
    let pixels = pixels(arguments.batch_size);
    median(arguments.seconds, || {
        block_on(evaluator.logits(&pixels))?;
        Ok(device.check()?)
    })
}

/// Seconds a step.
fn step(network: &Network, device: &NativeDevice, compute: &ComputeDevice, arguments: &Arguments) -> Result<f64> {
    let labels = (0..arguments.batch_size).map(|i| (i % N_FINE as u32) as u8).collect();
    let images = Images::new(pixels(arguments.batch_size), Some(labels))?;
    let recipe = Recipe {
        steps: 1_000_000,
        batch_size: arguments.batch_size,
        ..Recipe::default()
    };
    let info = ModelInfo::new(network, Role::Student);
    let mut training = Training::on_labels(recipe, network, &info, images, compute)?;
    let mut n_waiting = 0;
    // A GPU's queue hides a step's time: what counts is a read-back after many.
    let steps_per_look = if device.kind.name() == "cpu" { 1 } else { STEPS_PER_READ };
    let seconds = median(arguments.seconds, || {
        for _ in 0..steps_per_look {
            block_on(training.step_unread())?;
            n_waiting += 1;
            if n_waiting == STEPS_PER_READ {
                block_on(training.measured())?;
                n_waiting = 0;
            }
        }
        Ok(device.check()?)
    })?;
    Ok(seconds / steps_per_look as f64)
}

/// Of a call's seconds, after one that is not counted; of three calls at least.
fn median(seconds: f64, mut call: impl FnMut() -> Result<()>) -> Result<f64> {
    call()?;
    let began = Instant::now();
    let mut times = Vec::new();
    while times.len() < 3 || began.elapsed().as_secs_f64() < seconds {
        let before = Instant::now();
        call()?;
        times.push(before.elapsed().as_secs_f64());
    }
    times.sort_by(f64::total_cmp);
    Ok(times.get(times.len() / 2).copied().unwrap_or(f64::NAN))
}

/// Images `[n, 32, 32, 3]` of whatever.
fn pixels(n: u32) -> Vec<u8> {
    (0..n as usize * IMAGE_BYTES).map(|i| (i * 7919 % 251) as u8).collect()
}
