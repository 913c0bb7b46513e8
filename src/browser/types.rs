//! Types that cross to JavaScript and are not defined where they are made.

use serde::Serialize;
use tsify::{Ts, Tsify};
use wasm_bindgen::prelude::*;

use crate::error::LabError;

/// One step of a distillation.
#[derive(Serialize, Tsify)]
#[serde(rename_all = "camelCase")]
pub struct StepResult {
    /// Number of steps done, including this one.
    pub step: u32,
    /// The distillation loss before the update, BatchNorm in training mode.
    pub loss: f64,
    /// (1 - alpha) tau^2 times the entropy of the softened teacher: the loss of a student that predicts exactly as its teacher does.
    pub loss_floor: f64,
    /// Share of the (augmented) batch with the ensemble's top-1 class.
    pub train_agreement: f64,
    /// Learning rate of this step.
    pub learning_rate: f64,
    /// Number of images in this batch.
    pub batch_size: u32,
}

/// What a distillation measures on held-out images.
#[derive(Serialize, Tsify)]
#[tsify(missing_as_null)]
#[serde(rename_all = "camelCase")]
pub struct HoldOutMetrics {
    /// Number of images measured.
    pub n_images: u32,
    /// Share of images with the ensemble's top-1 class.
    pub agreement: f64,
    /// Mean KL(teacher || student) in nats at temperature 1.
    pub kl: f64,
    /// Accuracy of the student; null without labels.
    #[tsify(type = "number | null")]
    pub accuracy: Option<f64>,
    /// Accuracy of the ensemble; null without labels.
    #[tsify(type = "number | null")]
    pub ensemble_accuracy: Option<f64>,
    /// NLL of the student; null without labels.
    #[tsify(type = "number | null")]
    pub nll: Option<f64>,
    /// ECE of the student; null without labels.
    #[tsify(type = "number | null")]
    pub ece: Option<f64>,
}

/// Records of the CIFAR-100 binary format.
#[wasm_bindgen(getter_with_clone)]
pub struct Records {
    /// `[n, 32, 32, 3]`, RGB.
    pub pixels: Vec<u8>,
    /// Fine labels.
    pub labels: Vec<u8>,
    /// Coarse labels.
    #[wasm_bindgen(js_name = coarseLabels)]
    pub coarse_labels: Vec<u8>,
    /// Whether these are CIFAR-100's test images in any order; undefined if no hashes were given.
    #[wasm_bindgen(js_name = isCifar100Test)]
    pub is_cifar100_test: Option<bool>,
}

/// The answer of a prediction.
#[wasm_bindgen(getter_with_clone)]
pub struct PredictionResult {
    /// Names, in the order of `logits`.
    pub models: Vec<String>,
    /// Number of classes.
    #[wasm_bindgen(js_name = nClasses)]
    pub n_classes: u32,
    /// `[models, n, classes]`
    pub logits: Vec<f32>,
    /// `[n, classes]` log-probabilities; undefined without teachers.
    pub ensemble: Option<Vec<f32>>,
}

/// Gram matrices of the three stages.
#[wasm_bindgen(getter_with_clone)]
pub struct GramResult {
    /// Names, in the order of `values`.
    pub models: Vec<String>,
    /// `[models, 3, n, n]`
    pub values: Vec<f32>,
}

/// `{ code, message }`, as `LabError` of the JavaScript API expects it.
#[derive(Serialize)]
struct JsError<'a> {
    code: crate::error::ErrorCode,
    message: &'a str,
}

/// Converts a value to a typed one for JavaScript.
///
/// # Errors
/// `internal` if it cannot be represented.
pub(super) fn to_ts<T: Tsify + Serialize>(value: &T) -> Result<Ts<T>, LabError> {
    value
        .into_ts()
        .map_err(|e| LabError::new(crate::error::ErrorCode::Internal, e.to_string()))
}

/// Converts a value from JavaScript.
///
/// # Errors
/// `bad_argument` if it is not of its type.
pub(super) fn from_ts<T>(value: &Ts<T>) -> Result<T, LabError>
where
    T: Tsify<JsType: Clone> + serde::de::DeserializeOwned,
{
    value.to_rust().map_err(|e| LabError::bad_argument(e.to_string()))
}

pub(super) fn to_js(error: &LabError) -> JsValue {
    let plain = JsError {
        code: error.code,
        message: &error.message,
    };
    serde_wasm_bindgen::to_value(&plain).unwrap_or_else(|_| JsValue::from_str(&error.message))
}

impl From<LabError> for JsValue {
    fn from(error: LabError) -> Self {
        to_js(&error)
    }
}
