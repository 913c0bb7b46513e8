//! Kernels of our own for WebGPU: evaluation, recorded directly on a wgpu device, and the layers of [`training`].
//!
//! Activations are channels-last (`[n, height, width, channels]`) and an image is a run of a buffer, so a batch is one long
//! matrix of pixels. Norms, ReLUs, biases and the residual addition are part of a convolution's load or store, and a network is
//! one dispatch a convolution and two for its head. [`Kernels`] holds what all networks of a device share: pipelines by their
//! source, activations that grow as needed, the pace that tells how much work a submit may hold. [`GpuNetwork`] is a
//! [`Plan`](super::Plan) with its weights on the device.
//!
//! The surprising fact: no kernel of evaluation checks where its images end. Every buffer has one spare image at its end,
//! and what the last, partly filled workgroup computes lands there.

mod buffers;
mod family;
mod kernels;
mod network;
mod pace;
mod read;
pub mod shader;
#[cfg(all(test, feature = "vulkan"))]
mod tests;
pub mod training;

pub use buffers::{BYTES_PER_IMAGE, GpuImages};
pub use family::KernelFamily;
pub use kernels::{Kernels, Statistics};
pub use network::{GpuLogits, GpuNetwork};
