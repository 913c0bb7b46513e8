//! Logits of several networks on several images, a network and a batch a call.

use std::rc::Rc;

use super::images::Images;
use super::model::{Model, same_classes};
use crate::error::{LabError, LabResult};
use crate::fidelity::ensemble_log_probs;

/// The finished answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Predictions {
    /// Names, in the order of `logits`.
    pub models: Vec<String>,
    /// Number of classes.
    pub n_classes: usize,
    /// `[models, n, classes]`
    pub logits: Vec<f32>,
    /// `[n, classes]` log-probabilities of the teachers' ensemble, where there are teachers.
    pub ensemble: Option<Vec<f32>>,
}

/// A prediction on its way.
pub struct Prediction {
    models: Vec<Rc<Model>>,
    teachers: Vec<usize>,
    images: Images,
    batch_size: usize,
    n_classes: usize,
    logits: Vec<f32>,
}

impl Prediction {
    /// `teachers` are the members of the ensemble; those that are not among `models` are left out.
    ///
    /// # Errors
    /// `bad_argument` without a model, `class_mismatch` where their class counts differ.
    pub fn new(models: Vec<Rc<Model>>, teachers: &[String], images: Images, batch_size: usize) -> LabResult<Self> {
        let first = models
            .first()
            .ok_or_else(|| LabError::bad_argument("there is no model to predict with; load one first"))?;
        let n_classes = first.info.n_classes as usize;
        same_classes(models.iter().map(|model| &model.info))?;
        let teachers = (0..models.len())
            .filter(|&i| teachers.contains(&models[i].info.name))
            .collect();
        let capacity = models.len() * images.n_images() * n_classes;
        let batch_size = batch_size.max(1);
        Ok(Self {
            models,
            teachers,
            images,
            batch_size,
            n_classes,
            logits: Vec::with_capacity(capacity),
        })
    }

    /// Runs one network on one batch. True when all is done.
    ///
    /// # Errors
    /// What the device reports.
    pub async fn advance(&mut self) -> LabResult<bool> {
        let n_images = self.images.n_images();
        let done = self.logits.len() / self.n_classes;
        let (model, first) = (done / n_images, done % n_images);
        if let Some(model) = self.models.get(model) {
            let n = self.batch_size.min(n_images - first);
            self.logits.extend(model.logits(self.images.pixels(first, n)).await?);
        }
        Ok(self.logits.len() == self.models.len() * n_images * self.n_classes)
    }

    /// Logits so far and the ensemble of the teachers.
    ///
    /// # Errors
    /// `gpu_error` where a logit is no number.
    pub fn finish(self) -> LabResult<Predictions> {
        let per_model = self.images.n_images() * self.n_classes;
        let members: Vec<&[f32]> = self
            .teachers
            .iter()
            .map(|&i| &self.logits[i * per_model..(i + 1) * per_model])
            .collect();
        let ensemble = match members.is_empty() {
            true => None,
            false => Some(
                ensemble_log_probs(&members, self.n_classes)?
                    .into_iter()
                    .map(|v| v as f32)
                    .collect(),
            ),
        };
        let models = self.models.iter().map(|model| model.info.name.clone()).collect();
        Ok(Predictions {
            models,
            n_classes: self.n_classes,
            logits: self.logits,
            ensemble,
        })
    }
}
