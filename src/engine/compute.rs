//! Where networks are computed.

use burn::tensor::Device;

/// burn's device, on which networks are trained, and what our own kernels need of the same hardware.
#[derive(Clone)]
pub struct ComputeDevice {
    /// For tensors, without autodiff.
    pub tensors: Device,
    /// Pipelines and activations that all networks share.
    #[cfg(feature = "webgpu")]
    pub kernels: std::rc::Rc<crate::kernels::webgpu::Kernels>,
}

impl ComputeDevice {
    /// The CPU; there is nothing to acquire.
    #[cfg(feature = "cpu")]
    pub fn cpu() -> Self {
        Self {
            tensors: Device::flex(),
        }
    }
}

impl std::fmt::Debug for ComputeDevice {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ComputeDevice")
            .field("tensors", &self.tensors)
            .finish_non_exhaustive()
    }
}
