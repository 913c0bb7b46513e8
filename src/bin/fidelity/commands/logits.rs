//! `fidelity logits`.

use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Args;

use crate::data::DataArguments;
use crate::device::DeviceArguments;
use crate::{networks, output, stored};

/// Write the logits of networks on the test set.
///
/// For each network NAME.safetensors the command writes FOLDER/NAME.logits.f16: 10,000 rows of 100 little-endian half-precision
/// floats without a header, always in the order of www/weights/test-records.bin. `fidelity evaluate` accepts such a file instead of
/// the network.
#[derive(Args)]
#[command(after_long_help = "\
Examples:
  fidelity logits --data cifar-100-binary.tar.gz teacher0.safetensors
  fidelity logits --device wgpu --out logits networks/*.safetensors")]
pub struct Arguments {
    /// Safetensors files.
    #[arg(required = true, value_name = "NETWORK")]
    networks: Vec<PathBuf>,
    /// Folder to write to; it is created if it does not exist.
    #[arg(long, default_value = ".", value_name = "FOLDER")]
    out: PathBuf,
    #[command(flatten)]
    data: DataArguments,
    #[command(flatten)]
    device: DeviceArguments,
}

pub fn run(arguments: Arguments) -> Result<()> {
    let Arguments {
        networks: files,
        out,
        data,
        device,
    } = arguments;
    // Reading all files first reports a broken one before any network is computed.
    let networks: Vec<_> = files.iter().map(|file| networks::read(file)).collect::<Result<_>>()?;
    let images = data.test_set()?;
    let device = device.open()?;
    std::fs::create_dir_all(&out).with_context(|| format!("could not create the folder {}", out.display()))?;
    for (file, network) in files.iter().zip(&networks) {
        let logits = networks::logits(network, &images.pixels, &device)?;
        let stem = file.file_stem().unwrap_or_default().to_string_lossy();
        let path = out.join(format!("{stem}{}", stored::SUFFIX));
        output::write(&path, &stored::to_bytes(&network.name, &logits)?)?;
        output::print(&format!("{}\n", path.display()))?;
    }
    Ok(())
}
