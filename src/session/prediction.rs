//! Prediction: logits of several networks for several images. Each call computes one batch for as many networks as the device
//! runs together.

use std::rc::Rc;

use super::images::Images;
use super::model::{Model, same_classes};
use crate::error::{LabError, LabResult};
use crate::metrics::ensemble_log_probs;
use crate::weights::Role;

/// The result of a prediction.
#[derive(Debug, Clone, PartialEq)]
pub struct Predictions {
    /// The models' names, in the order of `logits`.
    pub models: Vec<String>,
    /// Number of classes.
    pub n_classes: usize,
    /// The logits `[models, n, classes]`.
    pub logits: Vec<f32>,
    /// Log-probabilities `[n, classes]` of the teachers' ensemble, if there are teachers.
    pub ensemble: Option<Vec<f32>>,
}

/// A prediction in progress.
pub struct Prediction {
    models: Vec<Rc<Model>>,
    /// Places of the ensemble's members among `models`.
    members: Vec<usize>,
    images: Images,
    batch_size: usize,
    n_classes: usize,
    /// Each model's logits `[n, classes]` computed so far.
    logits: Vec<Vec<f32>>,
}

impl Prediction {
    /// `teachers` are the ensemble's members, by default those of `models` that were loaded as teachers. A member that is not among
    /// `models` is ignored.
    ///
    /// # Errors
    /// `bad_argument` if there is no model, `class_mismatch` if class counts differ.
    pub fn new(
        models: Vec<Rc<Model>>,
        teachers: Option<&[Rc<Model>]>,
        images: Images,
        batch_size: usize,
    ) -> LabResult<Self> {
        let first = models
            .first()
            .ok_or_else(|| LabError::bad_argument("there is no model to predict with; load one first"))?;
        let n_classes = first.info.n_classes as usize;
        same_classes(models.iter().map(|model| &model.info))?;
        let is_member = |model: &Rc<Model>| match teachers {
            Some(teachers) => teachers.iter().any(|teacher| Rc::ptr_eq(teacher, model)),
            None => model.info.role == Role::Teacher,
        };
        let members = (0..models.len()).filter(|&i| is_member(&models[i])).collect();
        let logits = vec![Vec::with_capacity(images.n_images() * n_classes); models.len()];
        let batch_size = batch_size.max(1);
        Ok(Self {
            models,
            members,
            images,
            batch_size,
            n_classes,
            logits,
        })
    }

    /// Runs some of the networks that are behind on one batch. Returns whether all logits are complete.
    ///
    /// # Errors
    /// The device's errors.
    pub async fn advance(&mut self) -> LabResult<bool> {
        let n_images = self.images.n_images();
        let n_done = |logits: &Vec<f32>| logits.len() / self.n_classes;
        let first = self.logits.iter().map(n_done).min().unwrap_or(n_images);
        let next = self.logits.iter().take_while(|logits| n_done(logits) > first).count();
        let n = self.batch_size.min(n_images - first);
        if n > 0 {
            let models = &self.models[next..];
            let models = &models[..Model::networks_per_call(models, n)];
            let answers = Model::logits(models, self.images.pixels(first, n)).await?;
            for (logits, answer) in self.logits[next..].iter_mut().zip(answers) {
                logits.extend(answer);
            }
        }
        let all = n_images * self.n_classes;
        Ok(self.logits.iter().all(|logits| logits.len() == all))
    }

    /// Returns the logits so far and the teachers' ensemble.
    ///
    /// # Errors
    /// `gpu_error` if a logit is not finite.
    pub fn finish(self) -> LabResult<Predictions> {
        let members: Vec<&[f32]> = self.members.iter().map(|&i| self.logits[i].as_slice()).collect();
        let ensemble = if members.is_empty() {
            None
        } else {
            Some(
                ensemble_log_probs(&members, self.n_classes)?
                    .into_iter()
                    .map(|v| v as f32)
                    .collect(),
            )
        };
        let models = self.models.iter().map(|model| model.info.name.clone()).collect();
        Ok(Predictions {
            models,
            n_classes: self.n_classes,
            logits: self.logits.concat(),
            ensemble,
        })
    }
}
