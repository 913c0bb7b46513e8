//! Buffers of the device, and how many bytes they hold.

use std::cell::Cell;
use std::ops::Deref;
use std::rc::Rc;

/// Bytes in buffers.
#[derive(Debug, Default)]
pub(super) struct Memory {
    pub(super) bytes: Cell<u64>,
    pub(super) peak_bytes: Cell<u64>,
}

/// A buffer that counts in [`Memory`] while it exists.
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

/// Bytes of `n` images and a spare one at the end.
pub(super) fn spare(n: usize, bytes_per_image: usize) -> u64 {
    ((n + 1) * bytes_per_image) as u64
}
