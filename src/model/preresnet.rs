//! The pre-activation residual network of He et al. 2016 in its CIFAR form.

use burn::tensor::activation::relu;
use burn::tensor::{Device, Tensor};

use super::architecture::{Architecture, BlockShape};
use super::layers::{BatchNorm, BatchStatistics, Conv2d, Linear};
use super::parameter::Parameter;
use crate::weights::{MissingTensor, StateDict};

/// BN-ReLU-convolution twice (basic) or three times (bottleneck), added to the block's input, which a bare 1x1 convolution
/// projects where the shape changes.
#[derive(Clone, Debug)]
struct Block {
    layers: Vec<(BatchNorm, Conv2d)>,
    shortcut: Option<Conv2d>,
}

/// A PreResNet with its tensors on a device. On an autodiff device its parameters are trainable.
#[derive(Clone, Debug)]
pub struct PreResNet {
    architecture: Architecture,
    stem: Conv2d,
    stages: Vec<Vec<Block>>,
    norm: BatchNorm,
    head: Linear,
}

impl PreResNet {
    /// Copies a state dict that has been checked against the architecture to the device.
    ///
    /// # Errors
    /// Names a tensor that the state dict lacks.
    pub fn from_state(architecture: &Architecture, state: &StateDict, device: &Device) -> Result<Self, MissingTensor> {
        let mut stages = vec![Vec::new(), Vec::new(), Vec::new()];
        for shape in architecture.blocks() {
            stages[shape.stage - 1].push(Block::from_state(state, &shape, device)?);
        }
        Ok(Self {
            architecture: architecture.clone(),
            stem: Conv2d::from_state(state, "stem", 1, device)?,
            stages,
            norm: BatchNorm::from_state(state, "norm", device)?,
            head: Linear::from_state(state, "head", device)?,
        })
    }

    /// Depth and classes.
    pub fn architecture(&self) -> &Architecture {
        &self.architecture
    }

    /// Logits `[n, classes]` of normalised images `[n, 3, 32, 32]`, with the running statistics.
    pub fn forward(&self, images: Tensor<4>) -> Tensor<2> {
        self.classify(
            self.stage_outputs(images, &mut BatchNorm::evaluate).pop(),
            &mut BatchNorm::evaluate,
        )
    }

    /// Logits `[n, classes]` with the batch's own statistics, which also update the running ones. Needs two images or more.
    pub fn forward_train(&mut self, images: Tensor<4>) -> Tensor<2> {
        let mut batches: Vec<BatchStatistics> = Vec::new();
        let mut normalise = |norm: &BatchNorm, x| {
            let (y, batch) = norm.train(x);
            batches.push(batch);
            y
        };
        let features = self.stage_outputs(images, &mut normalise).pop();
        let logits = self.classify(features, &mut normalise);
        self.norms_mut()
            .into_iter()
            .zip(batches)
            .for_each(|(norm, batch)| norm.update(batch));
        logits
    }

    /// The outputs of the three stages: `[n, c, 32, 32]`, `[n, 2c, 16, 16]`, `[n, 4c, 8, 8]`.
    pub fn stages(&self, images: Tensor<4>) -> Vec<Tensor<4>> {
        self.stage_outputs(images, &mut BatchNorm::evaluate)
    }

    fn stage_outputs(
        &self,
        images: Tensor<4>,
        normalise: &mut impl FnMut(&BatchNorm, Tensor<4>) -> Tensor<4>,
    ) -> Vec<Tensor<4>> {
        let mut x = self.stem.forward(images);
        let mut outputs = Vec::with_capacity(self.stages.len());
        for stage in &self.stages {
            for block in stage {
                x = block.forward(x, normalise);
            }
            outputs.push(x.clone());
        }
        outputs
    }

    fn classify(
        &self,
        features: Option<Tensor<4>>,
        normalise: &mut impl FnMut(&BatchNorm, Tensor<4>) -> Tensor<4>,
    ) -> Tensor<2> {
        let features = features.expect("a PreResNet has three stages");
        let x = relu(normalise(&self.norm, features));
        let [n, channels, h, w] = x.dims();
        self.head
            .forward(x.reshape([n, channels, h * w]).mean_dim(2).reshape([n, channels]))
    }

    /// All trainable tensors, in a fixed order.
    pub fn parameters(&self) -> Vec<&Parameter> {
        let mut all = vec![&self.stem.weight];
        for block in self.stages.iter().flatten() {
            for (norm, conv) in &block.layers {
                all.extend([&norm.weight, &norm.bias, &conv.weight]);
            }
            all.extend(block.shortcut.iter().map(|conv| &conv.weight));
        }
        all.extend([&self.norm.weight, &self.norm.bias, &self.head.weight, &self.head.bias]);
        all
    }

