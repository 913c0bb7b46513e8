//! PreResNet and the ensemble. [`architecture`] is pure; the rest is on burn.

pub mod architecture;
#[cfg(feature = "engine")]
mod ensemble;
#[cfg(feature = "engine")]
mod layers;
#[cfg(feature = "engine")]
mod parameter;
#[cfg(feature = "engine")]
mod preresnet;

#[cfg(feature = "engine")]
pub use self::{
    ensemble::ensemble_log_probs,
    layers::{BatchNorm, BatchStatistics, Conv2d, Linear},
    parameter::Parameter,
    preresnet::PreResNet,
};
