//! Executors of our own for what a tensor library's generic operations do slowly.

pub mod cpu;
pub mod plan;

pub use plan::Plan;
