//! Files of test-set logits: 10,000 rows of 100 little-endian f16, in the order of `www/weights/test-records.bin`.

use std::path::Path;

use anyhow::{Result, bail};
use fidelity_lab::data::cifar::N_FINE;
use half::f16;

use crate::networks::read_file;

/// Suffix of the names of such files.
pub const SUFFIX: &str = ".logits.f16";
/// Number of test images.
pub const N_TEST: usize = 10_000;

const BYTES: usize = 2 * N_TEST * N_FINE;

/// Encodes logits `[10000, 100]` as the content of a file.
///
/// # Errors
/// If a logit is out of the range of half precision.
pub fn to_bytes(name: &str, logits: &[f32]) -> Result<Vec<u8>> {
    if let Some(large) = logits.iter().find(|&&z| !f16::from_f32(z).is_finite()) {
        bail!("`{name}` has the logit {large}, which is out of range for half precision (up to 65504)");
    }
    Ok(logits.iter().flat_map(|&z| f16::from_f32(z).to_le_bytes()).collect())
}

/// Reads logits `[10000, 100]` from a file.
///
/// # Errors
/// If the file cannot be read, has the wrong length, or holds non-finite logits.
pub fn read(path: &Path) -> Result<Vec<f32>> {
    let bytes = read_file(path)?;
    if bytes.len() != BYTES {
        bail!(
            "{} has {} bytes, but half-precision logits of {N_TEST} images and {N_FINE} classes have {BYTES}",
            path.display(),
            bytes.len()
        );
    }
    let values = bytes.as_chunks::<2>().0.iter();
    let logits: Vec<f32> = values.map(|&bytes| f16::from_le_bytes(bytes).to_f32()).collect();
    match logits.iter().position(|z| !z.is_finite()) {
        Some(i) => bail!(
            "{}: image {} has the logit {}, but logits must be finite",
            path.display(),
            i / N_FINE,
            logits[i]
        ),
        None => Ok(logits),
    }
}
