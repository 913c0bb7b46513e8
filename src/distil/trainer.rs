//! Training, one step per call: of a student towards its teachers' predictions, or of a teacher on labels.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::rc::Rc;

use burn::tensor::{Device, Int, Tensor, TensorData};

use super::checkpoint::Checkpoint;
use super::loss::{distillation_loss, label_loss};
use super::measure::{Step, Target};
use super::optimiser::Sgd;
use super::{Policy, Recipe};
use crate::data::SIDE;
use crate::data::augment::{self, SMALL_SIDE};
use crate::device::{ComputeDevice, read, upload_images};
use crate::error::{ErrorCode, LabError, LabResult};
use crate::kernels::cpu::parallel::stay_awake;
use crate::metrics::ensemble_log_probs;
use crate::model::PreResNet;
use crate::session::{Images, Model, ModelInfo};
use crate::weights::{self, Network, StateDict};

/// Steps whose logits may wait on the device; the next one reads them all.
const MAX_WAITING: usize = 64;

/// A network in training.
pub struct Training {
    recipe: Recipe,
    source: Network,
    info: ModelInfo,
    compute: ComputeDevice,
    /// The same device, with autodiff.
    device: Device,
    student: PreResNet,
    goal: Goal,
    optimiser: Sgd,
    images: Images,
    /// Batches from the coming step on, with what they are trained towards.
    ahead: VecDeque<(Batch, Target)>,
    steps_done: u32,
    /// Steps that are done but not yet measured.
    waiting: Vec<Waiting>,
}

/// What a network is trained towards.
enum Goal {
    /// The labels of all images.
    Labels(Vec<u8>),
    /// The ensemble of the teachers.
    Distil {
        teachers: Vec<Rc<Model>>,
        /// The ensemble's log-probabilities by image, for images that are not augmented.
        known: BTreeMap<usize, Vec<f32>>,
    },
}

/// What measures a step, once its logits are read.
struct Waiting {
    /// `[n, classes]`
    logits: Tensor<2>,
    target: Target,
    step: u32,
}

/// The images of a step.
struct Batch {
    indices: Vec<usize>,
    /// `[n, side, side, 3]`
    pixels: Vec<u8>,
    side: usize,
}

impl Training {
    /// Begins a distillation. It starts from the source student, which stays as it is.
    ///
    /// # Errors
    /// `bad_argument` if the recipe or a label is out of range, `no_teacher` if `teachers` is empty.
    pub fn distilling(
        recipe: Recipe,
        source: &Network,
        info: &ModelInfo,
        teachers: Vec<Rc<Model>>,
        images: Images,
        compute: &ComputeDevice,
    ) -> LabResult<Self> {
        recipe.check(images.n_images(), images.all_labels().is_some())?;
        images.check_labels(source.architecture.n_classes)?;
        if teachers.is_empty() {
            return Err(LabError::new(
                ErrorCode::NoTeacher,
                "there is no teacher to distil from; load one of the student's family first",
            ));
        }
        let known = BTreeMap::new();
        Self::new(recipe, source, info, Goal::Distil { teachers, known }, images, compute)
    }

    /// Begins a training on labels; `objective`, `temperature` and `alpha` of the recipe are not used. It starts from the source,
    /// which stays as it is.
    ///
    /// # Errors
    /// `bad_argument` if the recipe or a label is out of range, there are no labels, or the policy mixes images.
    pub fn on_labels(
        recipe: Recipe,
        source: &Network,
        info: &ModelInfo,
        images: Images,
        compute: &ComputeDevice,
    ) -> LabResult<Self> {
        recipe.check(images.n_images(), images.all_labels().is_some())?;
        images.check_labels(source.architecture.n_classes)?;
        let Some(labels) = images.all_labels().map(<[u8]>::to_vec) else {
            return Err(LabError::bad_argument(
                "training without a teacher needs labels, but the images have none",
            ));
        };
        if recipe.policy == Policy::Mixup {
            return Err(LabError::bad_argument(
                "the policy mixup makes images that no label fits; choose another policy to train on labels",
            ));
        }
        Self::new(recipe, source, info, Goal::Labels(labels), images, compute)
    }

    fn new(
        recipe: Recipe,
        source: &Network,
        info: &ModelInfo,
        goal: Goal,
        images: Images,
        compute: &ComputeDevice,
    ) -> LabResult<Self> {
        if recipe.small_steps > 0 && !compute.takes_any_size() {
            return Err(LabError::bad_argument(format!(
                "smallSteps is {}; it must be 0 on WebGPU, whose kernels take images of 32 pixels only",
                recipe.small_steps
            )));
        }
        let device = compute.tensors.clone().autodiff();
        let student = build(source, &source.state, &device)?;
        let optimiser = Sgd::new(recipe.weight_decay, recipe.decay);
        Ok(Self {
            recipe,
            source: source.clone(),
            info: info.clone(),
            compute: compute.clone(),
            device,
            student,
            goal,
            optimiser,
            images,
            ahead: VecDeque::new(),
            steps_done: 0,
            waiting: Vec::new(),
        })
    }

