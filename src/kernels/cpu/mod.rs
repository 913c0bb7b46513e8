//! Evaluation on the CPU: SIMD kernels with everything between two convolutions done in registers.

mod activations;
mod conv;
mod network;
mod simd;
mod tile;

pub use network::CpuNetwork;
