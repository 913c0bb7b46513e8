//! Differentiable losses on tensors.

use burn::tensor::activation::{log_softmax, softmax};
use burn::tensor::{Int, Tensor};

use super::Objective;

/// Computes alpha * NLL(labels) + (1 - alpha) * mean_n objective(teacher_n, student_n), a tensor `[1]`.
///
/// The paper's objective is the cross-entropy (Stanton et al. 2021, Eq. 1 and 2; Hinton et al. 2015). `student` has logits
/// `[n, classes]`, `teacher` the ensemble's log-probabilities `[n, classes]`, and `labels` is `[n]` (required if `alpha` > 0).
pub fn distillation_loss(
    objective: Objective,
    student: Tensor<2>,
    teacher: Tensor<2>,
    labels: Option<Tensor<1, Int>>,
    temperature: f64,
    alpha: f64,
) -> Tensor<1> {
    let soft = soft_loss(objective, student.clone(), teacher, temperature);
    match labels {
        Some(labels) if alpha > 0.0 => label_loss(student, labels)
            .mul_scalar(alpha)
            .add(soft.mul_scalar(1.0 - alpha)),
        _ => soft,
    }
}

/// Computes the mean of -log softmax(z)_label over the images, from logits `[n, classes]` and labels `[n]`.
pub fn label_loss(logits: Tensor<2>, labels: Tensor<1, Int>) -> Tensor<1> {
    let [n, _] = logits.dims();
    log_softmax(logits, 1)
        .gather(1, labels.unsqueeze_dim(1))
        .sum()
        .div_scalar(-(n as f64))
}

fn soft_loss(objective: Objective, student: Tensor<2>, teacher: Tensor<2>, temperature: f64) -> Tensor<1> {
    let [n, _] = student.dims();
    if objective == Objective::HardLabels {
        return label_loss(student, teacher.argmax(1).reshape([n]));
    }
    let log_q = log_softmax(student.div_scalar(temperature), 1);
    let teacher = teacher.div_scalar(temperature);
    let (sign, terms) = match objective {
        Objective::CrossEntropy | Objective::HardLabels => (-1.0, softmax(teacher, 1).mul(log_q)),
        Objective::ReverseCrossEntropy => (-1.0, log_softmax(teacher, 1).mul(log_q.exp())),
        Objective::Kl => {
            let log_p = log_softmax(teacher, 1);
            (1.0, log_p.clone().exp().mul(log_p.sub(log_q)))
        }
        // sum_j (p_j - q_j) (log p_j - log q_j)
        Objective::SymmetricKl => {
            let log_p = log_softmax(teacher, 1);
            let difference = log_p.clone().exp().sub(log_q.clone().exp());
            (1.0, difference.mul(log_p.sub(log_q)))
        }
        Objective::Brier => (1.0, softmax(teacher, 1).sub(log_q.exp()).powi_scalar(2)),
    };
    terms.sum().mul_scalar(sign * temperature * temperature / n as f64)
}

#[cfg(all(test, feature = "cpu"))]
mod tests {
    use burn::tensor::{Device, TensorData};

    use super::super::objective::label_nll;
    use super::*;

    const TEACHER: [[f32; 4]; 3] = [[0.3, -1.0, 2.0, 0.1], [4.0, 0.5, 0.2, -3.0], [0.0, 0.1, -0.1, 0.2]];
    const STUDENT: [[f32; 4]; 3] = [[1.3, 0.2, -0.7, 0.4], [2.0, 1.5, -1.0, 0.3], [-0.4, 0.9, 0.0, 1.1]];
    const LABELS: [usize; 3] = [2, 1, 3];

    /// The expected loss, computed in f64 on the host.
    fn expected(objective: Objective, student: &[[f64; 4]; 3], temperature: f64, alpha: f64) -> f64 {
        let images = student.iter().zip(&TEACHER).zip(LABELS);
        let losses = images.map(|((student, teacher), label)| {
            let student = student.map(|z| z as f32);
            let soft = objective.loss(teacher, &student, temperature);
            alpha * label_nll(&student, label) + (1.0 - alpha) * soft
        });
        losses.sum::<f64>() / 3.0
    }

    fn tensors() -> (Tensor<2>, Tensor<2>, Tensor<1, Int>) {
        let device = Device::flex().autodiff();
        let labels = TensorData::new(LABELS.map(|label| label as i32).to_vec(), [3]);
        (
            Tensor::from_floats(STUDENT, &device).require_grad(),
            Tensor::from_floats(TEACHER, &device),
            Tensor::from_data(labels, &device),
        )
    }

    #[test]
    fn losses_are_those_of_the_definition_and_gradients_its_finite_differences() {
        for objective in Objective::ALL {
            for (temperature, alpha) in [(1.0, 0.0), (4.0, 0.0), (2.0, 0.25), (1.0, 1.0)] {
                let what = format!("{objective:?}, temperature {temperature}, alpha {alpha}");
                let (student, teacher, labels) = tensors();
                let loss = distillation_loss(objective, student.clone(), teacher, Some(labels), temperature, alpha);
                let found: f32 = loss.clone().into_scalar();
                let logits = STUDENT.map(|row| row.map(f64::from));
                let value = expected(objective, &logits, temperature, alpha);
                assert!(
                    (f64::from(found) - value).abs() < 2e-6 * value.abs().max(1.0),
                    "{what}: {found}, not {value}"
                );
                let gradients: Vec<f32> = student
                    .grad(&loss.backward())
                    .unwrap()
                    .into_data()
                    .try_to_vec()
                    .unwrap();
                // A step of 2^-7 is exact in f32, and the error of order step^2 is below the bound.
                let step = 2f64.powi(-7);
                for (i, gradient) in gradients.iter().enumerate() {
                    let moved = |by: f64| {
                        let mut logits = logits;
                        logits[i / 4][i % 4] += by;
                        expected(objective, &logits, temperature, alpha)
                    };
                    let difference = (moved(step) - moved(-step)) / (2.0 * step);
                    assert!(
                        (f64::from(*gradient) - difference).abs() < 1e-4,
                        "{what} at {i}: {gradient}, not {difference}"
                    );
                }
            }
        }
    }

    #[test]
    fn labels_by_hand() {
        let device = Device::flex();
        let logits = Tensor::<2>::from_floats([[0.9f32.ln(), 0.1f32.ln()], [0.5, 0.5]], &device);
        let loss: f32 = label_loss(logits, Tensor::from_ints([1, 0], &device)).into_scalar();
        let expected = -(0.1f64.ln() + 0.5f64.ln()) / 2.0;
        assert!((f64::from(loss) - expected).abs() < 1e-6, "{loss}, not {expected}");
    }
}
