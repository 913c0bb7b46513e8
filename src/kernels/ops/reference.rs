//! The operations in terms of burn's own.

use burn::tensor::Tensor;
use burn::tensor::activation::relu;
use burn::tensor::module::conv2d;
use burn::tensor::ops::ConvOptions;

use super::norm::{BatchMoments, NormParameters};
use crate::architecture::{BATCH_NORM_EPSILON, BATCH_NORM_MOMENTUM};

/// Mean and biased variance of the channels of `[n, h, w, channels]`.
pub fn moments(x: &Tensor<4>) -> BatchMoments {
    let [n, h, w, channels] = x.dims();
    let values = x.clone().without_autodiff().reshape([n * h * w, channels]);
    let mean = values.clone().mean_dim(0);
    let centred = values.sub(mean.clone());
    BatchMoments {
        mean: mean.reshape([channels]),
        var: centred.clone().mul(centred).mean_dim(0).reshape([channels]),
    }
}

/// `[n, h, w, c_in]` and `[c_out, c_in, kernel, kernel]` -> `[n, h / stride, w / stride, c_out]`, padded by `kernel / 2`.
pub fn conv(x: Tensor<4>, weight: Tensor<4>, stride: usize) -> Tensor<4> {
    let padding = weight.dims()[2] / 2;
    let options = ConvOptions::new([stride; 2], [padding; 2], [1; 2], 1);
    conv2d(x.permute([0, 3, 1, 2]), weight, None, options).permute([0, 2, 3, 1])
}

/// `conv(relu(norm(x)))` with the batch's own moments, which are computed again so that burn differentiates through them.
pub fn norm_relu_conv(
    x: Tensor<4>,
    affine: NormParameters,
    _moments: &BatchMoments,
    weight: Tensor<4>,
    stride: usize,
) -> Tensor<4> {
    conv(relu(norm(x, affine)), weight, stride)
}

/// BatchNorm of `[n, h, w, channels]` with the batch's own moments.
pub fn norm(x: Tensor<4>, affine: NormParameters) -> Tensor<4> {
    let [n, h, w, channels] = x.dims();
    let values = x.reshape([n * h * w, channels]);
    let centred = values.clone().sub(values.mean_dim(0));
    let var = centred.clone().mul(centred.clone()).mean_dim(0);
    let normalised = centred.div(var.add_scalar(BATCH_NORM_EPSILON).sqrt());
    normalised
        .mul(affine.weight.reshape([1, channels]))
        .add(affine.bias.reshape([1, channels]))
        .reshape([n, h, w, channels])
}

/// `(1 - momentum) * running + momentum * batch` of mean and variance, with the unbiased variance of the batch.
pub fn running(running: [Tensor<1>; 2], moments: &BatchMoments, n_values: usize) -> [Tensor<1>; 2] {
    let unbiased = n_values as f64 / (n_values.max(2) - 1) as f64;
    let [mean, var] = running.map(|values| values.mul_scalar(1.0 - BATCH_NORM_MOMENTUM));
    [
        mean.add(moments.mean.clone().mul_scalar(BATCH_NORM_MOMENTUM)),
        var.add(moments.var.clone().mul_scalar(BATCH_NORM_MOMENTUM * unbiased)),
    ]
}

/// A step of SGD with Nesterov momentum; `settings` are learning rate, weight decay and momentum.
pub fn sgd(value: Tensor<1>, gradient: Tensor<1>, velocity: Tensor<1>, settings: Tensor<1>) -> [Tensor<1>; 2] {
    let [rate, decay, momentum] = [0, 1, 2].map(|i| settings.clone().narrow(0, i, 1));
    let gradient = gradient.add(decay.mul(value.clone()));
    let velocity = momentum.clone().mul(velocity).add(gradient.clone());
    let step = rate.mul(gradient.add(momentum.mul(velocity.clone())));
    [value.sub(step), velocity]
}
