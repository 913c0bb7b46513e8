//! A known answer, asked of each device before it is trusted.

use burn::tensor::Device;

use crate::engine::read;
use crate::error::{ErrorCode, LabError, LabResult};
use crate::model::{PreResNet, architecture::Architecture};
use crate::weights::{StateDict, Tensor};

/// Largest difference that rounding can explain.
const TOLERANCE: f32 = 1e-4;

/// Runs a small PreResNet-8 with weights from a formula on one image and compares its logits with the ones that the CPU backend
/// gave (a test keeps them true). Invalid shaders are silently skipped by some drivers, and some compute wrongly: better known
/// before the first prediction than after.
///
/// Returns the largest absolute difference.
///
/// # Errors
/// `gpu_error` where the difference is more than rounding.
pub async fn self_test(device: &Device) -> LabResult<f32> {
    let logits = answer(device).await?;
    let error = logits
        .iter()
        .zip(KNOWN_ANSWER)
        .map(|(a, b)| (a - b).abs())
        .fold(
            0.0,
            |worst: f32, e| if e.is_nan() { f32::INFINITY } else { worst.max(e) },
        );
    match error <= TOLERANCE && logits.len() == KNOWN_ANSWER.len() {
        true => Ok(error),
        false => Err(LabError::new(
            ErrorCode::GpuError,
            format!("this device fails the known-answer check: it computes {logits:?} where {KNOWN_ANSWER:?} is right"),
        )),
    }
}

/// The logits of the small network, four classes.
async fn answer(device: &Device) -> LabResult<Vec<f32>> {
    let internal = |message: String| LabError::new(ErrorCode::Internal, message);
    let architecture = Architecture::new(8, 4).map_err(|e| internal(e.to_string()))?;
    let net = PreResNet::from_state(&architecture, &formula_state(&architecture), device)
        .map_err(|e| internal(e.to_string()))?;
    let pixels: Vec<f32> = (0..3 * 32 * 32).map(|i| wave(i, 0.37)).collect();
    let image = burn::tensor::Tensor::<1>::from_floats(pixels.as_slice(), device).reshape([1, 3, 32, 32]);
    Ok(read([net.forward(image)]).await?.remove(0))
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

/// A sine by its argument's index, in f64 so that every platform rounds it alike.
fn wave(i: usize, frequency: f32) -> f32 {
    (i as f64 * f64::from(frequency)).sin() as f32
}

const KNOWN_ANSWER: [f32; 4] = [0.043_173_585, 0.116_396_35, 0.111_994_48, 0.026_852_904];

#[cfg(all(test, feature = "cpu"))]
mod tests {
    use super::*;

    #[test]
    fn the_known_answer_is_what_the_cpu_computes() {
        let logits = pollster::block_on(answer(&Device::flex())).unwrap();
        let spread = logits.iter().fold(0.0f32, |worst, v| worst.max(v.abs()));
        assert!(
            spread > 0.1,
            "an answer near zero would not tell right from wrong: {logits:?}"
        );
        assert!(pollster::block_on(self_test(&Device::flex())).is_ok(), "{logits:?}");
    }
}
