//! One distillation, a step a call.

use std::collections::BTreeMap;
use std::rc::Rc;

use burn::tensor::{Device, Int, Tensor, TensorData};

use super::checkpoint::Checkpoint;
use super::loss::distillation_loss;
use super::optimiser::Sgd;
use super::{Policy, Recipe};
use crate::data::augment;
use crate::engine::{ComputeDevice, Images, Model, ModelInfo, read, upload_images};
use crate::error::{ErrorCode, LabError, LabResult};
use crate::fidelity::{argmax, ensemble_log_probs, entropy, log_softmax};
use crate::kernels::cpu::parallel::stay_awake;
use crate::model::PreResNet;
use crate::weights::{self, Network, StateDict};

/// What one step measured, on the batch as it was augmented and with BatchNorm in training mode.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Step {
    /// Steps done, this one included.
    pub step: u32,
    /// The distillation loss before the update.
    pub loss: f64,
    /// (1 - alpha) tau^2 H(softmax(z_t / tau)): the loss of a student that answers as its teacher.
    pub loss_floor: f64,
    /// Share of the batch with the ensemble's top-1 class.
    pub agreement: f64,
    /// Of this step.
    pub learning_rate: f64,
}

/// A student on its way from one set of weights to another.
pub struct Distillation {
    recipe: Recipe,
    source: Network,
    info: ModelInfo,
    compute: ComputeDevice,
    /// The same, with autodiff.
    device: Device,
    student: PreResNet,
    teachers: Vec<Rc<Model>>,
    optimiser: Sgd,
    images: Images,
    /// The ensemble's log-probabilities by image, where images are distilled on as they are.
    known: BTreeMap<usize, Vec<f32>>,
    steps_done: u32,
}

