//! Reads networks from files and computes their logits.

use std::path::Path;

use anyhow::{Context, Result, bail};
use fidelity_lab::data::IMAGE_BYTES;
use fidelity_lab::data::cifar::N_FINE;
use fidelity_lab::device::Evaluator;
use fidelity_lab::device::native::NativeDevice;
use fidelity_lab::weights::Network;
use indicatif::{ProgressBar, ProgressStyle};
use pollster::block_on;

/// Images between two updates of the progress bar.
const IMAGES_PER_CALL: usize = 250;

/// Reads a file.
///
/// # Errors
/// If it is missing, unreadable or a folder.
pub fn read_file(path: &Path) -> Result<Vec<u8>> {
    if path.is_dir() {
        bail!("{} is a folder, not a file", path.display());
    }
    std::fs::read(path).with_context(|| format!("could not read {}", path.display()))
}

/// Reads a network, with its own name, from a safetensors file.
///
/// # Errors
/// If the file is unreadable or not such a network.
pub fn read(path: &Path) -> Result<Network> {
    let bytes = read_file(path)?;
    Network::from_safetensors(&bytes).with_context(|| path.display().to_string())
}

/// Computes logits `[n, 100]` of pixels `[n, 32, 32, 3]`, with a progress bar on a terminal.
///
/// # Errors
/// If the network's number of classes is not CIFAR-100's, the device fails, or a logit is not finite.
pub fn logits(network: &Network, pixels: &[u8], device: &NativeDevice) -> Result<Vec<f32>> {
    let n_classes = network.architecture.n_classes;
    if n_classes != N_FINE {
        bail!(
            "`{}` has {n_classes} classes, but must have CIFAR-100's {N_FINE}",
            network.name
        );
    }
    let evaluator = Evaluator::of_network(network, &device.executor)?;
    let bar = progress(&network.name, pixels.len() / IMAGE_BYTES)?;
    let mut logits = Vec::with_capacity(pixels.len() / IMAGE_BYTES * n_classes);
    for pixels in pixels.chunks(IMAGES_PER_CALL * IMAGE_BYTES) {
        logits.extend(block_on(evaluator.logits(pixels))?);
        device.check()?;
        bar.inc((pixels.len() / IMAGE_BYTES) as u64);
    }
    bar.finish_and_clear();
    match logits.iter().position(|z| !z.is_finite()) {
        Some(i) => bail!(
            "`{}` gives image {} the logit {}, but logits must be finite",
            network.name,
            i / n_classes,
            logits[i]
        ),
        None => Ok(logits),
    }
}

fn progress(name: &str, n_images: usize) -> Result<ProgressBar> {
    let style = "{prefix} {wide_bar} {pos}/{len} images, {per_sec}, {eta} left";
    Ok(ProgressBar::new(n_images as u64)
        .with_style(ProgressStyle::with_template(style)?)
        .with_prefix(name.to_owned()))
}
