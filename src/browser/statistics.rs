//! Statistics of networks' answers to a whole test set: what needs no device.

use std::cell::RefCell;

use serde::Serialize;
use serde::de::DeserializeOwned;
use tsify::{Ts, Tsify};
use wasm_bindgen::prelude::*;

use super::types::{from_ts, to_ts};
use crate::error::LabResult;
use crate::statistics::{
    self, Baselines, BaselinesArgs, Calibration, CalibrationArgs, Cells, Cka, CkaAccumulator, ConfusionArgs,
    FitTemperatureArgs, ImageAnswers, ImageAnswersArgs, ImagesArgs, Intervals, IntervalsArgs, McNemar, McNemarArgs,
    NetworkFacts, PairArgs, PairsArgs, Report, ReportArgs, StoredLogits, TemperatureCurves, TemperatureCurvesArgs,
    TemperatureFits, Verification,
};

/// Labels and the logits of networks by name, and the questions that they answer.
#[wasm_bindgen]
pub struct Statistics(RefCell<StoredLogits>);

#[wasm_bindgen]
impl Statistics {
    /// `labels` are the true classes, one an image.
    ///
    /// # Errors
    /// `bad_argument`.
    #[wasm_bindgen(constructor)]
    pub fn new(labels: Vec<u8>, n_classes: usize) -> Result<Statistics, JsValue> {
        Ok(Self(RefCell::new(StoredLogits::new(labels, n_classes)?)))
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

    /// See [`statistics::report`].
    pub fn report(&self, args: Ts<ReportArgs>) -> Result<Ts<Report>, JsValue> {
        self.ask(&args, statistics::report)
    }

    /// See [`statistics::calibration`].
    pub fn calibration(&self, args: Ts<CalibrationArgs>) -> Result<Ts<Calibration>, JsValue> {
        self.ask(&args, statistics::calibration)
    }

    /// See [`statistics::cells`].
    pub fn cells(&self, args: Ts<PairArgs>) -> Result<Ts<Cells>, JsValue> {
        self.ask(&args, statistics::cells)
    }

    /// See [`statistics::confusion`].
    pub fn confusion(&self, args: Ts<ConfusionArgs>) -> Result<Vec<u32>, JsValue> {
        let args = from_ts(&args)?;
        Ok(statistics::confusion(&self.0.borrow(), &args)?)
    }

    /// See [`statistics::mcnemar`].
    pub fn mcnemar(&self, args: Ts<McNemarArgs>) -> Result<Ts<McNemar>, JsValue> {
        self.ask(&args, statistics::mcnemar)
    }

    /// See [`statistics::baselines`].
    pub fn baselines(&self, args: Ts<BaselinesArgs>) -> Result<Ts<Baselines>, JsValue> {
        self.ask(&args, statistics::baselines)
    }

    /// See [`statistics::pairs`].
    pub fn pairs(&self, args: Ts<PairsArgs>) -> Result<PairsResult, JsValue> {
        let statistics::Pairs { models, agreement } = statistics::pairs(&self.0.borrow(), &from_ts(&args)?)?;
        Ok(PairsResult { models, agreement })
    }

    /// See [`statistics::intervals`].
    pub fn intervals(&self, args: Ts<IntervalsArgs>) -> Result<IntervalsRun, JsValue> {
        let run = statistics::IntervalsRun::new(&self.0.borrow(), &from_ts(&args)?)?;
        Ok(IntervalsRun(RefCell::new(run)))
    }

    /// See [`statistics::images`].
    pub fn images(&self, args: Ts<ImagesArgs>) -> Result<Images, JsValue> {
        Ok(Images(statistics::images(&self.0.borrow(), &from_ts(&args)?)?))
    }

    /// See [`statistics::image_answers`].
    #[wasm_bindgen(js_name = imageAnswers)]
    pub fn image_answers(&self, args: Ts<ImageAnswersArgs>) -> Result<Ts<ImageAnswers>, JsValue> {
        self.ask(&args, statistics::image_answers)
    }

    /// See [`statistics::fit_temperature`].
    #[wasm_bindgen(js_name = fitTemperature)]
    pub fn fit_temperature(&self, args: Ts<FitTemperatureArgs>) -> Result<Ts<TemperatureFits>, JsValue> {
        self.ask(&args, statistics::fit_temperature)
    }

    /// See [`statistics::temperature_curves`].
    #[wasm_bindgen(js_name = temperatureCurves)]
    pub fn temperature_curves(&self, args: Ts<TemperatureCurvesArgs>) -> Result<Ts<TemperatureCurves>, JsValue> {
        self.ask(&args, statistics::temperature_curves)
    }

    /// See [`statistics::verify`].
    pub fn verify(&self, name: &str, logits: &[f32], indices: Option<Vec<u32>>) -> Result<Ts<Verification>, JsValue> {
        let found = statistics::verify(&self.0.borrow(), name, logits, indices.as_deref())?;
        Ok(to_ts(&found)?)
    }
}

/// See [`statistics::Pairs`].
#[wasm_bindgen(getter_with_clone)]
pub struct PairsResult {
    pub models: Vec<String>,
    /// `[models, models]`
    pub agreement: Vec<f64>,
}

/// See [`statistics::Images`].
#[wasm_bindgen]
pub struct Images(statistics::Images);

#[wasm_bindgen]
impl Images {
    #[wasm_bindgen(getter)]
    pub fn indices(&self) -> Vec<u32> {
        self.0.indices.clone()
    }

