//! Hand-written kernels for WebGPU: evaluation, recorded directly on a wgpu device, and the layers of [`training`].
//!
//! Activations are channels-last (`[n, height, width, channels]`) and an image is a run of a buffer, so a batch is one long
//! matrix of pixels. Norms, ReLUs, biases and the residual addition are part of a convolution's load or store, and a network is
//! one dispatch per convolution and two for its head. [`GpuContext`] is a device with what its networks share: pipelines by their
//! source, and activations that grow as needed. [`GpuNetwork`] is a [`Plan`](super::Plan) with its weights on the device.
//! [`GpuScheduler`] runs networks, and measures how much work a submit may hold.
//!
//! The surprising fact: no kernel of evaluation checks where its images end. Every buffer has one spare image at its end,
//! and what the last, partly filled workgroup computes lands there.

mod activations;
mod context;
mod family;
mod images;
mod memory;
mod network;
mod pace;
mod read;
mod schedule;
pub mod shader;
#[cfg(all(test, feature = "vulkan"))]
mod tests;
pub mod training;

pub use context::{GpuContext, Statistics};
pub use family::KernelFamily;
pub use images::{BYTES_PER_IMAGE, GpuImages};
pub use network::{GpuLogits, GpuNetwork};
pub use schedule::GpuScheduler;
