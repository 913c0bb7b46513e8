//! The operations on burn's CPU backend, by the CPU kernels.

use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, AutodiffBackend, Backend, Dispatch, Flex, backend_extension};
use burn::tensor::{Shape, Tensor, TensorData};

use super::{Affine, Moments};
use crate::kernels::cpu::train::{self, Layer, Norm};

/// Mean and biased variance of each channel.
pub fn moments(x: &Tensor<4>) -> Moments {
    let channels = x.dims()[3];
    let both = <Dispatch as TrainingOps>::moments(x.clone().without_autodiff().into_dispatch());
    let both = Tensor::<2>::from_dispatch(both);
    let row = |i: usize| both.clone().slice([i..i + 1, 0..channels]).reshape([channels]);
    Moments {
        mean: row(0),
        var: row(1),
    }
}

/// See the reference.
pub fn conv(x: Tensor<4>, weight: Tensor<4>, stride: usize) -> Tensor<4> {
    let (x, weight) = (x.into_dispatch(), weight.into_dispatch());
    Tensor::from_dispatch(<Dispatch as TrainingOps>::conv(x, weight, stride))
}

/// See the reference.
pub fn norm_relu_conv(x: Tensor<4>, affine: Affine, moments: &Moments, weight: Tensor<4>, stride: usize) -> Tensor<4> {
    Tensor::from_dispatch(<Dispatch as TrainingOps>::norm_relu_conv(
        x.into_dispatch(),
        affine.weight.into_dispatch(),
        affine.bias.into_dispatch(),
        moments.mean.clone().into_dispatch(),
        moments.var.clone().into_dispatch(),
        weight.into_dispatch(),
        stride,
    ))
}

/// On the level of backends; shapes are those of the functions above.
#[backend_extension(Autodiff, Flex)]
trait TrainingOps: Backend {
    /// `[2, channels]`: means, then variances.
    fn moments(x: FloatTensor<Self>) -> FloatTensor<Self>;
    fn conv(x: FloatTensor<Self>, weight: FloatTensor<Self>, stride: usize) -> FloatTensor<Self>;
    fn norm_relu_conv(
        x: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        mean: FloatTensor<Self>,
        var: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        stride: usize,
    ) -> FloatTensor<Self>;
}

type Values = FloatTensor<Flex>;

/// What a layer needs, forward and backward.
#[derive(Clone, Debug)]
struct Saved {
    x: Values,
    weight: Values,
    norm: Option<[Values; 4]>,
    stride: usize,
}

impl Saved {
    /// All tensors contiguous, so that they can be read as slices.
    fn new(x: Values, weight: Values, norm: Option<[Values; 4]>, stride: usize) -> Self {
        Self {
            x: x.to_contiguous(),
            weight: weight.to_contiguous(),
            norm: norm.map(|norm| norm.map(|values| values.to_contiguous())),
            stride,
        }
    }

    fn layer(&self) -> Layer<'_> {
        let shape = self.weight.layout().shape();
        let norm = self.norm.as_ref().map(|[gamma, beta, mean, var]| Norm {
            gamma: slice(gamma),
            beta: slice(beta),
            mean: slice(mean),
            var: slice(var),
        });
        let size_in = self.x.layout().shape()[1];
        Layer::new(
            slice(&self.weight),
            [shape[0], shape[1], shape[2]],
            self.stride,
            size_in,
            norm,
        )
    }

    fn forward(&self) -> Values {
        let (x, weight) = (self.x.layout().shape(), self.weight.layout().shape());
        let size = x[1] / self.stride;
        tensor(self.layer().forward(slice(&self.x)), [x[0], size, size, weight[0]])
    }

    fn backward(&self, dy: &Values, needs_input: bool) -> train::Gradients {
        self.layer()
            .backward(slice(&self.x), slice(&dy.to_contiguous()), needs_input)
    }
}

fn slice(values: &Values) -> &[f32] {
    let n = values.layout().num_elements();
    &values.storage::<f32>()[values.layout().start_offset()..][..n]
}

