//! A training run's state as one safetensors file, independent of the device and the wasm instance.

use std::collections::BTreeMap;

use super::Recipe;
use crate::error::{ErrorCode, LabError, LabResult};
use crate::weights::{self, StateDict, read_tensors, write_tensors};

const VELOCITY: &str = "velocity.";
const KEY: &str = "fidelity_lab_checkpoint";

/// Everything that changes from step to step, and the settings of the run.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Checkpoint {
    pub recipe: Recipe,
    pub student: String,
    /// The teachers' names; empty if the student is trained on labels.
    pub teachers: Vec<String>,
    pub n_images: usize,
    pub steps_done: u32,
    pub state: StateDict,
    /// The optimiser's velocities, flat, by parameter name.
    pub velocities: BTreeMap<String, Vec<f32>>,
}

#[derive(serde::Serialize, serde::Deserialize)]
struct Header {
    recipe: Recipe,
    student: String,
    teachers: Vec<String>,
    n_images: usize,
    steps_done: u32,
}

impl Checkpoint {
    pub fn to_bytes(&self) -> LabResult<Vec<u8>> {
        let invalid = |e: String| LabError::new(ErrorCode::Internal, format!("writing a checkpoint: {e}"));
        let header = Header {
            recipe: self.recipe.clone(),
            student: self.student.clone(),
            teachers: self.teachers.clone(),
            n_images: self.n_images,
            steps_done: self.steps_done,
        };
        let header = serde_json::to_string(&header).map_err(|e| invalid(e.to_string()))?;
        let mut tensors = self.state.clone();
        for (name, data) in &self.velocities {
            tensors.insert(
                format!("{VELOCITY}{name}"),
                weights::Tensor {
                    shape: vec![data.len()],
                    data: data.clone(),
                },
            );
        }
        write_tensors(&tensors, &BTreeMap::from([(KEY.to_owned(), header)])).map_err(|e| invalid(e.to_string()))
    }

    pub fn from_bytes(bytes: &[u8]) -> LabResult<Self> {
        let (tensors, metadata) = read_tensors(bytes).map_err(|e| invalid(e.to_string()))?;
        let header = metadata
            .get(KEY)
            .ok_or_else(|| invalid("not a distillation checkpoint".into()))?;
        let Header {
            recipe,
            student,
            teachers,
            n_images,
            steps_done,
        } = serde_json::from_str(header).map_err(|e| invalid(e.to_string()))?;
        let (mut state, mut velocities) = (StateDict::default(), BTreeMap::new());
        for (name, tensor) in tensors.iter() {
            match name.strip_prefix(VELOCITY) {
                Some(name) => _ = velocities.insert(name.to_owned(), tensor.data.clone()),
                None => state.insert(name, tensor.clone()),
            }
        }
        Ok(Self {
            recipe,
            student,
            teachers,
            n_images,
            steps_done,
            state,
            velocities,
        })
    }

    /// # Errors
    /// `checkpoint_invalid`, naming what differs.
    pub fn check(&self, recipe: &Recipe, student: &str, teachers: &[String], n_images: usize) -> LabResult<()> {
        if self.student != student {
            return Err(invalid(format!(
                "it belongs to the student `{}`, not `{student}`",
                self.student
            )));
        }
        if self.teachers != teachers {
            let named = |names: &[String]| match names {
                [] => "none".to_owned(),
                names => names.join(", "),
            };
            return Err(invalid(format!(
                "its teachers are: {}; the given teachers are: {}",
                named(&self.teachers),
                named(teachers)
            )));
        }
        if self.n_images != n_images {
            return Err(invalid(format!(
                "its run has {} training images, not {n_images}",
                self.n_images
            )));
        }
        if self.recipe == *recipe && self.steps_done <= recipe.steps {
            Ok(())
        } else {
            Err(invalid(format!("its recipe is {:?}, not {recipe:?}", self.recipe)))
        }
    }
}

fn invalid(message: String) -> LabError {
    LabError::new(
        ErrorCode::CheckpointInvalid,
        format!("this checkpoint cannot be used: {message}"),
    )
}
