//! A WebGPU device, requested here and handed to burn.
//!
//! cubecl panics if there is no adapter, if `timestamp-query` is missing, and on an uncaptured error; so
//! the adapter is checked and the device requested here, and errors are collected instead.

use std::rc::Rc;
use std::sync::{Arc, Mutex};

use burn::tensor::Device;
use burn::tensor::wgpu::{WgpuSetup, wgpu};

use crate::error::{ErrorCode, LabError, LabResult};
use crate::kernels::ops;
use crate::kernels::webgpu::{GpuContext, GpuScheduler, KernelFamily};

/// Tasks that cubecl gathers into one submit: few, so that no submit holds the GPU for long.
const TASKS_MAX: usize = 32;

/// A burn device, and the errors that it reports.
#[derive(Clone)]
pub struct GpuDevice {
    /// For tensors, without autodiff.
    pub device: Device,
    gpu: wgpu::Device,
    queue: wgpu::Queue,
    family: KernelFamily,
    errors: Arc<Mutex<Vec<String>>>,
}

/// Requests an adapter and a device and registers them with burn. `on_lost` is called when the device is lost. `family` says which
/// kernels run; by default those that are fast on the adapter. Only tests choose others.
///
/// # Errors
/// `device_unavailable`, with what is missing.
pub async fn acquire(family: Option<KernelFamily>, on_lost: impl Fn(String) + Send + 'static) -> LabResult<GpuDevice> {
    let unavailable = |message: String| LabError::new(ErrorCode::DeviceUnavailable, message);
    let instance = wgpu::Instance::new(wgpu::InstanceDescriptor::new_without_display_handle());
    let options = wgpu::RequestAdapterOptions {
        power_preference: wgpu::PowerPreference::HighPerformance,
        ..Default::default()
    };
    let adapter = instance
        .request_adapter(&options)
        .await
        .map_err(|e| unavailable(format!("no WebGPU adapter: {e}")))?;
    if !adapter.features().contains(wgpu::Features::TIMESTAMP_QUERY) {
        return Err(unavailable(
            "the WebGPU adapter lacks `timestamp-query`, which burn's WebGPU backend needs".into(),
        ));
    }
    // cubecl reads limits and features off the adapter, so the device must have all of them, or shaders turn out invalid.
    let descriptor = wgpu::DeviceDescriptor {
        label: Some("fidelity-lab"),
        required_features: adapter.features().difference(wgpu::Features::MAPPABLE_PRIMARY_BUFFERS),
        required_limits: adapter.limits(),
        memory_hints: wgpu::MemoryHints::MemoryUsage,
        ..Default::default()
    };
    let (gpu, queue) = adapter
        .request_device(&descriptor)
        .await
        .map_err(|e| unavailable(format!("no WebGPU device: {e}")))?;
    let family = family.unwrap_or_else(|| KernelFamily::for_adapter(&adapter.get_info()));
    let setup = WgpuSetup {
        instance,
        backend: adapter.get_info().backend,
        adapter,
        device: gpu.clone(),
        queue: queue.clone(),
    };
    let device = Device::wgpu_options()
        .tasks_max(TASKS_MAX)
        .setup(setup)
        .init()
        .map_err(|e| unavailable(format!("burn cannot use the WebGPU device: {e}")))?;
    ops::register(&device, family);

    // After burn's own handlers: in a browser the last uncaptured-error handler wins, and every device-lost one is called.
    let errors = Arc::new(Mutex::new(Vec::new()));
    let collected = errors.clone();
    gpu.on_uncaptured_error(Arc::new(move |error: wgpu::Error| {
        record(&collected, error.to_string())
    }));
    gpu.set_device_lost_callback(move |reason, message| on_lost(format!("{reason:?}: {message}")));
    Ok(GpuDevice {
        device,
        gpu,
        queue,
        family,
        errors,
    })
}

impl GpuDevice {
    /// Fails with whatever the GPU or burn's compiler reported since the last call.
    ///
    /// # Errors
    /// `device_lost`, `out_of_memory` or `gpu_error`.
    pub fn check(&self) -> LabResult<()> {
        let mut errors = self.errors.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let first = errors.drain(..).next();
        match first {
            // burn logs the loss before the browser calls the handler above.
            Some(error) if error.contains("device was lost") => Err(LabError::new(ErrorCode::DeviceLost, error)),
            Some(error) if error.to_lowercase().contains("out of memory") => Err(LabError::new(
                ErrorCode::OutOfMemory,
                format!("the GPU is out of memory: {error}"),
            )),
            Some(error) => Err(LabError::new(
                ErrorCode::GpuError,
                format!("the GPU rejected work: {error}"),
            )),
            None => Ok(()),
        }
    }

    /// The adapter.
    #[cfg(not(target_family = "wasm"))]
    pub fn adapter(&self) -> wgpu::AdapterInfo {
        self.gpu.adapter_info()
    }

    /// What evaluates networks on the device; `clock` reads milliseconds.
    pub fn scheduler(&self, clock: fn() -> f64) -> Rc<GpuScheduler> {
        let context = GpuContext::new(self.gpu.clone(), self.queue.clone(), self.family);
        Rc::new(GpuScheduler::new(context).with_clock(clock))
    }

    /// Labels of the kernels that training has launched on the device, sorted.
    pub fn training_labels(&self) -> Vec<String> {
        ops::launched(&self.device)
    }

    /// Takes errors that only reach a log, so that [`Self::check`] reports them.
    pub fn error_sink(&self) -> impl Fn(String) + Send + Sync + 'static {
        let errors = self.errors.clone();
        move |error| record(&errors, error)
    }

    /// Frees the GPU's memory; nothing can be computed afterwards.
    pub fn destroy(&self) {
        self.gpu.destroy();
    }
}

fn record(errors: &Mutex<Vec<String>>, error: String) {
    let mut errors = errors.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    // The first ones show the cause; a device that fails at every call must not fill the memory.
    if errors.len() < 16 {
        errors.push(error);
    }
}
