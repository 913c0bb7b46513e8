//! A named trainable tensor.

use burn::tensor::{Device, Tensor, TensorData};

use crate::weights::{MissingTensor, StateDict};

/// A trainable tensor, stored flat so that the optimiser and checkpoints treat all ranks alike; layers view it in its shape.
#[derive(Clone, Debug)]
pub struct Parameter {
    name: String,
    shape: Vec<usize>,
    value: Tensor<1>,
}

impl Parameter {
    /// Uploads tensor `name` of a state dict that has been checked against the architecture.
    ///
    /// # Errors
    /// [`MissingTensor`] if the state dict lacks `name`.
    pub(super) fn from_state(state: &StateDict, name: String, device: &Device) -> Result<Self, MissingTensor> {
        let (shape, value) = upload(state, &name, device)?;
        let value = if device.is_autodiff() {
            value.require_grad()
        } else {
            value
        };
        Ok(Self { name, shape, value })
    }

    /// The name in the safetensors file, such as `stage1.0.conv2.weight`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The shape in PyTorch's convention.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// All values, flat, in row-major order.
    pub fn flat(&self) -> &Tensor<1> {
        &self.value
    }

    /// The values in the parameter's shape, which has rank `D`.
    pub fn view<const D: usize>(&self) -> Tensor<D> {
        let mut dims = [1; D];
        dims.copy_from_slice(&self.shape);
        self.value.clone().reshape(dims)
    }

    /// Replaces the values by `flat`, a tensor of the inner backend; on an autodiff device this starts a new graph.
    pub(crate) fn set(&mut self, flat: Tensor<1>) {
        self.value = if self.value.is_autodiff() {
            flat.autodiff().require_grad()
        } else {
            flat
        };
    }
}

/// Uploads a tensor of the state dict to the device, flat, and returns its shape with it.
pub(super) fn upload(state: &StateDict, name: &str, device: &Device) -> Result<(Vec<usize>, Tensor<1>), MissingTensor> {
    let tensor = state.require(name)?;
    let data = TensorData::new(tensor.data.clone(), [tensor.data.len()]);
    Ok((tensor.shape.clone(), Tensor::from_data(data, device)))
}
