//! Evaluation of loaded networks' fidelity and generalisation over a set of images. Each call computes one batch for as many
//! networks as the device runs together.

use std::collections::BTreeMap;
use std::rc::Rc;

use serde::{Deserialize, Serialize};

use super::images::Images;
use super::model::{Model, same_classes};
use crate::error::{ErrorCode, LabError, LabResult};
use crate::metrics::{
    Fidelity, FidelityAccumulator, Generalisation, GeneralisationAccumulator, ensemble_log_probs, log_softmax,
};

/// The metrics of an evaluation over the images evaluated so far.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "browser", derive(tsify::Tsify), tsify(missing_as_null, hashmap_as_object))]
#[serde(rename_all = "camelCase")]
pub struct EvaluationReport {
    /// Number of images evaluated.
    pub n_images: u32,
    /// Whether the evaluation ended before all images were evaluated.
    pub cancelled: bool,
    /// Names of the ensemble's members.
    pub teachers: Vec<String>,
    /// Each teacher's and each student's metrics, by name.
    #[cfg_attr(feature = "browser", tsify(type = "Record<string, Generalisation>"))]
    pub models: BTreeMap<String, Generalisation>,
    /// The ensemble's metrics; null without teachers.
    #[cfg_attr(feature = "browser", tsify(type = "Generalisation | null"))]
    pub ensemble: Option<Generalisation>,
    /// Each student's fidelity to the ensemble, by name; empty without teachers.
    #[cfg_attr(feature = "browser", tsify(type = "Record<string, Fidelity>"))]
    pub students: BTreeMap<String, Fidelity>,
}

impl EvaluationReport {
    /// Looks up a student's metrics by name: its own, and its fidelity to the ensemble if there are teachers. The lookup is by name
    /// because `models` contains the teachers too.
    ///
    /// # Errors
    /// `internal` if the evaluation does not include the student.
    pub fn student(&self, name: &str) -> LabResult<(&Generalisation, Option<&Fidelity>)> {
        let own = self
            .models
            .get(name)
            .ok_or_else(|| LabError::new(ErrorCode::Internal, format!("the evaluation has no student `{name}`")))?;
        Ok((own, self.students.get(name)))
    }
}

/// An evaluation's sums so far, from which it can resume elsewhere.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Snapshot {
    n_done: usize,
    /// Teachers, then students.
    names: Vec<String>,
    models: Vec<GeneralisationAccumulator>,
    ensemble: GeneralisationAccumulator,
    fidelity: Vec<FidelityAccumulator>,
}

/// An evaluation in progress.
pub struct Evaluation {
    /// Teachers, then students.
    models: Vec<Rc<Model>>,
    n_teachers: usize,
    known_ensemble: Option<Rc<Vec<f64>>>,
    images: Images,
    batch_size: usize,
    n_classes: usize,
    /// Logits of the networks that have already run on the current batch.
    pending: Vec<Vec<f32>>,
    /// The ensemble's log-probabilities for the images evaluated since the evaluation began or was resumed.
    ensemble: Vec<f64>,
    sums: Snapshot,
}

impl Evaluation {
    /// # Errors
    /// `bad_argument` if there is no network or a label is out of range, `class_mismatch` if class counts differ.
    pub fn new(
        teachers: Vec<Rc<Model>>,
        students: Vec<Rc<Model>>,
        images: Images,
        batch_size: usize,
    ) -> LabResult<Self> {
        let (n_teachers, n_students) = (teachers.len(), students.len());
        let models = [teachers, students].concat();
        let first = models
            .first()
            .ok_or_else(|| LabError::bad_argument("there is no model to evaluate; load one first"))?;
        same_classes(models.iter().map(|model| &model.info))?;
        let n_classes = first.info.n_classes as usize;
        images.check_labels(n_classes)?;
        let sums = Snapshot {
            names: models.iter().map(|model| model.info.name.clone()).collect(),
            models: vec![GeneralisationAccumulator::default(); models.len()],
            fidelity: vec![FidelityAccumulator::default(); n_students],
            ..Snapshot::default()
        };
        let batch_size = batch_size.max(1);
        Ok(Self {
            models,
            n_teachers,
            known_ensemble: None,
            images,
            batch_size,
            n_classes,
            pending: Vec::new(),
            ensemble: Vec::new(),
            sums,
        })
    }

    /// Evaluates students against an ensemble whose log-probabilities `[n, classes]` are already known.
    ///
    /// # Errors
    /// Fails as [`Self::new`] does, and with `internal` if the ensemble's size does not match the images.
    pub fn against(
        ensemble: Rc<Vec<f64>>,
        students: Vec<Rc<Model>>,
        images: Images,
        batch_size: usize,
    ) -> LabResult<Self> {
        let evaluation = Self::new(Vec::new(), students, images, batch_size)?;
        if ensemble.len() == evaluation.images.n_images() * evaluation.n_classes {
            Ok(Self {
                known_ensemble: Some(ensemble),
                ..evaluation
            })
        } else {
            Err(LabError::new(
                ErrorCode::Internal,
                "the ensemble's predictions are not for the held-out images",
            ))
        }
    }

