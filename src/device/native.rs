//! Devices of a native program, chosen when it runs from those that it was compiled with.

use std::fmt;
use std::str::FromStr;

use burn::tensor::Device;

use super::compute::{ComputeDevice, Executor};
use crate::error::{ErrorCode, LabError, LabResult};

/// How a device is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// The processor, by SIMD kernels.
    Cpu,
    /// Vulkan or Metal, by WGSL kernels.
    Wgpu,
    /// CUDA, by burn's own kernels.
    Cuda,
}

/// A device that gave the known answer when it was opened.
pub struct NativeDevice {
    /// How it is reached.
    pub kind: Kind,
    /// The name of the processor, or of the adapter with its driver.
    pub name: String,
    /// Evaluates networks.
    pub executor: Executor,
    /// For training, if this build can train on the device.
    tensors: Option<Device>,
    #[cfg(all(feature = "webgpu", feature = "vulkan"))]
    gpu: Option<super::webgpu::GpuDevice>,
}

impl Kind {
    /// The kinds in this build.
    pub const COMPILED: &[Self] = &[
        #[cfg(feature = "cpu")]
        Self::Cpu,
        #[cfg(feature = "vulkan")]
        Self::Wgpu,
        #[cfg(feature = "cuda")]
        Self::Cuda,
    ];
    const ALL: [Self; 3] = [Self::Cpu, Self::Wgpu, Self::Cuda];

