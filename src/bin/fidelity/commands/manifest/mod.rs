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

/// Take over trained networks, and write the manifest of the page and the table of docs/weights.md.
///
/// For each network that --take names: rounds its weights to half precision (BatchNorm's stay f32), measures the rounded
/// network on the test set, and refuses it where that moved its accuracy by more than 0.1 points. Writes the rounded network,
/// its test logits and its entry in manifest.json. A student's agreement and KL are measured with the ensemble of the teachers
/// that its provenance names, which must be in the manifest or be taken over with it. Training curves are read from FILE.jsonl
/// beside the file, where there is one. Paths of the machine that trained it do not stay in its provenance.
///
/// A family is complete with three teachers and a student that three or more of them taught. Families that are not wait in the
/// folder `incomplete`, with a manifest of their own: the page does not know them. They move as soon as they are complete.
///
/// Every run checks all files that the manifests list, and writes the table from the manifests alone.
#[derive(Args)]
#[command(after_long_help = "\
Examples:
  fidelity manifest
  fidelity manifest --data cifar-100-binary.tar.gz --take trained/r20-teacher1.safetensors --take trained/r20-teacher2.safetensors
  fidelity manifest --remove student0 --remove teacher0 --take trained/r56-teacher0.safetensors")]
pub struct Arguments {
    /// A trained network to take over; may be given several times.
    #[arg(long = "take", value_name = "FILE")]
    take: Vec<PathBuf>,
    /// A network whose entry and files go, before others are taken over; may be given several times.
    #[arg(long = "remove", value_name = "NAME")]
    remove: Vec<String>,
    /// The folder of the page's networks.
    #[arg(long, default_value = "www/weights", value_name = "FOLDER")]
    weights: PathBuf,
    /// The table to write.
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
        // All that can be refused without computing is refused before.
        let candidates = take::in_order(candidates, &store)?;
        let images = arguments.data.test_set()?;
        let device = arguments.device.open()?;
        take::take(candidates, &mut store, &images, &device)?;
    }
    store.write()?;
    output::write(&arguments.table, table::write(&store)?.as_bytes())?;
    let [complete, incomplete] = store.counts();
    output::print(&format!(
        "{}: {complete} networks that the page shows, {incomplete} of incomplete families\n{}\n",
        arguments.weights.display(),
        arguments.table.display()
    ))
}
