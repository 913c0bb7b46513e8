//! SGD with Nesterov momentum and weight decay on every parameter, as `torch.optim.SGD` does it.

use std::collections::BTreeMap;

use burn::tensor::{Device, Gradients, Tensor};

use crate::kernels::ops;
use crate::model::PreResNet;

const MOMENTUM: f64 = 0.9;

/// g = grad + decay * p; v = g at first, then momentum * v + g; p -= rate * (g + momentum * v).
///
/// The velocities are kept here by parameter name, flat, so that a checkpoint can hold them.
#[derive(Clone)]
pub struct Sgd {
    weight_decay: f64,
    velocities: BTreeMap<String, Tensor<1>>,
}

impl Sgd {
    /// With the given weight decay and no velocity yet.
    pub fn new(weight_decay: f64) -> Self {
        Self {
            weight_decay,
            velocities: BTreeMap::new(),
        }
    }

    /// The velocity of each parameter that has been stepped.
    pub fn velocities(&self) -> &BTreeMap<String, Tensor<1>> {
        &self.velocities
    }

    /// Goes on from velocities that a checkpoint holds.
    pub fn with_velocities(self, velocities: BTreeMap<String, Tensor<1>>) -> Self {
        Self { velocities, ..self }
    }

    /// Updates every parameter that has a gradient.
    pub fn step(&mut self, model: &mut PreResNet, gradients: &Gradients, learning_rate: f64) {
        let mut settings = None;
        for parameter in model.parameters_mut() {
            let Some(gradient) = parameter.flat().grad(gradients) else {
                continue;
            };
            let settings = settings.get_or_insert_with(|| self.settings(learning_rate, &gradient.device()));
            let value = parameter.flat().clone().without_autodiff();
            let velocity = self.velocities.remove(parameter.name());
            let (value, velocity) = Self::update(value, gradient, velocity, settings);
            self.velocities.insert(parameter.name().to_owned(), velocity);
            parameter.set(value);
        }
    }

    fn settings(&self, learning_rate: f64, device: &Device) -> Tensor<1> {
        let settings = [learning_rate, self.weight_decay, MOMENTUM].map(|setting| setting as f32);
        Tensor::from_floats(settings, device)
    }

    /// The new value and velocity.
    ///
    /// burn's `Momentum` can neither be read nor restored between steps, which a checkpoint needs, and its default dampening of
    /// 0.1 is not PyTorch's; and a step in its single operations takes ten times as many dispatches as one of our own.
    fn update(
        value: Tensor<1>,
        gradient: Tensor<1>,
        velocity: Option<Tensor<1>>,
        settings: &Tensor<1>,
    ) -> (Tensor<1>, Tensor<1>) {
        let velocity = velocity.unwrap_or_else(|| value.zeros_like());
        let [value, velocity] = ops::sgd(value, gradient, velocity, settings.clone());
        (value, velocity)
    }
}

#[cfg(all(test, feature = "cpu"))]
mod tests {
    use super::*;

    /// p = 1, decay 0.1, rate 0.1, gradients 1, 1, -1:
    /// g 1.1,      v 1.1,       p 1 - 0.1 (1.1 + 0.99)            = 0.791
    /// g 1.0791,   v 2.0691,    p 0.791 - 0.1 (1.0791 + 1.86219)  = 0.496871
    /// g -.9503129 v .9118771,  p 0.496871 - 0.1 (-.9503129 + .82068939) = 0.509833351
    #[test]
    fn three_steps_by_hand() {
        let device = Device::flex();
        let settings = Sgd::new(0.1).settings(0.1, &device);
        let mut velocity = None;
        let mut p = Tensor::<1>::from_floats([1.0], &device);
        for (gradient, expected) in [(1.0, 0.791), (1.0, 0.496871), (-1.0, 0.509_833_351f64)] {
            let gradient = Tensor::from_floats([gradient], &device);
            let (value, new) = Sgd::update(p, gradient, velocity.take(), &settings);
            (p, velocity) = (value, Some(new));
            let value: f32 = p.clone().into_scalar();
            assert!((f64::from(value) - expected).abs() < 1e-6, "{value} {expected}");
        }
    }
}
