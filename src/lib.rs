//! Fidelity Lab: how faithfully a distilled student predicts as its teacher does.
//!
//! `ARCHITECTURE.md` has the map. Without features only the pure rooms are compiled; `cpu` or `webgpu` adds the engine on that
//! backend, `browser` the boundary to JavaScript.

#[cfg(all(feature = "browser", target_family = "wasm"))]
pub mod browser;
pub mod data;
pub mod device;
pub mod distil;
#[cfg(feature = "engine")]
pub mod engine;
pub mod error;
pub mod fidelity;
pub mod model;
pub mod weights;