    /// The name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Wgpu => "wgpu",
            Self::Cuda => "cuda",
        }
    }

    /// The Cargo feature that includes all of it.
    fn feature(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Wgpu => "native-wgpu",
            Self::Cuda => "cuda",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Kind {
    type Err = String;

    /// One of [`Kind::COMPILED`], by its name.
    fn from_str(name: &str) -> Result<Self, String> {
        let compiled: Vec<&str> = Self::COMPILED.iter().map(|kind| kind.name()).collect();
        let compiled = format!("this program was built with: {}", compiled.join(", "));
        match Self::ALL.into_iter().find(|kind| kind.name() == name) {
            Some(kind) if Self::COMPILED.contains(&kind) => Ok(kind),
            Some(kind) => Err(format!(
                "{compiled}; build it with `--features {}` for {kind}",
                kind.feature()
            )),
            None => Err(format!("there is no device of that name; {compiled}")),
        }
    }
}

impl NativeDevice {
    /// Opens the device and checks that it computes a known answer.
    ///
    /// # Errors
    /// `device_unavailable`, with what is missing; `gpu_error` if the answer is wrong.
    pub async fn open(kind: Kind) -> LabResult<Self> {
        let device = match kind {
            #[cfg(feature = "cpu")]
            Kind::Cpu => Self::cpu(),
            #[cfg(feature = "vulkan")]
            Kind::Wgpu => Self::wgpu().await?,
            #[cfg(feature = "cuda")]
            Kind::Cuda => Self::cuda()?,
            #[allow(unreachable_patterns, reason = "all kinds may be compiled in")]
            other => {
                let message = format!("this program was built without {other}");
                return Err(LabError::new(ErrorCode::DeviceUnavailable, message));
            }
        };
        super::self_test(&device.executor).await?;
        Ok(device)
    }

    /// The device for training.
    ///
    /// # Errors
    /// `device_unavailable` if this build only evaluates on it.
    pub fn trainable(&self) -> LabResult<ComputeDevice> {
        let tensors = self.tensors.clone().ok_or_else(|| {
            let message = format!(
                "this program only evaluates on {}; build it with `--features {}` to train there too",
                self.kind,
                self.kind.feature()
            );
            LabError::new(ErrorCode::DeviceUnavailable, message)
        })?;
        Ok(ComputeDevice {
            tensors,
            executor: self.executor.clone(),
        })
    }

    /// Whether this build can train networks on it.
    pub fn trains(&self) -> bool {
        self.tensors.is_some()
    }

    /// Fails with what a GPU reported since the last call: it does not report an error in the call that caused it.
    ///
    /// # Errors
    /// `device_lost`, `out_of_memory` or `gpu_error`.
    pub fn check(&self) -> LabResult<()> {
        #[cfg(all(feature = "webgpu", feature = "vulkan"))]
        if let Some(gpu) = &self.gpu {
            gpu.check()?;
        }
        Ok(())
    }

    fn new(kind: Kind, name: String, executor: Executor, tensors: Option<Device>) -> Self {
        Self {
            kind,
            name,
            executor,
            tensors,
            #[cfg(all(feature = "webgpu", feature = "vulkan"))]
            gpu: None,
        }
    }

    #[cfg(feature = "cpu")]
    fn cpu() -> Self {
        let ComputeDevice { tensors, executor } = ComputeDevice::cpu();
        Self::new(Kind::Cpu, processor(), executor, Some(tensors))
    }

    /// The most powerful adapter.
    #[cfg(all(feature = "vulkan", feature = "webgpu"))]
    async fn wgpu() -> LabResult<Self> {
        use std::sync::LazyLock;
        use std::time::Instant;
        static START: LazyLock<Instant> = LazyLock::new(Instant::now);
        fn milliseconds() -> f64 {
            START.elapsed().as_secs_f64() * 1e3
        }
        let gpu = super::webgpu::acquire(None, |why| eprintln!("error: the GPU device was lost: {why}")).await?;
        let executor = Executor::Gpu(gpu.scheduler(milliseconds));
        Ok(Self {
            gpu: Some(gpu.clone()),
            ..Self::new(
                Kind::Wgpu,
                described(&gpu.adapter()),
                executor,
                Some(gpu.device.clone()),
            )
        })
    }

    /// The most powerful adapter.
    #[cfg(all(feature = "vulkan", not(feature = "webgpu")))]
    async fn wgpu() -> LabResult<Self> {
        use crate::kernels::webgpu::{GpuContext, GpuScheduler, KernelFamily};
        let unavailable = |message: String| LabError::new(ErrorCode::DeviceUnavailable, message);
        let instance = wgpu::Instance::new(wgpu::InstanceDescriptor::new_without_display_handle());
        let options = wgpu::RequestAdapterOptions {
            power_preference: wgpu::PowerPreference::HighPerformance,
            ..Default::default()
        };
        let adapter = instance.request_adapter(&options).await;
        let adapter = adapter.map_err(|e| unavailable(format!("no Vulkan or Metal adapter: {e}")))?;
        let descriptor = wgpu::DeviceDescriptor {
            label: Some("fidelity"),
            required_limits: adapter.limits(),
            ..Default::default()
        };
        let (device, queue) = adapter
            .request_device(&descriptor)
            .await
            .map_err(|e| unavailable(format!("the adapter provides no device: {e}")))?;
        let family = KernelFamily::for_adapter(&adapter.get_info());
        let scheduler = GpuScheduler::new(GpuContext::new(device, queue, family));
        let executor = Executor::Gpu(scheduler.into());
        Ok(Self::new(Kind::Wgpu, described(&adapter.get_info()), executor, None))
    }

    /// The first device. The driver is detected from files, since burn's runtime panics without one.
    #[cfg(feature = "cuda")]
    fn cuda() -> LabResult<Self> {
        let name = nvidia().ok_or_else(|| {
            let message = "no NVIDIA driver is loaded (/proc/driver/nvidia does not exist); CUDA needs one, and NVRTC from the toolkit";
            LabError::new(ErrorCode::DeviceUnavailable, message)
        })?;
        let tensors = Device::cuda(0);
        Ok(Self::new(
            Kind::Cuda,
            name,
            Executor::Tensors(tensors.clone()),
            Some(tensors),
        ))
    }
}

impl fmt::Debug for NativeDevice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NativeDevice")
            .field("kind", &self.kind)
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// The processor's name if the system reports it, else its architecture.
#[cfg(feature = "cpu")]
fn processor() -> String {
    let name = std::fs::read_to_string("/proc/cpuinfo").ok().and_then(|text| {
        let line = text.lines().find(|line| line.starts_with("model name"))?;
        line.split_once(':').map(|(_, name)| name.trim().to_owned())
    });
    name.unwrap_or_else(|| format!("{} processor", std::env::consts::ARCH))
}

#[cfg(feature = "vulkan")]
fn described(info: &wgpu::AdapterInfo) -> String {
    let mut name = format!("{} ({:?}", info.name, info.backend);
    for detail in [&info.driver, &info.driver_info]
        .into_iter()
        .filter(|text| !text.is_empty())
    {
        name += &format!(", {detail}");
    }
    if info.device_type == wgpu::DeviceType::Cpu {
        name += ", a software adapter: slower than the device cpu";
    }
    name + ")"
}

/// The first GPU's model, as the kernel module reports it.
#[cfg(feature = "cuda")]
fn nvidia() -> Option<String> {
    let mut gpus: Vec<_> = std::fs::read_dir("/proc/driver/nvidia/gpus").ok()?.flatten().collect();
    gpus.sort_by_key(std::fs::DirEntry::file_name);
    let text = std::fs::read_to_string(gpus.first()?.path().join("information")).ok()?;
    let model = text.lines().find_map(|line| line.strip_prefix("Model:"));
    Some(model.map_or_else(|| "an NVIDIA GPU".to_owned(), |model| model.trim().to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_and_what_is_not_compiled_in_is_told_from_what_there_is_not() {
        for kind in Kind::ALL {
            match kind.name().parse::<Kind>() {
                Ok(parsed) => assert!(parsed == kind && Kind::COMPILED.contains(&kind)),
                Err(message) => {
                    assert!(!Kind::COMPILED.contains(&kind));
                    assert!(message.contains(&format!("--features {}", kind.feature())), "{message}");
                }
            }
        }
        let message = "tpu".parse::<Kind>().unwrap_err();
        assert!(
            message.contains("no device of that name; this program was built with: "),
            "{message}"
        );
    }
}
