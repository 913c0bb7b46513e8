//! One training, a step a call: of a student on its teachers' answers, or of a teacher on labels.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::rc::Rc;

use burn::tensor::{Device, Int, Tensor, TensorData};

use super::checkpoint::Checkpoint;
use super::loss::{distillation_loss, label_loss};
use super::measure::{Answers, Step};
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

/// A network on its way from one set of weights to another.
pub struct Training {
    recipe: Recipe,
    source: Network,
    info: ModelInfo,
    compute: ComputeDevice,
    /// The same, with autodiff.
    device: Device,
    student: PreResNet,
    /// None where it is trained on labels.
    teachers: Vec<Rc<Model>>,
    optimiser: Sgd,
    images: Images,
    /// The ensemble's log-probabilities by image, where images are distilled on as they are.
    known: BTreeMap<usize, Vec<f32>>,
    /// Batches from the coming step on, with their teachers' answers.
    ahead: VecDeque<(Batch, Option<Vec<f32>>)>,
    steps_done: u32,
    /// Steps that are done and not yet measured.
    waiting: Vec<Waiting>,
}

/// What measures a step, once its logits are read.
struct Waiting {
    /// `[n, classes]`
    logits: Tensor<2>,
    /// Log-probabilities `[n, classes]`.
    teacher: Option<Vec<f32>>,
    labels: Option<Vec<u8>>,
    step: u32,
}

/// The images of a step.
struct Batch {
    indices: Vec<usize>,
    /// `[n, side, side, 3]`
    pixels: Vec<u8>,
    side: usize,
    labels: Option<Vec<u8>>,
}

