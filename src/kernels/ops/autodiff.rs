//! The operations at the level of backends, and their gradients.
//!
//! A backend implements [`LayerKernels`], a layer's forward and backward pass; the rest that burn's autodiff needs follows from it.

use std::fmt::Debug;

use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::CheckpointStrategy;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, AutodiffBackend, Backend, Dispatch, backend_extension};
use burn::tensor::Tensor;

use super::norm::{BatchMoments, NormParameters};
#[cfg(feature = "cuda")]
use super::reference;

/// Mean and biased variance of each channel.
pub fn moments(x: &Tensor<4>) -> BatchMoments {
    #[cfg(feature = "cuda")]
    if is_foreign(x) {
        return reference::moments(x);
    }
    let channels = x.dims()[3];
    let both = <Dispatch as TrainingOps>::moments(x.clone().without_autodiff().into_dispatch());
    let both = Tensor::<2>::from_dispatch(both);
    let row = |i: usize| both.clone().slice([i..i + 1, 0..channels]).reshape([channels]);
    BatchMoments {
        mean: row(0),
        var: row(1),
    }
}

/// A convolution; [`super::reference::conv`] defines it.
pub fn conv(x: Tensor<4>, weight: Tensor<4>, stride: usize) -> Tensor<4> {
    #[cfg(feature = "cuda")]
    if is_foreign(&x) {
        return reference::conv(x, weight, stride);
    }
    #[cfg(feature = "webgpu")]
    let (x, weight) = whole_vectors(x, weight);
    let (x, weight) = (x.into_dispatch(), weight.into_dispatch());
    Tensor::from_dispatch(<Dispatch as TrainingOps>::conv(x, weight, stride))
}

/// A norm, a ReLU and a convolution; [`super::reference::norm_relu_conv`] defines them.
pub fn norm_relu_conv(
    x: Tensor<4>,
    affine: NormParameters,
    moments: &BatchMoments,
    weight: Tensor<4>,
    stride: usize,
) -> Tensor<4> {
    #[cfg(feature = "cuda")]
    if is_foreign(&x) {
        return reference::norm_relu_conv(x, affine, moments, weight, stride);
    }
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

/// `(1 - momentum) * running + momentum * batch` of mean and variance, `[channels]`, with the unbiased variance of the batch, as
/// in PyTorch, for moments of `n_values` values per channel.
pub fn running(running: [Tensor<1>; 2], moments: &BatchMoments, n_values: usize) -> [Tensor<1>; 2] {
    #[cfg(feature = "cuda")]
    if is_foreign(&moments.mean) {
        return reference::running(running, moments, n_values);
    }
    let [mean, var] = running.map(Tensor::into_dispatch);
    let (mean, var) = <Dispatch as TrainingOps>::running(
        mean,
        var,
        moments.mean.clone().into_dispatch(),
        moments.var.clone().into_dispatch(),
        n_values,
    );
    [mean, var].map(Tensor::from_dispatch)
}

/// A step of SGD with Nesterov momentum as in PyTorch: the new value and velocity. `settings` are learning rate, weight
/// decay and momentum; none of the tensors is differentiable.
pub fn sgd(value: Tensor<1>, gradient: Tensor<1>, velocity: Tensor<1>, settings: Tensor<1>) -> [Tensor<1>; 2] {
    #[cfg(feature = "cuda")]
    if is_foreign(&value) {
        return reference::sgd(value, gradient, velocity, settings);
    }
    let (value, velocity) = <Dispatch as TrainingOps>::sgd(
        value.into_dispatch(),
        gradient.into_dispatch(),
        velocity.into_dispatch(),
        settings.into_dispatch(),
    );
    [value, velocity].map(Tensor::from_dispatch)
}

/// Whether the tensor's device has none of the kernels below, so that burn's own operations do the work.
#[cfg(feature = "cuda")]
fn is_foreign<const D: usize>(x: &Tensor<D>) -> bool {
    use burn::backend::{CubeDevice, DispatchDevice};
    let device = x.device().without_autodiff();
    matches!(device.as_dispatch(), DispatchDevice::Cube(CubeDevice::Cuda(_)))
}

/// The WebGPU kernels read four input channels at a time, and images have three: the fourth is zero.
#[cfg(feature = "webgpu")]
fn whole_vectors(x: Tensor<4>, weight: Tensor<4>) -> (Tensor<4>, Tensor<4>) {
    let ([n, height, width, c_in], [c_out, _, kernel, _]) = (x.dims(), weight.dims());
    let lacking = c_in.next_multiple_of(4) - c_in;
    if lacking == 0 {
        return (x, weight);
    }
    let device = x.device();
    let x_zeros = Tensor::zeros([n, height, width, lacking], &device);
    let weight_zeros = Tensor::zeros([c_out, lacking, kernel, kernel], &device);
    (
        Tensor::cat(vec![x, x_zeros], 3),
        Tensor::cat(vec![weight, weight_zeros], 1),
    )
}

/// Shapes are those of the functions above.
#[cfg_attr(all(feature = "cpu", not(feature = "webgpu")), backend_extension(Autodiff, Flex))]
#[cfg_attr(all(feature = "webgpu", not(feature = "cpu")), backend_extension(Autodiff, Cube))]
#[cfg_attr(all(feature = "cpu", feature = "webgpu"), backend_extension(Autodiff, Flex, Cube))]
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
    fn running(
        running_mean: FloatTensor<Self>,
        running_var: FloatTensor<Self>,
        mean: FloatTensor<Self>,
        var: FloatTensor<Self>,
        n_values: usize,
    ) -> (FloatTensor<Self>, FloatTensor<Self>);
    fn sgd(
        value: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
        velocity: FloatTensor<Self>,
        settings: FloatTensor<Self>,
    ) -> (FloatTensor<Self>, FloatTensor<Self>);
}

