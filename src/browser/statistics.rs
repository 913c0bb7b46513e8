//! Statistics of several networks over a whole test set. They need no device.

use std::cell::RefCell;

use js_sys::{Float32Array, Uint8Array, Uint16Array, Uint32Array};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tsify::{Ts, Tsify};
use wasm_bindgen::prelude::*;

use super::options::{object, options, text};
use super::types::to_ts;
use crate::error::{LabError, LabResult};
use crate::statistics::{
    self, BaselinesArgs, CalibrationArgs, Cka, CkaAccumulator, ConfusionArgs, FitTemperatureArgs, ImageAnswersArgs,
    ImagesArgs, Intervals, IntervalsArgs, McNemarArgs, NetworkFacts, PairArgs, PairsArgs, ReportArgs, StoredLogits,
    TemperatureCurvesArgs, Verification,
};

/// The table of questions that take options and return an answer, both as plain objects. A line adds a question to [`Statistics::ask`],
/// and to `Questions` in TypeScript, from which `Analysis` and `AnalysisClient` have a method of this name.
macro_rules! questions {
    ($($name:literal => $function:ident($args:ident) -> $answer:ident,)*) => {
        #[wasm_bindgen(typescript_custom_section)]
        const QUESTIONS: &str = concat!(
            "/**\n * Options and answer of each question.\n */\nexport interface Questions {\n",
            $("    ", $name, ": [", stringify!($args), ", ", stringify!($answer), "];\n",)*
            "}\n\n",
            "export interface Statistics {\n",
            "    ask<Q extends keyof Questions>(question: Q, options: Questions[Q][0]): Questions[Q][1];\n",
            "}\n",
        );

        /// Returns the names of all questions.
        #[wasm_bindgen(unchecked_return_type = "(keyof Questions)[]")]
        pub fn questions() -> Vec<String> {
            [$($name),*].map(str::to_owned).to_vec()
        }

        #[wasm_bindgen]
        impl Statistics {
            /// Answers a question.
            ///
            /// # Errors
            /// `bad_argument`, and those of the question.
            #[wasm_bindgen(skip_typescript)]
            pub fn ask(&self, question: &str, given: JsValue) -> Result<JsValue, JsValue> {
                match question {
                    $($name => self.answer::<$args, statistics::$answer>(given, statistics::$function),)*
                    _ => Err(LabError::bad_argument(format!(
                        "there is no question \"{question}\"; the questions are {}", [$($name),*].join(", ")
                    )).into()),
                }
            }
        }
    };
}

questions! {
    "report" => report(ReportArgs) -> Report,
    "baselines" => baselines(BaselinesArgs) -> Baselines,
    "mcnemar" => mcnemar(McNemarArgs) -> McNemar,
    "cells" => cells(PairArgs) -> Cells,
    "calibration" => calibration(CalibrationArgs) -> Calibration,
    "fitTemperature" => fit_temperature(FitTemperatureArgs) -> TemperatureFits,
    "imageAnswers" => image_answers(ImageAnswersArgs) -> ImageAnswers,
}

/// Labels and the logits of networks by name, and the questions about them.
#[wasm_bindgen]
pub struct Statistics(RefCell<StoredLogits>);

/// The questions that are not in the table: they answer with typed arrays, or step by step.
#[wasm_bindgen]
impl Statistics {
    /// Takes the true class of each image.
    ///
    /// # Errors
    /// `bad_argument`.
    #[wasm_bindgen(constructor)]
    pub fn new(labels: Vec<u8>, n_classes: usize) -> Result<Statistics, JsValue> {
        Ok(Self(RefCell::new(StoredLogits::new(labels, n_classes)?)))
    }

    /// Returns the networks' names in the order in which they were added.
    pub fn models(&self) -> Vec<String> {
        self.0.borrow().names()
    }

