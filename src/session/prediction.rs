//! Logits of several networks on several images, a batch and as many networks a call as the device computes together.

use std::rc::Rc;

use super::images::Images;
use super::model::{Model, same_classes};
use crate::error::{LabError, LabResult};
use crate::metrics::ensemble_log_probs;

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
    /// `[n, classes]` of each model, as far as it has come.
    logits: Vec<Vec<f32>>,
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
        let logits = vec![Vec::with_capacity(images.n_images() * n_classes); models.len()];
        let batch_size = batch_size.max(1);
        Ok(Self {
            models,
            teachers,
            images,
            batch_size,
            n_classes,
            logits,
        })
    }

    /// Runs the networks that are behind on one batch, or some of them. True when all is done.
    ///
    /// # Errors
    /// What the device reports.
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

    /// Logits so far and the ensemble of the teachers.
    ///
    /// # Errors
    /// `gpu_error` where a logit is no number.
    pub fn finish(self) -> LabResult<Predictions> {
        let members: Vec<&[f32]> = self.teachers.iter().map(|&i| self.logits[i].as_slice()).collect();
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