impl Distillation {
    /// Starts from the source student, which stays as it is.
    ///
    /// # Errors
    /// `bad_argument` where the recipe is out of range or a label is no class, `no_teacher` where `teachers` is empty.
    pub fn new(
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
        let device = compute.tensors.clone().autodiff();
        let student = build(source, &source.state, &device)?;
        let optimiser = Sgd::new(recipe.weight_decay);
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
            steps_done: 0,
        })
    }

    /// Goes on from a checkpoint of the same run.
    ///
    /// # Errors
    /// `checkpoint_invalid` where it belongs to another recipe, student or number of images.
    pub fn resume(mut self, bytes: &[u8]) -> LabResult<Self> {
        let checkpoint = Checkpoint::from_bytes(bytes)?;
        checkpoint.check(&self.recipe, &self.info.name, self.images.n_images())?;
        self.student = build(&self.source, &checkpoint.state, &self.device)?;
        let plain = &self.compute.tensors;
        let velocities = checkpoint.velocities.into_iter().map(|(name, data)| {
            let n = data.len();
            (name, Tensor::<1>::from_data(TensorData::new(data, [n]), plain))
        });
        self.optimiser = Sgd::new(self.recipe.weight_decay).with_velocities(velocities.collect());
        self.steps_done = checkpoint.steps_done;
        Ok(self)
    }

    /// Steps done so far.
    pub fn steps_done(&self) -> u32 {
        self.steps_done
    }

    /// The learning rate of the coming step.
    pub fn learning_rate(&self) -> f64 {
        self.recipe
            .schedule
            .learning_rate(self.recipe.learning_rate, self.steps_done, self.recipe.steps)
    }

    /// Steps of the recipe.
    pub fn total_steps(&self) -> u32 {
        self.recipe.steps
    }

    /// Images a batch: the recipe's, or all there are where those are fewer.
    pub fn batch_size(&self) -> usize {
        (self.recipe.batch_size as usize).min(self.images.n_images())
    }

    /// Distils one batch.
    ///
    /// # Errors
    /// What the device reports, and `gpu_error` where the loss is no number any more.
    pub async fn step(&mut self) -> LabResult<Step> {
        let _awake = stay_awake();
        let (indices, pixels, labels) = self.batch();
        let teacher = match self.recipe.policy {
            Policy::FlipCrop => self.ensemble(&pixels).await?,
            Policy::None => self.known_ensemble(&indices).await?,
        };
        let n_classes = self.source.architecture.n_classes;
        let target = TensorData::new(teacher.clone(), [teacher.len() / n_classes, n_classes]);
        let target = Tensor::<2>::from_data(target, &self.device);

        let logits = self
            .student
            .forward_train(upload_images(&pixels, &self.source.normalisation, &self.device));
        let label_tensor = labels.as_ref().map(|labels| {
            let data: Vec<i32> = labels.iter().map(|&label| label.into()).collect();
            Tensor::<1, Int>::from_data(TensorData::new(data, [labels.len()]), &self.device)
        });
        let loss = distillation_loss(
            logits.clone(),
            target,
            label_tensor,
            self.recipe.temperature,
            self.recipe.alpha,
        );
        let gradients = loss.backward();
        let learning_rate = self.learning_rate();
        self.optimiser.step(&mut self.student, &gradients, learning_rate);

        let logits = read([logits.without_autodiff()]).await?.remove(0);
        self.steps_done += 1;
        let step = self.measure(&logits, &teacher, labels.as_deref(), learning_rate);
        match step.loss.is_finite() {
            true => Ok(step),
            false => Err(LabError::new(
                ErrorCode::GpuError,
                format!(
                    "the loss is {} at step {}; a smaller learning rate than {learning_rate} may keep it finite",
                    step.loss, step.step
                ),
            )),
        }
    }

    /// The ensemble's answers to images as they are, each computed once.
    async fn known_ensemble(&mut self, indices: &[usize]) -> LabResult<Vec<f32>> {
        let n_classes = self.source.architecture.n_classes;
        let mut unknown: Vec<usize> = indices
            .iter()
            .copied()
            .filter(|i| !self.known.contains_key(i))
            .collect();
        unknown.dedup();
        if !unknown.is_empty() {
            let pixels: Vec<u8> = unknown
                .iter()
                .flat_map(|&i| self.images.pixels(i, 1))
                .copied()
                .collect();
            let answers = self.ensemble(&pixels).await?;
            let answers = answers.chunks_exact(n_classes).map(<[f32]>::to_vec);
            self.known.extend(unknown.into_iter().zip(answers));
        }
        Ok(indices.iter().flat_map(|i| &self.known[i]).copied().collect())
    }

    /// Log-probabilities of the ensemble, `[n, classes]`.
    async fn ensemble(&self, pixels: &[u8]) -> LabResult<Vec<f32>> {
        let members = Model::logits(&self.teachers, pixels).await?;
        let members: Vec<_> = members.iter().map(Vec::as_slice).collect();
        let log_probs = ensemble_log_probs(&members, self.source.architecture.n_classes)?;
        Ok(log_probs.into_iter().map(|v| v as f32).collect())
    }

    /// The indices, pixels and labels of the coming step, a function of the seed and the step alone so that a resumed run sees the same.
    fn batch(&self) -> (Vec<usize>, Vec<u8>, Option<Vec<u8>>) {
        let indices = augment::batch_indices(
            self.recipe.seed,
            self.steps_done,
            self.batch_size(),
            self.images.n_images(),
        );
        let mut pixels: Vec<u8> = indices
            .iter()
            .flat_map(|&i| self.images.pixels(i, 1))
            .copied()
            .collect();
        if self.recipe.policy == Policy::FlipCrop {
            augment::flip_crop(&mut pixels, self.recipe.seed, self.steps_done);
        }
        let labels = self
            .images
            .all_labels()
            .map(|labels| indices.iter().map(|&i| labels[i]).collect());
        (indices, pixels, labels)
    }

    /// The step's figures in f64, from the logits that were read back.
    fn measure(&self, logits: &[f32], teacher: &[f32], labels: Option<&[u8]>, learning_rate: f64) -> Step {
        let n_classes = self.source.architecture.n_classes;
        let Recipe {
            temperature: tau,
            alpha,
            ..
        } = self.recipe;
        let n = (logits.len() / n_classes) as f64;
        let (mut soft, mut hard, mut floor, mut n_agree) = (0.0, 0.0, 0.0, 0u32);
        for (i, (s, t)) in logits.chunks(n_classes).zip(teacher.chunks(n_classes)).enumerate() {
            let target = log_softmax(t, tau);
            let answer = log_softmax(s, tau);
            soft -= target.iter().zip(&answer).map(|(t, s)| t.exp() * s).sum::<f64>();
            floor += entropy(&target);
            n_agree += u32::from(argmax(s) == argmax(t));
            if let Some(labels) = labels.filter(|_| alpha > 0.0) {
                hard -= log_softmax(s, 1.0)[usize::from(labels[i])];
            }
        }
        Step {
            step: self.steps_done,
            loss: (alpha * hard + (1.0 - alpha) * tau * tau * soft) / n,
            loss_floor: (1.0 - alpha) * tau * tau * floor / n,
            agreement: f64::from(n_agree) / n,
            learning_rate,
        }
    }

    /// The student as it is now, for evaluation.
    ///
    /// # Errors
    /// What the device reports.
    pub async fn model(&self) -> LabResult<Model> {
        Model::new(self.info.clone(), &self.source, &self.state().await?, &self.compute)
    }

    /// The student's tensors, read back.
    ///
    /// # Errors
    /// What the device reports.
    pub async fn state(&self) -> LabResult<StateDict> {
        let tensors = self.student.named_tensors();
        let values = read(tensors.iter().map(|(_, _, tensor)| tensor.clone())).await?;
        let named = tensors.into_iter().zip(values);
        Ok(named
            .map(|((name, shape, _), data)| (name, weights::Tensor { shape, data }))
            .collect())
    }

    /// The student as a network of its own, with its provenance.
    ///
    /// # Errors
    /// What the device reports.
    pub async fn network(&self, name: &str) -> LabResult<Network> {
        let state = self.state().await?;
        let teachers: Vec<_> = self.teachers.iter().map(|teacher| &teacher.info.name).collect();
        let provenance = serde_json::json!({
            "madeBy": concat!("fidelity-lab ", env!("CARGO_PKG_VERSION")),
            "distilledFrom": self.info.name,
            "teachers": teachers,
            "recipe": self.recipe,
            "stepsDone": self.steps_done,
            "nImages": self.images.n_images(),
        });
        Ok(Network {
            name: name.to_owned(),
            state,
            provenance: Some(provenance.to_string()),
            notices: Vec::new(),
            ..self.source.clone()
        })
    }

    /// Everything that going on from here needs, apart from the recipe, the images and the networks' files.
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
            n_images: self.images.n_images(),
            steps_done: self.steps_done,
            state,
            velocities,
        }
        .to_bytes()
    }
}

fn build(source: &Network, state: &StateDict, device: &Device) -> LabResult<PreResNet> {
    PreResNet::from_state(&source.architecture, state, device)
        .map_err(|e| LabError::new(ErrorCode::CheckpointInvalid, e.to_string()))
}
