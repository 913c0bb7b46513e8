//! Gram matrices of a network's stages, one batch per call.

use std::rc::Rc;

use wasm_bindgen::prelude::*;

use super::shared::Shared;
use super::turn::Turn;
use super::types::GramResult;
use crate::session::Gram;

/// Gram matrices in progress. See the module.
#[wasm_bindgen]
pub struct GramRun {
    run: Turn<Gram>,
    shared: Rc<Shared>,
}

impl GramRun {
    pub(super) fn new(run: Gram, shared: Rc<Shared>) -> Self {
        Self {
            run: Turn::new(run),
            shared,
        }
    }
}

#[wasm_bindgen]
impl GramRun {
    /// See [`Gram::advance`]. Returns true when all matrices are complete.
    pub async fn advance(&self) -> Result<bool, JsValue> {
        let work = self.run.with(async |run| run.advance().await);
        Ok(self.shared.checked(work).await?)
    }

    /// See [`Gram::progress`].
    pub fn progress(&self) -> Result<f64, JsValue> {
        Ok(self.run.peek(Gram::progress)?)
    }

    /// Returns the matrices and ends the run.
    pub fn finish(&self) -> Result<GramResult, JsValue> {
        let (models, values) = self.run.take()?.finish();
        Ok(GramResult { models, values })
    }
}
