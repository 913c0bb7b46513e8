//! How the gradient of a convolution's weight, a sum over all pixels, is shared out among threads.

use super::shape::LayerShape;
use crate::kernels::webgpu::family::KernelFamily;
use crate::kernels::webgpu::shader::{LANES, MOST_WORKGROUPS, WORKGROUP};

/// Threads that fill a GPU: with fewer tiles, the sum is split into more parts.
const THREADS: usize = 16_384;
/// Parts of the sum, at most.
const MOST_PARTS: usize = 256;

/// How the gradient of a weight is shared out: what each thread sums, and over how many parts of the pixels.
pub struct GradientTile {
    /// Vectors of input channels per thread.
    pub tile_in: usize,
    /// Vectors of output channels per thread.
    pub tile_out: usize,
    /// Parts of the sum; each takes every `parts`-th row.
    pub parts: usize,
}

impl GradientTile {
    /// Follows from the layer's shape.
    pub fn new(shape: &LayerShape) -> Self {
        let (c_in, c_out, rows) = (shape.c_in / 4, shape.c_out / 4, shape.n * shape.size_out());
        let most =
            |vectors: usize, most: usize| (1..=most).rev().find(|tile| vectors.is_multiple_of(*tile)).unwrap_or(1);
        let (tile_in, tile_out) = match (shape.family, shape.kernel) {
            (KernelFamily::Gpu, 1) => (2, 2),
            (KernelFamily::Gpu, _) => (1, 2),
            (KernelFamily::SoftwareAdapter, 1) => (most(c_in, 8), most(c_out, 4)),
            (KernelFamily::SoftwareAdapter, _) => (most(c_in, 4), most(c_out, 4)),
        };
        let tiles = shape.kernel * (c_in / tile_in) * (c_out / tile_out);
        let parts = match shape.family {
            KernelFamily::Gpu => (THREADS / tiles).clamp(1, MOST_PARTS.min(rows)),
            KernelFamily::SoftwareAdapter => LANES * (MOST_WORKGROUPS / tiles).clamp(1, rows.div_ceil(LANES)),
        };
        Self {
            tile_in,
            tile_out,
            parts,
        }
    }

    /// Tiles of a row of the window.
    pub fn tiles(&self, shape: &LayerShape) -> usize {
        (shape.c_in / 4 / self.tile_in) * (shape.c_out / 4 / self.tile_out)
    }

    /// Workgroups in x, y and z.
    pub fn workgroups(&self, shape: &LayerShape) -> [u32; 3] {
        let tiles = self.tiles(shape);
        match shape.family {
            KernelFamily::Gpu => [(self.parts * tiles * shape.kernel).div_ceil(WORKGROUP) as u32, 1, 1],
            KernelFamily::SoftwareAdapter => [self.parts / LANES, tiles, shape.kernel].map(|n| n as u32),
        }
    }
}
