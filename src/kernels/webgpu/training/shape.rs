//! What the kernels of a layer are written for.

use crate::kernels::webgpu::family::KernelFamily;

/// A layer of training: a convolution, perhaps behind a norm and a ReLU, on a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct LayerShape {
    /// 1 or 3.
    pub kernel: usize,
    /// 1 or 2.
    pub stride: usize,
    /// A multiple of 4; of 8 if the kernel is 1x1.
    pub c_in: usize,
    /// A multiple of 16.
    pub c_out: usize,
    /// Pixels per side of its input.
    pub size_in: usize,
    /// Images.
    pub n: usize,
    /// Whether a norm and a ReLU come before it.
    pub normed: bool,
    /// Which kernels run.
    pub family: KernelFamily,
}

impl LayerShape {
    /// Pixels per side of its output.
    pub fn size_out(&self) -> usize {
        self.size_in / self.stride
    }

    pub(super) fn taps(&self) -> usize {
        self.kernel * self.kernel
    }

    /// Values of its weight.
    pub fn n_weights(&self) -> usize {
        self.taps() * self.c_in * self.c_out
    }

    pub(super) fn pixels_in(&self) -> usize {
        self.n * self.size_in * self.size_in
    }

    pub(super) fn pixels_out(&self) -> usize {
        self.n * self.size_out() * self.size_out()
    }
}