    /// Takes logits `[n, classes]`: f32, or f16 as words or as little-endian bytes.
    ///
    /// # Errors
    /// `name_taken`, `bad_argument`.
    pub fn add(
        &self,
        #[wasm_bindgen(unchecked_param_type = "string")] name: &JsValue,
        #[wasm_bindgen(unchecked_param_type = "Float32Array | Uint8Array | Uint16Array")] logits: &JsValue,
        #[wasm_bindgen(unchecked_param_type = "NetworkFacts | undefined")] facts: JsValue,
    ) -> Result<(), JsValue> {
        let name = text("name", name)?;
        let facts: NetworkFacts = options(facts)?;
        let mut stored = self.0.borrow_mut();
        if let Some(values) = logits.dyn_ref::<Float32Array>() {
            return Ok(stored.add(&name, values.to_vec(), facts)?);
        }
        let bytes = match logits.dyn_ref::<Uint16Array>() {
            Some(words) => {
                Uint8Array::new_with_byte_offset_and_length(&words.buffer(), words.byte_offset(), words.byte_length())
            }
            None => object(
                "logits",
                logits,
                "a Float32Array, or f16 as a Uint8Array or Uint16Array",
            )?,
        };
        Ok(stored.add_f16(&name, &bytes.to_vec(), facts)?)
    }

    /// Forgets a network.
    ///
    /// # Errors
    /// `unknown_model`.
    pub fn remove(&self, name: &str) -> Result<(), JsValue> {
        Ok(self.0.borrow_mut().remove(name)?)
    }

    /// See [`statistics::confusion`].
    pub fn confusion(&self, args: Ts<ConfusionArgs>) -> Result<Vec<u32>, JsValue> {
        Ok(statistics::confusion(&self.0.borrow(), &options(args.js_value())?)?)
    }

    /// See [`statistics::pairs`].
    pub fn pairs(&self, args: Ts<PairsArgs>) -> Result<PairsResult, JsValue> {
        let statistics::Pairs { models, agreement } = statistics::pairs(&self.0.borrow(), &options(args.js_value())?)?;
        Ok(PairsResult { models, agreement })
    }

    /// See [`statistics::IntervalsRun::new`].
    pub fn intervals(&self, args: Ts<IntervalsArgs>) -> Result<IntervalsRun, JsValue> {
        let run = statistics::IntervalsRun::new(&self.0.borrow(), &options(args.js_value())?)?;
        Ok(IntervalsRun(RefCell::new(run)))
    }

    /// See [`statistics::images`].
    pub fn images(&self, args: Ts<ImagesArgs>) -> Result<Images, JsValue> {
        Ok(statistics::images(&self.0.borrow(), &options(args.js_value())?)?.into())
    }

    /// See [`statistics::temperatures`].
    pub fn temperatures(&self, args: Ts<TemperatureCurvesArgs>) -> Result<Vec<f64>, JsValue> {
        Ok(statistics::temperatures(&self.0.borrow(), &options(args.js_value())?)?)
    }

    /// See [`statistics::temperature_curves`].
    #[wasm_bindgen(js_name = temperatureCurves)]
    pub fn temperature_curves(
        &self,
        args: Ts<TemperatureCurvesArgs>,
    ) -> Result<Ts<statistics::TemperatureCurves>, JsValue> {
        let curves = statistics::temperature_curves(&self.0.borrow(), &options(args.js_value())?)?;
        Ok(to_ts(&curves)?)
    }

    /// See [`statistics::verify`].
    pub fn verify(
        &self,
        #[wasm_bindgen(unchecked_param_type = "string")] name: &JsValue,
        #[wasm_bindgen(unchecked_param_type = "Float32Array")] logits: &JsValue,
        #[wasm_bindgen(unchecked_param_type = "Uint32Array | undefined")] indices: &JsValue,
    ) -> Result<Ts<Verification>, JsValue> {
        let name = text("name", name)?;
        let logits = floats("logits", logits)?;
        let indices = if indices.is_undefined() {
            None
        } else {
            Some(object::<Uint32Array>("indices", indices, "a Uint32Array")?.to_vec())
        };
        let found = statistics::verify(&self.0.borrow(), &name, &logits, indices.as_deref())?;
        Ok(to_ts(&found)?)
    }
}

