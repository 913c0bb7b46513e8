//! A known answer that each device must give before it is trusted.

use super::compute::Executor;
use super::evaluator::Evaluator;
use crate::architecture::Architecture;
use crate::data::IMAGE_BYTES;
use crate::error::{ErrorCode, LabError, LabResult};
use crate::weights::{Normalisation, StateDict, Tensor};

/// Largest difference that rounding can explain.
const TOLERANCE: f32 = 1e-4;

/// Runs a small PreResNet-8 with weights from a formula on one image and compares its logits with those that burn's CPU backend
/// computes (a test keeps them true). Some drivers silently skip invalid shaders, and some compute wrongly; this is better known
/// before the first prediction than after it.
///
/// Returns the largest absolute difference.
///
/// # Errors
/// `gpu_error` if the difference is more than rounding.
pub async fn self_test(executor: &Executor) -> LabResult<f32> {
    let logits = answer(executor).await?;
    let error = logits
        .iter()
        .zip(KNOWN_ANSWER)
        .map(|(a, b)| (a - b).abs())
        .fold(
            0.0,
            |worst: f32, e| if e.is_nan() { f32::INFINITY } else { worst.max(e) },
        );
    if error <= TOLERANCE && logits.len() == KNOWN_ANSWER.len() {
        Ok(error)
    } else {
        Err(LabError::new(
            ErrorCode::GpuError,
            format!("this device fails the known-answer check: it computes {logits:?} instead of {KNOWN_ANSWER:?}"),
        ))
    }
}

/// The logits of the small network, four classes.
async fn answer(executor: &Executor) -> LabResult<Vec<f32>> {
    let internal = |message: String| LabError::new(ErrorCode::Internal, message);
    let architecture = Architecture::new(8, 4).map_err(|e| internal(e.to_string()))?;
    let state = formula_state(&architecture);
    Evaluator::new(&architecture, &state, &Normalisation::default(), executor)?
        .logits(&pixels())
        .await
}

fn pixels() -> Vec<u8> {
    (0..IMAGE_BYTES)
        .map(|i| (127.5 * (1.0 + wave(i, 0.37))) as u8)
        .collect()
}

fn formula_state(architecture: &Architecture) -> StateDict {
    let tensors = architecture.tensors().into_iter().enumerate().map(|(k, tensor)| {
        let n: usize = tensor.shape.iter().product();
        let fan_in = (n / tensor.shape[0]).max(1) as f32;
        let value = |i: usize| match tensor.name.rsplit('.').next() {
            Some("running_var") => 0.5 + 0.25 * (1.0 + wave(i, 0.7)),
            Some("running_mean" | "bias") => 0.1 * wave(i, 0.9),
            _ if tensor.shape.len() == 1 => 1.0 + 0.2 * wave(i, 1.3),
            _ => wave(i, 0.61 + 0.013 * k as f32) * (2.0 / fan_in).sqrt(),
        };
        let data = (0..n).map(value).collect();
        (
            tensor.name,
            Tensor {
                data,
                shape: tensor.shape,
            },
        )
    });
    tensors.collect()
}

/// A sine at an index, in f64 so that every platform rounds it alike.
fn wave(i: usize, frequency: f32) -> f32 {
    (i as f64 * f64::from(frequency)).sin() as f32
}

const KNOWN_ANSWER: [f32; 4] = [0.021_815_535, 0.116_607_25, 0.133_672_7, 0.059_551_045];

#[cfg(all(test, feature = "cpu"))]
mod tests {
    use super::*;
    use crate::device::{ComputeDevice, read, upload_images};
    use crate::model::PreResNet;

    #[test]
    fn the_known_answer_is_what_the_plain_network_computes() {
        let device = ComputeDevice::cpu();
        let architecture = Architecture::new(8, 4).unwrap();
        let net = PreResNet::from_state(&architecture, &formula_state(&architecture), &device.tensors).unwrap();
        let image = upload_images(&pixels(), 32, &Normalisation::default(), &device.tensors);
        let logits = pollster::block_on(read([net.forward(image)])).unwrap().remove(0);
        let spread = logits.iter().fold(0.0f32, |worst, v| worst.max(v.abs()));
        assert!(
            spread > 0.1,
            "an answer near zero would not tell right from wrong: {logits:?}"
        );
        let difference = logits.iter().zip(KNOWN_ANSWER).map(|(a, b)| (a - b).abs());
        assert!(difference.fold(0.0, f32::max) <= TOLERANCE, "{logits:?}");
        pollster::block_on(self_test(&device.executor)).unwrap();
    }
}
