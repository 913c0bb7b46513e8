//! The CPU's kernels: evaluation with everything between two convolutions done in registers, and the layers of training.

mod activations;
mod conv;
mod gram;
mod network;
mod packed;
pub mod parallel;
mod simd;
mod tile;
pub mod train;
mod weight;
mod winograd;

pub use gram::gram;
pub use network::CpuNetwork;
