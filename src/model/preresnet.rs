//! The pre-activation residual network of He et al. 2016 for CIFAR images.

use burn::tensor::activation::relu;
use burn::tensor::{Device, Tensor};

use super::layers::{BatchNorm, Conv2d, Linear};
use super::parameter::Parameter;
use crate::architecture::{Architecture, BlockShape};
use crate::kernels::ops;
use crate::weights::{MissingTensor, StateDict};

/// BN-ReLU-convolution twice (basic) or three times (bottleneck), added to the block's input, which a bare 1x1 convolution
/// projects if the shape changes.
#[derive(Clone, Debug)]
struct Block {
    layers: Vec<(BatchNorm, Conv2d)>,
    shortcut: Option<Conv2d>,
}

/// A PreResNet on a device. On an autodiff device its parameters are trainable.
#[derive(Clone, Debug)]
pub struct PreResNet {
    architecture: Architecture,
    stem: Conv2d,
    stages: [Vec<Block>; 3],
    norm: BatchNorm,
    head: Linear,
}

impl PreResNet {
    /// Uploads a state dict that has been checked against the architecture.
    ///
    /// # Errors
    /// [`MissingTensor`] if the state dict lacks a tensor.
    pub fn from_state(architecture: &Architecture, state: &StateDict, device: &Device) -> Result<Self, MissingTensor> {
        let mut stages: [Vec<Block>; 3] = Default::default();
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

    /// The network's depth and class count.
    pub fn architecture(&self) -> &Architecture {
        &self.architecture
    }

    /// Computes logits `[n, classes]` for normalised images `[n, 32, 32, 3]`, using the running statistics.
    pub fn forward(&self, images: Tensor<4>) -> Tensor<2> {
        let [.., x] = self.stages(images);
        self.classify(relu(self.norm.evaluate(x)))
    }

    /// Computes logits `[n, classes]` using the batch's statistics, and updates the running statistics. Needs at least two images.
    pub fn forward_train(&mut self, images: Tensor<4>) -> Tensor<2> {
        let mut x = self.stem.forward(images);
        for block in self.stages.iter_mut().flatten() {
            x = block.forward_train(x);
        }
        self.norm.observe(&x);
        self.classify(relu(ops::reference::norm(x, self.norm.parameters())))
    }

    /// Computes the outputs of the three stages: `[n, 32, 32, c]`, `[n, 16, 16, 2c]`, `[n, 8, 8, 4c]`.
    pub fn stages(&self, images: Tensor<4>) -> [Tensor<4>; 3] {
        let mut x = self.stem.forward(images);
        [0, 1, 2].map(|stage: usize| {
            for block in &self.stages[stage] {
                x = block.forward(x.clone());
            }
            x.clone()
        })
    }

    /// Applies global average pooling to `[n, h, w, features]`, then the head.
    fn classify(&self, x: Tensor<4>) -> Tensor<2> {
        let [n, h, w, features] = x.dims();
        self.head
            .forward(x.reshape([n, h * w, features]).mean_dim(1).reshape([n, features]))
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

    /// The tensors of [`Self::parameters`], in the same order.
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

    /// The BatchNorm layers in the order of a forward pass.
    pub fn norms(&self) -> Vec<&BatchNorm> {
        let blocks = self
            .stages
            .iter()
            .flatten()
            .flat_map(|block| block.layers.iter().map(|(norm, _)| norm));
        blocks.chain([&self.norm]).collect()
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
        // The 3x3 convolution that changes the size has the stride: the second of a bottleneck, the first of a basic block.
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

    /// Applies the block with the running statistics.
    fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let layer = |y, (norm, conv): &(BatchNorm, Conv2d)| conv.forward(relu(norm.evaluate(y)));
        let y = self.layers.iter().fold(x.clone(), layer);
        self.added(x, y)
    }

    /// Applies the block with the batch's statistics, which also update the running ones.
    fn forward_train(&mut self, x: Tensor<4>) -> Tensor<4> {
        let mut y = x.clone();
        for (norm, conv) in &mut self.layers {
            let moments = norm.observe(&y);
            y = conv.forward_normalised(y, norm, &moments);
        }
        self.added(x, y)
    }

    /// The residual sum of the block's input and what its layers make of it.
    fn added(&self, x: Tensor<4>, y: Tensor<4>) -> Tensor<4> {
        y.add(match &self.shortcut {
            Some(conv) => conv.forward(x),
            None => x,
        })
    }
}
