//! Fidelity Lab measures how faithfully a distilled student reproduces its teacher's predictions.
//!
//! Each module of the crate is a room, and dependencies between rooms point one way (ARCHITECTURE.md has the map). These rooms
//! need neither a tensor library nor a browser:
//!
//! - [`data`]: CIFAR-100's records and class names, reduction of photos to 32x32 pixels, seeded augmentation;
//! - [`weights`]: reading safetensors in PyTorch's conventions into validated networks, and writing them; the manifest of shipped
//!   networks;
//! - [`metrics`]: generalisation (accuracy, likelihood, calibration) and fidelity (agreement, KL), streamed in f64;
//! - [`architecture`]: the tensors of a PreResNet;
//! - [`kernels::plan`]: the operations of an evaluation once all norms are folded;
//! - [`distil::schedule`] and [`distil::Recipe`]: the settings of a run.
//!
//! The features `cpu` and `webgpu` add the engine on that backend; `browser` adds the boundary to JavaScript.

pub mod architecture;
#[cfg(all(feature = "browser", target_family = "wasm"))]
pub mod browser;
pub mod data;
pub mod device;
pub mod distil;
pub mod error;
pub mod kernels;
pub mod metrics;
pub mod model;
#[cfg(feature = "engine")]
pub mod session;
pub mod statistics;
#[cfg(test)]
mod testing;
pub mod weights;
