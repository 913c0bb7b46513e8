//! Statistics of networks' answers to a whole test set: what needs no device.

use std::cell::RefCell;

use serde::Serialize;
use serde::de::DeserializeOwned;
use tsify::{Ts, Tsify};
use wasm_bindgen::prelude::*;

use super::types::{from_ts, to_ts};
use crate::analysis::{
    self, Answers, Baselines, BaselinesArgs, Calibration, CalibrationArgs, Cells, ConfusionArgs, Intervals,
    IntervalsArgs, McNemar, McNemarArgs, NetworkFacts, PairArgs, Report, ReportArgs,
};
use crate::error::LabResult;

/// Labels and the logits of networks by name, and the questions that they answer.
#[wasm_bindgen]
pub struct Statistics(RefCell<Answers>);

#[wasm_bindgen]
impl Statistics {
    /// `labels` are the true classes, one an image.
    ///
    /// # Errors
    /// `bad_argument`.
    #[wasm_bindgen(constructor)]
    pub fn new(labels: Vec<u8>, n_classes: usize) -> Result<Statistics, JsValue> {
        Ok(Self(RefCell::new(Answers::new(labels, n_classes)?)))
    }

    /// Names in the order in which they were added.
    pub fn models(&self) -> Vec<String> {
        self.0.borrow().names()
    }

    /// Takes logits `[n, classes]`, f32.
    ///
    /// # Errors
    /// `name_taken`, `bad_argument`.
    pub fn add(&self, name: &str, logits: Vec<f32>, facts: Ts<NetworkFacts>) -> Result<(), JsValue> {
        let facts = from_ts(&facts)?;
        Ok(self.0.borrow_mut().add(name, logits, facts)?)
    }

    /// Takes logits `[n, classes]`, f16 in little-endian bytes.
    ///
    /// # Errors
    /// `name_taken`, `bad_argument`.
    #[wasm_bindgen(js_name = addF16)]
    pub fn add_f16(&self, name: &str, bytes: &[u8], facts: Ts<NetworkFacts>) -> Result<(), JsValue> {
        let facts = from_ts(&facts)?;
        Ok(self.0.borrow_mut().add_f16(name, bytes, facts)?)
    }

    /// Forgets a network.
    ///
    /// # Errors
    /// `unknown_model`.
    pub fn remove(&self, name: &str) -> Result<(), JsValue> {
        Ok(self.0.borrow_mut().remove(name)?)
    }

    /// See [`analysis::report`].
    pub fn report(&self, args: Ts<ReportArgs>) -> Result<Ts<Report>, JsValue> {
        self.ask(&args, analysis::report)
    }

    /// See [`analysis::calibration`].
    pub fn calibration(&self, args: Ts<CalibrationArgs>) -> Result<Ts<Calibration>, JsValue> {
        self.ask(&args, analysis::calibration)
    }

    /// See [`analysis::cells`].
    pub fn cells(&self, args: Ts<PairArgs>) -> Result<Ts<Cells>, JsValue> {
        self.ask(&args, analysis::cells)
    }

    /// See [`analysis::confusion`].
    pub fn confusion(&self, args: Ts<ConfusionArgs>) -> Result<Vec<u32>, JsValue> {
        let args = from_ts(&args)?;
        Ok(analysis::confusion(&self.0.borrow(), &args)?)
    }

    /// See [`analysis::mcnemar`].
    pub fn mcnemar(&self, args: Ts<McNemarArgs>) -> Result<Ts<McNemar>, JsValue> {
        self.ask(&args, analysis::mcnemar)
    }

    /// See [`analysis::baselines`].
    pub fn baselines(&self, args: Ts<BaselinesArgs>) -> Result<Ts<Baselines>, JsValue> {
        self.ask(&args, analysis::baselines)
    }

    /// See [`analysis::intervals`].
    pub fn intervals(&self, args: Ts<IntervalsArgs>) -> Result<Ts<Intervals>, JsValue> {
        self.ask(&args, analysis::intervals)
    }
}

impl Statistics {
    /// A question of the room `analysis`, from JavaScript's arguments to JavaScript's answer.
    fn ask<A, T>(&self, args: &Ts<A>, question: fn(&Answers, &A) -> LabResult<T>) -> Result<Ts<T>, JsValue>
    where
        A: Tsify<JsType: Clone> + DeserializeOwned,
        T: Tsify + Serialize,
    {
        let args = from_ts(args)?;
        Ok(to_ts(&question(&self.0.borrow(), &args)?)?)
    }
}