    /// Resumes from a snapshot of the same evaluation.
    ///
    /// # Errors
    /// `checkpoint_invalid` if the snapshot is of other networks or of more images than there are.
    pub fn resume(self, snapshot: Snapshot) -> LabResult<Self> {
        let is_same = snapshot.names == self.sums.names
            && snapshot.models.len() == self.sums.models.len()
            && snapshot.fidelity.len() == self.sums.fidelity.len()
            && snapshot.n_done <= self.images.n_images();
        if is_same {
            Ok(Self { sums: snapshot, ..self })
        } else {
            Err(LabError::new(
                ErrorCode::CheckpointInvalid,
                "the snapshot belongs to another evaluation",
            ))
        }
    }

    /// Runs some of the networks that have not yet run on the current batch; after the last network, adds the batch to the sums.
    /// Returns the number of images evaluated.
    ///
    /// # Errors
    /// The device's errors; `gpu_error` for non-finite logits.
    pub async fn advance(&mut self) -> LabResult<usize> {
        let first = self.sums.n_done;
        let n = self.batch_size.min(self.images.n_images() - first);
        if n == 0 {
            return Ok(first);
        }
        let models = &self.models[self.pending.len()..];
        let models = &models[..Model::networks_per_call(models, n)];
        let logits = Model::logits(models, self.images.pixels(first, n)).await?;
        for (model, logits) in models.iter().zip(&logits) {
            if logits.iter().any(|v| !v.is_finite()) {
                return Err(LabError::new(
                    ErrorCode::GpuError,
                    format!("`{}` produced non-finite logits", model.info.name),
                ));
            }
        }
        self.pending.extend(logits);
        if self.pending.len() == self.models.len() {
            self.add_batch(first, n)?;
        }
        Ok(self.sums.n_done)
    }

    fn add_batch(&mut self, first: usize, n: usize) -> LabResult<()> {
        let classes = self.n_classes;
        let pending = std::mem::take(&mut self.pending);
        let (members, students) = pending.split_at(self.n_teachers);
        let ensemble = match &self.known_ensemble {
            Some(known) => known[first * classes..(first + n) * classes].to_vec(),
            None if members.is_empty() => Vec::new(),
            None => ensemble_log_probs(&members.iter().map(Vec::as_slice).collect::<Vec<_>>(), classes)?,
        };
        for image in 0..n {
            let range = image * classes..(image + 1) * classes;
            let label = self.images.labels(first + image, 1).map(|labels| labels[0]);
            let teacher = ensemble.get(range.clone());
            if let Some(teacher) = teacher {
                self.sums.ensemble.push(teacher, label)?;
            }
            for (sum, logits) in self.sums.models.iter_mut().zip(&pending) {
                sum.push(&log_softmax(&logits[range.clone()], 1.0), label)?;
            }
            for (sum, logits) in self.sums.fidelity.iter_mut().zip(students) {
                if let Some(teacher) = teacher {
                    sum.push(teacher, &log_softmax(&logits[range.clone()], 1.0), label)?;
                }
            }
        }
        self.ensemble.extend(ensemble);
        self.sums.n_done += n;
        Ok(())
    }

    /// Total number of images.
    pub fn n_images(&self) -> usize {
        self.images.n_images()
    }

    /// The sums so far.
    pub fn snapshot(&self) -> &Snapshot {
        &self.sums
    }

    /// The ensemble's log-probabilities `[n, classes]`. None if images are missing: before the last one, without teachers, and after
    /// a resumption, since a snapshot does not hold them.
    pub fn into_ensemble(self) -> Option<Vec<f64>> {
        let is_complete = self.ensemble.len() == self.images.n_images() * self.n_classes;
        is_complete.then_some(self.ensemble)
    }

    /// The metrics over the images evaluated so far.
    pub fn report(&self) -> EvaluationReport {
        let names = &self.sums.names;
        let (teachers, students) = names.split_at(self.n_teachers);
        let has_ensemble = self.sums.n_done > 0 && (self.known_ensemble.is_some() || !teachers.is_empty());
        EvaluationReport {
            n_images: self.sums.n_done as u32,
            cancelled: self.sums.n_done < self.images.n_images(),
            teachers: teachers.to_vec(),
            models: names
                .iter()
                .cloned()
                .zip(self.sums.models.iter().map(GeneralisationAccumulator::report))
                .collect(),
            ensemble: has_ensemble.then(|| self.sums.ensemble.report()),
            students: if has_ensemble {
                students
                    .iter()
                    .cloned()
                    .zip(self.sums.fidelity.iter().map(FidelityAccumulator::report))
                    .collect()
            } else {
                BTreeMap::new()
            },
        }
    }
}
