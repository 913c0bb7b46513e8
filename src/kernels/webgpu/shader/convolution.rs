//! The convolution of a family.

use super::kernel::{Kernel, Workgroups};
use super::shape::{Convolution, Images, Tile};
use super::stationary::{stationary, stationary_workgroups};
use super::tiled::{tiled, tiled_workgroups};
use crate::kernels::webgpu::family::KernelFamily;

/// The kernel of a family. For sizes that no network has, a software adapter runs the kernel for GPUs.
pub fn convolution(shape: &Convolution, family: KernelFamily, images: Images) -> Kernel {
    let stationary = match family {
        KernelFamily::Gpu => None,
        KernelFamily::SoftwareAdapter => stationary(shape, images),
    };
    stationary.unwrap_or_else(|| tiled(shape, Tile::GPU, images))
}

/// How the workgroups of [`convolution`] are counted.
pub fn convolution_workgroups(shape: &Convolution, family: KernelFamily) -> Workgroups {
    let stationary = match family {
        KernelFamily::Gpu => None,
        KernelFamily::SoftwareAdapter => stationary_workgroups(shape),
    };
    stationary.unwrap_or_else(|| tiled_workgroups(shape, Tile::GPU))
}
