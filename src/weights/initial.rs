//! A network's initial weights.

use super::state::{StateDict, Tensor};
use crate::architecture::{Architecture, TensorKind, TensorSpec};
use crate::data::random::{Purpose, Random};

/// Draws initial weights like the PyTorch reference: convolutions are normal with variance 2 / (kernel^2 c_out) (He et al. 2015,
/// fan-out), the head is uniform within 1 / sqrt(features) (PyTorch's default) and norms are the identity. For an architecture,
/// the result depends on the seed alone.
pub fn initial_state(architecture: &Architecture, seed: u32) -> StateDict {
    let specs = architecture.tensors().into_iter();
    specs
        .enumerate()
        .map(|(i, spec)| {
            // Each tensor has its own stream.
            let random = Random::new(seed, Purpose::Weights, i as u64);
            let data = values(&spec, architecture.n_features(), random);
            (
                spec.name,
                Tensor {
                    shape: spec.shape,
                    data,
                },
            )
        })
        .collect()
}

fn values(spec: &TensorSpec, n_features: usize, mut random: Random) -> Vec<f32> {
    let n = spec.n_values();
    match spec.kind {
        TensorKind::Convolution => {
            let fan_out: usize = spec.shape.iter().product::<usize>() / spec.shape.get(1).copied().unwrap_or(1).max(1);
            let std = (2.0 / fan_out as f64).sqrt();
            let pairs = std::iter::repeat_with(|| random.normal_pair());
            pairs.flatten().take(n).map(|v| (v * std) as f32).collect()
        }
        TensorKind::HeadWeight | TensorKind::HeadBias => {
            let bound = 1.0 / (n_features as f64).sqrt();
            (0..n).map(|_| (random.symmetric() * bound) as f32).collect()
        }
        TensorKind::NormWeight | TensorKind::RunningVar => vec![1.0; n],
        TensorKind::NormBias | TensorKind::RunningMean => vec![0.0; n],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moments(values: &[f32]) -> (f64, f64) {
        let n = values.len() as f64;
        let mean = values.iter().map(|v| f64::from(*v)).sum::<f64>() / n;
        let var = values.iter().map(|v| (f64::from(*v) - mean).powi(2)).sum::<f64>() / n;
        (mean, var)
    }

    #[test]
    fn it_is_complete_and_distributed_as_the_reference_s() {
        for depth in [20, 56] {
            let architecture = Architecture::new(depth, 100).unwrap();
            let state = initial_state(&architecture, 1);
            for spec in architecture.tensors() {
                let tensor = state.get(&spec.name).unwrap();
                assert_eq!(tensor.shape, spec.shape);
                let n = tensor.data.len() as f64;
                let (mean, var) = moments(&tensor.data);
                let variance = match spec.kind {
                    TensorKind::Convolution => 2.0 / (spec.shape[0] * spec.shape[2] * spec.shape[3]) as f64,
                    TensorKind::HeadWeight | TensorKind::HeadBias => 1.0 / (3 * architecture.n_features()) as f64,
                    _ => continue,
                };
                // The bounds are five standard deviations of a normal sample's mean and variance.
                assert!(mean.abs() < 5.0 * (variance / n).sqrt(), "{}: mean {mean}", spec.name);
                let off = (var / variance - 1.0).abs();
                assert!(
                    off < 5.0 * (2.0 / n).sqrt(),
                    "{}: variance {var}, not {variance}",
                    spec.name
                );
            }
            assert!(state.get("norm.weight").unwrap().data.iter().all(|v| *v == 1.0));
            assert!(state.get("norm.running_mean").unwrap().data.iter().all(|v| *v == 0.0));
        }
    }

    #[test]
    fn it_is_a_function_of_the_seed() {
        let architecture = Architecture::new(8, 10).unwrap();
        assert_eq!(initial_state(&architecture, 1), initial_state(&architecture, 1));
        assert_ne!(initial_state(&architecture, 1), initial_state(&architecture, 2));
        let state = initial_state(&architecture, 1);
        assert_ne!(
            state.get("stage1.0.conv1.weight").unwrap().data[..8],
            state.get("stage1.0.conv2.weight").unwrap().data[..8]
        );
    }
}
