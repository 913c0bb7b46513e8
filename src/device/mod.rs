//! Which device the work runs on, and whether it computes what it should.

#[cfg(feature = "engine")]
mod self_test;
#[cfg(all(feature = "webgpu", target_family = "wasm"))]
mod webgpu;

#[cfg(feature = "engine")]
pub use self_test::self_test;
#[cfg(all(feature = "webgpu", target_family = "wasm"))]
pub use webgpu::{GpuDevice, acquire};
