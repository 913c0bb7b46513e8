//! The boundary to JavaScript: the only room that knows wasm-bindgen.
//!
//! Everything is pull-style. An [`Engine`] makes runs (`predict`, `evaluate`, `distill`); each call of a run does a batch
//! (one network of it, where the device is slow) or a step, and the caller decides when to call again. All methods take `&self`, so that calls may overlap.

#[cfg(feature = "webgpu")]
mod constructors;
mod data;
mod distillation;
mod engine;
mod evaluation;
mod fatal;
#[cfg(feature = "webgpu")]
mod log;
mod prediction;
mod shared;
#[cfg(feature = "threads")]
mod threads;
mod turn;
mod types;

pub use engine::Engine;
pub use types::*;