impl Training {
    /// A distillation. It starts from the source student, which stays as it is.
    ///
    /// # Errors
    /// `bad_argument` where the recipe is out of range or a label is no class, `no_teacher` where `teachers` is empty.
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
        Self::new(recipe, source, info, teachers, images, compute)
    }

    /// A training on labels; `objective`, `temperature` and `alpha` of the recipe are not used. It starts from the source, which
    /// stays as it is.
    ///
    /// # Errors
    /// `bad_argument` where the recipe is out of range, there are no labels, a label is no class or the policy mixes images.
    pub fn on_labels(
        recipe: Recipe,
        source: &Network,
        info: &ModelInfo,
        images: Images,
        compute: &ComputeDevice,
    ) -> LabResult<Self> {
        recipe.check(images.n_images(), images.all_labels().is_some())?;
        images.check_labels(source.architecture.n_classes)?;
        if images.all_labels().is_none() {
            return Err(LabError::bad_argument(
                "training without a teacher needs labels, and there are none",
            ));
        }
        if recipe.policy == Policy::Mixup {
            return Err(LabError::bad_argument(
                "the policy mixup makes images that no label fits; without a teacher another policy is needed",
            ));
        }
        Self::new(recipe, source, info, Vec::new(), images, compute)
    }

    fn new(
        recipe: Recipe,
        source: &Network,
        info: &ModelInfo,
        teachers: Vec<Rc<Model>>,
        images: Images,
        compute: &ComputeDevice,
    ) -> LabResult<Self> {
        if recipe.small_steps > 0 && !compute.takes_any_size() {
            return Err(LabError::bad_argument(format!(
                "smallSteps is {}; the WebGPU kernels are made for images of 32 pixels, so it must be 0",
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
            teachers,
            optimiser,
            images,
            known: BTreeMap::new(),
            ahead: VecDeque::new(),
            steps_done: 0,
            waiting: Vec::new(),
        })
    }

    /// Goes on from a checkpoint of the same run.
    ///
    /// # Errors
    /// `checkpoint_invalid` where it belongs to another recipe, student, teachers or number of images.
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

    /// Steps done so far.
    pub fn steps_done(&self) -> u32 {
        self.steps_done
    }

    /// The learning rate of the coming step.
    pub fn learning_rate(&self) -> f64 {
        self.recipe.learning_rate_at(self.steps_done)
    }

    /// Steps of the recipe.
    pub fn total_steps(&self) -> u32 {
        self.recipe.steps
    }

    /// Images a batch: the recipe's, or all there are where those are fewer.
    pub fn batch_size(&self) -> usize {
        (self.recipe.batch_size as usize).min(self.images.n_images())
    }

    /// Trains on one batch, and measures it.
    ///
    /// # Errors
    /// What the device reports, and `gpu_error` where the loss is no number any more.
    pub async fn step(&mut self) -> LabResult<Step> {
        self.step_unread().await?;
        let missing = || LabError::new(ErrorCode::Internal, "a step was not measured");
        self.measured().await?.pop().ok_or_else(missing)
    }

    /// Lets the teachers answer for the coming `n_steps` together, whose images follow from the seed: a GPU is waited for once
    /// instead of at every step.
    ///
    /// # Errors
    /// What the device reports.
    pub async fn answer_ahead(&mut self, n_steps: usize) -> LabResult<()> {
        if self.teachers.is_empty() {
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
            let answers = self.answers(&indices, &pixels, side).await?;
            let values_per_batch = self.batch_size() * self.source.architecture.n_classes;
            let answers = answers
                .chunks_exact(values_per_batch)
                .map(|answers| Some(answers.to_vec()));
            self.ahead.extend(alike.into_iter().zip(answers));
        }
        Ok(())
    }

    /// Trains on one batch, whose figures [`Training::measured`] gives later: a read-back makes a GPU wait.
    ///
    /// # Errors
    /// What the device reports.
    pub async fn step_unread(&mut self) -> LabResult<()> {
        if self.waiting.len() >= MAX_WAITING {
            let message = format!("{MAX_WAITING} steps wait to be measured; they must be before the next one");
            return Err(LabError::new(ErrorCode::Internal, message));
        }
        let _awake = stay_awake();
        let (batch, teacher) = match self.ahead.pop_front() {
            Some(ready) => ready,
            None => {
                let batch = self.batch(self.steps_done);
                let teacher = if self.teachers.is_empty() {
                    None
                } else {
                    Some(self.answers(&batch.indices, &batch.pixels, batch.side).await?)
                };
                (batch, teacher)
            }
        };
        let images = upload_images(&batch.pixels, batch.side, &self.source.normalisation, &self.device);
        let logits = if self.recipe.freeze_statistics {
            self.student.forward(images)
        } else {
            self.student.forward_train(images)
        };
        let loss = self.loss(logits.clone(), teacher.as_deref(), batch.labels.as_deref());
        let gradients = loss.backward();
        let learning_rate = self.learning_rate();
        self.optimiser.step(&mut self.student, &gradients, learning_rate);
        self.steps_done += 1;
        self.waiting.push(Waiting {
            logits: logits.without_autodiff(),
            teacher,
            labels: batch.labels,
            step: self.steps_done,
        });
        Ok(())
    }

    fn loss(&self, logits: Tensor<2>, teacher: Option<&[f32]>, labels: Option<&[u8]>) -> Tensor<1> {
        let n_classes = self.source.architecture.n_classes;
        let labels = labels.map(|labels| {
            let data: Vec<i32> = labels.iter().map(|&label| label.into()).collect();
            Tensor::<1, Int>::from_data(TensorData::new(data, [labels.len()]), &self.device)
        });
        let Recipe {
            objective,
            temperature,
            alpha,
            ..
        } = self.recipe;
        match (teacher, labels) {
            (Some(teacher), labels) => {
                let target = TensorData::new(teacher.to_vec(), [teacher.len() / n_classes, n_classes]);
                let target = Tensor::<2>::from_data(target, &self.device);
                distillation_loss(objective, logits, target, labels, temperature, alpha)
            }
            (None, Some(labels)) => label_loss(logits, labels),
            // Without either there is nothing to learn; the constructors let no such run begin.
            (None, None) => logits.sum().mul_scalar(0.0),
        }
    }

    /// The figures of all steps that wait for theirs, in order, by one read-back.
    ///
    /// # Errors
    /// What the device reports, and `gpu_error` where a loss is no number any more.
    pub async fn measured(&mut self) -> LabResult<Vec<Step>> {
        let waiting = std::mem::take(&mut self.waiting);
        if waiting.is_empty() {
            return Ok(Vec::new());
        }
        let logits = read(waiting.iter().map(|waiting| waiting.logits.clone())).await?;
        let steps = waiting.iter().zip(&logits).map(|(waiting, logits)| {
            let answers = Answers {
                logits,
                teacher: waiting.teacher.as_deref(),
                labels: waiting.labels.as_deref(),
                n_classes: self.source.architecture.n_classes,
            };
            let step = answers.measure(&self.recipe, waiting.step);
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

    /// Log-probabilities of the ensemble, `[n, classes]`, to images `[n, side, side, 3]` that were made of those of the indices.
    async fn answers(&mut self, indices: &[usize], pixels: &[u8], side: usize) -> LabResult<Vec<f32>> {
        if self.recipe.policy == Policy::None && side == SIDE {
            self.known_ensemble(indices).await
        } else {
            self.ensemble(pixels, side).await
        }
    }

    /// The ensemble's answers to images as they are, each computed once.
    async fn known_ensemble(&mut self, indices: &[usize]) -> LabResult<Vec<f32>> {
        let n_classes = self.source.architecture.n_classes;
        let unknown: BTreeSet<usize> = indices
            .iter()
            .copied()
            .filter(|i| !self.known.contains_key(i))
            .collect();
        if !unknown.is_empty() {
            let pixels: Vec<u8> = unknown
                .iter()
                .flat_map(|&i| self.images.pixels(i, 1))
                .copied()
                .collect();
            let answers = self.ensemble(&pixels, SIDE).await?;
            let answers = answers.chunks_exact(n_classes).map(<[f32]>::to_vec);
            self.known.extend(unknown.into_iter().zip(answers));
        }
        Ok(indices.iter().flat_map(|i| &self.known[i]).copied().collect())
    }

    /// Log-probabilities of the ensemble, `[n, classes]`.
    async fn ensemble(&self, pixels: &[u8], side: usize) -> LabResult<Vec<f32>> {
        let members = Model::logits_of_side(&self.teachers, pixels, side).await?;
        let members: Vec<_> = members.iter().map(Vec::as_slice).collect();
        let log_probs = ensemble_log_probs(&members, self.source.architecture.n_classes)?;
        Ok(log_probs.into_iter().map(|v| v as f32).collect())
    }

    /// Of the step after `step` others: a function of the seed and the step alone, so that a resumed run sees the same.
    fn batch(&self, step: u32) -> Batch {
        let Recipe { seed, policy, .. } = self.recipe;
        let indices = augment::batch_indices(seed, step, self.batch_size(), self.images.n_images());
        let mut pixels: Vec<u8> = indices
            .iter()
            .flat_map(|&i| self.images.pixels(i, 1))
            .copied()
            .collect();
        policy.apply(&mut pixels, seed, step);
        let labels = self
            .images
            .all_labels()
            .map(|labels| indices.iter().map(|&i| labels[i]).collect());
        let (pixels, side) = if step < self.recipe.small_steps {
            (augment::smaller(&pixels), SMALL_SIDE)
        } else {
            (pixels, SIDE)
        };
        Batch {
            indices,
            pixels,
            side,
            labels,
        }
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

    /// The network's tensors, read back.
    ///
    /// # Errors
    /// What the device reports.
    pub async fn state(&self) -> LabResult<StateDict> {
        read_state(&self.student).await
    }

    fn teacher_names(&self) -> Vec<String> {
        self.teachers.iter().map(|teacher| teacher.info.name.clone()).collect()
    }

    /// The network as one of its own, with its provenance.
    ///
    /// # Errors
    /// What the device reports.
    pub async fn network(&self, name: &str) -> LabResult<Network> {
        let state = self.state().await?;
        let teachers = self.teacher_names();
        let mut provenance = serde_json::json!({
            "madeBy": concat!("fidelity-lab ", env!("CARGO_PKG_VERSION")),
            "recipe": self.recipe,
            "stepsDone": self.steps_done,
            "nImages": self.images.n_images(),
        });
        if teachers.is_empty() {
            provenance["trainedFrom"] = self.info.name.as_str().into()
        } else {
            provenance["distilledFrom"] = self.info.name.as_str().into();
            provenance["teachers"] = serde_json::json!(teachers);
        }
        Ok(Network {
            name: name.to_owned(),
            state,
            provenance: Some(provenance.to_string()),
            notices: Vec::new(),
            ..self.source.clone()
        })
    }

    /// Everything that going on from here needs, apart from the recipe, the images and the networks' files. Figures that wait to be
    /// read are not part of it.
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

/// All tensors of a network, read back.
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
