//! What passes between the kernels of a network.

use std::rc::Rc;

use super::memory::{Counted, Memory, spare};

/// A place for activations between two kernels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Slot {
    /// The residual stream; a block that changes its shape writes to the other of the two.
    Stream(usize),
    /// Activations inside a block.
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
pub(super) struct ActivationBuffers {
    /// Values per image in each slot.
    values: [usize; Slot::COUNT],
    images: usize,
    buffers: Vec<Rc<Counted>>,
    /// Increases when the buffers are replaced, so that bind groups are made again.
    pub(super) generation: u64,
}

impl ActivationBuffers {
    /// Makes room for `n` images of a network that needs this many values per image in each slot.
    pub(super) fn ensure(&mut self, device: &wgpu::Device, memory: &Rc<Memory>, values: &[usize], n: usize) {
        let enough = self.images >= n && self.values.iter().zip(values).all(|(have, need)| have >= need);
        if enough {
            return;
        }
        for (have, &need) in self.values.iter_mut().zip(values) {
            *have = need.max(*have);
        }
        self.images = self.images.max(n);
        // The old buffers go first, so that the peak is not the sum of both.
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

    /// Images that have room.
    pub(super) fn images(&self) -> usize {
        self.images
    }
}