impl Statistics {
    /// Reads a question's options, and writes its answer, as plain objects.
    fn answer<A, T>(&self, given: JsValue, question: fn(&StoredLogits, &A) -> LabResult<T>) -> Result<JsValue, JsValue>
    where
        A: DeserializeOwned,
        T: Tsify + Serialize,
    {
        Ok(to_ts(&question(&self.0.borrow(), &options(given)?)?)?.into())
    }
}

fn floats(path: &str, value: &JsValue) -> LabResult<Vec<f32>> {
    Ok(object::<Float32Array>(path, value, "a Float32Array")?.to_vec())
}

/// See [`statistics::Pairs`].
#[wasm_bindgen(getter_with_clone)]
pub struct PairsResult {
    pub models: Vec<String>,
    /// `[models, models]`
    pub agreement: Vec<f64>,
}

/// See [`statistics::Images`].
#[wasm_bindgen(getter_with_clone)]
pub struct Images {
    #[wasm_bindgen(readonly)]
    pub indices: Vec<u32>,
    #[wasm_bindgen(readonly, js_name = trueClass)]
    pub true_class: Vec<u8>,
    #[wasm_bindgen(readonly, js_name = teacherClass)]
    pub teacher_class: Vec<u8>,
    #[wasm_bindgen(readonly, js_name = studentClass)]
    pub student_class: Vec<u8>,
    #[wasm_bindgen(readonly)]
    pub cell: Vec<u8>,
    #[wasm_bindgen(readonly)]
    pub kl: Vec<f32>,
    #[wasm_bindgen(readonly, js_name = teacherConfidence)]
    pub teacher_confidence: Vec<f32>,
    #[wasm_bindgen(readonly, js_name = studentConfidence)]
    pub student_confidence: Vec<f32>,
    #[wasm_bindgen(readonly, js_name = teacherMargin)]
    pub teacher_margin: Vec<f32>,
    #[wasm_bindgen(readonly, js_name = studentMargin)]
    pub student_margin: Vec<f32>,
}

impl From<statistics::Images> for Images {
    fn from(images: statistics::Images) -> Self {
        Self {
            indices: images.indices,
            true_class: images.true_class,
            teacher_class: images.teacher_class,
            student_class: images.student_class,
            cell: images.cell,
            kl: images.kl,
            teacher_confidence: images.teacher_confidence,
            student_confidence: images.student_confidence,
            teacher_margin: images.teacher_margin,
            student_margin: images.student_margin,
        }
    }
}

/// See [`statistics::IntervalsRun`].
#[wasm_bindgen]
pub struct IntervalsRun(RefCell<statistics::IntervalsRun>);

#[wasm_bindgen]
impl IntervalsRun {
    /// The number of resamples requested.
    #[wasm_bindgen(getter, js_name = nTotal)]
    pub fn n_total(&self) -> u32 {
        self.0.borrow().n_total()
    }

    /// Draws up to `n` more resamples. Returns how many are done.
    pub fn advance(&self, n: u32) -> u32 {
        let mut run = self.0.borrow_mut();
        run.advance(n);
        run.n_done()
    }

    /// Returns the intervals of the resamples done.
    ///
    /// # Errors
    /// `cancelled` if fewer than 100 resamples are done.
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
    pub fn push(
        &self,
        #[wasm_bindgen(unchecked_param_type = "Float32Array")] first: &JsValue,
        #[wasm_bindgen(unchecked_param_type = "Float32Array")] second: &JsValue,
        n: usize,
    ) -> Result<Ts<Cka>, JsValue> {
        let (first, second) = (floats("first", first)?, floats("second", second)?);
        let found = self.0.borrow_mut().push(&first, &second, n)?;
        Ok(to_ts(&found)?)
    }
}
