//! Executors of our own for what a tensor library's generic operations do slowly.

pub mod plan;
#[cfg(feature = "wgsl")]
pub mod webgpu;

pub use plan::Plan;
