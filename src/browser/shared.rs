//! The loaded models and the device, which the engine and its runs share.

use std::cell::RefCell;

use crate::device::ComputeDevice;
#[cfg(feature = "webgpu")]
use crate::device::Executor;
#[cfg(feature = "webgpu")]
use crate::error::ErrorCode;
use crate::error::{LabError, LabResult};
#[cfg(feature = "webgpu")]
use crate::kernels::webgpu::KernelFamily;
use crate::session::Models;

pub(super) struct Shared {
    pub models: RefCell<Models>,
    #[cfg(feature = "webgpu")]
    gpu: crate::device::GpuDevice,
}

impl Shared {
    /// Acquires the module's device. `kernels` names the family that runs on it; only tests choose one.
    ///
    /// # Errors
    /// `device_unavailable`; `bad_argument` for a family that does not exist.
    #[cfg(feature = "webgpu")]
    pub async fn acquire(kernels: Option<&str>) -> LabResult<Self> {
        let family = kernels.map(str::parse::<KernelFamily>).transpose();
        let family = family.map_err(LabError::bad_argument)?;
        let lost = |why| {
            let message = format!("the GPU device was lost: {why}");
            super::fatal::report(LabError::new(ErrorCode::DeviceLost, message));
        };
        let gpu = crate::device::acquire(family, lost).await?;
        super::log::install(gpu.error_sink());
        let models = RefCell::new(Models::new(ComputeDevice {
            tensors: gpu.device.clone(),
            executor: Executor::Gpu(gpu.scheduler(js_sys::Date::now)),
        }));
        Ok(Self { models, gpu })
    }

    /// Acquires the module's device.
    ///
    /// # Errors
    /// `bad_argument` if a family of kernels is named, since only a GPU has several.
    #[cfg(not(feature = "webgpu"))]
    pub async fn acquire(kernels: Option<&str>) -> LabResult<Self> {
        if let Some(name) = kernels {
            return Err(LabError::bad_argument(format!(
                "kernels is \"{name}\"; the CPU has only one family, so it must be left out"
            )));
        }
        let models = RefCell::new(Models::new(ComputeDevice::cpu()));
        Ok(Self { models })
    }

    /// Awaits work on the device, and fails if the device has reported an error in the meantime: a GPU reports most errors apart from
    /// the call that caused them.
    pub async fn checked<R>(&self, work: impl Future<Output = LabResult<R>>) -> LabResult<R> {
        let result = work.await;
        #[cfg(feature = "webgpu")]
        if !matches!(&result, Err(error) if error.code == ErrorCode::DeviceLost) {
            self.gpu.check()?;
        }
        result
    }

    /// Labels of the GPU kernels that have been compiled for evaluation or launched in training, for tests; none on the CPU.
    pub fn kernel_labels(&self) -> Vec<String> {
        #[cfg(feature = "webgpu")]
        {
            let mut labels = self.gpu.training_labels();
            match self.device().executor {
                Executor::Gpu(scheduler) => labels.extend(scheduler.context().pipeline_labels()),
                #[cfg(any(feature = "cpu", feature = "cuda"))]
                _ => {}
            }
            labels
        }
        #[cfg(not(feature = "webgpu"))]
        Vec::new()
    }

    /// The device on which networks are computed.
    pub fn device(&self) -> ComputeDevice {
        self.models.borrow().device().clone()
    }

    /// Frees everything on the device. Nothing can be computed afterwards.
    pub fn dispose(&self) {
        let mut models = self.models.borrow_mut();
        models.names().iter().for_each(|name| _ = models.remove(name));
        #[cfg(feature = "webgpu")]
        self.gpu.destroy();
    }
}
