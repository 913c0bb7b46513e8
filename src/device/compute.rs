//! The device that computes networks.

use burn::tensor::Device;

/// What evaluates networks.
#[derive(Clone)]
pub enum Executor {
    /// Hand-written SIMD kernels, on the threads of the calling thread's pool.
    #[cfg(feature = "cpu")]
    Cpu,
    /// Hand-written WGSL kernels, with pipelines and activations that all networks share.
    #[cfg(feature = "wgsl")]
    Gpu(std::rc::Rc<crate::kernels::webgpu::GpuScheduler>),
    /// burn's operations, on a device without hand-written kernels.
    #[cfg(feature = "cuda")]
    Tensors(Device),
}

/// burn's device, on which networks are trained, and what evaluates them on the same hardware.
#[derive(Clone)]
pub struct ComputeDevice {
    /// For tensors, without autodiff.
    pub tensors: Device,
    /// For networks that are only evaluated.
    pub executor: Executor,
}

impl ComputeDevice {
    /// The CPU; there is nothing to acquire.
    #[cfg(feature = "cpu")]
    pub fn cpu() -> Self {
        Self {
            tensors: Device::flex(),
            executor: Executor::Cpu,
        }
    }

    /// Whether images may have a size other than 32 pixels.
    pub fn takes_any_size(&self) -> bool {
        match self.executor {
            #[cfg(feature = "cpu")]
            Executor::Cpu => true,
            #[cfg(feature = "wgsl")]
            Executor::Gpu(_) => false,
            #[cfg(feature = "cuda")]
            Executor::Tensors(_) => true,
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
