//! The boundary to JavaScript: the only room that knows wasm-bindgen.
//!
//! Everything is pull-style. An [`Engine`] makes runs (`predict`, `evaluate`, `distill`). Each call of a run does one batch (one network of
//! it, if the device is slow) or one step, and the caller decides when to call again. All methods take `&self`, so that calls may overlap.
//!
//! [`Statistics`] and [`change_picture`] need no engine; the module `statistics` holds nothing else.

#[cfg(feature = "webgpu")]
mod constructors;
#[cfg(feature = "engine")]
mod data;
#[cfg(feature = "engine")]
mod distillation;
#[cfg(feature = "engine")]
mod engine;
#[cfg(feature = "engine")]
mod evaluation;
mod fatal;
#[cfg(feature = "engine")]
mod gram;
#[cfg(feature = "webgpu")]
mod log;
#[cfg(not(feature = "engine"))]
mod options;
#[cfg(not(feature = "engine"))]
mod picture;
#[cfg(feature = "engine")]
mod prediction;
#[cfg(feature = "engine")]
mod shared;
#[cfg(not(feature = "engine"))]
mod statistics;
#[cfg(feature = "threads")]
mod threads;
#[cfg(feature = "engine")]
mod turn;
mod types;

#[cfg(feature = "engine")]
pub use engine::Engine;
#[cfg(not(feature = "engine"))]
pub use picture::change_picture;
#[cfg(not(feature = "engine"))]
pub use statistics::{CkaRun, Images, IntervalsRun, PairsResult, Statistics, questions};
pub use types::*;
