//! Loaded networks.

use std::rc::Rc;

use serde::{Deserialize, Serialize};

use crate::data::SIDE;
use crate::device::{ComputeDevice, Evaluator};
use crate::error::{ErrorCode, LabError, LabResult};
use crate::weights::{Network, Role, StateDict};

/// Description of a loaded network.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "browser", derive(tsify::Tsify), tsify(missing_as_null))]
#[serde(rename_all = "camelCase")]
pub struct ModelInfo {
    /// Name, unique among the loaded models.
    pub name: String,
    /// Teacher or student.
    pub role: Role,
    /// Architecture family, such as `PreResNet-56`.
    pub family: String,
    /// Number of layers with weights, as the paper counts them.
    pub depth: u32,
    /// Number of classes.
    pub n_classes: u32,
    /// Number of trainable parameters.
    pub n_parameters: u32,
    /// Mean per channel, subtracted from pixels in 0..1.
    pub mean: [f32; 3],
    /// Standard deviation per channel, by which the difference is divided.
    pub std: [f32; 3],
    /// The provenance that the file declares, as JSON text.
    #[cfg_attr(feature = "browser", tsify(type = "string | null"))]
    pub provenance: Option<String>,
    /// Notices of what was assumed because the file does not declare it.
    pub notices: Vec<String>,
}

impl ModelInfo {
    /// Describes a network in this role.
    pub fn new(network: &Network, role: Role) -> Self {
        Self {
            name: network.name.clone(),
            role,
            family: network.architecture.family(),
            depth: network.architecture.depth as u32,
            n_classes: network.architecture.n_classes as u32,
            n_parameters: network.architecture.n_parameters() as u32,
            mean: network.normalisation.mean,
            std: network.normalisation.std,
            provenance: network.provenance.clone(),
            notices: network.notices.clone(),
        }
    }
}

/// A network on the device.
#[derive(Debug)]
pub struct Model {
    /// Description of the network.
    pub info: ModelInfo,
    evaluator: Evaluator,
}

impl Model {
    /// Uploads the network described by `info`, with the tensors of `state`.
    ///
    /// # Errors
    /// `weights_invalid` if a tensor is missing.
    pub fn new(info: ModelInfo, network: &Network, state: &StateDict, device: &ComputeDevice) -> LabResult<Self> {
        let evaluator = Evaluator::new(&network.architecture, state, &network.normalisation, &device.executor)?;
        Ok(Self { info, evaluator })
    }

    /// Computes each model's logits `[n, classes]` for pixels `[n, 32, 32, 3]`.
    ///
    /// # Errors
    /// The device's errors.
    pub async fn logits(models: &[Rc<Self>], pixels: &[u8]) -> LabResult<Vec<Vec<f32>>> {
        Self::logits_of_side(models, pixels, SIDE).await
    }

    /// Computes each model's logits `[n, classes]` for pixels `[n, side, side, 3]`; `side` must be a multiple of 8.
    ///
    /// # Errors
    /// The device's errors; `bad_argument` for a side other than 32 on WebGPU.
    pub async fn logits_of_side(models: &[Rc<Self>], pixels: &[u8], side: usize) -> LabResult<Vec<Vec<f32>>> {
        Evaluator::all_logits(&Self::evaluators(models), pixels, side).await
    }

    /// Computes the residual stream `[n, height, width, channels]` at the end of stage 0, 1 or 2 for pixels `[n, 32, 32, 3]`.
    ///
    /// # Errors
    /// The device's errors.
    pub async fn stage(&self, pixels: &[u8], stage: usize) -> LabResult<Vec<f32>> {
        self.evaluator.stage(pixels, stage).await
    }

    /// The number of models, from the first on, that one acceptably short call can run on `n_images`; at least one if there is
    /// any.
    pub fn networks_per_call(models: &[Rc<Self>], n_images: usize) -> usize {
        Evaluator::networks_per_call(&Self::evaluators(models), n_images).min(models.len())
    }

    fn evaluators(models: &[Rc<Self>]) -> Vec<&Evaluator> {
        models.iter().map(|model| &model.evaluator).collect()
    }
}

/// A network on the device and its copy in host memory, from which it can be recreated or saved.
#[derive(Debug)]
struct Loaded {
    model: Rc<Model>,
    network: Network,
}

/// All loaded networks, in the order of loading.
#[derive(Debug)]
pub struct Models {
    device: ComputeDevice,
    loaded: Vec<Loaded>,
}

impl Models {
    /// Creates an empty collection for this device.
    pub fn new(device: ComputeDevice) -> Self {
        Self {
            device,
            loaded: Vec::new(),
        }
    }

    /// The device that runs the networks.
    pub fn device(&self) -> &ComputeDevice {
        &self.device
    }

    /// Parses a safetensors file and uploads the network under `name`, or else the name that the file declares.
    ///
    /// # Errors
    /// `weights_invalid`, `name_taken`.
    pub fn load(&mut self, bytes: &[u8], role: Role, name: Option<String>) -> LabResult<ModelInfo> {
        let mut network =
            Network::from_safetensors(bytes).map_err(|e| LabError::new(ErrorCode::WeightsInvalid, e.to_string()))?;
        if let Some(name) = name {
            network.name = name;
        }
        self.insert(network, role)
    }

