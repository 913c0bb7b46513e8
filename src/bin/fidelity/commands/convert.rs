//! `fidelity convert`.

use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::{Args, ValueEnum};
use fidelity_lab::weights::{Network, Precision};

use crate::{networks, output};

/// Convert a network between f32 and f16, or from the names of the authors' code.
///
/// Reads f32, f16 and bf16 and writes safetensors in PyTorch's conventions, complete with metadata. In f16 the weights of
/// convolutions and of the head are halved, and BatchNorm's tensors stay f32, being few and of wide range. The provenance stays
/// as it is.
///
/// A state dict under the parameter names of the code that the paper's authors published (conv1, layer1.0.bn1, layer1.0.conv1,
/// layer2.0.downsample.0, bn, fc) is read too and written under the names used here (stem, stage1.0.norm1, stage1.0.conv1,
/// stage2.0.shortcut, norm, head). A PyTorch checkpoint (.pt) becomes safetensors with safetensors.torch.save_file(state_dict,
/// path).
#[derive(Args)]
#[command(after_long_help = "\
Examples:
  fidelity convert --precision f16 trained.safetensors small.safetensors
  fidelity convert --name teacher3 authors.safetensors teacher3.safetensors")]
pub struct Arguments {
    /// The file to read.
    #[arg(value_name = "FROM")]
    from: PathBuf,
    /// The file to write.
    #[arg(value_name = "TO")]
    to: PathBuf,
    /// How weights are stored.
    #[arg(long, value_enum, default_value_t = Stored::F32)]
    precision: Stored,
    /// The network's name, instead of that in the file.
    #[arg(long)]
    name: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Stored {
    /// Every value as it is.
    F32,
    /// Half precision, but for BatchNorm's tensors.
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
        Stored::F32 => Precision::F32,
        Stored::F16 => Precision::F16,
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
