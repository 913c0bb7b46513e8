//! What networks answer on the test set, from their weights or from stored logits, and the figures that follow.

use std::path::Path;

use anyhow::{Context, Result, bail};
use fidelity_lab::data::cifar::N_FINE;
use fidelity_lab::metrics::{FidelityAccumulator, GeneralisationAccumulator, ensemble_log_probs, log_softmax};
use fidelity_lab::session::EvaluationReport;
use fidelity_lab::weights::Network;

use crate::{networks, stored};

/// A network's name and its logits `[n, 100]`.
#[derive(Clone, Debug)]
pub struct Answers {
    pub name: String,
    pub logits: Vec<f32>,
}

/// What answers: a network still to be computed, or logits that were.
pub enum Source {
    Network(Box<Network>),
    Logits(Vec<f32>),
}

impl Source {
    /// Of a file, by its name.
    ///
    /// # Errors
    /// Where it is neither a network nor logits of the test set.
    pub fn read(path: &Path) -> Result<Self> {
        if path.to_string_lossy().ends_with(stored::SUFFIX) {
            stored::read(path).map(Self::Logits)
        } else {
            networks::read(path).map(|network| Self::Network(Box::new(network)))
        }
    }
}

/// The true classes of the test set, in the order of `www/weights/test-records.bin`.
pub fn labels() -> &'static [u8] {
    /// Fine labels, then coarse ones.
    const BOTH: &[u8] = include_bytes!("../../../www/weights/test-labels.bin");
    &BOTH[..BOTH.len() / 2]
}

/// The figures over the first `n_images` of the test set.
///
/// # Errors
/// Where two have the same name, or there are logits for fewer images.
pub fn measure(teachers: &[Answers], students: &[Answers], n_images: usize) -> Result<EvaluationReport> {
    let n_values = n_images * N_FINE;
    let all = || teachers.iter().chain(students);
    for (i, answers) in all().enumerate() {
        if all().take(i).any(|other| other.name == answers.name) {
            bail!("two networks are called `{}`; give them different names", answers.name);
        }
        if answers.logits.len() < n_values {
            let n = answers.logits.len() / N_FINE;
            bail!("`{}` has answers for {n} images, not for {n_images}", answers.name);
        }
    }
    let labels = labels().get(..n_images).context("there are 10,000 test images")?;
    let log_probs = |answers: &Answers| -> Vec<f64> {
        let rows = answers.logits[..n_values].chunks_exact(N_FINE);
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
    for answers in all() {
        let own = generalisation(&log_probs(answers)).with_context(|| format!("`{}`", answers.name))?;
        report.models.insert(answers.name.clone(), own);
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

    fn answers(name: &str, n: usize) -> Answers {
        // Class i for image i.
        let logits = (0..n).flat_map(|i| (0..N_FINE).map(move |class| if class == i % N_FINE { 3.0 } else { 0.0 }));
        Answers {
            name: name.into(),
            logits: logits.collect(),
        }
    }

    #[test]
    fn a_copy_agrees_and_what_does_not_fit_is_named() {
        let report = measure(&[answers("t", 20)], &[answers("s", 20)], 10).unwrap();
        assert_eq!(
            (report.n_images, report.students["s"].agreement, report.students["s"].kl),
            (10, 1.0, 0.0)
        );
        assert_eq!(report.models["s"].accuracy, report.ensemble.unwrap().accuracy);
        let message =
            |teachers: &[Answers], students: &[Answers], n| measure(teachers, students, n).unwrap_err().to_string();
        assert!(message(&[answers("t", 20)], &[answers("t", 20)], 10).contains("two networks are called `t`"));
        assert!(message(&[answers("t", 20)], &[], 21).contains("`t` has answers for 20 images, not for 21"));
    }
}
