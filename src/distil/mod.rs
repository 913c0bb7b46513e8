//! Distillation: the recipe and the schedule are pure, the rest is on burn.

#[cfg(feature = "engine")]
mod checkpoint;
#[cfg(feature = "engine")]
mod loss;
#[cfg(feature = "engine")]
mod optimiser;
mod recipe;
pub mod schedule;
#[cfg(feature = "engine")]
mod trainer;

#[cfg(feature = "engine")]
pub use self::{
    loss::distillation_loss,
    optimiser::Sgd,
    trainer::{Distillation, Step},
};
pub use recipe::{Policy, Recipe};
pub use schedule::Schedule;