fn tensor<const D: usize>(values: Vec<f32>, shape: [usize; D]) -> Values {
    Values::from_data(TensorData::new(values, Shape::from(shape)))
}

impl TrainingOps for Flex {
    fn moments(x: Values) -> Values {
        let x = x.to_contiguous();
        let shape = x.layout().shape();
        let found = train::Moments::of(slice(&x), shape[3], shape[1] * shape[2]);
        let values = [found.mean, found.var].concat();
        tensor(values, [2, shape[3]])
    }

    fn conv(x: Values, weight: Values, stride: usize) -> Values {
        Saved::new(x, weight, None, stride).forward()
    }

    fn norm_relu_conv(
        x: Values,
        gamma: Values,
        beta: Values,
        mean: Values,
        var: Values,
        weight: Values,
        stride: usize,
    ) -> Values {
        Saved::new(x, weight, Some([gamma, beta, mean, var]), stride).forward()
    }
}

impl<C: CheckpointStrategy> TrainingOps for Autodiff<Flex, C> {
    fn moments(x: FloatTensor<Self>) -> FloatTensor<Self> {
        Self::from_inner(Flex::moments(x.into_primitive()))
    }

    fn conv(x: FloatTensor<Self>, weight: FloatTensor<Self>, stride: usize) -> FloatTensor<Self> {
        let parents = [x.node(), weight.node()];
        let saved = Saved::new(x.into_primitive(), weight.into_primitive(), None, stride);
        let output = saved.forward();
        match ConvBackward.prepare::<C>(parents).compute_bound().stateful() {
            OpsKind::Tracked(prepared) => prepared.finish(saved, output),
            OpsKind::UnTracked(prepared) => prepared.finish(output),
        }
    }

    fn norm_relu_conv(
        x: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        mean: FloatTensor<Self>,
        var: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        stride: usize,
    ) -> FloatTensor<Self> {
        let parents = [x.node(), weight.node(), gamma.node(), beta.node()];
        let norm = [gamma, beta, mean, var].map(|values| values.into_primitive());
        let saved = Saved::new(x.into_primitive(), weight.into_primitive(), Some(norm), stride);
        let output = saved.forward();
        match NormReluConvBackward.prepare::<C>(parents).compute_bound().stateful() {
            OpsKind::Tracked(prepared) => prepared.finish(saved, output),
            OpsKind::UnTracked(prepared) => prepared.finish(output),
        }
    }
}

#[derive(Debug)]
struct ConvBackward;

impl Backward<Flex, 2> for ConvBackward {
    type State = Saved;

    fn backward(self, ops: Ops<Saved, 2>, gradients: &mut Gradients, _: &mut Checkpointer) {
        let dy = gradients.consume::<Flex>(&ops.node);
        let [x, weight] = ops.parents;
        let found = ops.state.backward(&dy, x.is_some());
        if let Some(node) = x {
            gradients.register::<Flex>(node.id, like(found.input, &ops.state.x));
        }
        if let Some(node) = weight {
            gradients.register::<Flex>(node.id, like(found.weight, &ops.state.weight));
        }
    }
}

#[derive(Debug)]
struct NormReluConvBackward;

impl Backward<Flex, 4> for NormReluConvBackward {
    type State = Saved;

    fn backward(self, ops: Ops<Saved, 4>, gradients: &mut Gradients, _: &mut Checkpointer) {
        let dy = gradients.consume::<Flex>(&ops.node);
        let [x, weight, gamma, beta] = ops.parents;
        let found = ops.state.backward(&dy, true);
        if let Some(node) = x {
            gradients.register::<Flex>(node.id, like(found.input, &ops.state.x));
        }
        if let Some(node) = weight {
            gradients.register::<Flex>(node.id, like(found.weight, &ops.state.weight));
        }
        for (node, values) in [(gamma, found.gamma), (beta, found.beta)] {
            if let Some(node) = node {
                let channels = values.len();
                gradients.register::<Flex>(node.id, tensor(values, [channels]));
            }
        }
    }
}

fn like(values: Vec<f32>, model: &Values) -> Values {
    Values::from_data(TensorData::new(values, model.layout().shape().clone()))
}
