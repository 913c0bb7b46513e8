//! Hinton's distillation loss.

use burn::tensor::activation::{log_softmax, softmax};
use burn::tensor::{Int, Tensor};

/// alpha * NLL(labels) - (1 - alpha) * tau^2 * mean_n sum_j softmax(z_t / tau)_j log_softmax(z_s / tau)_j
///
/// The objective of Stanton et al. 2021 (Eq. 1 and 2; Hinton et al. 2015). `student` are logits `[n, classes]`, `teacher` the
/// ensemble's log-probabilities `[n, classes]`, `labels` `[n]` (needed where `alpha` > 0). Returns one value, `[1]`.
pub fn distillation_loss(
    student: Tensor<2>,
    teacher: Tensor<2>,
    labels: Option<Tensor<1, Int>>,
    temperature: f64,
    alpha: f64,
) -> Tensor<1> {
    let [n, _] = student.dims();
    let targets = softmax(teacher.div_scalar(temperature), 1);
    let log_probs = log_softmax(student.clone().div_scalar(temperature), 1);
    let soft = targets
        .mul(log_probs)
        .sum()
        .mul_scalar(-temperature * temperature / n as f64);
    match labels {
        Some(labels) if alpha > 0.0 => {
            let hard = log_softmax(student, 1)
                .gather(1, labels.unsqueeze_dim(1))
                .sum()
                .div_scalar(-(n as f64));
            hard.mul_scalar(alpha).add(soft.mul_scalar(1.0 - alpha))
        }
        _ => soft,
    }
}

#[cfg(all(test, feature = "cpu"))]
mod tests {
    use super::*;
    use burn::tensor::Device;

    /// Teacher (0.8, 0.2) at tau 1, student (0.5, 0.5): cross-entropy ln 2; NLL of class 1 is ln 2 too, so only another student tells them apart.
    #[test]
    fn it_equals_hand_computed_values() {
        let device = Device::flex();
        let teacher = Tensor::<2>::from_floats([[0.8f32.ln(), 0.2f32.ln()]], &device);
        let student = Tensor::<2>::from_floats([[0.9f32.ln(), 0.1f32.ln()]], &device);
        let labels = Tensor::<1, Int>::from_ints([1], &device);
        let soft = -(0.8 * 0.9f64.ln() + 0.2 * 0.1f64.ln());
        let hard = -(0.1f64.ln());
        let loss = |tau, alpha| -> f64 {
            let value: f32 =
                distillation_loss(student.clone(), teacher.clone(), Some(labels.clone()), tau, alpha).into_scalar();
            f64::from(value)
        };
        assert!((loss(1.0, 0.0) - soft).abs() < 1e-6);
        assert!((loss(1.0, 0.25) - (0.25 * hard + 0.75 * soft)).abs() < 1e-6);
        // At tau 2 the odds 4 and 9 become 2 and 3: targets (2/3, 1/3), student (3/4, 1/4), times tau^2.
        let softened = -4.0 * (2.0 / 3.0 * 0.75f64.ln() + 1.0 / 3.0 * 0.25f64.ln());
        assert!(
            (loss(2.0, 0.0) - softened).abs() < 1e-5,
            "{} {softened}",
            loss(2.0, 0.0)
        );
    }
}
