//! What passes between the kernels of a network.

use std::rc::Rc;

use super::memory::{Counted, Memory, spare};

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
pub(super) struct ActivationBuffers {
    /// Values an image in each slot.
    values: [usize; Slot::COUNT],
    images: usize,
    buffers: Vec<Rc<Counted>>,
    /// Goes up when the buffers are new, so that bind groups are made anew.
    pub(super) generation: u64,
}

impl ActivationBuffers {
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
