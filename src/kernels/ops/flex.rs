//! The operations on burn's CPU backend, by the CPU kernels.

use burn::backend::Flex;
use burn::backend::tensor::FloatTensor;
use burn::tensor::{Shape, TensorData};

use super::autodiff::{Inputs, LayerGradients, LayerKernels};
use crate::architecture::BATCH_NORM_MOMENTUM;
use crate::kernels::cpu::train::{self, CpuLayer, CpuNorm};

type Values = FloatTensor<Flex>;

/// A layer's tensors, for both passes.
#[derive(Clone, Debug)]
pub(super) struct FlexSaved {
    x: Values,
    weight: Values,
    norm: Option<[Values; 4]>,
    stride: usize,
}

impl FlexSaved {
    /// Makes all tensors contiguous, so that they can be read as slices.
    fn new(inputs: Inputs<Flex>) -> Self {
        Self {
            x: inputs.x.to_contiguous(),
            weight: inputs.weight.to_contiguous(),
            norm: inputs.norm.map(|norm| norm.map(|values| values.to_contiguous())),
            stride: inputs.stride,
        }
    }

    fn layer(&self) -> CpuLayer<'_> {
        let shape = self.weight.layout().shape();
        let norm = self.norm.as_ref().map(|[gamma, beta, mean, var]| CpuNorm {
            gamma: slice(gamma),
            beta: slice(beta),
            mean: slice(mean),
            var: slice(var),
        });
        let size_in = self.x.layout().shape()[1];
        CpuLayer::new(
            slice(&self.weight),
            [shape[0], shape[1], shape[2]],
            self.stride,
            size_in,
            norm,
        )
    }
}

fn slice(values: &Values) -> &[f32] {
    let n = values.layout().num_elements();
    &values.storage::<f32>()[values.layout().start_offset()..][..n]
}

fn tensor<const D: usize>(values: Vec<f32>, shape: [usize; D]) -> Values {
    Values::from_data(TensorData::new(values, Shape::from(shape)))
}

fn like(values: Vec<f32>, model: &Values) -> Values {
    Values::from_data(TensorData::new(values, model.layout().shape().clone()))
}

impl LayerKernels for Flex {
    type Saved = FlexSaved;

    fn moments(x: Values) -> Values {
        let x = x.to_contiguous();
        let shape = x.layout().shape();
        let moments = train::CpuMoments::of(slice(&x), shape[3], shape[1] * shape[2]);
        let values = [moments.mean, moments.var].concat();
        tensor(values, [2, shape[3]])
    }

    fn forward(inputs: Inputs<Self>) -> (FlexSaved, Values) {
        let saved = FlexSaved::new(inputs);
        let (x, weight) = (saved.x.layout().shape(), saved.weight.layout().shape());
        let size = x[1] / saved.stride;
        let y = tensor(saved.layer().forward(slice(&saved.x)), [x[0], size, size, weight[0]]);
        (saved, y)
    }

    fn backward(saved: FlexSaved, dy: Values, needs_input: bool) -> LayerGradients<Self> {
        let gradients = saved
            .layer()
            .backward(slice(&saved.x), slice(&dy.to_contiguous()), needs_input);
        let one_dimension = |values: Vec<f32>| {
            let channels = values.len();
            tensor(values, [channels])
        };
        LayerGradients {
            input: (!gradients.input.is_empty()).then(|| like(gradients.input, &saved.x)),
            weight: like(gradients.weight, &saved.weight),
            norm: saved
                .norm
                .is_some()
                .then(|| [gradients.gamma, gradients.beta].map(one_dimension)),
        }
    }

    fn running(statistics: [Values; 4], n_values: usize) -> [Values; 2] {
        let statistics = statistics.map(|values| values.to_contiguous());
        let [running_mean, running_var, mean, var] = [0, 1, 2, 3].map(|i| slice(&statistics[i]));
        let momentum = BATCH_NORM_MOMENTUM as f32;
        let unbiased = n_values as f32 / (n_values.max(2) - 1) as f32;
        let blend = |running: &[f32], batch: &[f32], factor: f32| {
            let blended = running.iter().zip(batch);
            let blended = blended.map(|(running, batch)| (1.0 - momentum) * running + momentum * factor * batch);
            tensor(blended.collect(), [running.len()])
        };
        [blend(running_mean, mean, 1.0), blend(running_var, var, unbiased)]
    }

    fn sgd(tensors: [Values; 4]) -> [Values; 2] {
        let tensors = tensors.map(|values| values.to_contiguous());
        let [value, gradient, velocity, settings] = [0, 1, 2, 3].map(|i| slice(&tensors[i]));
        let [rate, decay, momentum] = [settings[0], settings[1], settings[2]];
        let (mut new_value, mut new_velocity) = (value.to_vec(), velocity.to_vec());
        let both = new_value.iter_mut().zip(&mut new_velocity);
        for ((value, velocity), gradient) in both.zip(gradient) {
            let g = gradient + decay * *value;
            *velocity = momentum * *velocity + g;
            *value -= rate * (g + momentum * *velocity);
        }
        [new_value, new_velocity].map(|values| {
            let n = values.len();
            tensor(values, [n])
        })
    }
}
