//! PreResNet. [`architecture`] is pure; the rest is the trainable network, on burn.

pub mod architecture;
#[cfg(feature = "engine")]
mod layers;
#[cfg(feature = "engine")]
mod parameter;
#[cfg(feature = "engine")]
mod preresnet;

#[cfg(feature = "engine")]
pub use self::{
    layers::{BatchNorm, Conv2d, Linear},
    parameter::Parameter,
    preresnet::PreResNet,
};
