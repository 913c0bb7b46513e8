//! The convolution of a family.

use super::kernel::{Kernel, Workgroups};
use super::shape::{BatchSize, ConvShape, ThreadTile};
use super::stationary::{stationary, stationary_workgroups};
use super::tiled::{tiled, tiled_workgroups};
use crate::kernels::webgpu::family::KernelFamily;

/// The kernel of a family. For sizes that no network has, a software adapter runs the kernel for GPUs.
pub fn convolution(shape: &ConvShape, family: KernelFamily, batch: BatchSize) -> Kernel {
    let stationary = match family {
        KernelFamily::Gpu => None,
        KernelFamily::SoftwareAdapter => stationary(shape, batch),
    };
    stationary.unwrap_or_else(|| tiled(shape, ThreadTile::GPU, batch))
}

/// How the workgroups of [`convolution`] are counted.
pub fn convolution_workgroups(shape: &ConvShape, family: KernelFamily) -> Workgroups {
    let stationary = match family {
        KernelFamily::Gpu => None,
        KernelFamily::SoftwareAdapter => stationary_workgroups(shape),
    };
    stationary.unwrap_or_else(|| tiled_workgroups(shape, ThreadTile::GPU))
}
