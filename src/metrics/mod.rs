//! Generalisation (how well networks predict) and fidelity (how well a student matches its teacher), after Stanton et al. 2021.
//!
//! Logits are f32 and row-major, `[n, classes]`; everything computed from them is f64. [`GeneralisationAccumulator`] and
//! [`FidelityAccumulator`] add one image at a time, so the batch size never changes a metric, and serialise in mid-evaluation
//! (serde). Ties between probabilities go to the first class.

mod agreement;
mod generalisation;
mod probability;

use thiserror::Error;

use crate::error::{ErrorCode, LabError};

pub use agreement::{Fidelity, FidelityAccumulator};
pub use generalisation::{Generalisation, GeneralisationAccumulator, N_BINS, ReliabilityBin};
pub(crate) use generalisation::{bin_edge, bin_of};
pub use probability::{argmax, ensemble_log_probs, entropy, kl_divergence, log_softmax};

/// The reason why metrics cannot be computed. The sums are then unchanged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum FidelityError {
    #[error("there are no classes; predictions need at least one class")]
    NoClasses,
    #[error("an ensemble needs at least one member")]
    NoMembers,
    #[error("{what}: expected {expected} values, found {found}")]
    Length {
        what: &'static str,
        found: usize,
        expected: usize,
    },
    #[error("label {label} is out of range; classes are 0 to {}", n_classes.saturating_sub(1))]
    Label { label: u8, n_classes: usize },
    #[error("class {class} of image {image} has a non-finite value; the network may have diverged")]
    NotFinite { image: usize, class: usize },
}

impl From<FidelityError> for LabError {
    /// Arguments are checked earlier, so a non-finite value comes from the network or the device.
    fn from(error: FidelityError) -> Self {
        let code = match error {
            FidelityError::NotFinite { .. } => ErrorCode::GpuError,
            FidelityError::Label { .. } => ErrorCode::BadArgument,
            _ => ErrorCode::Internal,
        };
        Self::new(code, error.to_string())
    }
}

/// Checks image `image` of a batch: `n_classes` finite log-probabilities and a label in range.
fn check_row(image: usize, row: &[f64], n_classes: usize, label: Option<u8>) -> Result<(), FidelityError> {
    if row.is_empty() {
        return Err(FidelityError::NoClasses);
    }
    check_length("the classes of an image", row.len(), n_classes)?;
    if let Some(class) = row.iter().position(|v| !v.is_finite()) {
        return Err(FidelityError::NotFinite { image, class });
    }
    match label.filter(|&label| usize::from(label) >= n_classes) {
        Some(label) => Err(FidelityError::Label { label, n_classes }),
        None => Ok(()),
    }
}

fn check_length(what: &'static str, found: usize, expected: usize) -> Result<(), FidelityError> {
    if found == expected {
        Ok(())
    } else {
        Err(FidelityError::Length { what, found, expected })
    }
}

/// The number of images in a batch of `[n, n_classes]` values, with one label each if there are labels.
fn check_batch(values: &[f64], n_classes: usize, labels: Option<&[u8]>) -> Result<usize, FidelityError> {
    if n_classes == 0 {
        return Err(FidelityError::NoClasses);
    }
    let n = values.len() / n_classes;
    check_length("log-probabilities of whole images", values.len(), n * n_classes)?;
    labels.map_or(Ok(()), |labels| check_length("labels", labels.len(), n))?;
    Ok(n)
}

/// `part / whole`, or `None` if `whole` is 0.
pub(crate) fn share(part: u32, whole: u32) -> Option<f64> {
    (whole > 0).then(|| f64::from(part) / f64::from(whole))
}