/// A layer's tensors and stride.
pub(super) struct Inputs<B: Backend> {
    /// `[n, size, size, c_in]`
    pub(super) x: FloatTensor<B>,
    /// `[c_out, c_in, kernel, kernel]`
    pub(super) weight: FloatTensor<B>,
    /// gamma, beta, mean and variance, if there is a norm.
    pub(super) norm: Option<[FloatTensor<B>; 4]>,
    pub(super) stride: usize,
}

/// What a backward pass returns.
pub(super) struct LayerGradients<B: Backend> {
    /// `None` if not requested.
    pub(super) input: Option<FloatTensor<B>>,
    pub(super) weight: FloatTensor<B>,
    /// Gradients of gamma and beta, if there is a norm.
    pub(super) norm: Option<[FloatTensor<B>; 2]>,
}

/// A backend's kernels for a layer.
pub(super) trait LayerKernels: Backend {
    /// What the backward pass needs of the forward pass.
    type Saved: Clone + Debug + Send + 'static;

    fn moments(x: FloatTensor<Self>) -> FloatTensor<Self>;
    fn forward(inputs: Inputs<Self>) -> (Self::Saved, FloatTensor<Self>);
    fn backward(saved: Self::Saved, dy: FloatTensor<Self>, needs_input: bool) -> LayerGradients<Self>;
    /// Takes running mean and variance, then the batch's; returns the new running ones.
    fn running(statistics: [FloatTensor<Self>; 4], n_values: usize) -> [FloatTensor<Self>; 2];
    /// Takes value, gradient, velocity and settings; returns the new value and velocity.
    fn sgd(tensors: [FloatTensor<Self>; 4]) -> [FloatTensor<Self>; 2];
}

impl<B: LayerKernels> TrainingOps for B {
    fn moments(x: FloatTensor<Self>) -> FloatTensor<Self> {
        <B as LayerKernels>::moments(x)
    }

    fn conv(x: FloatTensor<Self>, weight: FloatTensor<Self>, stride: usize) -> FloatTensor<Self> {
        let norm = None;
        B::forward(Inputs {
            x,
            weight,
            norm,
            stride,
        })
        .1
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
        let norm = Some([gamma, beta, mean, var]);
        B::forward(Inputs {
            x,
            weight,
            norm,
            stride,
        })
        .1
    }

