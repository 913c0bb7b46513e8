//! A distillation, one step per call.

use std::cell::RefCell;
use std::rc::Rc;

use tsify::Ts;
use wasm_bindgen::prelude::*;

use super::shared::Shared;
use super::turn::Turn;
use super::types::{HoldOutMetrics, StepResult, to_ts};
use crate::distil::Training;
use crate::error::{ErrorCode, LabError, LabResult};
use crate::session::{Evaluation, Images, Model, ModelInfo};
use crate::weights::Role;

/// A distillation in progress. See the module.
#[wasm_bindgen]
pub struct DistillationRun {
    run: Turn<Training>,
    /// The student's name in a measurement's report.
    student_name: String,
    output_name: String,
    teachers: Vec<Rc<Model>>,
    hold_out: RefCell<Option<HoldOut>>,
    measuring: Turn<Option<Evaluation>>,
    shared: Rc<Shared>,
}

/// Images that the student is measured on and never trained on.
struct HoldOut {
    images: Images,
    batch_size: usize,
    /// The ensemble's log-probabilities, which the first measurement computes.
    ensemble: Option<Rc<Vec<f64>>>,
}

impl DistillationRun {
    pub(super) fn new(run: Training, output_name: String, teachers: Vec<Rc<Model>>, shared: Rc<Shared>) -> Self {
        Self {
            student_name: run.student_name().to_owned(),
            run: Turn::new(run),
            output_name,
            teachers,
            hold_out: RefCell::new(None),
            measuring: Turn::new(None),
            shared,
        }
    }

    async fn start_measuring(&self) -> LabResult<Evaluation> {
        let student = self.run.with(async |run| run.model().await).await?;
        let student = Rc::new(student);
        let hold_out = self.hold_out.borrow();
        let hold_out = hold_out
            .as_ref()
            .ok_or_else(|| LabError::bad_argument("this distillation has no held-out images"))?;
        let images = hold_out.images.clone();
        match &hold_out.ensemble {
            Some(known) => Evaluation::against(known.clone(), vec![student], images, hold_out.batch_size),
            None => Evaluation::new(self.teachers.clone(), vec![student], images, hold_out.batch_size),
        }
    }

    fn finish_measuring(&self, evaluation: Evaluation) -> LabResult<HoldOutMetrics> {
        let report = evaluation.report();
        let missing = || LabError::new(ErrorCode::Internal, "the held-out measurement has no ensemble");
        let (student, fidelity) = report.student(&self.student_name)?;
        let fidelity = fidelity.ok_or_else(missing)?;
        let mut hold_out = self.hold_out.borrow_mut();
        let hold_out = hold_out.as_mut().ok_or_else(missing)?;
        if hold_out.ensemble.is_none() {
            hold_out.ensemble = Some(Rc::new(evaluation.into_ensemble().ok_or_else(missing)?));
        }
        Ok(HoldOutMetrics {
            n_images: report.n_images,
            agreement: fidelity.agreement,
            kl: fidelity.kl,
            accuracy: student.accuracy,
            ensemble_accuracy: report.ensemble.as_ref().and_then(|ensemble| ensemble.accuracy),
            nll: student.nll,
            ece: student.ece,
        })
    }
}

#[wasm_bindgen]
impl DistillationRun {
    /// Steps done, including those before a checkpoint.
    #[wasm_bindgen(getter, js_name = stepsDone)]
    pub fn steps_done(&self) -> Result<u32, JsValue> {
        Ok(self.run.peek(Training::steps_done)?)
    }

    /// The learning rate of the next step.
    #[wasm_bindgen(getter, js_name = learningRate)]
    pub fn learning_rate(&self) -> Result<f64, JsValue> {
        Ok(self.run.peek(Training::learning_rate)?)
    }

    /// Steps of the whole run.
    #[wasm_bindgen(getter, js_name = totalSteps)]
    pub fn total_steps(&self) -> Result<u32, JsValue> {
        Ok(self.run.peek(Training::total_steps)?)
    }

    /// Images per batch, which is at most the number of images.
    #[wasm_bindgen(getter, js_name = batchSize)]
    pub fn batch_size(&self) -> Result<u32, JsValue> {
        Ok(self.run.peek(|run| run.batch_size() as u32)?)
    }

    /// Trains on one batch.
    pub async fn step(&self) -> Result<Ts<StepResult>, JsValue> {
        let work = self.run.with(async |run| Ok((run.step().await?, run.batch_size())));
        let (step, batch_size) = self.shared.checked(work).await?;
        let result = StepResult {
            step: step.step,
            loss: step.loss,
            loss_floor: step.loss_floor,
            train_agreement: step.agreement,
            learning_rate: step.learning_rate,
            batch_size: batch_size as u32,
        };
        Ok(to_ts(&result)?)
    }

    /// Sets the held-out images for [`Self::measure`].
    #[wasm_bindgen(js_name = setHoldOut)]
    pub fn set_hold_out(&self, pixels: Vec<u8>, labels: Option<Vec<u8>>, batch_size: usize) -> Result<(), JsValue> {
        let images = Images::new(pixels, labels)?;
        images.check_labels(
            self.teachers
                .first()
                .map_or(0, |teacher| teacher.info.n_classes as usize),
        )?;
        self.hold_out.replace(Some(HoldOut {
            images,
            batch_size,
            ensemble: None,
        }));
        Ok(())
    }

    /// Runs one network on one batch of the held-out images, with the student as it was when the measurement began. Returns
    /// undefined until the measurement is complete; the next call begins another one.
    pub async fn measure(&self) -> Result<Option<Ts<HoldOutMetrics>>, JsValue> {
        let work = self.measuring.with(async |measuring| {
            let mut evaluation = match measuring.take() {
                Some(evaluation) => evaluation,
                None => self.start_measuring().await?,
            };
            if evaluation.advance().await? < evaluation.n_images() {
                *measuring = Some(evaluation);
                return Ok(None);
            }
            self.finish_measuring(evaluation).map(Some)
        });
        let metrics = self.shared.checked(work).await?;
        Ok(metrics.as_ref().map(to_ts).transpose()?)
    }

    /// Returns the state so far as a safetensors file, from which `Engine.distill` resumes.
    pub async fn checkpoint(&self) -> Result<Vec<u8>, JsValue> {
        let work = self.run.with(async |run| run.checkpoint().await);
        Ok(self.shared.checked(work).await?)
    }

    /// Loads the student as it is now as a new model, and ends the run.
    pub async fn finish(&self) -> Result<Ts<ModelInfo>, JsValue> {
        let run = self.run.take()?;
        let network = self.shared.checked(run.network(&self.output_name)).await?;
        let info = self.shared.models.borrow_mut().insert(network, Role::Student)?;
        Ok(to_ts(&info)?)
    }
}
