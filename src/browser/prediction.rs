//! A prediction, one batch per call, or one network on one batch if the device is slow.

use std::rc::Rc;

use wasm_bindgen::prelude::*;

use super::shared::Shared;
use super::turn::Turn;
use super::types::PredictionResult;
use crate::session::Prediction;

/// A prediction in progress. See the module.
#[wasm_bindgen]
pub struct PredictionRun {
    run: Turn<Prediction>,
    shared: Rc<Shared>,
}

impl PredictionRun {
    pub(super) fn new(run: Prediction, shared: Rc<Shared>) -> Self {
        Self {
            run: Turn::new(run),
            shared,
        }
    }
}

#[wasm_bindgen]
impl PredictionRun {
    /// See [`Prediction::advance`]. Returns true when the prediction is complete.
    pub async fn advance(&self) -> Result<bool, JsValue> {
        let work = self.run.with(async |run| run.advance().await);
        Ok(self.shared.checked(work).await?)
    }

    /// Returns the prediction and ends the run.
    pub fn finish(&self) -> Result<PredictionResult, JsValue> {
        let done = self.run.take()?.finish()?;
        Ok(PredictionResult {
            models: done.models,
            n_classes: done.n_classes as u32,
            logits: done.logits,
            ensemble: done.ensemble,
        })
    }
}
