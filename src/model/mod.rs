//! PreResNet. [`architecture`] and [`initial_state`] are pure; the rest is the trainable network, on burn.

pub mod architecture;
mod initial;
#[cfg(feature = "engine")]
mod layers;
#[cfg(feature = "engine")]
mod parameter;
#[cfg(feature = "engine")]
mod preresnet;

pub use initial::initial_state;

#[cfg(feature = "engine")]
pub use self::{
    layers::{BatchNorm, Conv2d, Linear},
    parameter::Parameter,
    preresnet::PreResNet,
};
