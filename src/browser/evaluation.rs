//! An evaluation, one batch per call, or one network on one batch if the device is slow.

use std::rc::Rc;

use tsify::Ts;
use wasm_bindgen::prelude::*;

use super::shared::Shared;
use super::turn::Turn;
use super::types::to_ts;
use crate::error::{ErrorCode, LabError, LabResult};
use crate::session::{Evaluation, EvaluationReport};

/// An evaluation in progress. See the module.
#[wasm_bindgen]
pub struct EvaluationRun {
    run: Turn<Evaluation>,
    shared: Rc<Shared>,
}

impl EvaluationRun {
    pub(super) fn new(run: Evaluation, snapshot: Option<String>, shared: Rc<Shared>) -> LabResult<Self> {
        let invalid = |e: serde_json::Error| {
            LabError::new(
                ErrorCode::CheckpointInvalid,
                format!("this snapshot cannot be used: {e}"),
            )
        };
        let run = match snapshot {
            Some(json) => run.resume(serde_json::from_str(&json).map_err(invalid)?)?,
            None => run,
        };
        Ok(Self {
            run: Turn::new(run),
            shared,
        })
    }
}

#[wasm_bindgen]
impl EvaluationRun {
    /// Number of images in all.
    #[wasm_bindgen(getter, js_name = nImages)]
    pub fn n_images(&self) -> Result<usize, JsValue> {
        Ok(self.run.peek(Evaluation::n_images)?)
    }

    /// See [`Evaluation::advance`]. Returns the number of images done.
    pub async fn advance(&self) -> Result<usize, JsValue> {
        let work = self.run.with(async |run| run.advance().await);
        Ok(self.shared.checked(work).await?)
    }

    /// The metrics over the images evaluated so far.
    pub fn report(&self) -> Result<Ts<EvaluationReport>, JsValue> {
        Ok(to_ts(&self.run.peek(Evaluation::report)?)?)
    }

    /// The sums so far as JSON, from which `Engine.evaluate` resumes.
    pub fn snapshot(&self) -> Result<String, JsValue> {
        let json = self.run.peek(|run| serde_json::to_string(run.snapshot()))?;
        Ok(json.map_err(|e| LabError::new(ErrorCode::Internal, e.to_string()))?)
    }
}
