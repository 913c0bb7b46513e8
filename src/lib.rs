//! Fidelity Lab: how faithfully a distilled student predicts as its teacher does.
//!
//! The crate is one house with clear rooms, and arrows between them point one way (ARCHITECTURE.md has the map). The rooms
//! below need neither a tensor library nor a browser:
//!
//! - [`data`]: CIFAR-100's records and names, photos to 32x32 pixels, seeded augmentation;
//! - [`weights`]: safetensors in PyTorch's conventions to validated networks, and back; the manifest of shipped networks;
//! - [`metrics`]: generalisation (accuracy, likelihood, calibration) and fidelity (agreement, KL), streamed in f64;
//! - [`architecture`]: which tensors a PreResNet has;
//! - [`kernels::plan`]: what an evaluation computes once all norms are folded;
//! - [`distil::schedule`] and [`distil::Recipe`]: the settings of a run.
//!
//! The feature `cpu` or `webgpu` adds the engine on that backend, `browser` the boundary to JavaScript.

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
