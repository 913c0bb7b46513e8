//! The ensemble teacher.

use burn::tensor::Tensor;
use burn::tensor::activation::log_softmax;

/// Log of the mean of the members' probabilities, `[n, classes]`, from each member's logits `[n, classes]`.
///
/// z = logsumexp_i(log_softmax(z_i)) - log m, as Stanton et al. 2021 define their ensemble; the log-sum-exp is taken against
/// the largest member so that no probability underflows. `None` where there is no member.
pub fn ensemble_log_probs(members: &[Tensor<2>]) -> Option<Tensor<2>> {
    let log_probs: Vec<Tensor<2>> = members.iter().map(|z| log_softmax(z.clone(), 1)).collect();
    let largest = log_probs.iter().cloned().reduce(Tensor::max_pair)?;
    let sum = log_probs
        .iter()
        .map(|z| z.clone().sub(largest.clone()).exp())
        .reduce(Tensor::add)?;
    Some(sum.log().add(largest).sub_scalar((members.len() as f64).ln()))
}

#[cfg(all(test, feature = "cpu"))]
mod tests {
    use super::*;
    use burn::tensor::Device;

    #[test]
    fn it_is_the_mean_of_probabilities_and_not_of_logits() {
        let device = Device::flex();
        let odds = |a: f32| Tensor::<2>::from_floats([[a.ln(), 0.0]], &device);
        let z: Vec<f32> = ensemble_log_probs(&[odds(1.0), odds(9.0)])
            .unwrap()
            .exp()
            .into_data()
            .try_to_vec()
            .unwrap();
        assert!((z[0] - 0.7).abs() < 1e-6 && (z[1] - 0.3).abs() < 1e-6, "{z:?}");
    }

    #[test]
    fn it_survives_logits_that_underflow() {
        let device = Device::flex();
        let z: Vec<f32> = ensemble_log_probs(&[
            Tensor::<2>::from_floats([[0.0, -300.0]], &device),
            Tensor::<2>::from_floats([[0.0, -300.0]], &device),
        ])
        .unwrap()
        .into_data()
        .try_to_vec()
        .unwrap();
        assert!((z[1] + 300.0).abs() < 1e-3, "{z:?}");
    }

    #[test]
    fn no_member_is_no_ensemble() {
        assert!(ensemble_log_probs(&[]).is_none());
    }
}
