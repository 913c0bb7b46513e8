//! The gradient of a convolution's weight: the kernel of a family.

use super::gradient_tile::GradientTile;
use super::shape::LayerShape;
use super::weight_software;
use crate::kernels::webgpu::family::KernelFamily;
use crate::kernels::webgpu::shader::{WORKGROUP, fill, with_constants};

/// The kernel's WGSL.
pub fn source(shape: &LayerShape) -> String {
    let tile = GradientTile::new(shape);
    match shape.family {
        KernelFamily::Gpu => gpu(&tile, shape),
        KernelFamily::SoftwareAdapter => weight_software::source(&tile, shape),
    }
}

/// A GPU keeps a thread's sums in registers.
fn gpu(tile: &GradientTile, shape: &LayerShape) -> String {
    let template = if shape.kernel == 1 {
        include_str!("../wgsl/training/weight_1x1.wgsl")
    } else {
        include_str!("../wgsl/training/weight_3x3.wgsl")
    };
    let functions = include_str!("../wgsl/training/weight_functions.wgsl");
    with_constants(
        &fill(template, &[("$FUNCTIONS", functions.into())]),
        &[
            ("WORKGROUP", WORKGROUP),
            ("STRIDE", shape.stride),
            ("SIZE_IN", shape.size_in),
            ("SIZE_OUT", shape.size_out()),
            ("C_IN", shape.c_in / 4),
            ("C_OUT", shape.c_out / 4),
            ("TILES", tile.tiles(shape)),
            ("PARTS", tile.parts),
            ("ROWS", shape.n * shape.size_out()),
            ("NORMED", usize::from(shape.normed)),
            ("SCALE", shape.n_weights() / 4),
        ],
    )
}
