//! What the engine and its runs share: the loaded models and the device.

use std::cell::RefCell;

use crate::device::ComputeDevice;
#[cfg(feature = "webgpu")]
use crate::device::Executor;
use crate::error::LabResult;
#[cfg(feature = "webgpu")]
use crate::error::{ErrorCode, LabError};
use crate::session::Models;

pub(super) struct Shared {
    pub models: RefCell<Models>,
    #[cfg(feature = "webgpu")]
    gpu: crate::device::GpuDevice,
}

impl Shared {
    /// Takes the module's device.
    ///
    /// # Errors
    /// `device_unavailable`.
    #[cfg(feature = "webgpu")]
    pub async fn acquire() -> LabResult<Self> {
        let lost = |why| {
            let message = format!("the GPU device was lost: {why}");
            super::fatal::report(LabError::new(ErrorCode::DeviceLost, message));
        };
        let gpu = crate::device::acquire(lost).await?;
        super::log::install(gpu.error_sink());
        let models = RefCell::new(Models::new(ComputeDevice {
            tensors: gpu.device.clone(),
            executor: Executor::Gpu(gpu.kernels(js_sys::Date::now)),
        }));
        Ok(Self { models, gpu })
    }

    /// Takes the module's device.
    ///
    /// # Errors
    /// None; the GPU's may fail.
    #[cfg(not(feature = "webgpu"))]
    pub async fn acquire() -> LabResult<Self> {
        let models = RefCell::new(Models::new(ComputeDevice::cpu()));
        Ok(Self { models })
    }

    /// Awaits work on the device and fails where the device reported an error meanwhile, since a GPU reports most of them apart
    /// from the call that caused them.
    pub async fn checked<R>(&self, work: impl Future<Output = LabResult<R>>) -> LabResult<R> {
        let result = work.await;
        #[cfg(feature = "webgpu")]
        if !matches!(&result, Err(error) if error.code == ErrorCode::DeviceLost) {
            self.gpu.check()?;
        }
        result
    }

    /// Where networks are computed.
    pub fn device(&self) -> ComputeDevice {
        self.models.borrow().device().clone()
    }

    /// Frees what the device holds. Nothing can be computed afterwards.
    pub fn dispose(&self) {
        let mut models = self.models.borrow_mut();
        models.names().iter().for_each(|name| _ = models.remove(name));
        #[cfg(feature = "webgpu")]
        self.gpu.destroy();
    }
}
