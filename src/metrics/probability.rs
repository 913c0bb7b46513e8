//! Log-probabilities and functions of them, in f64.

use super::{FidelityError, check_length};

/// Computes one image's log-probabilities at a temperature: z/tau - logsumexp(z/tau), relative to the largest z/tau, so that
/// nothing overflows and large logits keep their precision.
///
/// The result is not finite if a logit is not finite or `temperature` is 0.
pub fn log_softmax(logits: &[f32], temperature: f64) -> Vec<f64> {
    let scaled: Vec<f64> = logits.iter().map(|&z| f64::from(z) / temperature).collect();
    let largest = largest(&scaled);
    let log_sum = scaled.iter().map(|z| (z - largest).exp()).sum::<f64>().ln();
    scaled.into_iter().map(|z| z - largest - log_sum).collect()
}

/// Computes an ensemble's log-probabilities `[n, classes]` from each member's logits `[n, classes]`.
///
/// They are logsumexp_i(log_softmax(z_i)) - log m: the log of the mean of the members' probabilities, never of their logits.
///
/// # Errors
/// Fails if there are no classes or members, if the members' lengths differ or are not a whole number of images, or if a logit is
/// not finite.
pub fn ensemble_log_probs(members: &[&[f32]], n_classes: usize) -> Result<Vec<f64>, FidelityError> {
    let n_values = members.first().ok_or(FidelityError::NoMembers)?.len();
    if n_classes == 0 {
        return Err(FidelityError::NoClasses);
    }
    check_length("logits of whole images", n_values, n_values / n_classes * n_classes)?;
    for member in members {
        check_length("logits of a member", member.len(), n_values)?;
        if let Some(i) = member.iter().position(|z| !z.is_finite()) {
            return Err(FidelityError::NotFinite {
                image: i / n_classes,
                class: i % n_classes,
            });
        }
    }
    let log_n_members = (members.len() as f64).ln();
    let mut ensemble = Vec::with_capacity(n_values);
    for first in (0..n_values).step_by(n_classes) {
        let rows: Vec<Vec<f64>> = members
            .iter()
            .map(|z| log_softmax(&z[first..first + n_classes], 1.0))
            .collect();
        ensemble.extend((0..n_classes).map(|class| {
            let of_class: Vec<f64> = rows.iter().map(|row| row[class]).collect();
            log_sum_exp(&of_class) - log_n_members
        }));
    }
    Ok(ensemble)
}

/// The entropy, in nats, of one image's log-probabilities.
pub fn entropy(log_probs: &[f64]) -> f64 {
    -log_probs.iter().map(|&l| weighted(l, l)).sum::<f64>()
}

/// KL(teacher || student), in nats, between one image's log-probabilities. The result is clamped at 0 against rounding.
pub fn kl_divergence(teacher: &[f64], student: &[f64]) -> f64 {
    teacher
        .iter()
        .zip(student)
        .map(|(&t, &s)| weighted(t, t - s))
        .sum::<f64>()
        .max(0.0)
}

/// Index of the largest value; the first one on ties, and 0 if there are no values. NaN wins only if it comes first.
pub fn argmax<T: PartialOrd>(values: &[T]) -> usize {
    let mut best = 0;
    for (i, value) in values.iter().enumerate() {
        if *value > values[best] {
            best = i;
        }
    }
    best
}

/// Computes exp(log_weight) * value, or 0 if the weight is 0, even if the value is not finite.
fn weighted(log_weight: f64, value: f64) -> f64 {
    match log_weight.exp() {
        0.0 => 0.0,
        weight => weight * value,
    }
}

fn log_sum_exp(values: &[f64]) -> f64 {
    let largest = largest(values);
    largest + values.iter().map(|v| (v - largest).exp()).sum::<f64>().ln()
}

fn largest(values: &[f64]) -> f64 {
    values.iter().copied().fold(f64::NEG_INFINITY, f64::max)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(a: &[f64], b: &[f64]) {
        assert_eq!(a.len(), b.len());
        a.iter()
            .zip(b)
            .for_each(|(a, b)| assert!((a - b).abs() < 1e-6, "{a} is not {b}"));
    }

    #[test]
    fn log_softmax_by_hand() {
        // The odds are 1 : 3.
        close(&log_softmax(&[0.0, 3f32.ln()], 1.0), &[0.25f64.ln(), 0.75f64.ln()]);
        // At temperature 2 the odds 1 : 9 become 1 : 3.
        close(&log_softmax(&[0.0, 9f32.ln()], 2.0), &[0.25f64.ln(), 0.75f64.ln()]);
        close(&log_softmax(&[1e30, 1e30], 1.0), &[0.5f64.ln(); 2]);
        close(&log_softmax(&[-1000.0, 0.0], 1.0), &[-1000.0, 0.0]);
        assert!(log_softmax(&[], 1.0).is_empty());
    }

    #[test]
    fn the_ensemble_is_the_mean_of_probabilities() {
        // The odds 1 : 1 and 9 : 1 mean 0.5 and 0.9, on average 0.7; averaging the logits would yield odds of 3 : 1.
        let nine = [9f32.ln(), 0.0];
        close(
            &ensemble_log_probs(&[&[0.0, 0.0], &nine], 2).unwrap(),
            &[0.7f64.ln(), 0.3f64.ln()],
        );
        // Log-probabilities of values below f64's smallest number stay finite, here for two images.
        let far = ensemble_log_probs(&[&[0.0, -2000.0, 0.0, 0.0], &[0.0, -2000.0, 0.0, 0.0]], 2).unwrap();
        close(&far, &[0.0, -2000.0, 0.5f64.ln(), 0.5f64.ln()]);
    }

    #[test]
    fn the_ensemble_checks_its_input() {
        assert_eq!(ensemble_log_probs(&[], 2), Err(FidelityError::NoMembers));
        assert_eq!(ensemble_log_probs(&[&[0.0]], 0), Err(FidelityError::NoClasses));
        assert!(matches!(
            ensemble_log_probs(&[&[0.0; 3]], 2),
            Err(FidelityError::Length { .. })
        ));
        assert!(matches!(
            ensemble_log_probs(&[&[0.0; 4], &[0.0; 2]], 2),
            Err(FidelityError::Length { .. })
        ));
        let nan = ensemble_log_probs(&[&[0.0, 0.0, 0.0, f32::NAN]], 2);
        assert_eq!(nan, Err(FidelityError::NotFinite { image: 1, class: 1 }));
    }

    #[test]
    fn entropy_and_divergence_by_hand() {
        let (half, quarter) = ([0.5f64.ln(); 2], [0.25f64.ln(), 0.75f64.ln()]);
        assert!((entropy(&half) - 2f64.ln()).abs() < 1e-15);
        assert_eq!(entropy(&[0.0, f64::NEG_INFINITY]), 0.0);
        let expected = 0.5 * 2f64.ln() + 0.5 * (2.0f64 / 3.0).ln();
        assert!((kl_divergence(&half, &quarter) - expected).abs() < 1e-15);
        assert_eq!(kl_divergence(&quarter, &quarter), 0.0);
    }

    #[test]
    fn the_first_of_equals_is_the_largest() {
        assert_eq!(argmax(&[1.0, 3.0, 3.0]), 1);
        assert_eq!(argmax(&[2.0f32, 2.0]), 0);
        assert_eq!(argmax::<f64>(&[]), 0);
    }
}
