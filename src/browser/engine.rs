//! The engine of one device.

use std::rc::Rc;

use tsify::Ts;
use wasm_bindgen::prelude::*;

use super::distillation::DistillationRun;
use super::evaluation::EvaluationRun;
use super::gram::GramRun;
use super::prediction::PredictionRun;
use super::shared::Shared;
use super::types::{from_ts, to_ts};
use crate::distil::{Recipe, Training};
use crate::error::{ErrorCode, LabError, LabResult};
use crate::session::{Evaluation, Gram, Images, Model, ModelInfo, Prediction};
use crate::weights::{Precision, Role};

/// Loaded networks on one device, and the runs that work on them.
#[wasm_bindgen]
pub struct Engine {
    shared: Rc<Shared>,
    self_test_error: f32,
}

#[wasm_bindgen]
impl Engine {
    /// Acquires the module's device and tests it on a known answer. Only tests name `kernels`: those for a "gpu" or for a
    /// "software-adapter", instead of those that are fast on the adapter.
    ///
    /// # Errors
    /// `device_unavailable`, `gpu_error`, `bad_argument`.
    pub async fn create(kernels: Option<String>) -> Result<Engine, JsValue> {
        let shared = Shared::acquire(kernels.as_deref()).await?;
        let device = shared.device();
        let self_test_error = shared.checked(crate::device::self_test(&device.executor)).await?;
        Ok(Engine {
            shared: Rc::new(shared),
            self_test_error,
        })
    }

    /// Largest absolute error in the known-answer check.
    #[wasm_bindgen(getter, js_name = selfTestError)]
    pub fn self_test_error(&self) -> f32 {
        self.self_test_error
    }

    /// Labels of the GPU kernels that have been used, for tests.
    #[wasm_bindgen(getter, js_name = kernelLabels)]
    pub fn kernel_labels(&self) -> Vec<String> {
        self.shared.kernel_labels()
    }

    /// Describes the loaded models, in the order in which they were loaded.
    pub fn models(&self) -> Result<Vec<Ts<ModelInfo>>, JsValue> {
        Ok(self
            .shared
            .models
            .borrow()
            .infos()
            .iter()
            .map(to_ts)
            .collect::<LabResult<_>>()?)
    }

    /// Parses a safetensors file and copies it to the device.
    ///
    /// # Errors
    /// `weights_invalid`, `name_taken`.
    #[wasm_bindgen(js_name = loadModel)]
    pub fn load_model(&self, bytes: &[u8], role: Ts<Role>, name: Option<String>) -> Result<Ts<ModelInfo>, JsValue> {
        let info = self.shared.models.borrow_mut().load(bytes, from_ts(&role)?, name)?;
        Ok(to_ts(&info)?)
    }

    /// Removes a model from the device.
    ///
    /// # Errors
    /// `unknown_model`.
    #[wasm_bindgen(js_name = removeModel)]
    pub fn remove_model(&self, name: &str) -> Result<(), JsValue> {
        Ok(self.shared.models.borrow_mut().remove(name)?)
    }

    /// Writes the network as a safetensors file in f32.
    ///
    /// # Errors
    /// `unknown_model`.
    #[wasm_bindgen(js_name = exportModel)]
    pub fn export_model(&self, name: &str) -> Result<Vec<u8>, JsValue> {
        let models = self.shared.models.borrow();
        let bytes = models.network(name)?.to_safetensors(Precision::F32);
        Ok(bytes.map_err(|e| LabError::new(ErrorCode::Internal, e.to_string()))?)
    }

