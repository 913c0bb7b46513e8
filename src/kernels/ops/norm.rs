//! What the operations know of a BatchNorm.

use burn::tensor::Tensor;

/// Mean and biased variance of each channel over a batch, `[channels]`, not differentiable on their own: the gradient of
/// [`norm_relu_conv`](super::norm_relu_conv) takes into account that they depend on its input.
#[derive(Clone, Debug)]
pub struct BatchMoments {
    /// Over all images and pixels.
    pub mean: Tensor<1>,
    /// Divided by the number of values.
    pub var: Tensor<1>,
}

/// The trainable parameters of a BatchNorm.
#[derive(Clone, Debug)]
pub struct NormParameters {
    /// Scale, `[channels]`.
    pub weight: Tensor<1>,
    /// Shift, `[channels]`.
    pub bias: Tensor<1>,
}
