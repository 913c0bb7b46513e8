//! How well networks predict and how well a student matches its teacher, as Stanton et al. 2021 define it.
//!
//! Logits are f32 and row-major, `[n, classes]`; everything computed from them is f64. [`GeneralisationAccumulator`] and
//! [`FidelityAccumulator`] take image after image, so that no batch size changes a figure, and can be stored half-way (serde).
//! Of equal probabilities the first class counts as the larger one.

mod agreement;
mod generalisation;
mod probability;

use thiserror::Error;

use crate::error::{ErrorCode, LabError};

pub use agreement::{Fidelity, FidelityAccumulator};
pub use generalisation::{Generalisation, GeneralisationAccumulator, N_BINS, ReliabilityBin};
pub(crate) use generalisation::{bin_edge, bin_of};
pub use probability::{argmax, ensemble_log_probs, entropy, kl_divergence, log_softmax};

/// Why figures cannot be computed. Nothing has been added to the sums then.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum FidelityError {
    #[error("there are no classes; predictions need at least one")]
    NoClasses,
    #[error("an ensemble needs at least one member")]
    NoMembers,
    #[error("{what}: there are {found} values where {expected} are needed")]
    Length {
        what: &'static str,
        found: usize,
        expected: usize,
    },
    #[error("the label {label} is no class; there are the classes 0 to {}", n_classes.saturating_sub(1))]
    Label { label: u8, n_classes: usize },
    #[error("class {class} of image {image} has a value that is no finite number; the network may have diverged")]
    NotFinite { image: usize, class: usize },
}

impl From<FidelityError> for LabError {
    /// Arguments are checked before; what is left is a network or device that gives no numbers.
    fn from(error: FidelityError) -> Self {
        let code = match error {
            FidelityError::NotFinite { .. } => ErrorCode::GpuError,
            FidelityError::Label { .. } => ErrorCode::BadArgument,
            _ => ErrorCode::Internal,
        };
        Self::new(code, error.to_string())
    }
}

/// Checks image `image` of a batch: a row of finite log-probabilities, as long as those before it, and a label that is a class.
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

/// Images in a batch of `[n, n_classes]` values with a label for each, where there are labels.
fn check_batch(values: &[f64], n_classes: usize, labels: Option<&[u8]>) -> Result<usize, FidelityError> {
    if n_classes == 0 {
        return Err(FidelityError::NoClasses);
    }
    let n = values.len() / n_classes;
    check_length("log-probabilities of whole images", values.len(), n * n_classes)?;
    labels.map_or(Ok(()), |labels| check_length("labels", labels.len(), n))?;
    Ok(n)
}

/// A share, or none of nothing.
pub(crate) fn share(part: u32, whole: u32) -> Option<f64> {
    (whole > 0).then(|| f64::from(part) / f64::from(whole))
}