    /// Continues from a checkpoint of the same run.
    ///
    /// # Errors
    /// `checkpoint_invalid` if it belongs to another recipe, student, set of teachers or number of images.
    pub fn resume(mut self, bytes: &[u8]) -> LabResult<Self> {
        let checkpoint = Checkpoint::from_bytes(bytes)?;
        let teachers = self.teacher_names();
        checkpoint.check(&self.recipe, &self.info.name, &teachers, self.images.n_images())?;
        self.student = build(&self.source, &checkpoint.state, &self.device)?;
        let plain = &self.compute.tensors;
        let velocities = checkpoint.velocities.into_iter().map(|(name, data)| {
            let n = data.len();
            (name, Tensor::<1>::from_data(TensorData::new(data, [n]), plain))
        });
        self.optimiser = Sgd::new(self.recipe.weight_decay, self.recipe.decay).with_velocities(velocities.collect());
        self.steps_done = checkpoint.steps_done;
        self.ahead.clear();
        Ok(self)
    }

    /// Number of steps done so far.
    pub fn steps_done(&self) -> u32 {
        self.steps_done
    }

    /// The learning rate of the coming step.
    pub fn learning_rate(&self) -> f64 {
        self.recipe.learning_rate_at(self.steps_done)
    }

    /// Number of steps of the recipe.
    pub fn total_steps(&self) -> u32 {
        self.recipe.steps
    }

    /// Images per batch: the recipe's number, or all images if there are fewer.
    pub fn batch_size(&self) -> usize {
        (self.recipe.batch_size as usize).min(self.images.n_images())
    }

    /// Trains on one batch, and measures it.
    ///
    /// # Errors
    /// What the device reports, and `gpu_error` if the loss is no longer finite.
    pub async fn step(&mut self) -> LabResult<Step> {
        self.step_unread().await?;
        let missing = || LabError::new(ErrorCode::Internal, "a step was not measured");
        self.measured().await?.pop().ok_or_else(missing)
    }

    /// Lets the teachers predict for the coming `n_steps` together, whose images follow from the seed: the run then waits for the
    /// GPU once instead of at every step.
    ///
    /// # Errors
    /// What the device reports.
    pub async fn answer_ahead(&mut self, n_steps: usize) -> LabResult<()> {
        if matches!(self.goal, Goal::Labels(_)) {
            return Ok(());
        }
        let first = self.steps_done + self.ahead.len() as u32;
        let end = self.recipe.steps.min(self.steps_done + n_steps as u32);
        let mut batches: VecDeque<_> = (first..end).map(|step| self.batch(step)).collect();
        while let Some(side) = batches.front().map(|batch| batch.side) {
            let n_alike = batches.iter().take_while(|batch| batch.side == side).count();
            let alike: Vec<_> = batches.drain(..n_alike).collect();
            let indices: Vec<usize> = alike.iter().flat_map(|batch| &batch.indices).copied().collect();
            let pixels: Vec<u8> = alike.iter().flat_map(|batch| &batch.pixels).copied().collect();
            let log_probs = self.ensemble_log_probs(&indices, &pixels, side).await?;
            let values_per_batch = self.batch_size() * self.source.architecture.n_classes;
            for (batch, log_probs) in alike.into_iter().zip(log_probs.chunks_exact(values_per_batch)) {
                let target = self.ensemble_target(&batch, log_probs.to_vec());
                self.ahead.push_back((batch, target));
            }
        }
        Ok(())
    }

    /// Trains on one batch; [`Training::measured`] gives its figures later, since a read-back makes a GPU wait.
    ///
    /// # Errors
    /// What the device reports.
    pub async fn step_unread(&mut self) -> LabResult<()> {
        if self.waiting.len() >= MAX_WAITING {
            let message = format!("{MAX_WAITING} steps wait to be measured; measure them before the next one");
            return Err(LabError::new(ErrorCode::Internal, message));
        }
        let _awake = stay_awake();
        let (batch, target) = match self.ahead.pop_front() {
            Some(ready) => ready,
            None => {
                let batch = self.batch(self.steps_done);
                let target = self.target(&batch).await?;
                (batch, target)
            }
        };
        let images = upload_images(&batch.pixels, batch.side, &self.source.normalisation, &self.device);
        let logits = if self.recipe.freeze_statistics {
            self.student.forward(images)
        } else {
            self.student.forward_train(images)
        };
        let loss = self.loss(logits.clone(), &target);
        let gradients = loss.backward();
        let learning_rate = self.learning_rate();
        self.optimiser.step(&mut self.student, &gradients, learning_rate);
        self.steps_done += 1;
        self.waiting.push(Waiting {
            logits: logits.without_autodiff(),
            target,
            step: self.steps_done,
        });
        Ok(())
    }

