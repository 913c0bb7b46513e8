//! Which kernels a device runs.

use std::str::FromStr;

/// A family of kernels. It is chosen once, where a device is acquired, and handed down from there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KernelFamily {
    /// Kernels that keep a tile in registers.
    Gpu,
    /// Kernels that keep weights or sums in private memory: on a software adapter a load costs as much as dozens of
    /// multiplications, and each barrier a coroutine switch.
    SoftwareAdapter,
}

impl KernelFamily {
    /// The family that is fast on an adapter.
    pub fn for_adapter(adapter: &wgpu::AdapterInfo) -> Self {
        match adapter.device_type {
            wgpu::DeviceType::Cpu => Self::SoftwareAdapter,
            _ => Self::Gpu,
        }
    }
}

impl FromStr for KernelFamily {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        match name {
            "gpu" => Ok(Self::Gpu),
            "software-adapter" => Ok(Self::SoftwareAdapter),
            _ => Err(format!("kernels are \"gpu\" or \"software-adapter\", not \"{name}\"")),
        }
    }
}
