//! Distillation: `schedule` is the pure part.

pub mod schedule;

pub use schedule::Schedule;
