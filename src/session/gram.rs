//! Gram matrices of a network's activations at the end of each stage, from which centred kernel alignment is computed.

use std::rc::Rc;

use super::images::Images;
use super::model::Model;
use crate::error::{LabError, LabResult};
use crate::kernels::cpu::gram;
use crate::kernels::plan::N_STAGES;

/// Largest number of images; a PreResNet-56 then needs 134 MB for activations.
const MOST_IMAGES: usize = 512;

/// Gram matrices in progress. Activations are read back from the device, but only `n` numbers per image are returned.
pub struct Gram {
    models: Vec<Rc<Model>>,
    images: Images,
    batch_size: usize,
    /// Activations of the current stage for the images processed so far.
    activations: Vec<f32>,
    n_done: usize,
    /// The matrices `[models, stages, n, n]` computed so far.
    values: Vec<f32>,
}

impl Gram {
    /// # Errors
    /// `bad_argument` if there is no model, or fewer than two or more than 512 images.
    pub fn new(models: Vec<Rc<Model>>, images: Images, batch_size: usize) -> LabResult<Self> {
        if models.is_empty() {
            return Err(LabError::bad_argument("there is no model to compare; load one first"));
        }
        let n = images.n_images();
        if !(2..=MOST_IMAGES).contains(&n) {
            return Err(LabError::bad_argument(format!(
                "there are {n} images; a Gram matrix takes 2 to {MOST_IMAGES}"
            )));
        }
        Ok(Self {
            models,
            images,
            batch_size: batch_size.max(1),
            activations: Vec::new(),
            n_done: 0,
            values: Vec::new(),
        })
    }

    /// Runs one network on one batch up to the end of a stage. Returns whether all matrices are complete.
    ///
    /// # Errors
    /// The device's errors.
    pub async fn advance(&mut self) -> LabResult<bool> {
        let n = self.images.n_images();
        let n_matrices = self.values.len() / (n * n);
        let (model, stage) = (n_matrices / N_STAGES, n_matrices % N_STAGES);
        if let Some(model) = self.models.get(model) {
            let batch = self.batch_size.min(n - self.n_done);
            let activations = model.stage(self.images.pixels(self.n_done, batch), stage).await?;
            self.n_done += batch;
            self.activations.extend(activations);
            if self.n_done == n {
                self.values.extend(gram(&std::mem::take(&mut self.activations), n));
                self.n_done = 0;
            }
        }
        Ok(self.values.len() == self.models.len() * N_STAGES * n * n)
    }

    /// Completed share of the work, from 0 to 1.
    pub fn progress(&self) -> f64 {
        let n = self.images.n_images();
        let matrices = self.values.len() as f64 / (n * n) as f64 + self.n_done as f64 / n as f64;
        matrices / (self.models.len() * N_STAGES) as f64
    }

    /// Returns the models' names and the matrices `[models, stages, n, n]` computed so far.
    pub fn finish(self) -> (Vec<String>, Vec<f32>) {
        let names = self.models.iter().map(|model| model.info.name.clone());
        (names.collect(), self.values)
    }
}
