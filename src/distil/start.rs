//! The initial network of a run: random weights, or an interpolation between random weights and a teacher's.

use crate::architecture::Architecture;
use crate::error::{ErrorCode, LabError, LabResult};
use crate::weights::{Network, Normalisation, StateDict, Tensor, initial_state};

/// Largest number of images from which BatchNorm's statistics are estimated, and images per batch, as in the authors' code.
#[cfg(feature = "engine")]
const N_ESTIMATING: usize = 12_800;
#[cfg(feature = "engine")]
const ESTIMATING_BATCH: usize = 128;

/// Smallest learning rate of a run that starts near a teacher.
const MIN_LEARNING_RATE: f64 = 1e-6;

/// Creates a network with random weights.
pub fn random(name: &str, architecture: Architecture, normalisation: Normalisation, seed: u32) -> Network {
    Network {
        name: name.to_owned(),
        state: initial_state(&architecture, seed),
        architecture,
        normalisation,
        provenance: None,
        notices: Vec::new(),
    }
}

/// Interpolates every tensor, `lambda * teacher + (1 - lambda) * other`, and keeps the rest of `other`. Running statistics are
/// interpolated too; re-estimate them with `estimate_statistics`.
///
/// # Errors
/// `bad_argument` if lambda is not from 0 to 1 or the architectures differ.
pub fn between(teacher: &Network, other: &Network, lambda: f64) -> LabResult<Network> {
    if !(0.0..=1.0).contains(&lambda) {
        return Err(LabError::bad_argument(format!(
            "lambda is {lambda}; it must be from 0 (random weights) to 1 (the teacher)"
        )));
    }
    if teacher.architecture != other.architecture {
        return Err(LabError::bad_argument(format!(
            "cannot interpolate between {} and {}: their architectures differ",
            teacher.architecture, other.architecture
        )));
    }
    let lambda = lambda as f32;
    let tensors = other.state.iter().map(|(name, tensor)| {
        let of_teacher = teacher.state.require(name);
        let of_teacher = of_teacher.map_err(|e| LabError::new(ErrorCode::WeightsInvalid, e.to_string()))?;
        let values = of_teacher.data.iter().zip(&tensor.data);
        let data = values.map(|(teacher, other)| lambda * teacher + (1.0 - lambda) * other);
        Ok((
            name.to_owned(),
            Tensor {
                shape: tensor.shape.clone(),
                data: data.collect(),
            },
        ))
    });
    Ok(Network {
        state: tensors.collect::<LabResult<StateDict>>()?,
        ..other.clone()
    })
}

/// The learning rate of a run that starts at lambda: it is scaled by 1 - lambda, as in the authors' code, so that a run that
/// starts at the teacher hardly moves.
pub fn scaled_learning_rate(learning_rate: f64, lambda: f64) -> f64 {
    (learning_rate * (1.0 - lambda)).max(MIN_LEARNING_RATE)
}

/// Re-estimates BatchNorm's running statistics on the first 12,800 images (or all, if there are fewer) in batches of 128, as
/// training would; nothing else changes. Interpolated statistics fit neither end of the interpolation.
///
/// # Errors
/// The device's errors.
#[cfg(feature = "engine")]
pub async fn estimate_statistics(
    network: &Network,
    images: &crate::session::Images,
    compute: &crate::device::ComputeDevice,
) -> LabResult<Network> {
    use crate::data::SIDE;
    use crate::device::upload_images;
    use crate::model::PreResNet;

    let invalid = |e: crate::weights::MissingTensor| LabError::new(ErrorCode::WeightsInvalid, e.to_string());
    let device = &compute.tensors;
    let mut model = PreResNet::from_state(&network.architecture, &network.state, device).map_err(invalid)?;
    let n = images.n_images().min(N_ESTIMATING);
    for first in (0..n).step_by(ESTIMATING_BATCH) {
        let batch = ESTIMATING_BATCH.min(n - first);
        // One image has no unbiased variance.
        if batch > 1 {
            model.forward_train(upload_images(
                images.pixels(first, batch),
                SIDE,
                &network.normalisation,
                device,
            ));
        }
    }
    Ok(Network {
        state: super::trainer::read_state(&model).await?,
        ..network.clone()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(name: &str, depth: usize, seed: u32) -> Network {
        let architecture = Architecture::new(depth, 10).unwrap();
        random(name, architecture, Normalisation::default(), seed)
    }

    fn network(depth: usize, seed: u32) -> Network {
        named("a", depth, seed)
    }

    #[test]
    fn the_ends_are_the_networks_and_a_quarter_lies_between() {
        let (teacher, other) = (network(8, 1), named("b", 8, 2));
        assert_eq!(between(&teacher, &other, 0.0).unwrap(), other);
        assert_eq!(between(&teacher, &other, 1.0).unwrap().state, teacher.state);
        let quarter = between(&teacher, &other, 0.25).unwrap();
        let first = |network: &Network| network.state.get("head.weight").unwrap().data[0];
        let expected = 0.25 * first(&teacher) + 0.75 * first(&other);
        assert!((first(&quarter) - expected).abs() < 1e-7);
        assert_eq!(quarter.name, "b");
    }

    #[test]
    fn what_cannot_be_mixed_is_told() {
        let message = |result: LabResult<Network>| result.unwrap_err().message;
        let outside = message(between(&network(8, 1), &network(8, 2), 1.5));
        assert!(outside.contains("lambda is 1.5"), "{outside}");
        let other = message(between(&network(8, 1), &network(14, 2), 0.5));
        assert!(
            other.contains("PreResNet-8 with 10 classes") && other.contains("PreResNet-14"),
            "{other}"
        );
    }

    #[test]
    fn a_start_at_the_teacher_hardly_moves() {
        assert_eq!(scaled_learning_rate(0.1, 0.0), 0.1);
        assert_eq!(scaled_learning_rate(0.1, 0.75), 0.025);
        assert_eq!(scaled_learning_rate(0.1, 1.0), 1e-6);
    }
}