    /// The same tensors in the same order as [`Self::parameters`].
    pub(crate) fn parameters_mut(&mut self) -> Vec<&mut Parameter> {
        let mut all = vec![&mut self.stem.weight];
        for block in self.stages.iter_mut().flatten() {
            for (norm, conv) in &mut block.layers {
                all.extend([&mut norm.weight, &mut norm.bias, &mut conv.weight]);
            }
            all.extend(block.shortcut.iter_mut().map(|conv| &mut conv.weight));
        }
        all.extend([
            &mut self.norm.weight,
            &mut self.norm.bias,
            &mut self.head.weight,
            &mut self.head.bias,
        ]);
        all
    }

    /// The BatchNorm layers in the order in which a forward pass meets them.
    pub fn norms(&self) -> Vec<&BatchNorm> {
        let blocks = self
            .stages
            .iter()
            .flatten()
            .flat_map(|block| block.layers.iter().map(|(norm, _)| norm));
        blocks.chain([&self.norm]).collect()
    }

    fn norms_mut(&mut self) -> Vec<&mut BatchNorm> {
        let blocks = self
            .stages
            .iter_mut()
            .flatten()
            .flat_map(|block| block.layers.iter_mut().map(|(norm, _)| norm));
        blocks.chain([&mut self.norm]).collect()
    }

    /// The same network, its tensors shared, without autodiff: for evaluation.
    pub fn without_autodiff(&self) -> Self {
        Self {
            architecture: self.architecture.clone(),
            stem: self.stem.without_autodiff(),
            stages: self
                .stages
                .iter()
                .map(|stage| stage.iter().map(Block::without_autodiff).collect())
                .collect(),
            norm: self.norm.without_autodiff(),
            head: self.head.without_autodiff(),
        }
    }

    /// Every tensor with its name and shape, on the inner backend and flat: parameters first, then running statistics.
    pub fn named_tensors(&self) -> Vec<(String, Vec<usize>, Tensor<1>)> {
        let parameters = self.parameters().into_iter().map(|p| {
            (
                p.name().to_owned(),
                p.shape().to_vec(),
                p.flat().clone().without_autodiff(),
            )
        });
        let statistics = self.norms().into_iter().flat_map(|norm| {
            [("running_mean", &norm.running_mean), ("running_var", &norm.running_var)].map(|(what, tensor)| {
                (
                    format!("{}.{what}", norm.name()),
                    tensor.dims().to_vec(),
                    tensor.clone(),
                )
            })
        });
        parameters.chain(statistics).collect()
    }
}

impl Block {
    fn from_state(state: &StateDict, shape: &BlockShape, device: &Device) -> Result<Self, MissingTensor> {
        let name = shape.name();
        let n_convs = if shape.bottleneck { 3 } else { 2 };
        // The stride is in the 3x3 convolution that changes the size: the second of a bottleneck, the first of a basic block.
        let strided = if shape.bottleneck { 2 } else { 1 };
        let layers = (1..=n_convs).map(|i| {
            let stride = if i == strided { shape.stride } else { 1 };
            Ok((
                BatchNorm::from_state(state, &format!("{name}.norm{i}"), device)?,
                Conv2d::from_state(state, &format!("{name}.conv{i}"), stride, device)?,
            ))
        });
        let layers = layers.collect::<Result<_, MissingTensor>>()?;
        let shortcut = shape
            .has_shortcut
            .then(|| Conv2d::from_state(state, &format!("{name}.shortcut"), shape.stride, device))
            .transpose()?;
        Ok(Self { layers, shortcut })
    }

    fn forward(&self, x: Tensor<4>, normalise: &mut impl FnMut(&BatchNorm, Tensor<4>) -> Tensor<4>) -> Tensor<4> {
        let mut y = x.clone();
        for (norm, conv) in &self.layers {
            y = conv.forward(relu(normalise(norm, y)));
        }
        y.add(match &self.shortcut {
            Some(conv) => conv.forward(x),
            None => x,
        })
    }

    fn without_autodiff(&self) -> Self {
        Self {
            layers: self
                .layers
                .iter()
                .map(|(norm, conv)| (norm.without_autodiff(), conv.without_autodiff()))
                .collect(),
            shortcut: self.shortcut.as_ref().map(Conv2d::without_autodiff),
        }
    }
}
