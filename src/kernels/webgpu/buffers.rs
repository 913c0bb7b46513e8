//! Buffers of the device and how many bytes they hold.

use std::cell::Cell;
use std::ops::Deref;
use std::rc::Rc;

use super::kernels::Kernels;
use crate::error::{LabError, LabResult};
use crate::kernels::plan::IMAGE_SIZE;

/// Bytes of an image: `[32, 32, 3]`, red, green, blue.
pub const BYTES_PER_IMAGE: usize = IMAGE_SIZE * IMAGE_SIZE * 3;

/// Bytes in buffers, now and at most.
#[derive(Debug, Default)]
pub(super) struct Memory {
    pub(super) bytes: Cell<u64>,
    pub(super) peak_bytes: Cell<u64>,
}

/// A buffer that is counted while it lives.
#[derive(Debug)]
pub(super) struct Counted {
    buffer: wgpu::Buffer,
    memory: Rc<Memory>,
}

impl Counted {
    pub(super) fn new(device: &wgpu::Device, memory: &Rc<Memory>, descriptor: &wgpu::BufferDescriptor<'_>) -> Self {
        let buffer = device.create_buffer(descriptor);
        let bytes = memory.bytes.get() + buffer.size();
        memory.bytes.set(bytes);
        memory.peak_bytes.set(memory.peak_bytes.get().max(bytes));
        Self {
            buffer,
            memory: memory.clone(),
        }
    }
}

impl Deref for Counted {
    type Target = wgpu::Buffer;

    fn deref(&self) -> &wgpu::Buffer {
        &self.buffer
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.memory.bytes.set(self.memory.bytes.get() - self.buffer.size());
    }
}

/// Where activations lie between two kernels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Slot {
    /// The residual stream; where a block changes the shape, the new one is made in the other.
    Stream(usize),
    /// Inside a block.
    Branch(usize),
    /// Pooled features.
    Features,
}

impl Slot {
    pub(super) const COUNT: usize = 5;

    pub(super) fn index(self) -> usize {
        match self {
            Self::Stream(i) => i,
            Self::Branch(i) => 2 + i,
            Self::Features => 4,
        }
    }
}

/// Activations, shared by all networks of a device: work on a queue is done in order.
#[derive(Debug, Default)]
pub(super) struct Activations {
    /// Values an image in each slot.
    values: [usize; Slot::COUNT],
    images: usize,
    buffers: Vec<Rc<Counted>>,
    /// Goes up when the buffers are new, so that bind groups are made anew.
    pub(super) generation: u64,
}

impl Activations {
    /// Makes room for `n` images of a network that needs so many values an image in each slot.
    pub(super) fn ensure(&mut self, device: &wgpu::Device, memory: &Rc<Memory>, values: &[usize], n: usize) {
        let enough = self.images >= n && self.values.iter().zip(values).all(|(have, need)| have >= need);
        if enough {
            return;
        }
        for (have, &need) in self.values.iter_mut().zip(values) {
            *have = need.max(*have);
        }
        self.images = self.images.max(n);
        // First what is no longer needed goes, so that the peak is not the sum of both.
        self.buffers.clear();
        self.buffers = (0..Slot::COUNT)
            .map(|slot| {
                let descriptor = wgpu::BufferDescriptor {
                    label: Some("activations"),
                    size: spare(self.images, 4 * self.values[slot]),
                    usage: wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_SRC,
                    mapped_at_creation: false,
                };
                Rc::new(Counted::new(device, memory, &descriptor))
            })
            .collect();
        self.generation += 1;
    }

    pub(super) fn get(&self, slot: Slot) -> &wgpu::Buffer {
        &self.buffers[slot.index()]
    }

    /// Images that fit.
    pub(super) fn images(&self) -> usize {
        self.images
    }
}

/// Bytes of `n` images and the spare one at the end.
pub(super) fn spare(n: usize, bytes_per_image: usize) -> u64 {
    ((n + 1) * bytes_per_image) as u64
}

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
    /// `bad_argument` where the bytes are not whole images.
    pub fn new(kernels: &Kernels, pixels: &[u8]) -> LabResult<Self> {
        let n = count(pixels)?;
        let descriptor = wgpu::BufferDescriptor {
            label: Some("images"),
            size: spare(n, BYTES_PER_IMAGE),
            usage: wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_DST,
            mapped_at_creation: false,
        };
        let buffer = Counted::new(kernels.device(), kernels.memory(), &descriptor);
        kernels.queue().write_buffer(&buffer, 0, pixels);
        Ok(Self { buffer, n })
    }

    /// Number of images.
    pub fn len(&self) -> usize {
        self.n
    }

    /// Whether there are none; [`Self::new`] makes no such.
    pub fn is_empty(&self) -> bool {
        self.n == 0
    }
}

/// How many images these bytes are.
pub(super) fn count(pixels: &[u8]) -> LabResult<usize> {
    if pixels.is_empty() || !pixels.len().is_multiple_of(BYTES_PER_IMAGE) {
        return Err(LabError::bad_argument(format!(
            "images are {BYTES_PER_IMAGE} bytes each, 32x32 pixels of red, green and blue; {} bytes are not whole images",
            pixels.len()
        )));
    }
    Ok(pixels.len() / BYTES_PER_IMAGE)
}