    fn loss(&self, logits: Tensor<2>, target: &Target) -> Tensor<1> {
        let tensor_of = |labels: &[u8]| {
            let data: Vec<i32> = labels.iter().map(|&label| label.into()).collect();
            Tensor::<1, Int>::from_data(TensorData::new(data, [labels.len()]), &self.device)
        };
        match target {
            Target::Labels(labels) => label_loss(logits, tensor_of(labels)),
            Target::Ensemble { log_probs, labels } => {
                let n_classes = self.source.architecture.n_classes;
                let teacher = TensorData::new(log_probs.clone(), [log_probs.len() / n_classes, n_classes]);
                let teacher = Tensor::<2>::from_data(teacher, &self.device);
                let labels = labels.as_deref().map(tensor_of);
                let Recipe {
                    objective,
                    temperature,
                    alpha,
                    ..
                } = self.recipe;
                distillation_loss(objective, logits, teacher, labels, temperature, alpha)
            }
        }
    }

    /// Measures all waiting steps, in order, with one read-back.
    ///
    /// # Errors
    /// What the device reports, and `gpu_error` if a loss is no longer finite.
    pub async fn measured(&mut self) -> LabResult<Vec<Step>> {
        let waiting = std::mem::take(&mut self.waiting);
        if waiting.is_empty() {
            return Ok(Vec::new());
        }
        let logits = read(waiting.iter().map(|waiting| waiting.logits.clone())).await?;
        let steps = waiting.iter().zip(&logits).map(|(waiting, logits)| {
            let n_classes = self.source.architecture.n_classes;
            let step = waiting.target.measure(logits, n_classes, &self.recipe, waiting.step);
            if step.loss.is_finite() {
                Ok(step)
            } else {
                Err(LabError::new(
                    ErrorCode::GpuError,
                    format!(
                        "the loss is {} at step {}; a smaller learning rate than {} may keep it finite",
                        step.loss, step.step, step.learning_rate
                    ),
                ))
            }
        });
        steps.collect()
    }

    /// What a batch is trained towards; the teachers predict here.
    async fn target(&mut self, batch: &Batch) -> LabResult<Target> {
        if let Goal::Labels(labels) = &self.goal {
            return Ok(Target::Labels(batch.indices.iter().map(|&i| labels[i]).collect()));
        }
        let log_probs = self
            .ensemble_log_probs(&batch.indices, &batch.pixels, batch.side)
            .await?;
        Ok(self.ensemble_target(batch, log_probs))
    }

    fn ensemble_target(&self, batch: &Batch, log_probs: Vec<f32>) -> Target {
        let labels = self.images.all_labels();
        Target::Ensemble {
            log_probs,
            labels: labels.map(|labels| batch.indices.iter().map(|&i| labels[i]).collect()),
        }
    }

    /// The ensemble's log-probabilities `[n, classes]` for images `[n, side, side, 3]`, made from the images of these indices. Images
    /// that are not augmented are computed once each.
    async fn ensemble_log_probs(&mut self, indices: &[usize], pixels: &[u8], side: usize) -> LabResult<Vec<f32>> {
        let n_classes = self.source.architecture.n_classes;
        let is_augmented = self.recipe.policy != Policy::None || side != SIDE;
        let Goal::Distil { teachers, known } = &mut self.goal else {
            return Err(LabError::new(
                ErrorCode::Internal,
                "a training on labels has no teachers",
            ));
        };
        if is_augmented {
            return ensemble(teachers, pixels, side, n_classes).await;
        }
        let is_unknown = |i: &usize| !known.contains_key(i);
        let unknown: BTreeSet<usize> = indices.iter().copied().filter(is_unknown).collect();
        if !unknown.is_empty() {
            let pixels = unknown.iter().flat_map(|&i| self.images.pixels(i, 1));
            let pixels: Vec<u8> = pixels.copied().collect();
            let log_probs = ensemble(teachers, &pixels, SIDE, n_classes).await?;
            let by_image = log_probs.chunks_exact(n_classes).map(<[f32]>::to_vec);
            known.extend(unknown.into_iter().zip(by_image));
        }
        Ok(indices.iter().flat_map(|i| &known[i]).copied().collect())
    }

