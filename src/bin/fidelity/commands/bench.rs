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

/// Steps between two read-backs of figures, as in a training run.
const STEPS_PER_READ: usize = 50;

/// Measure how fast a device trains and evaluates.
///
/// A training step includes choosing and augmenting the images (flip and crop), the forward and backward pass, the update and the
/// figures. A forward pass evaluates the same images. Each is repeated for the given time, and the median is reported, so that other
/// load on the machine matters little. Use --threads 1 to measure one core.
///
/// The CPU kernels use AVX2 if the program is compiled for it: RUSTFLAGS="-C target-cpu=native".
#[derive(Args)]
#[command(after_long_help = "\
Examples:
  fidelity bench --threads 1
  fidelity bench --device wgpu --depth 56 --json")]
pub struct Arguments {
    /// Depths of the networks to measure.
    #[arg(long, num_args = 1.., default_values_t = [20, 56], value_name = "N")]
    depth: Vec<usize>,
    /// Images per step.
    #[arg(long, default_value_t = 128, value_name = "N", value_parser = clap::value_parser!(u32).range(2..=1024))]
    batch_size: u32,
    /// Duration of each measurement.
    #[arg(long, default_value_t = 5.0, value_name = "SECONDS")]
    seconds: f64,
    /// Print one line of JSON per network.
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
            let step = step.map_or_else(|| "not supported by this build".to_owned(), figure);
            format!("{family:13}  training step {step}   forward pass {}", figure(forward))
        };
        output::print(&(line + "\n"))?;
    }
    Ok(())
}

/// Measures the seconds per batch of evaluation.
fn forward(network: &Network, device: &NativeDevice, arguments: &Arguments) -> Result<f64> {
    let evaluator = Evaluator::of_network(network, &device.executor)?;
    let pixels = pixels(arguments.batch_size);
    median(arguments.seconds, || {
        block_on(evaluator.logits(&pixels))?;
        Ok(device.check()?)
    })
}

/// Measures the seconds per training step.
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
    // A GPU runs steps asynchronously, so only a read-back after many of them can be timed.
    let steps_per_call = if device.kind.name() == "cpu" { 1 } else { STEPS_PER_READ };
    let seconds = median(arguments.seconds, || {
        for _ in 0..steps_per_call {
            block_on(training.step_unread())?;
            n_waiting += 1;
            if n_waiting == STEPS_PER_READ {
                block_on(training.measured())?;
                n_waiting = 0;
            }
        }
        Ok(device.check()?)
    })?;
    Ok(seconds / steps_per_call as f64)
}

/// Returns the median duration of at least three calls, after one call that is not measured.
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

/// Makes up images `[n, 32, 32, 3]`.
fn pixels(n: u32) -> Vec<u8> {
    (0..n as usize * IMAGE_BYTES).map(|i| (i * 7919 % 251) as u8).collect()
}
