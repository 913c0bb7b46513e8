//! Images on the device.

use super::context::GpuContext;
use super::memory::{Counted, spare};
use crate::error::{LabError, LabResult};
use crate::kernels::plan::IMAGE_SIZE;

/// Bytes per image: `[32, 32, 3]`, red, green, blue.
pub const BYTES_PER_IMAGE: usize = IMAGE_SIZE * IMAGE_SIZE * 3;

/// Images on the device, as bytes `[n, 32, 32, 3]`.
#[derive(Debug)]
pub struct GpuImages {
    pub(super) buffer: Counted,
    n: usize,
}

impl GpuImages {
    /// Uploads images, as bytes `[n, 32, 32, 3]`.
    ///
    /// # Errors
    /// `bad_argument` if the bytes are not whole images.
    pub fn new(context: &GpuContext, pixels: &[u8]) -> LabResult<Self> {
        let n = count(pixels)?;
        let descriptor = wgpu::BufferDescriptor {
            label: Some("images"),
            size: spare(n, BYTES_PER_IMAGE),
            usage: wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_DST,
            mapped_at_creation: false,
        };
        let buffer = Counted::new(context.device(), context.memory(), &descriptor);
        context.queue().write_buffer(&buffer, 0, pixels);
        Ok(Self { buffer, n })
    }

    /// Number of images.
    pub fn len(&self) -> usize {
        self.n
    }

    /// Whether there are none, which [`Self::new`] rules out.
    pub fn is_empty(&self) -> bool {
        self.n == 0
    }
}

/// The number of images in these bytes.
pub(super) fn count(pixels: &[u8]) -> LabResult<usize> {
    if pixels.is_empty() || !pixels.len().is_multiple_of(BYTES_PER_IMAGE) {
        return Err(LabError::bad_argument(format!(
            "images are {BYTES_PER_IMAGE} bytes each, 32x32 pixels of red, green and blue; {} bytes are not a whole number of images",
            pixels.len()
        )));
    }
    Ok(pixels.len() / BYTES_PER_IMAGE)
}
