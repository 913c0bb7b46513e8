//! Training and distillation. Recipes, schedules, objectives and starts are pure; the rest runs on burn.

#[cfg(feature = "engine")]
mod checkpoint;
#[cfg(feature = "engine")]
mod loss;
#[cfg(feature = "engine")]
mod measure;
mod objective;
#[cfg(feature = "engine")]
mod optimiser;
mod preset;
mod recipe;
pub mod schedule;
pub mod start;
#[cfg(feature = "engine")]
mod trainer;

#[cfg(feature = "engine")]
pub use self::{
    loss::{distillation_loss, label_loss},
    measure::Step,
    optimiser::Sgd,
    trainer::Training,
};
pub use objective::Objective;
pub use preset::{Preset, PresetName};
pub use recipe::{Decay, Recipe};
pub use schedule::Schedule;

pub use crate::data::augment::Policy;