    /// Uploads a network to the device.
    ///
    /// # Errors
    /// `name_taken`, or `bad_argument` if the name is empty.
    pub fn insert(&mut self, network: Network, role: Role) -> LabResult<ModelInfo> {
        self.check_free(&network.name)?;
        let info = ModelInfo::new(&network, role);
        let model = Rc::new(Model::new(info.clone(), &network, &network.state, &self.device)?);
        self.loaded.push(Loaded { model, network });
        Ok(info)
    }

    /// # Errors
    /// `name_taken`, or `bad_argument` if the name is empty.
    pub fn check_free(&self, name: &str) -> LabResult<()> {
        if name.is_empty() {
            return Err(LabError::bad_argument("the model's name is empty; it needs a name"));
        }
        if self.loaded.iter().any(|loaded| loaded.model.info.name == name) {
            Err(LabError::new(
                ErrorCode::NameTaken,
                format!("a model named `{name}` is already loaded; remove it or choose another name"),
            ))
        } else {
            Ok(())
        }
    }

    /// Descriptions of all loaded models.
    pub fn infos(&self) -> Vec<ModelInfo> {
        self.loaded.iter().map(|loaded| loaded.model.info.clone()).collect()
    }

    /// Names of all loaded models.
    pub fn names(&self) -> Vec<String> {
        self.loaded
            .iter()
            .map(|loaded| loaded.model.info.name.clone())
            .collect()
    }

    fn find(&self, name: &str) -> LabResult<&Loaded> {
        self.loaded
            .iter()
            .find(|loaded| loaded.model.info.name == name)
            .ok_or_else(|| {
                let known = match self.names() {
                    names if names.is_empty() => "no model is loaded".to_owned(),
                    names => format!("loaded models: {}", names.join(", ")),
                };
                LabError::new(
                    ErrorCode::UnknownModel,
                    format!("there is no model named `{name}`; {known}"),
                )
            })
    }

    /// # Errors
    /// `unknown_model`.
    pub fn get(&self, name: &str) -> LabResult<Rc<Model>> {
        Ok(self.find(name)?.model.clone())
    }

    /// # Errors
    /// `unknown_model`, naming the first unknown one.
    pub fn all_named(&self, names: &[String]) -> LabResult<Vec<Rc<Model>>> {
        names.iter().map(|name| self.get(name)).collect()
    }

    /// All loaded students with the class count and family of the first.
    pub fn default_students(&self) -> Vec<Rc<Model>> {
        let mut students = self
            .loaded
            .iter()
            .map(|loaded| &loaded.model)
            .filter(|model| model.info.role == Role::Student)
            .peekable();
        let first = students
            .peek()
            .map(|model| (model.info.family.clone(), model.info.n_classes));
        students
            .filter(|model| first == Some((model.info.family.clone(), model.info.n_classes)))
            .cloned()
            .collect()
    }

    /// The copy in host memory.
    ///
    /// # Errors
    /// `unknown_model`.
    pub fn network(&self, name: &str) -> LabResult<&Network> {
        Ok(&self.find(name)?.network)
    }

    /// # Errors
    /// `unknown_model`.
    pub fn remove(&mut self, name: &str) -> LabResult<()> {
        self.find(name)?;
        self.loaded.retain(|loaded| loaded.model.info.name != name);
        Ok(())
    }

    /// The named teachers, or by default all loaded teachers with the family and class count of the student (without a student, of
    /// the first teacher).
    ///
    /// # Errors
    /// `unknown_model`; `class_mismatch` if their class counts differ from each other's or from the student's.
    pub fn teachers(&self, names: Option<&[String]>, student: Option<&ModelInfo>) -> LabResult<Vec<Rc<Model>>> {
        let teachers = match names {
            Some(names) => self.all_named(names)?,
            None => {
                let all = self
                    .loaded
                    .iter()
                    .map(|loaded| &loaded.model)
                    .filter(|model| model.info.role == Role::Teacher);
                let like = |a: &ModelInfo, b: &ModelInfo| a.family == b.family && a.n_classes == b.n_classes;
                let reference = student
                    .cloned()
                    .or_else(|| all.clone().next().map(|model| model.info.clone()));
                all.filter(|model| reference.as_ref().is_some_and(|r| like(r, &model.info)))
                    .cloned()
                    .collect()
            }
        };
        same_classes(teachers.iter().map(|teacher| &teacher.info).chain(student))?;
        Ok(teachers)
    }
}

/// # Errors
/// `class_mismatch`, naming two models that differ.
pub fn same_classes<'a>(mut infos: impl Iterator<Item = &'a ModelInfo>) -> LabResult<()> {
    let Some(first) = infos.next() else { return Ok(()) };
    match infos.find(|info| info.n_classes != first.n_classes) {
        Some(other) => Err(LabError::new(
            ErrorCode::ClassMismatch,
            format!(
                "`{}` has {} classes and `{}` has {}; class counts must match",
                first.name, first.n_classes, other.name, other.n_classes
            ),
        )),
        None => Ok(()),
    }
}
