//! The layers of a PreResNet, in PyTorch's conventions.

use burn::tensor::{Device, Tensor};

use super::parameter::{Parameter, upload};
use crate::architecture::BATCH_NORM_EPSILON;
use crate::kernels::ops::{self, BatchMoments};
use crate::weights::{MissingTensor, StateDict};

/// A convolution without bias, padded to keep the size at stride 1.
#[derive(Clone, Debug)]
pub struct Conv2d {
    /// `[c_out, c_in, size, size]`
    pub weight: Parameter,
    stride: usize,
}

impl Conv2d {
    pub(super) fn from_state(
        state: &StateDict,
        name: &str,
        stride: usize,
        device: &Device,
    ) -> Result<Self, MissingTensor> {
        Ok(Self {
            weight: Parameter::from_state(state, format!("{name}.weight"), device)?,
            stride,
        })
    }

    /// `[n, h, w, c_in]` -> `[n, h / stride, w / stride, c_out]`
    pub fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        ops::conv(x, self.weight.view::<4>(), self.stride)
    }

    /// `conv(relu(norm(x)))` with the batch's own moments.
    pub(super) fn forward_normalised(&self, x: Tensor<4>, norm: &BatchNorm, moments: &BatchMoments) -> Tensor<4> {
        ops::norm_relu_conv(x, norm.parameters(), moments, self.weight.view::<4>(), self.stride)
    }
}

/// Batch normalisation over `[n, h, w, channels]` with PyTorch's running statistics.
///
/// burn's own module updates the running variance with the biased batch variance, but PyTorch with the unbiased one, so this
/// layer keeps its statistics itself.
#[derive(Clone, Debug)]
pub struct BatchNorm {
    /// Trainable scale, `[channels]`.
    pub weight: Parameter,
    /// Trainable shift, `[channels]`.
    pub bias: Parameter,
    /// `[channels]`, never on an autodiff device.
    pub running_mean: Tensor<1>,
    /// `[channels]`, never on an autodiff device.
    pub running_var: Tensor<1>,
    name: String,
}

impl BatchNorm {
    pub(super) fn from_state(state: &StateDict, name: &str, device: &Device) -> Result<Self, MissingTensor> {
        let plain = device.clone().without_autodiff();
        Ok(Self {
            weight: Parameter::from_state(state, format!("{name}.weight"), device)?,
            bias: Parameter::from_state(state, format!("{name}.bias"), device)?,
            running_mean: upload(state, &format!("{name}.running_mean"), &plain)?.1,
            running_var: upload(state, &format!("{name}.running_var"), &plain)?.1,
            name: name.into(),
        })
    }

    /// The layer's name in the file, such as `stage1.0.norm1`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The trainable parameters.
    pub(super) fn parameters(&self) -> ops::NormParameters {
        ops::NormParameters {
            weight: self.weight.view(),
            bias: self.bias.view(),
        }
    }

    /// Normalises with the running statistics.
    pub fn evaluate(&self, x: Tensor<4>) -> Tensor<4> {
        let scale = self
            .weight
            .view::<1>()
            .div(self.running_var.clone().add_scalar(BATCH_NORM_EPSILON).sqrt());
        let shift = self.bias.view::<1>().sub(self.running_mean.clone().mul(scale.clone()));
        x.mul(scale.reshape([1, 1, 1, -1])).add(shift.reshape([1, 1, 1, -1]))
    }

    /// Measures a batch `[n, h, w, channels]`, and moves the running statistics towards it.
    pub(super) fn observe(&mut self, x: &Tensor<4>) -> BatchMoments {
        let [n, h, w, _] = x.dims();
        let moments = ops::moments(x);
        self.update(&moments, n * h * w);
        moments
    }

    /// running = (1 - momentum) * running + momentum * batch, as in PyTorch, for moments of `n_values` values per channel. One
    /// value has no unbiased variance; PyTorch rejects it, and so does the trainer, which needs two images.
    fn update(&mut self, moments: &BatchMoments, n_values: usize) {
        let running = [self.running_mean.clone(), self.running_var.clone()];
        [self.running_mean, self.running_var] = ops::running(running, moments, n_values);
    }
}

/// The classifier: `[n, features]` -> `[n, classes]`.
#[derive(Clone, Debug)]
pub struct Linear {
    /// `[classes, features]`
    pub weight: Parameter,
    /// `[classes]`
    pub bias: Parameter,
}

impl Linear {
    pub(super) fn from_state(state: &StateDict, name: &str, device: &Device) -> Result<Self, MissingTensor> {
        Ok(Self {
            weight: Parameter::from_state(state, format!("{name}.weight"), device)?,
            bias: Parameter::from_state(state, format!("{name}.bias"), device)?,
        })
    }

    /// Computes x W^T + b.
    pub fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        x.matmul(self.weight.view::<2>().transpose())
            .add(self.bias.view::<1>().unsqueeze())
    }
}

#[cfg(all(test, feature = "cpu"))]
mod tests {
    use super::*;
    use crate::weights::{self, StateDict};

    fn norm(device: &Device) -> BatchNorm {
        let mut state = StateDict::default();
        for (name, value) in [
            ("weight", 2.0),
            ("bias", 0.5),
            ("running_mean", 10.0),
            ("running_var", 4.0),
        ] {
            state.insert(
                format!("n.{name}"),
                weights::Tensor {
                    shape: vec![1],
                    data: vec![value],
                },
            );
        }
        BatchNorm::from_state(&state, "n", device).unwrap()
    }

    /// The values 1, 2, 3, 6 have mean 3, biased variance 3.5 and unbiased variance 14/3.
    #[test]
    fn the_running_variance_takes_the_unbiased_batch_variance() {
        let mut norm = norm(&Device::flex());
        let x = Tensor::<1>::from_floats([1.0, 2.0, 3.0, 6.0], &Device::flex()).reshape([2, 1, 2, 1]);
        norm.update(&ops::reference::moments(&x), 4);
        let y: Vec<f32> = ops::reference::norm(x, norm.parameters())
            .into_data()
            .try_to_vec()
            .unwrap();
        let expected = [1.0f64, 2.0, 3.0, 6.0].map(|v| (v - 3.0) / (3.5f64 + 1e-5).sqrt() * 2.0 + 0.5);
        y.iter()
            .zip(expected)
            .for_each(|(a, b)| assert!((f64::from(*a) - b).abs() < 1e-5, "{a} {b}"));
        let mean: f32 = norm.running_mean.clone().into_scalar();
        let var: f32 = norm.running_var.clone().into_scalar();
        assert!((mean - 9.3).abs() < 1e-5, "{mean}");
        assert!((f64::from(var) - (0.9 * 4.0 + 0.1 * 14.0 / 3.0)).abs() < 1e-5, "{var}");
    }

    #[test]
    fn evaluation_uses_the_running_statistics() {
        let norm = norm(&Device::flex());
        let y: f32 = norm
            .evaluate(Tensor::<4>::full([1, 1, 1, 1], 12.0, &Device::flex()))
            .into_scalar();
        assert!((y - 2.5).abs() < 1e-4, "{y}");
    }
}
