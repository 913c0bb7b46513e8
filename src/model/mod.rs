//! PreResNet as a trainable network, on burn.

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
