//! The operations in burn's own.

use burn::tensor::Tensor;
use burn::tensor::activation::relu;
use burn::tensor::module::conv2d;
use burn::tensor::ops::ConvOptions;

use super::{Affine, Moments};
use crate::model::architecture::BATCH_NORM_EPSILON;

/// Of `[n, h, w, channels]`.
pub fn moments(x: &Tensor<4>) -> Moments {
    let [n, h, w, channels] = x.dims();
    let values = x.clone().without_autodiff().reshape([n * h * w, channels]);
    let mean = values.clone().mean_dim(0);
    let centred = values.sub(mean.clone());
    Moments {
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
pub fn norm_relu_conv(x: Tensor<4>, affine: Affine, _moments: &Moments, weight: Tensor<4>, stride: usize) -> Tensor<4> {
    conv(relu(norm(x, affine)), weight, stride)
}

/// BatchNorm of `[n, h, w, channels]` with the batch's own moments.
pub fn norm(x: Tensor<4>, affine: Affine) -> Tensor<4> {
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
