//! Files of test-set logits: 10,000 rows of 100 little-endian f16, in the order of `www/weights/test-records.bin`.

use std::path::Path;

use anyhow::{Result, bail};
use fidelity_lab::data::cifar::N_FINE;
use half::f16;

use crate::networks::read_file;

/// What the name of such a file ends with.
pub const SUFFIX: &str = ".logits.f16";
/// Images of the test set.
pub const N_TEST: usize = 10_000;

const BYTES: usize = 2 * N_TEST * N_FINE;

/// Logits `[10000, 100]` as the file holds them.
///
/// # Errors
/// Where one is beyond half precision.
pub fn to_bytes(name: &str, logits: &[f32]) -> Result<Vec<u8>> {
    if let Some(large) = logits.iter().find(|&&z| !f16::from_f32(z).is_finite()) {
        bail!("`{name}` has the logit {large}, which half precision cannot hold");
    }
    Ok(logits.iter().flat_map(|&z| f16::from_f32(z).to_le_bytes()).collect())
}

/// Logits `[10000, 100]` of a file.
///
/// # Errors
/// Where it cannot be read, has another length, or holds what is no number.
pub fn read(path: &Path) -> Result<Vec<f32>> {
    let bytes = read_file(path)?;
    if bytes.len() != BYTES {
        bail!(
            "{} has {} bytes; logits of {N_TEST} images for {N_FINE} classes in half precision have {BYTES}",
            path.display(),
            bytes.len()
        );
    }
    let values = bytes.as_chunks::<2>().0.iter();
    let logits: Vec<f32> = values.map(|&bytes| f16::from_le_bytes(bytes).to_f32()).collect();
    match logits.iter().position(|z| !z.is_finite()) {
        Some(i) => bail!(
            "{}: image {} has the logit {}; logits must be numbers",
            path.display(),
            i / N_FINE,
            logits[i]
        ),
        None => Ok(logits),
    }
}
