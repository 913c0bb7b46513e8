//! Predictions of networks on the test set, from their weights or from stored logits, and the figures computed from them.

use std::path::Path;

use anyhow::{Context, Result, bail};
use fidelity_lab::data::cifar::N_FINE;
use fidelity_lab::metrics::{FidelityAccumulator, GeneralisationAccumulator, ensemble_log_probs, log_softmax};
use fidelity_lab::session::EvaluationReport;
use fidelity_lab::weights::Network;

use crate::{networks, stored};

/// A network's logits `[n, 100]` on the first test images.
#[derive(Clone, Debug)]
pub struct Predictions {
    pub name: String,
    pub logits: Vec<f32>,
}

/// A source of predictions: a network, or logits computed before.
pub enum Source {
    Network(Box<Network>),
    Logits(Vec<f32>),
}

impl Source {
    /// Reads a file. Its suffix tells whether it holds logits or a network.
    ///
    /// # Errors
    /// If it is neither a network nor logits of the test set.
    pub fn read(path: &Path) -> Result<Self> {
        if path.to_string_lossy().ends_with(stored::SUFFIX) {
            stored::read(path).map(Self::Logits)
        } else {
            networks::read(path).map(|network| Self::Network(Box::new(network)))
        }
    }
}

/// Returns the labels of the test set, in the order of `www/weights/test-records.bin`.
pub fn labels() -> &'static [u8] {
    /// The fine labels, followed by the coarse ones.
    const BOTH: &[u8] = include_bytes!("../../../www/weights/test-labels.bin");
    &BOTH[..BOTH.len() / 2]
}

/// Computes the figures over the first `n_images` of the test set.
///
/// # Errors
/// If two networks have the same name, or logits cover fewer images.
pub fn measure(teachers: &[Predictions], students: &[Predictions], n_images: usize) -> Result<EvaluationReport> {
    let n_values = n_images * N_FINE;
    let all = || teachers.iter().chain(students);
    for (i, predictions) in all().enumerate() {
        if all().take(i).any(|other| other.name == predictions.name) {
            bail!(
                "two networks are named `{}`; give them different names",
                predictions.name
            );
        }
        if predictions.logits.len() < n_values {
            let n = predictions.logits.len() / N_FINE;
            bail!(
                "`{}` has logits for {n} images, but {n_images} are needed",
                predictions.name
            );
        }
    }
    let labels = labels()
        .get(..n_images)
        .context("the test set has only 10,000 images")?;
    let log_probs = |predictions: &Predictions| -> Vec<f64> {
        let rows = predictions.logits[..n_values].chunks_exact(N_FINE);
        rows.flat_map(|row| log_softmax(row, 1.0)).collect()
    };
    let generalisation = |log_probs: &[f64]| {
        let mut sums = GeneralisationAccumulator::default();
        sums.push_batch(log_probs, N_FINE, Some(labels)).map(|()| sums.report())
    };
    let ensemble = match teachers {
        [] => None,
        _ => {
            let members: Vec<&[f32]> = teachers.iter().map(|teacher| &teacher.logits[..n_values]).collect();
            Some(ensemble_log_probs(&members, N_FINE)?)
        }
    };
    let mut report = EvaluationReport {
        n_images: n_images as u32,
        cancelled: false,
        teachers: teachers.iter().map(|teacher| teacher.name.clone()).collect(),
        models: Default::default(),
        ensemble: ensemble.as_deref().map(generalisation).transpose()?,
        students: Default::default(),
    };
    for predictions in all() {
        let own = generalisation(&log_probs(predictions)).with_context(|| format!("`{}`", predictions.name))?;
        report.models.insert(predictions.name.clone(), own);
    }
    for (student, ensemble) in students
        .iter()
        .flat_map(|student| ensemble.as_ref().map(|all| (student, all)))
    {
        let mut sums = FidelityAccumulator::default();
        sums.push_batch(ensemble, &log_probs(student), N_FINE, Some(labels))?;
        report.students.insert(student.name.clone(), sums.report());
    }
    Ok(report)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn predictions(name: &str, n: usize) -> Predictions {
        // Image i is of class i.
        let logits = (0..n).flat_map(|i| (0..N_FINE).map(move |class| if class == i % N_FINE { 3.0 } else { 0.0 }));
        Predictions {
            name: name.into(),
            logits: logits.collect(),
        }
    }

    #[test]
    fn a_copy_agrees_and_misfits_are_named() {
        let report = measure(&[predictions("t", 20)], &[predictions("s", 20)], 10).unwrap();
        assert_eq!(
            (report.n_images, report.students["s"].agreement, report.students["s"].kl),
            (10, 1.0, 0.0)
        );
        assert_eq!(report.models["s"].accuracy, report.ensemble.unwrap().accuracy);
        let message = |teachers: &[Predictions], students: &[Predictions], n| {
            measure(teachers, students, n).unwrap_err().to_string()
        };
        assert!(message(&[predictions("t", 20)], &[predictions("t", 20)], 10).contains("two networks are named `t`"));
        assert!(message(&[predictions("t", 20)], &[], 21).contains("`t` has logits for 20 images, but 21 are needed"));
    }
}
