//! `fidelity convert`.

use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::{Args, ValueEnum};
use fidelity_lab::weights::{Network, Precision};

use crate::{networks, output};

/// Convert a network between f32 and f16, or from the tensor names of the paper authors' code.
///
/// Reads f32, f16 and bf16, and writes safetensors in PyTorch's conventions with all metadata. With f16, the weights of convolutions
/// and of the head become half precision; BatchNorm's tensors are few and have a wide range, so they stay f32. The provenance does
/// not change.
///
/// The command also reads a state dict with the parameter names of the paper authors' code (conv1, layer1.0.bn1, layer1.0.conv1,
/// layer2.0.downsample.0, bn, fc) and writes it with this project's names (stem, stage1.0.norm1, stage1.0.conv1, stage2.0.shortcut,
/// norm, head). To convert a PyTorch checkpoint (.pt), first call safetensors.torch.save_file(state_dict, path).
#[derive(Args)]
#[command(after_long_help = "\
Examples:
  fidelity convert --precision f16 trained.safetensors small.safetensors
  fidelity convert --name teacher3 authors.safetensors teacher3.safetensors")]
pub struct Arguments {
    /// File to read.
    #[arg(value_name = "FROM")]
    from: PathBuf,
    /// File to write.
    #[arg(value_name = "TO")]
    to: PathBuf,
    /// Precision of the weights.
    #[arg(long, value_enum, default_value_t = WeightPrecision::F32)]
    precision: WeightPrecision,
    /// New name of the network [default: the name in the file].
    #[arg(long)]
    name: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum WeightPrecision {
    /// Single precision for all tensors
    F32,
    /// Half precision, except for BatchNorm's tensors
    F16,
}

pub fn run(
    Arguments {
        from,
        to,
        precision,
        name,
    }: Arguments,
) -> Result<()> {
    let bytes = networks::read_file(&from)?;
    let mut network = Network::from_safetensors(&bytes).with_context(|| from.display().to_string())?;
    if let Some(name) = name {
        network.name = name;
    }
    let precision = match precision {
        WeightPrecision::F32 => Precision::F32,
        WeightPrecision::F16 => Precision::F16,
    };
    let written = network
        .to_safetensors(precision)
        .with_context(|| from.display().to_string())?;
    output::write(&to, &written)?;
    let mut text = format!(
        "{}: `{}`, {}, {} bytes\n",
        to.display(),
        network.name,
        network.architecture,
        written.len()
    );
    for notice in &network.notices {
        text += &format!("note: {notice}\n");
    }
    output::print(&text)
}