    /// The batch after `step` steps: a function of the seed and the step alone, so that a resumed run sees the same.
    fn batch(&self, step: u32) -> Batch {
        let Recipe { seed, policy, .. } = self.recipe;
        let indices = augment::batch_indices(seed, step, self.batch_size(), self.images.n_images());
        let mut pixels: Vec<u8> = indices
            .iter()
            .flat_map(|&i| self.images.pixels(i, 1))
            .copied()
            .collect();
        policy.apply(&mut pixels, seed, step);
        let (pixels, side) = if step < self.recipe.small_steps {
            (augment::smaller(&pixels), SMALL_SIDE)
        } else {
            (pixels, SIDE)
        };
        Batch { indices, pixels, side }
    }

    /// The name under which [`Self::model`] is evaluated.
    pub fn student_name(&self) -> &str {
        &self.info.name
    }

    /// The network as it is now, for evaluation.
    ///
    /// # Errors
    /// What the device reports.
    pub async fn model(&self) -> LabResult<Model> {
        Model::new(self.info.clone(), &self.source, &self.state().await?, &self.compute)
    }

    /// Reads back the network's tensors.
    ///
    /// # Errors
    /// What the device reports.
    pub async fn state(&self) -> LabResult<StateDict> {
        read_state(&self.student).await
    }

    fn teacher_names(&self) -> Vec<String> {
        match &self.goal {
            Goal::Labels(_) => Vec::new(),
            Goal::Distil { teachers, .. } => teachers.iter().map(|teacher| teacher.info.name.clone()).collect(),
        }
    }

    /// The trained network under a name of its own, with its provenance.
    ///
    /// # Errors
    /// What the device reports.
    pub async fn network(&self, name: &str) -> LabResult<Network> {
        let state = self.state().await?;
        let mut provenance = serde_json::json!({
            "madeBy": concat!("fidelity-lab ", env!("CARGO_PKG_VERSION")),
            "recipe": self.recipe,
            "stepsDone": self.steps_done,
            "nImages": self.images.n_images(),
        });
        let start = self.info.name.as_str().into();
        match &self.goal {
            Goal::Labels(_) => provenance["trainedFrom"] = start,
            Goal::Distil { .. } => {
                provenance["distilledFrom"] = start;
                provenance["teachers"] = self.teacher_names().into();
            }
        }
        Ok(Network {
            name: name.to_owned(),
            state,
            provenance: Some(provenance.to_string()),
            notices: Vec::new(),
            ..self.source.clone()
        })
    }

    /// Everything needed to continue from here, apart from the recipe, the images and the networks' files. Steps that wait to be
    /// measured are not part of it.
    ///
    /// # Errors
    /// What the device reports.
    pub async fn checkpoint(&self) -> LabResult<Vec<u8>> {
        let velocities = self.optimiser.velocities();
        let values = read(velocities.values().cloned()).await?;
        let velocities: BTreeMap<_, _> = velocities.keys().cloned().zip(values).collect();
        let state = self.state().await?;
        Checkpoint {
            recipe: self.recipe.clone(),
            student: self.info.name.clone(),
            teachers: self.teacher_names(),
            n_images: self.images.n_images(),
            steps_done: self.steps_done,
            state,
            velocities,
        }
        .to_bytes()
    }
}

/// The ensemble's log-probabilities `[n, classes]`.
async fn ensemble(teachers: &[Rc<Model>], pixels: &[u8], side: usize, n_classes: usize) -> LabResult<Vec<f32>> {
    let members = Model::logits_of_side(teachers, pixels, side).await?;
    let members: Vec<_> = members.iter().map(Vec::as_slice).collect();
    let log_probs = ensemble_log_probs(&members, n_classes)?;
    Ok(log_probs.into_iter().map(|v| v as f32).collect())
}

/// Reads back all tensors of a network.
///
/// # Errors
/// What the device reports.
pub(super) async fn read_state(model: &PreResNet) -> LabResult<StateDict> {
    let tensors = model.named_tensors();
    let values = read(tensors.iter().map(|(_, _, tensor)| tensor.clone())).await?;
    let named = tensors.into_iter().zip(values);
    Ok(named
        .map(|((name, shape, _), data)| (name, weights::Tensor { shape, data }))
        .collect())
}

fn build(source: &Network, state: &StateDict, device: &Device) -> LabResult<PreResNet> {
    PreResNet::from_state(&source.architecture, state, device)
        .map_err(|e| LabError::new(ErrorCode::CheckpointInvalid, e.to_string()))
}
