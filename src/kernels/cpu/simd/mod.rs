//! A vector of f32 lanes, by the instructions of the target.

#[cfg(target_arch = "x86_64")]
#[path = "x86.rs"]
mod lanes;

#[cfg(target_feature = "simd128")]
#[path = "wasm.rs"]
mod lanes;

#[cfg(not(any(target_arch = "x86_64", target_feature = "simd128")))]
#[path = "portable.rs"]
mod lanes;

pub use lanes::{LANES, Vector};
