//! The device that the work runs on, what evaluates networks there, and a check of what it computes.

#[cfg(feature = "engine")]
mod compute;
#[cfg(feature = "engine")]
mod evaluator;
#[cfg(all(feature = "engine", not(target_family = "wasm")))]
pub mod native;
#[cfg(feature = "cuda")]
mod plain;
#[cfg(feature = "engine")]
mod self_test;
#[cfg(feature = "engine")]
mod transfer;
#[cfg(all(feature = "webgpu", any(target_family = "wasm", feature = "vulkan")))]
mod webgpu;

#[cfg(feature = "engine")]
pub use self::{
    compute::{ComputeDevice, Executor},
    evaluator::Evaluator,
    self_test::self_test,
    transfer::{read, upload_images},
};
#[cfg(all(feature = "webgpu", any(target_family = "wasm", feature = "vulkan")))]
pub use webgpu::{GpuDevice, acquire};
