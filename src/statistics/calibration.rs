//! Reliability diagrams with bins of equal width or equal mass.

use serde::{Deserialize, Serialize};

use super::figures::Figures;
use super::lens::{Lens, Level};
use super::predictor::Predictor;
use super::stored_logits::StoredLogits;
use crate::error::{LabError, LabResult};
use crate::metrics::{N_BINS, bin_edge, bin_of};

/// "equal_width": bins (lower, upper] of equal width; "equal_mass": bins of images sorted by confidence, as equal in count as possible.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "browser", derive(tsify::Tsify))]
#[serde(rename_all = "snake_case")]
pub enum Binning {
    #[default]
    EqualWidth,
    EqualMass,
}

/// The largest number of bins.
const MAX_BINS: usize = 1000;

/// Options of `calibration`.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "browser", derive(tsify::Tsify))]
#[serde(rename_all = "camelCase")]
pub struct CalibrationArgs {
    pub models: Vec<Predictor>,
    /// From 1 to 1000; default 10.
    #[serde(default)]
    pub n_bins: Option<usize>,
    /// Default "equal_width".
    #[serde(default)]
    pub binning: Option<Binning>,
    /// Default "fine".
    #[serde(default)]
    pub level: Option<Level>,
    /// Softens every network and the ensemble: softmax(log p / temperature). Default 1.
    #[serde(default)]
    pub temperature: Option<f64>,
}

/// Reliability diagrams, in the order of the predictors in `models`.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "browser", derive(tsify::Tsify), tsify(missing_as_null))]
#[serde(rename_all = "camelCase")]
pub struct Calibration {
    pub n_images: u32,
    pub models: Vec<CalibrationOf>,
}

/// Reliability diagram of one predictor.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "browser", derive(tsify::Tsify))]
#[serde(rename_all = "camelCase")]
pub struct CalibrationOf {
    /// Expected calibration error: the mean over images of |accuracy - confidence| of their bin.
    pub ece: f64,
    pub bins: Vec<CalibrationBin>,
}

/// With equal-mass bins, `lower` and `upper` are the lowest and highest confidence in the bin, both null if the bin is empty (there are
/// fewer images than bins). Images of equal confidence are sorted by index.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "browser", derive(tsify::Tsify))]
#[serde(rename_all = "camelCase")]
pub struct CalibrationBin {
    #[cfg_attr(feature = "browser", tsify(type = "number | null"))]
    pub lower: Option<f64>,
    #[cfg_attr(feature = "browser", tsify(type = "number | null"))]
    pub upper: Option<f64>,
    pub count: u32,
    #[cfg_attr(feature = "browser", tsify(type = "number | null"))]
    pub confidence: Option<f64>,
    #[cfg_attr(feature = "browser", tsify(type = "number | null"))]
    pub accuracy: Option<f64>,
}

/// # Errors
/// `bad_argument` if the number of bins is out of range, and those of every question to [`StoredLogits`].
pub fn calibration(stored: &StoredLogits, args: &CalibrationArgs) -> LabResult<Calibration> {
    let lens = Lens::new(args.level, args.temperature);
    let n_bins = check_bins(args.n_bins)?;
    let of = |predictor: &Predictor| {
        let view = stored.view(&predictor.names(), lens)?;
        let bins = bins(&view.figures, n_bins, args.binning.unwrap_or_default());
        Ok(CalibrationOf { ece: ece(&bins), bins })
    };
    Ok(Calibration {
        n_images: stored.n_images() as u32,
        models: args.models.iter().map(of).collect::<LabResult<_>>()?,
    })
}

/// # Errors
/// `bad_argument`.
pub(super) fn check_bins(n_bins: Option<usize>) -> LabResult<usize> {
    let n_bins = n_bins.unwrap_or(N_BINS);
    if (1..=MAX_BINS).contains(&n_bins) {
        return Ok(n_bins);
    }
    Err(LabError::bad_argument(format!(
        "nBins is {n_bins}; it must be from 1 to {MAX_BINS}"
    )))
}

