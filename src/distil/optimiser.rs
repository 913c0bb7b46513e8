//! SGD with Nesterov momentum and weight decay, as in `torch.optim.SGD`.

use std::collections::BTreeMap;

use burn::tensor::{Device, Gradients, Tensor};

use super::Decay;
use crate::kernels::ops;
use crate::model::{Parameter, PreResNet};

const MOMENTUM: f64 = 0.9;

/// SGD: g = grad + decay * p; v = g in the first step, then momentum * v + g; p -= rate * (g + momentum * v).
///
/// The velocities are stored flat by parameter name, so that a checkpoint can contain them.
#[derive(Clone)]
pub struct Sgd {
    weight_decay: f64,
    decay: Decay,
    velocities: BTreeMap<String, Tensor<1>>,
}

impl Sgd {
    /// Creates an optimiser without velocities; weight decay applies to the parameters that `decay` selects.
    pub fn new(weight_decay: f64, decay: Decay) -> Self {
        Self {
            weight_decay,
            decay,
            velocities: BTreeMap::new(),
        }
    }

    /// The velocity of each parameter that has been updated.
    pub fn velocities(&self) -> &BTreeMap<String, Tensor<1>> {
        &self.velocities
    }

    /// Restores velocities from a checkpoint.
    pub fn with_velocities(self, velocities: BTreeMap<String, Tensor<1>>) -> Self {
        Self { velocities, ..self }
    }

    /// Updates every parameter that has a gradient.
    pub fn step(&mut self, model: &mut PreResNet, gradients: &Gradients, learning_rate: f64) {
        let mut settings = [None, None];
        for parameter in model.parameters_mut() {
            let Some(gradient) = parameter.flat().grad(gradients) else {
                continue;
            };
            let decays = self.decays(parameter);
            let settings = settings[usize::from(decays)]
                .get_or_insert_with(|| self.settings(learning_rate, decays, &gradient.device()));
            let value = parameter.flat().clone().without_autodiff();
            let velocity = self.velocities.remove(parameter.name());
            let (value, velocity) = Self::update(value, gradient, velocity, settings);
            self.velocities.insert(parameter.name().to_owned(), velocity);
            parameter.set(value);
        }
    }

    /// Whether weight decay applies to a parameter. Norms and biases have rank 1, weights a higher rank.
    fn decays(&self, parameter: &Parameter) -> bool {
        match self.decay {
            Decay::All => true,
            Decay::Weights => parameter.shape().len() > 1,
        }
    }

    fn settings(&self, learning_rate: f64, decays: bool, device: &Device) -> Tensor<1> {
        let weight_decay = if decays { self.weight_decay } else { 0.0 };
        let settings = [learning_rate, weight_decay, MOMENTUM].map(|setting| setting as f32);
        Tensor::from_floats(settings, device)
    }

    /// Computes a parameter's new value and velocity.
    ///
    /// burn's `Momentum` cannot be read or restored between steps, as a checkpoint requires, and its default dampening of 0.1
    /// differs from PyTorch's. A step in separate tensor operations also needs ten times as many dispatches as our kernel.
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

    /// Three steps from p = 1 with decay 0.1, rate 0.1 and gradients 1, 1, -1:
    /// g 1.1,      v 1.1,       p 1 - 0.1 (1.1 + 0.99)            = 0.791
    /// g 1.0791,   v 2.0691,    p 0.791 - 0.1 (1.0791 + 1.86219)  = 0.496871
    /// g -.9503129 v .9118771,  p 0.496871 - 0.1 (-.9503129 + .82068939) = 0.509833351
    #[test]
    fn three_steps_by_hand() {
        let device = Device::flex();
        let settings = Sgd::new(0.1, Decay::All).settings(0.1, true, &device);
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

    /// With zero gradients only the decay changes a parameter: by rate * (1 + momentum) * decay of its value.
    #[test]
    fn decay_is_on_all_parameters_or_on_weights() {
        let network =
            crate::weights::Network::from_safetensors(&crate::testing::golden_bytes("arbitrary20.safetensors"))
                .unwrap();
        let device = Device::flex().autodiff();
        let build = || PreResNet::from_state(&network.architecture, &network.state, &device).unwrap();
        for (decay, on_norms) in [(Decay::All, 0.019), (Decay::Weights, 0.0)] {
            let mut model = build();
            let sums = model
                .parameters()
                .into_iter()
                .map(|p| p.flat().clone().mul_scalar(0.0).sum());
            let gradients = sums.reduce(|a, b| a.add(b)).unwrap().backward();
            Sgd::new(0.1, decay).step(&mut model, &gradients, 0.1);
            for (before, after) in build().parameters().into_iter().zip(model.parameters()) {
                let values = |p: &Parameter| -> Vec<f32> { p.flat().clone().into_data().try_to_vec().unwrap() };
                let lost = if before.shape().len() > 1 { 0.019 } else { on_norms };
                for (before, after) in values(before).iter().zip(values(after)) {
                    let expected = before * (1.0 - lost);
                    assert!(
                        (after - expected).abs() <= 2e-7 * before.abs(),
                        "{after}, not {expected}"
                    );
                }
            }
        }
    }
}
