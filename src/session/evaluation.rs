//! Fidelity and generalisation of loaded networks over a set of images, a batch and as many networks a call as the device
//! computes together.

use std::collections::BTreeMap;
use std::rc::Rc;

use serde::{Deserialize, Serialize};

use super::images::Images;
use super::model::{Model, same_classes};
use crate::error::{ErrorCode, LabError, LabResult};
use crate::metrics::{
    Fidelity, FidelityAccumulator, Generalisation, GeneralisationAccumulator, ensemble_log_probs, log_softmax,
};

/// The figures of an evaluation, over the images done.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "browser", derive(tsify::Tsify), tsify(missing_as_null, hashmap_as_object))]
#[serde(rename_all = "camelCase")]
pub struct EvaluationReport {
    /// Images measured.
    pub n_images: u32,
    /// Whether it ended before all images were measured.
    pub cancelled: bool,
    /// Members of the ensemble.
    pub teachers: Vec<String>,
    /// Each teacher and each student by name.
    #[cfg_attr(feature = "browser", tsify(type = "Record<string, Generalisation>"))]
    pub models: BTreeMap<String, Generalisation>,
    /// Of the ensemble; null without teachers.
    #[cfg_attr(feature = "browser", tsify(type = "Generalisation | null"))]
    pub ensemble: Option<Generalisation>,
    /// Each student against the ensemble, by name; empty without teachers.
    #[cfg_attr(feature = "browser", tsify(type = "Record<string, Fidelity>"))]
    pub students: BTreeMap<String, Fidelity>,
}

impl EvaluationReport {
    /// A student's figures: its own, and those against the ensemble, which there are none of without teachers. By name, since
    /// `models` holds the teachers too.
    ///
    /// # Errors
    /// `internal` where nothing was measured of it.
    pub fn student(&self, name: &str) -> LabResult<(&Generalisation, Option<&Fidelity>)> {
        let own = self
            .models
            .get(name)
            .ok_or_else(|| LabError::new(ErrorCode::Internal, format!("the evaluation has no student `{name}`")))?;
        Ok((own, self.students.get(name)))
    }
}

/// All that an evaluation has summed so far: enough to go on elsewhere.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Snapshot {
    n_done: usize,
    models: Vec<GeneralisationAccumulator>,
    ensemble: GeneralisationAccumulator,
    fidelity: Vec<FidelityAccumulator>,
}

/// An evaluation on its way.
pub struct Evaluation {
    /// Teachers, then students.
    models: Vec<Rc<Model>>,
    n_teachers: usize,
    known_ensemble: Option<Rc<Vec<f64>>>,
    images: Images,
    batch_size: usize,
    n_classes: usize,
    /// Logits of the networks that have seen the batch at hand.
    pending: Vec<Vec<f32>>,
    /// The ensemble's log-probabilities on all images done.
    ensemble: Vec<f64>,
    sums: Snapshot,
}

impl Evaluation {
    /// # Errors
    /// `bad_argument` without a network or for a label that is no class, `class_mismatch` where class counts differ.
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

    /// An evaluation of students against an ensemble whose log-probabilities `[n, classes]` are known already.
    ///
    /// # Errors
    /// As [`Self::new`], and `internal` where the ensemble has another size.
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
                "the ensemble's answers are not those of the held-out images",
            ))
        }
    }

    /// Goes on from a snapshot of the same evaluation.
    ///
    /// # Errors
    /// `checkpoint_invalid` where it is another's.
    pub fn resume(self, snapshot: Snapshot) -> LabResult<Self> {
        let same = snapshot.models.len() == self.sums.models.len()
            && snapshot.fidelity.len() == self.sums.fidelity.len()
            && snapshot.n_done <= self.images.n_images();
        if same {
            Ok(Self { sums: snapshot, ..self })
        } else {
            Err(LabError::new(
                ErrorCode::CheckpointInvalid,
                "the snapshot belongs to another evaluation",
            ))
        }
    }

    /// Runs the networks that have not seen the batch at hand, or some of them; after the last network the batch is added to the
    /// sums. Returns the images done.
    ///
    /// # Errors
    /// What the device reports; `gpu_error` where a logit is no number.
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
                    format!("`{}` gives logits that are no numbers", model.info.name),
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

    /// Images in all.
    pub fn n_images(&self) -> usize {
        self.images.n_images()
    }

    /// The sums so far.
    pub fn snapshot(&self) -> &Snapshot {
        &self.sums
    }

    /// The ensemble's log-probabilities `[n, classes]`, of a finished evaluation that was not resumed.
    pub fn into_ensemble(self) -> Vec<f64> {
        self.ensemble
    }

    /// The figures over the images done.
    pub fn report(&self) -> EvaluationReport {
        let names: Vec<_> = self.models.iter().map(|model| model.info.name.clone()).collect();
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
