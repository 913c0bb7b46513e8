//! Hand-written kernels for what a tensor library's generic operations do slowly.

pub mod cpu;
#[cfg(feature = "engine")]
pub mod ops;
pub mod plan;
#[cfg(feature = "wgsl")]
pub mod webgpu;

pub use plan::Plan;
