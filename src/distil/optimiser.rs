//! SGD with Nesterov momentum and weight decay on every parameter, as `torch.optim.SGD` does it.

use std::collections::BTreeMap;

use burn::optim::decay::{WeightDecay, WeightDecayConfig};
use burn::tensor::{Gradients, Tensor};

use crate::model::{Parameter, PreResNet};

const MOMENTUM: f64 = 0.9;

/// g = grad + decay * p; v = g at first, then momentum * v + g; p -= rate * (g + momentum * v).
///
/// The velocities are kept here by parameter name, flat, so that a checkpoint can hold them.
#[derive(Clone)]
pub struct Sgd {
    decay: WeightDecay,
    velocities: BTreeMap<String, Tensor<1>>,
}

impl Sgd {
    /// With the given weight decay and no velocity yet.
    pub fn new(weight_decay: f64) -> Self {
        let decay = WeightDecay::new(&WeightDecayConfig::new(weight_decay as f32));
        Self {
            decay,
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
        for parameter in model.parameters_mut() {
            if let Some(gradient) = parameter.flat().grad(gradients) {
                self.step_one(parameter, gradient, learning_rate);
            }
        }
    }

    fn step_one(&mut self, parameter: &mut Parameter, gradient: Tensor<1>, learning_rate: f64) {
        let value = parameter.flat().clone().without_autodiff();
        let velocity = self.velocities.get(parameter.name()).cloned();
        let (update, velocity) = self.update(value.clone(), gradient, velocity);
        self.velocities.insert(parameter.name().to_owned(), velocity);
        parameter.set(value.sub(update.mul_scalar(learning_rate)));
    }

    /// The step to take (before the learning rate) and the new velocity.
    ///
    /// burn's `Momentum` can neither be read nor restored between steps, which a checkpoint needs, and its default dampening of
    /// 0.1 is not PyTorch's; so the two lines stand here.
    fn update(&self, value: Tensor<1>, gradient: Tensor<1>, velocity: Option<Tensor<1>>) -> (Tensor<1>, Tensor<1>) {
        let gradient = self.decay.transform(gradient, value);
        let velocity = match velocity {
            Some(velocity) => velocity.mul_scalar(MOMENTUM).add(gradient.clone()),
            None => gradient.clone(),
        };
        (gradient.add(velocity.clone().mul_scalar(MOMENTUM)), velocity)
    }
}

#[cfg(all(test, feature = "cpu"))]
mod tests {
    use super::*;
    use burn::tensor::Device;

    /// p = 1, decay 0.1, rate 0.1, gradients 1, 1, -1:
    /// g 1.1,      v 1.1,       p 1 - 0.1 (1.1 + 0.99)            = 0.791
    /// g 1.0791,   v 2.0691,    p 0.791 - 0.1 (1.0791 + 1.86219)  = 0.496871
    /// g -.9503129 v .9118771,  p 0.496871 - 0.1 (-.9503129 + .82068939) = 0.509833351
    #[test]
    fn three_steps_by_hand() {
        let device = Device::flex();
        let mut sgd = (Sgd::new(0.1), None);
        let mut p = Tensor::<1>::from_floats([1.0], &device);
        for (gradient, expected) in [(1.0, 0.791), (1.0, 0.496871), (-1.0, 0.509_833_351f64)] {
            let (update, velocity) = sgd
                .0
                .update(p.clone(), Tensor::from_floats([gradient], &device), sgd.1.take());
            sgd.1 = Some(velocity);
            p = p.sub(update.mul_scalar(0.1));
            let value: f32 = p.clone().into_scalar();
            assert!((f64::from(value) - expected).abs() < 1e-6, "{value} {expected}");
        }
    }
}
