//! The flag `--data`: CIFAR-100 from an archive, its parts or a folder.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use clap::Args;
use fidelity_lab::data::IMAGE_BYTES;
use fidelity_lab::data::archive::Source;
use fidelity_lab::data::cifar::{Records, parse_records, test_order};

/// Hashes of the test set's records, in the order of stored logits.
const TEST_RECORDS: &[u8] = include_bytes!("../../../www/weights/test-records.bin");

/// The flag `--data`.
#[derive(Args)]
pub struct DataArguments {
    /// Binary version of CIFAR-100: a .tar.gz file with any name, its first part, or a folder with the parts or with test.bin.
    #[arg(long, value_name = "PATH", env = "CIFAR100_ARCHIVE", hide_env_values = true)]
    data: Option<PathBuf>,
}

impl DataArguments {
    fn source(&self) -> Result<Source> {
        match self.data.as_deref().filter(|path| !path.as_os_str().is_empty()) {
            Some(path) => Source::find(path),
            None => bail!(
                "CIFAR-100 is needed: give its archive, its parts or an unpacked folder with --data or the variable CIFAR100_ARCHIVE"
            ),
        }
    }

    /// Reads the training set in the order of the data.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn training_set(&self) -> Result<Records> {
        Ok(parse_records(&self.source()?.records("train.bin")?)?)
    }

    /// Reads the test set, always in the order of `www/weights/test-records.bin`.
    ///
    /// # Errors
    /// If it cannot be read, or is not CIFAR-100's test set.
    pub fn test_set(&self) -> Result<Records> {
        let source = self.source()?;
        let bytes = source.records("test.bin")?;
        let order = test_order(&bytes, TEST_RECORDS)?.with_context(|| {
            format!(
                "test.bin of {source} is not CIFAR-100's test set: its records differ from www/weights/test-records.bin"
            )
        })?;
        Ok(reordered(&parse_records(&bytes)?, &order))
    }
}

fn reordered(records: &Records, order: &[usize]) -> Records {
    let label = |labels: &[u8], i: usize| labels.get(i).copied().unwrap_or_default();
    let image = |i: usize| {
        records
            .pixels
            .get(i * IMAGE_BYTES..(i + 1) * IMAGE_BYTES)
            .unwrap_or_default()
    };
    Records {
        pixels: order.iter().flat_map(|&i| image(i)).copied().collect(),
        fine: order.iter().map(|&i| label(&records.fine, i)).collect(),
        coarse: order.iter().map(|&i| label(&records.coarse, i)).collect(),
    }
}