    #[wasm_bindgen(getter, js_name = trueClass)]
    pub fn true_class(&self) -> Vec<u8> {
        self.0.true_class.clone()
    }

    #[wasm_bindgen(getter, js_name = teacherClass)]
    pub fn teacher_class(&self) -> Vec<u8> {
        self.0.teacher_class.clone()
    }

    #[wasm_bindgen(getter, js_name = studentClass)]
    pub fn student_class(&self) -> Vec<u8> {
        self.0.student_class.clone()
    }

    #[wasm_bindgen(getter)]
    pub fn cell(&self) -> Vec<u8> {
        self.0.cell.clone()
    }

    #[wasm_bindgen(getter)]
    pub fn kl(&self) -> Vec<f32> {
        self.0.kl.clone()
    }

    #[wasm_bindgen(getter, js_name = teacherConfidence)]
    pub fn teacher_confidence(&self) -> Vec<f32> {
        self.0.teacher_confidence.clone()
    }

    #[wasm_bindgen(getter, js_name = studentConfidence)]
    pub fn student_confidence(&self) -> Vec<f32> {
        self.0.student_confidence.clone()
    }

    #[wasm_bindgen(getter, js_name = teacherMargin)]
    pub fn teacher_margin(&self) -> Vec<f32> {
        self.0.teacher_margin.clone()
    }

    #[wasm_bindgen(getter, js_name = studentMargin)]
    pub fn student_margin(&self) -> Vec<f32> {
        self.0.student_margin.clone()
    }
}

/// See [`statistics::IntervalsRun`].
#[wasm_bindgen]
pub struct IntervalsRun(RefCell<statistics::IntervalsRun>);

#[wasm_bindgen]
impl IntervalsRun {
    /// Resamples asked for.
    #[wasm_bindgen(getter, js_name = nTotal)]
    pub fn n_total(&self) -> u32 {
        self.0.borrow().n_total()
    }

    /// Draws up to so many more resamples. Returns how many are done.
    pub fn advance(&self, n: u32) -> u32 {
        let mut run = self.0.borrow_mut();
        run.advance(n);
        run.n_done()
    }

    /// The intervals of the resamples done.
    ///
    /// # Errors
    /// `cancelled` below 100 resamples.
    pub fn report(&self) -> Result<Ts<Intervals>, JsValue> {
        Ok(to_ts(&self.0.borrow().report()?)?)
    }
}

/// See [`CkaAccumulator`].
#[wasm_bindgen]
#[derive(Default)]
pub struct CkaRun(RefCell<CkaAccumulator>);

#[wasm_bindgen]
impl CkaRun {
    #[wasm_bindgen(constructor)]
    pub fn new() -> Self {
        Self::default()
    }

    /// See [`CkaAccumulator::push`].
    pub fn push(&self, first: &[f32], second: &[f32], n: usize) -> Result<Ts<Cka>, JsValue> {
        let found = self.0.borrow_mut().push(first, second, n)?;
        Ok(to_ts(&found)?)
    }
}

impl Statistics {
    /// A question of the room `analysis`, from JavaScript's arguments to JavaScript's answer.
    fn ask<A, T>(&self, args: &Ts<A>, question: fn(&StoredLogits, &A) -> LabResult<T>) -> Result<Ts<T>, JsValue>
    where
        A: Tsify<JsType: Clone> + DeserializeOwned,
        T: Tsify + Serialize,
    {
        let args = from_ts(args)?;
        Ok(to_ts(&question(&self.0.borrow(), &args)?)?)
    }
}