/// Returns the bin of each confidence. With equal mass, image i of n is in bin floor(i * bins / n); images are sorted by confidence,
/// those of equal confidence by index.
pub(super) fn assign(confidence: &[f64], n_bins: usize, binning: Binning) -> Vec<u16> {
    match binning {
        Binning::EqualWidth => confidence.iter().map(|&c| bin_of(c, n_bins) as u16).collect(),
        Binning::EqualMass => {
            let mut order: Vec<usize> = (0..confidence.len()).collect();
            order.sort_by(|&a, &b| confidence[a].total_cmp(&confidence[b]));
            let mut bins = vec![0; confidence.len()];
            for (place, &image) in order.iter().enumerate() {
                bins[image] = (place * n_bins / confidence.len()) as u16;
            }
            bins
        }
    }
}

pub(super) fn bins(figures: &Figures, n_bins: usize, binning: Binning) -> Vec<CalibrationBin> {
    let mut sums = vec![(0u32, 0u32, 0.0); n_bins];
    let mut ranges = vec![(f64::INFINITY, f64::NEG_INFINITY); n_bins];
    for (image, bin) in assign(&figures.confidence, n_bins, binning).into_iter().enumerate() {
        let confidence = figures.confidence[image];
        let (count, n_right, total) = &mut sums[usize::from(bin)];
        *count += 1;
        *n_right += u32::from(figures.is_right(image));
        *total += confidence;
        let (lowest, highest) = &mut ranges[usize::from(bin)];
        *lowest = confidence.min(*lowest);
        *highest = confidence.max(*highest);
    }
    let bin = |(i, (count, n_right, total)): (usize, (u32, u32, f64))| {
        let (lower, upper) = match binning {
            Binning::EqualWidth => (Some(bin_edge(i, n_bins)), Some(bin_edge(i + 1, n_bins))),
            Binning::EqualMass if count == 0 => (None, None),
            Binning::EqualMass => (Some(ranges[i].0), Some(ranges[i].1)),
        };
        CalibrationBin {
            lower,
            upper,
            count,
            confidence: (count > 0).then(|| total / f64::from(count)),
            accuracy: (count > 0).then(|| f64::from(n_right) / f64::from(count)),
        }
    };
    sums.into_iter().enumerate().map(bin).collect()
}

/// Expected calibration error: mean over images of |accuracy - confidence| of their bin (Guo et al. 2017).
pub(super) fn ece(bins: &[CalibrationBin]) -> f64 {
    let n: u32 = bins.iter().map(|bin| bin.count).sum();
    let gap = |bin: &CalibrationBin| {
        (bin.accuracy.unwrap_or(0.0) - bin.confidence.unwrap_or(0.0)).abs() * f64::from(bin.count)
    };
    bins.iter().map(gap).sum::<f64>() / f64::from(n)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figures(of: &[(f64, bool)]) -> Figures {
        Figures {
            top1: vec![0; of.len()],
            confidence: of.iter().map(|(c, _)| *c).collect(),
            rank: of.iter().map(|(_, right)| u8::from(!right)).collect(),
            ..Figures::default()
        }
    }

    #[test]
    fn equal_mass_splits_ties_by_index_and_counts_as_evenly_as_it_can() {
        assert_eq!(assign(&[0.5; 5], 2, Binning::EqualMass), [0, 0, 0, 1, 1]);
        assert_eq!(assign(&[0.9, 0.1, 0.5], 3, Binning::EqualMass), [2, 0, 1]);
        let found = bins(&figures(&[(0.9, true)]), 3, Binning::EqualMass);
        assert_eq!(found.iter().map(|bin| bin.count).collect::<Vec<_>>(), [1, 0, 0]);
        assert_eq!(
            (found[0].lower, found[1].lower, found[1].confidence),
            (Some(0.9), None, None)
        );
    }

    #[test]
    fn the_error_of_both_binnings_by_hand() {
        let four = figures(&[(0.2, false), (0.4, true), (0.6, true), (0.9, false)]);
        // Of equal mass, halves: |1 - 0.6| and |1 - 1.5|, over 4. In three of equal width: (0.2), (0.4, 0.6), (0.9).
        let by_mass = ece(&bins(&four, 2, Binning::EqualMass));
        assert!((by_mass - (0.4 + 0.5) / 4.0).abs() < 1e-15, "{by_mass}");
        let by_width = ece(&bins(&four, 3, Binning::EqualWidth));
        assert!((by_width - (0.2 + 1.0 + 0.9) / 4.0).abs() < 1e-15, "{by_width}");
    }
}
