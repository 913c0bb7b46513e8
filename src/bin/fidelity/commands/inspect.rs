//! `fidelity inspect`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::Args;
use fidelity_lab::weights::manifest::sha256_hex;
use fidelity_lab::weights::{Contents, Network};

use crate::{networks, output};

/// Show what a safetensors file holds, and whether it is a network that can be loaded.
///
/// The command lists tensors, metadata and provenance, and names the PreResNet. If the file is not such a network, the command lists
/// every reason: missing, unexpected or misshaped tensors, unsupported types, non-finite values, and metadata that contradict the
/// tensors. The exit status is 0 if the network can be loaded.
#[derive(Args)]
#[command(after_long_help = "\
Examples:
  fidelity inspect www/weights/r56-teacher0.safetensors
  fidelity inspect --tensors checkpoint.safetensors")]
pub struct Arguments {
    /// Safetensors file.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// List all tensors.
    #[arg(long)]
    tensors: bool,
}

pub fn run(Arguments { file, tensors }: Arguments) -> Result<()> {
    let bytes = networks::read_file(&file)?;
    let contents = Contents::of(&bytes).with_context(|| file.display().to_string())?;
    output::print(&describe(&file, &bytes, &contents, tensors))?;
    let network = Network::from_safetensors(&bytes)
        .with_context(|| format!("{} cannot be loaded as a network", file.display()))?;
    let mut text = line("network", &network.architecture.to_string());
    text += &line("parameters", &network.architecture.n_parameters().to_string());
    let triple = |values: [f32; 3]| values.map(|v| v.to_string()).join(", ");
    let normalisation = &network.normalisation;
    text += &line(
        "normalisation",
        &format!("mean {}; std {}", triple(normalisation.mean), triple(normalisation.std)),
    );
    for notice in &network.notices {
        text += &line("notice", notice);
    }
    text += &line("loadable", "yes");
    output::print(&text)
}

fn describe(file: &Path, bytes: &[u8], contents: &Contents, all: bool) -> String {
    let mut text = line("file", &file.display().to_string());
    text += &line("bytes", &bytes.len().to_string());
    text += &line("sha256", &sha256_hex(bytes));
    let mut dtypes: BTreeMap<&str, usize> = BTreeMap::new();
    for tensor in &contents.tensors {
        *dtypes.entry(&tensor.dtype).or_default() += 1;
    }
    let dtypes: Vec<String> = dtypes.into_iter().map(|(dtype, n)| format!("{n} {dtype}")).collect();
    let n_values: usize = contents
        .tensors
        .iter()
        .map(|tensor| tensor.shape.iter().product::<usize>())
        .sum();
    text += &line(
        "tensors",
        &format!("{} ({}), {n_values} values", contents.tensors.len(), dtypes.join(", ")),
    );
    if all {
        for tensor in &contents.tensors {
            text += &format!("  {:<44} {:<5} {:?}\n", tensor.name, tensor.dtype, tensor.shape);
        }
    }
    for (key, value) in &contents.metadata {
        text += &line(key, &readable(value));
    }
    text
}

/// Indents JSON objects, and leaves other text unchanged.
fn readable(value: &str) -> String {
    let parsed = serde_json::from_str::<serde_json::Value>(value)
        .ok()
        .filter(serde_json::Value::is_object);
    let pretty = parsed.and_then(|value| serde_json::to_string_pretty(&value).ok());
    pretty.map_or_else(|| value.to_owned(), |text| text.replace('\n', "\n               "))
}

fn line(key: &str, value: &str) -> String {
    format!("{key:<14} {value}\n")
}
