//! Compares logits that were computed here with the stored ones.

use serde::Serialize;

use super::stored_logits::StoredLogits;
use crate::error::{LabError, LabResult};
use crate::metrics::{FidelityError, argmax};

/// Differences between computed and stored logits.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "browser", derive(tsify::Tsify))]
#[serde(rename_all = "camelCase")]
pub struct Verification {
    pub n_images: u32,
    /// Largest absolute difference of a logit.
    pub max_difference: f64,
    /// Number of images whose top-1 class differs.
    pub n_top1_changed: u32,
}

/// Compares `logits`, `[k, n_classes]`, with those stored for the images `indices`, or for all images.
///
/// # Errors
/// `unknown_model`, or `bad_argument` if there are no images, the number of values is wrong, an index is out of range or a value is not
/// finite.
pub fn verify(stored: &StoredLogits, name: &str, logits: &[f32], indices: Option<&[u32]>) -> LabResult<Verification> {
    let given = stored.network(name)?;
    let (n_images, n_classes) = (stored.n_images(), stored.n_classes());
    let all: Vec<u32>;
    let indices = match indices {
        Some(indices) => indices,
        None => {
            all = (0..n_images as u32).collect();
            &all
        }
    };
    if indices.is_empty() {
        return Err(LabError::bad_argument(
            "indices are empty; there must be at least one image",
        ));
    }
    if let Some(index) = indices.iter().find(|&&index| index as usize >= n_images) {
        let message = format!("indices hold {index}; they must be from 0 to {}", n_images - 1);
        return Err(LabError::bad_argument(message));
    }
    if logits.len() != indices.len() * n_classes {
        return Err(LabError::bad_argument(format!(
            "logits are {} values; {} images of {n_classes} classes take {}",
            logits.len(),
            indices.len(),
            indices.len() * n_classes
        )));
    }
    if let Some(at) = logits.iter().position(|z| !z.is_finite()) {
        let (image, class) = (at / n_classes, at % n_classes);
        let fault = FidelityError::NotFinite { image, class };
        return Err(LabError::bad_argument(format!("logits: {fault}")));
    }
    let mut found = Verification {
        n_images: indices.len() as u32,
        max_difference: 0.0,
        n_top1_changed: 0,
    };
    for (&index, row) in indices.iter().zip(logits.chunks_exact(n_classes)) {
        let expected = &given.logits[index as usize * n_classes..][..n_classes];
        let differences = row
            .iter()
            .zip(expected)
            .map(|(&a, &b)| (f64::from(a) - f64::from(b)).abs());
        found.max_difference = differences.fold(found.max_difference, f64::max);
        found.n_top1_changed += u32::from(argmax(row) != argmax(expected));
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::statistics::NetworkFacts;

    #[test]
    fn differences_and_changed_answers_are_counted() {
        let mut stored = StoredLogits::new(vec![0, 1, 1], 2).unwrap();
        let given = vec![1.0, 0.0, 0.0, 1.0, 2.0, 2.0];
        stored.add("a", given.clone(), NetworkFacts::default()).unwrap();
        let ask = |logits: &[f32], indices| verify(&stored, "a", logits, indices);
        let found = ask(&given, None).unwrap();
        assert_eq!(
            (found.n_images, found.max_difference, found.n_top1_changed),
            (3, 0.0, 0)
        );
        // Of equal ones the first: 2, 2.5 changes the answer.
        let found = ask(&[2.0, 2.5, 0.0, 1.0], Some(&[2, 1])).unwrap();
        assert_eq!(
            (found.n_images, found.max_difference, found.n_top1_changed),
            (2, 0.5, 1)
        );
        for (logits, indices, part) in [
            (&given[..2], None, "3 images of 2 classes take 6"),
            (&given[..2], Some(&[3][..]), "indices hold 3"),
            (&[][..], Some(&[][..]), "indices are empty"),
            (&[f32::NAN, 0.0][..], Some(&[0][..]), "non-finite value"),
        ] {
            let error = ask(logits, indices).unwrap_err();
            assert!(error.message.contains(part), "{error}");
        }
        assert!(verify(&stored, "b", &given, None).is_err());
    }
}