    fn running(
        running_mean: FloatTensor<Self>,
        running_var: FloatTensor<Self>,
        mean: FloatTensor<Self>,
        var: FloatTensor<Self>,
        n_values: usize,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        let statistics = [running_mean, running_var, mean, var];
        let [mean, var] = <B as LayerKernels>::running(statistics, n_values);
        (mean, var)
    }

    fn sgd(
        value: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
        velocity: FloatTensor<Self>,
        settings: FloatTensor<Self>,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        let tensors = [value, gradient, velocity, settings];
        let [value, velocity] = <B as LayerKernels>::sgd(tensors);
        (value, velocity)
    }
}

impl<B: LayerKernels, C: CheckpointStrategy> TrainingOps for Autodiff<B, C> {
    fn moments(x: FloatTensor<Self>) -> FloatTensor<Self> {
        Self::from_inner(<B as LayerKernels>::moments(x.into_primitive()))
    }

    fn conv(x: FloatTensor<Self>, weight: FloatTensor<Self>, stride: usize) -> FloatTensor<Self> {
        let parents = [x.node(), weight.node()];
        let (saved, output) = B::forward(Inputs {
            x: x.into_primitive(),
            weight: weight.into_primitive(),
            norm: None,
            stride,
        });
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
        let (saved, output) = B::forward(Inputs {
            x: x.into_primitive(),
            weight: weight.into_primitive(),
            norm: Some([gamma, beta, mean, var].map(|values| values.into_primitive())),
            stride,
        });
        match NormReluConvBackward.prepare::<C>(parents).compute_bound().stateful() {
            OpsKind::Tracked(prepared) => prepared.finish(saved, output),
            OpsKind::UnTracked(prepared) => prepared.finish(output),
        }
    }

    fn running(
        running_mean: FloatTensor<Self>,
        running_var: FloatTensor<Self>,
        mean: FloatTensor<Self>,
        var: FloatTensor<Self>,
        n_values: usize,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        let statistics = [running_mean, running_var, mean, var];
        let [mean, var] = <B as LayerKernels>::running(statistics.map(|values| values.into_primitive()), n_values);
        (Self::from_inner(mean), Self::from_inner(var))
    }

    fn sgd(
        value: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
        velocity: FloatTensor<Self>,
        settings: FloatTensor<Self>,
    ) -> (FloatTensor<Self>, FloatTensor<Self>) {
        let tensors = [value, gradient, velocity, settings];
        let [value, velocity] = <B as LayerKernels>::sgd(tensors.map(|values| values.into_primitive()));
        (Self::from_inner(value), Self::from_inner(velocity))
    }
}

#[derive(Debug)]
struct ConvBackward;

impl<B: LayerKernels> Backward<B, 2> for ConvBackward {
    type State = B::Saved;

    fn backward(self, ops: Ops<B::Saved, 2>, gradients: &mut Gradients, _: &mut Checkpointer) {
        let dy = gradients.consume::<B>(&ops.node);
        let [x, weight] = ops.parents;
        let layer_gradients = B::backward(ops.state, dy, x.is_some());
        for (node, values) in [(x, layer_gradients.input), (weight, Some(layer_gradients.weight))] {
            if let (Some(node), Some(values)) = (node, values) {
                gradients.register::<B>(node.id, values);
            }
        }
    }
}

#[derive(Debug)]
struct NormReluConvBackward;

impl<B: LayerKernels> Backward<B, 4> for NormReluConvBackward {
    type State = B::Saved;

    fn backward(self, ops: Ops<B::Saved, 4>, gradients: &mut Gradients, _: &mut Checkpointer) {
        let dy = gradients.consume::<B>(&ops.node);
        let [x, weight, gamma, beta] = ops.parents;
        let layer_gradients = B::backward(ops.state, dy, true);
        let [of_gamma, of_beta] = layer_gradients.norm.map_or([None, None], |norm| norm.map(Some));
        for (node, values) in [
            (x, layer_gradients.input),
            (weight, Some(layer_gradients.weight)),
            (gamma, of_gamma),
            (beta, of_beta),
        ] {
            if let (Some(node), Some(values)) = (node, values) {
                gradients.register::<B>(node.id, values);
            }
        }
    }
}
