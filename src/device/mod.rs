//! Which device the work runs on, and whether it computes what it should.

#[cfg(all(feature = "engine", not(target_family = "wasm")))]
pub mod native;
#[cfg(feature = "engine")]
mod self_test;
#[cfg(all(feature = "webgpu", any(target_family = "wasm", feature = "vulkan")))]
mod webgpu;

#[cfg(feature = "engine")]
pub use self_test::self_test;
#[cfg(all(feature = "webgpu", any(target_family = "wasm", feature = "vulkan")))]
pub use webgpu::{GpuDevice, acquire};
