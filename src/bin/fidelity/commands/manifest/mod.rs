//! `fidelity manifest`.

mod reference;
mod store;
mod table;
mod take;

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;

use crate::data::DataArguments;
use crate::device::DeviceArguments;
use crate::output;
use store::Store;
use take::Candidate;

/// Import trained networks, and write the page's manifest and the table docs/weights.md.
///
/// For each network of --take, the command rounds the weights to half precision (BatchNorm stays f32) and measures the rounded network
/// on the test set. It rejects the network if rounding changes the accuracy by more than 0.1 points. Otherwise it writes the rounded
/// network, its test logits and its entry in manifest.json. A student is compared with the ensemble of the teachers that its
/// provenance names, which must be in the manifest or be imported at the same time. The training curve comes from NAME.jsonl beside
/// the file, if it exists. Paths are removed from the provenance.
///
/// A family is complete with three teachers and a student that at least three of them taught. Incomplete families stay in the folder
/// `incomplete`, with a manifest of their own, and do not appear on the page. They move once they are complete.
///
/// Every run checks all files listed in the manifests, and rewrites the table from the manifests.
#[derive(Args)]
#[command(after_long_help = "\
Examples:
  fidelity manifest
  fidelity manifest --data cifar-100-binary.tar.gz --take trained/r20-teacher1.safetensors --take trained/r20-teacher2.safetensors
  fidelity manifest --remove student0 --remove teacher0 --take trained/r56-teacher0.safetensors")]
pub struct Arguments {
    /// Trained network to import; may be repeated.
    #[arg(long = "take", value_name = "FILE")]
    take: Vec<PathBuf>,
    /// Name of a network to remove, with its files, before the import; may be repeated.
    #[arg(long = "remove", value_name = "NAME")]
    remove: Vec<String>,
    /// Folder of the page's networks.
    #[arg(long, default_value = "www/weights", value_name = "FOLDER")]
    weights: PathBuf,
    /// Table to write.
    #[arg(long, default_value = "docs/weights.md", value_name = "FILE")]
    table: PathBuf,
    #[command(flatten)]
    data: DataArguments,
    #[command(flatten)]
    device: DeviceArguments,
}

pub fn run(arguments: Arguments) -> Result<()> {
    let mut store = Store::open(&arguments.weights)?;
    for name in &arguments.remove {
        store.remove(name)?;
    }
    let candidates: Vec<_> = arguments
        .take
        .iter()
        .map(|file| Candidate::read(file))
        .collect::<Result<_>>()?;
    if !candidates.is_empty() {
        // Candidates that can be rejected without computing are rejected before the first is computed.
        let candidates = take::in_order(candidates, &store)?;
        let images = arguments.data.test_set()?;
        let device = arguments.device.open()?;
        take::take(candidates, &mut store, &images, &device)?;
    }
    store.write()?;
    output::write(&arguments.table, table::write(&store)?.as_bytes())?;
    let [complete, incomplete] = store.counts();
    output::print(&format!(
        "{}: {complete} networks on the page, {incomplete} in incomplete families\n{}\n",
        arguments.weights.display(),
        arguments.table.display()
    ))
}