    /// Begins a prediction by `models` (by default all) and the ensemble of `teachers` (by default the teachers among `models`).
    ///
    /// # Errors
    /// `bad_argument`, `unknown_model`, `class_mismatch`.
    pub fn predict(
        &self,
        pixels: Vec<u8>,
        models: Option<Vec<String>>,
        teachers: Option<Vec<String>>,
        batch_size: usize,
    ) -> Result<PredictionRun, JsValue> {
        let loaded = self.shared.models.borrow();
        let models = loaded.all_named(&models.unwrap_or_else(|| loaded.names()))?;
        let teachers = teachers.map(|names| loaded.all_named(&names)).transpose()?;
        let run = Prediction::new(models, teachers.as_deref(), Images::new(pixels, None)?, batch_size)?;
        Ok(PredictionRun::new(run, self.shared.clone()))
    }

    /// Begins to compute Gram matrices of `models` (by default all) on the same images.
    ///
    /// # Errors
    /// `bad_argument`, `unknown_model`.
    pub fn gram(&self, pixels: Vec<u8>, models: Option<Vec<String>>, batch_size: usize) -> Result<GramRun, JsValue> {
        let loaded = self.shared.models.borrow();
        let models = loaded.all_named(&models.unwrap_or_else(|| loaded.names()))?;
        let run = Gram::new(models, Images::new(pixels, None)?, batch_size)?;
        Ok(GramRun::new(run, self.shared.clone()))
    }

    /// Begins an evaluation of `students` (by default all loaded students) against `teachers` (by default those of the students'
    /// family), or resumes one from its `snapshot`.
    ///
    /// # Errors
    /// `bad_argument`, `unknown_model`, `class_mismatch`, `checkpoint_invalid`.
    pub fn evaluate(
        &self,
        pixels: Vec<u8>,
        labels: Option<Vec<u8>>,
        teachers: Option<Vec<String>>,
        students: Option<Vec<String>>,
        batch_size: usize,
        snapshot: Option<String>,
    ) -> Result<EvaluationRun, JsValue> {
        let (teachers, students) = self.sides(teachers.as_deref(), students.as_deref())?;
        let run = Evaluation::new(teachers, students, Images::new(pixels, labels)?, batch_size)?;
        Ok(EvaluationRun::new(run, snapshot, self.shared.clone())?)
    }

    /// Begins to distil a loaded student into a new model `output_name`, or resumes from a `checkpoint`.
    ///
    /// # Errors
    /// `bad_argument`, `unknown_model`, `name_taken`, `no_teacher`, `class_mismatch`, `checkpoint_invalid`.
    #[allow(clippy::too_many_arguments)] // JavaScript sees one options object; this is its flat form.
    pub fn distill(
        &self,
        pixels: Vec<u8>,
        labels: Option<Vec<u8>>,
        student: &str,
        output_name: String,
        teachers: Option<Vec<String>>,
        recipe: Ts<Recipe>,
        checkpoint: Option<Vec<u8>>,
    ) -> Result<DistillationRun, JsValue> {
        let models = self.shared.models.borrow();
        models.check_free(&output_name)?;
        let source = models.get(student)?;
        let teachers = models.teachers(teachers.as_deref(), Some(&source.info))?;
        let images = Images::new(pixels, labels)?;
        let run = Training::distilling(
            from_ts(&recipe)?,
            models.network(student)?,
            &source.info,
            teachers.clone(),
            images,
            models.device(),
        )?;
        let run = match checkpoint {
            Some(bytes) => run.resume(&bytes)?,
            None => run,
        };
        Ok(DistillationRun::new(run, output_name, teachers, self.shared.clone()))
    }

    /// Frees everything on the device. Nothing can be computed afterwards.
    pub fn dispose(&self) {
        self.shared.dispose();
    }
}

type Sides = (Vec<Rc<Model>>, Vec<Rc<Model>>);

impl Engine {
    fn sides(&self, teachers: Option<&[String]>, students: Option<&[String]>) -> LabResult<Sides> {
        let models = self.shared.models.borrow();
        let students = match students {
            Some(names) => models.all_named(names)?,
            None => models.default_students(),
        };
        let teachers = models.teachers(teachers, students.first().map(|model| &model.info))?;
        Ok((teachers, students))
    }
}
