//! McNemar's test of two accuracies on the same images.

use serde::{Deserialize, Serialize};

use super::lens::{Lens, Level};
use super::predictor::Predictor;
use super::stored_logits::StoredLogits;
use crate::error::LabResult;

/// The chi-square test replaces the exact one from this number of discordant images on.
const N_CHI_SQUARE: u32 = 25;

/// Options of `mcnemar`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "browser", derive(tsify::Tsify))]
#[serde(rename_all = "camelCase")]
pub struct McNemarArgs {
    pub first: Predictor,
    pub second: Predictor,
    /// Default "fine".
    #[serde(default)]
    pub level: Option<Level>,
}

/// Which test gave the p-value. "exact": two-sided binomial, for fewer than 25 images that only one of the two predicts correctly;
/// "chi_square": one degree of freedom, continuity-corrected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "browser", derive(tsify::Tsify))]
#[serde(rename_all = "snake_case")]
pub enum McNemarMethod {
    Exact,
    ChiSquare,
}

/// McNemar's test of two accuracies on the same images.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "browser", derive(tsify::Tsify), tsify(missing_as_null))]
#[serde(rename_all = "camelCase")]
pub struct McNemar {
    pub n_images: u32,
    pub both_right: u32,
    pub only_first: u32,
    pub only_second: u32,
    pub both_wrong: u32,
    pub method: McNemarMethod,
    /// (max(|onlyFirst - onlySecond| - 1, 0))^2 / (onlyFirst + onlySecond); null for "exact".
    #[cfg_attr(feature = "browser", tsify(type = "number | null"))]
    pub statistic: Option<f64>,
    pub p_value: f64,
}

/// # Errors
/// Those of every question to [`StoredLogits`].
pub fn mcnemar(stored: &StoredLogits, args: &McNemarArgs) -> LabResult<McNemar> {
    let lens = Lens::new(args.level, None);
    let first = stored.view(&args.first.names(), lens)?;
    let second = stored.view(&args.second.names(), lens)?;
    let mut counts = [0; 4];
    for image in 0..stored.n_images() {
        counts[usize::from(first.figures.is_right(image)) + 2 * usize::from(second.figures.is_right(image))] += 1;
    }
    let [both_wrong, only_first, only_second, both_right] = counts;
    let (method, statistic, p_value) = test(only_first, only_second);
    Ok(McNemar {
        n_images: stored.n_images() as u32,
        both_right,
        only_first,
        only_second,
        both_wrong,
        method,
        statistic,
        p_value,
    })
}

fn test(only_first: u32, only_second: u32) -> (McNemarMethod, Option<f64>, f64) {
    let n = only_first + only_second;
    if n < N_CHI_SQUARE {
        return (McNemarMethod::Exact, None, binomial(only_first.min(only_second), n));
    }
    let gap = (f64::from(only_first) - f64::from(only_second)).abs();
    let statistic = (gap - 1.0).max(0.0).powi(2) / f64::from(n);
    (
        McNemarMethod::ChiSquare,
        Some(statistic),
        erfc((statistic / 2.0).sqrt()),
    )
}

/// Returns min(1, 2 P(X <= k)) for X binomial with n trials of probability 1/2.
fn binomial(k: u32, n: u32) -> f64 {
    let (mut choices, mut total) = (1.0, 0.0);
    for i in 0..=k {
        total += choices;
        choices *= f64::from(n - i) / f64::from(i + 1);
    }
    (2.0 * total / 2f64.powi(n as i32)).min(1.0)
}

/// Computes the complementary error function for x >= 0: the series of erf below 2 (Abramowitz and Stegun 7.1.6), the continued fraction above
/// (7.1.14), from its 100th level.
fn erfc(x: f64) -> f64 {
    let scale = (-x * x).exp() / std::f64::consts::PI.sqrt();
    if x < 2.0 {
        let (mut term, mut series, mut n) = (2.0 * x, 2.0 * x, 0.0);
        while term > 1e-17 * series {
            n += 1.0;
            term *= 2.0 * x * x / (2.0 * n + 1.0);
            series += term;
        }
        return 1.0 - scale * series;
    }
    let fraction = (1..=100).rev().fold(0.0, |below, k| f64::from(k) / 2.0 / (x + below));
    scale / (x + fraction)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_error_function_is_that_of_tables() {
        // DLMF / Python's math.erfc.
        let table = [
            (0.0, 1.0),
            (0.5, 0.479_500_122_186_953_5),
            (1.0, 0.157_299_207_050_285_13),
            (2.0, 0.004_677_734_981_047_265),
            (3.0, 2.209_049_699_858_544e-5),
            (5.0, 1.537_459_794_428_035_1e-12),
            (10.0, 2.088_487_583_762_544_6e-45),
        ];
        for (x, expected) in table {
            assert!(
                (erfc(x) - expected).abs() <= 1e-12 * expected,
                "erfc({x}) = {}, not {expected}",
                erfc(x)
            );
        }
    }

    #[test]
    fn few_discordant_images_are_counted_exactly() {
        assert_eq!(test(0, 0), (McNemarMethod::Exact, None, 1.0));
        assert_eq!(test(5, 5), (McNemarMethod::Exact, None, 1.0));
        // 2 * (1 + 6) / 64.
        assert_eq!(test(1, 5), (McNemarMethod::Exact, None, 0.21875));
        assert_eq!(test(24, 0).0, McNemarMethod::Exact);
    }

    #[test]
    fn many_by_chi_square_and_equal_ones_prove_nothing() {
        let (method, statistic, p) = test(10, 30);
        assert_eq!((method, statistic), (McNemarMethod::ChiSquare, Some(361.0 / 40.0)));
        // scipy.stats.chi2.sf(9.025, 1)
        assert!((p - 0.002_663_119_259).abs() < 1e-9, "{p}");
        assert_eq!(test(20, 20), (McNemarMethod::ChiSquare, Some(0.0), 1.0));
    }
}
