//! Generalisation, how well predictions match the labels: accuracy, negative log-likelihood, calibration.

use serde::{Deserialize, Serialize};

use super::probability::argmax;
use super::{FidelityError, check_batch, check_row, share};

/// Number of equal-width confidence bins, as in the paper's code.
pub const N_BINS: usize = 10;

/// Metrics over the labelled images; null if no image has a label.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "browser", derive(tsify::Tsify))]
#[serde(rename_all = "camelCase")]
pub struct Generalisation {
    /// Share of images whose most probable class is the label.
    #[cfg_attr(feature = "browser", tsify(type = "number | null"))]
    pub accuracy: Option<f64>,
    /// Share of images whose label is among the five most probable classes.
    #[cfg_attr(feature = "browser", tsify(type = "number | null"))]
    pub top5_accuracy: Option<f64>,
    /// Mean negative log-likelihood of the labels, in nats.
    #[cfg_attr(feature = "browser", tsify(type = "number | null"))]
    pub nll: Option<f64>,
    /// Expected calibration error: mean over images of |accuracy - confidence| of their bin (Guo et al. 2017).
    #[cfg_attr(feature = "browser", tsify(type = "number | null"))]
    pub ece: Option<f64>,
    /// The bins behind `ece`.
    #[cfg_attr(feature = "browser", tsify(type = "ReliabilityBin[] | null"))]
    pub reliability: Option<Vec<ReliabilityBin>>,
}

/// Images whose confidence, the probability of the most probable class, is in (lower, upper].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "browser", derive(tsify::Tsify))]
#[serde(rename_all = "camelCase")]
pub struct ReliabilityBin {
    pub lower: f64,
    pub upper: f64,
    /// Number of images in the bin.
    pub count: u32,
    /// Mean confidence of the bin's images; null if the bin is empty.
    #[cfg_attr(feature = "browser", tsify(type = "number | null"))]
    pub confidence: Option<f64>,
    /// Accuracy on the bin's images; null if the bin is empty.
    #[cfg_attr(feature = "browser", tsify(type = "number | null"))]
    pub accuracy: Option<f64>,
}

/// Running sums over images, from which [`Self::report`] computes [`Generalisation`] at any time.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct GeneralisationAccumulator {
    /// Class count of the images so far; 0 before the first image.
    n_classes: usize,
    n_images: u32,
    n_labelled: u32,
    n_right: u32,
    n_top5: u32,
    nll: f64,
    bins: [Bin; N_BINS],
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Bin {
    n_images: u32,
    n_right: u32,
    confidence: f64,
}

impl GeneralisationAccumulator {
    /// Adds one image: its log-probabilities `[classes]`, and its label if it has one.
    ///
    /// # Errors
    /// Fails if there are no classes, the class count differs from the earlier images', a value is not finite or the label is out
    /// of range.
    pub fn push(&mut self, log_probs: &[f64], label: Option<u8>) -> Result<(), FidelityError> {
        let n_classes = if self.n_images == 0 {
            log_probs.len()
        } else {
            self.n_classes
        };
        check_row(0, log_probs, n_classes, label)?;
        self.add(log_probs, label);
        Ok(())
    }

    /// Adds a batch: log-probabilities `[n, n_classes]` and labels `[n]`. After an error the sums are unchanged.
    ///
    /// # Errors
    /// Fails as [`Self::push`] does, and if lengths do not match.
    pub fn push_batch(
        &mut self,
        log_probs: &[f64],
        n_classes: usize,
        labels: Option<&[u8]>,
    ) -> Result<(), FidelityError> {
        check_batch(log_probs, n_classes, labels)?;
        let known = if self.n_images == 0 { n_classes } else { self.n_classes };
        let label = |i: usize| labels.map(|labels| labels[i]);
        let rows = || log_probs.chunks_exact(n_classes).enumerate();
        rows().try_for_each(|(i, row)| check_row(i, row, known, label(i)))?;
        rows().for_each(|(i, row)| self.add(row, label(i)));
        Ok(())
    }

    fn add(&mut self, log_probs: &[f64], label: Option<u8>) {
        self.n_classes = log_probs.len();
        self.n_images += 1;
        let Some(label) = label.map(usize::from) else { return };
        let likelihood = log_probs[label];
        let is_before = |(class, &l): (usize, &f64)| l > likelihood || (l == likelihood && class < label);
        let rank = log_probs.iter().enumerate().filter(|&entry| is_before(entry)).count();
        let confidence = log_probs[argmax(log_probs)].exp();
        let right = u32::from(rank == 0);

        self.n_labelled += 1;
        self.n_right += right;
        self.n_top5 += u32::from(rank < 5);
        self.nll -= likelihood;
        let bin = &mut self.bins[bin_of(confidence, N_BINS)];
        bin.n_images += 1;
        bin.n_right += right;
        bin.confidence += confidence;
    }

    /// Number of images so far, labelled or not.
    pub fn n_images(&self) -> u32 {
        self.n_images
    }

    /// The metrics over the labelled images so far.
    pub fn report(&self) -> Generalisation {
        let n = self.n_labelled;
        let has_labels = n > 0;
        let gap = |bin: &Bin| (f64::from(bin.n_right) - bin.confidence).abs();
        Generalisation {
            accuracy: share(self.n_right, n),
            top5_accuracy: share(self.n_top5, n),
            nll: has_labels.then(|| self.nll / f64::from(n)),
            ece: has_labels.then(|| self.bins.iter().map(gap).sum::<f64>() / f64::from(n)),
            reliability: has_labels.then(|| self.bins.iter().enumerate().map(|(i, bin)| bin.report(i)).collect()),
        }
    }
}

impl Bin {
    fn report(&self, index: usize) -> ReliabilityBin {
        ReliabilityBin {
            lower: bin_edge(index, N_BINS),
            upper: bin_edge(index + 1, N_BINS),
            count: self.n_images,
            confidence: (self.n_images > 0).then(|| self.confidence / f64::from(self.n_images)),
            accuracy: share(self.n_right, self.n_images),
        }
    }
}

/// Lower edge of one of `n_bins` equal-width bins. Division, unlike summing widths, yields the f64 of the literal 0.3.
pub(crate) fn bin_edge(index: usize, n_bins: usize) -> f64 {
    index as f64 / n_bins as f64
}

/// Index of the bin (lower, upper] that contains a confidence, out of `n_bins` equal-width bins. The product may round to a
/// neighbouring bin, so the edges decide. A confidence that rounding lifts above 1 goes to the last bin, 0 to the first.
pub(crate) fn bin_of(confidence: f64, n_bins: usize) -> usize {
    let last = n_bins - 1;
    let mut bin = ((confidence * n_bins as f64).ceil() as usize)
        .saturating_sub(1)
        .min(last);
    while bin < last && confidence > bin_edge(bin + 1, n_bins) {
        bin += 1;
    }
    while bin > 0 && confidence <= bin_edge(bin, n_bins) {
        bin -= 1;
    }
    bin
}

#[cfg(test)]
mod tests {
    use super::*;

    fn logs(probabilities: &[f64]) -> Vec<f64> {
        probabilities.iter().map(|p| p.ln()).collect()
    }

    #[test]
    fn edges_belong_to_the_bin_below() {
        for n_bins in [1, 7, 10, 15, 1000] {
            for k in 1..=n_bins {
                assert_eq!(bin_of(bin_edge(k, n_bins), n_bins), k - 1, "{k} / {n_bins}");
                assert_eq!(bin_of(bin_edge(k, n_bins) + 1e-9, n_bins), k.min(n_bins - 1));
            }
            assert_eq!(bin_of(0.0, n_bins), 0);
        }
    }

    #[test]
    fn bins_include_their_upper_edge() {
        let expect = [
            (0.0, 0),
            (0.1, 0),
            (0.100_001, 1),
            (0.3, 2),
            (0.7, 6),
            (0.95, 9),
            (1.0, 9),
            (1.000_001, 9),
        ];
        for (confidence, bin) in expect {
            assert_eq!(bin_of(confidence, N_BINS), bin, "{confidence}");
        }
    }

    #[test]
    fn four_images_by_hand() {
        let mut sums = GeneralisationAccumulator::default();
        // One image is right at 0.8, one wrong at 0.75, one right at 0.45, and one has no label, so it does not count.
        sums.push(&logs(&[0.8, 0.1, 0.1]), Some(0)).unwrap();
        sums.push(&logs(&[0.75, 0.125, 0.125]), Some(1)).unwrap();
        sums.push(&logs(&[0.25, 0.3, 0.45]), Some(2)).unwrap();
        sums.push(&logs(&[0.9, 0.05, 0.05]), None).unwrap();
        let report = sums.report();
        assert_eq!(sums.n_images(), 4);
        assert_eq!(report.accuracy, Some(2.0 / 3.0));
        assert_eq!(report.top5_accuracy, Some(1.0), "three classes are all among five");
        let nll = -(0.8f64.ln() + 0.125f64.ln() + 0.45f64.ln()) / 3.0;
        assert!((report.nll.unwrap() - nll).abs() < 1e-15);
        // 0.8 and 0.75 share the bin (0.7, 0.8] with 1 right and a confidence sum of 1.55; 0.45 has its own bin.
        let ece = ((1.0f64 - 1.55).abs() + (1.0f64 - 0.45).abs()) / 3.0;
        assert!((report.ece.unwrap() - ece).abs() < 1e-12, "{report:?}");
        let bin = &report.reliability.unwrap()[7];
        assert_eq!(
            (bin.lower, bin.upper, bin.count, bin.accuracy),
            (0.7, 0.8, 2, Some(0.5))
        );
        assert!((bin.confidence.unwrap() - 0.775).abs() < 1e-12);
    }

    #[test]
    fn ties_go_to_the_first_class() {
        let mut sums = GeneralisationAccumulator::default();
        let equal = logs(&[0.125; 8]);
        for label in [0, 4, 5] {
            sums.push(&equal, Some(label)).unwrap();
        }
        let report = sums.report();
        assert_eq!(
            (report.accuracy, report.top5_accuracy),
            (Some(1.0 / 3.0), Some(2.0 / 3.0))
        );
    }

    #[test]
    fn without_labels_there_are_no_figures() {
        let mut sums = GeneralisationAccumulator::default();
        sums.push(&[0.0], None).unwrap();
        let expected = r#"{"accuracy":null,"top5Accuracy":null,"nll":null,"ece":null,"reliability":null}"#;
        assert_eq!(serde_json::to_string(&sums.report()).unwrap(), expected);
    }

    #[test]
    fn refuses_what_it_cannot_count_and_keeps_its_sums() {
        let mut sums = GeneralisationAccumulator::default();
        assert_eq!(sums.push(&[], None), Err(FidelityError::NoClasses));
        sums.push(&logs(&[0.5, 0.5]), Some(1)).unwrap();
        let before = sums.clone();
        assert_eq!(
            sums.push(&logs(&[0.5, 0.5]), Some(2)),
            Err(FidelityError::Label { label: 2, n_classes: 2 })
        );
        assert!(matches!(sums.push(&[0.0], None), Err(FidelityError::Length { .. })));
        assert!(matches!(
            sums.push(&[0.0, f64::NAN], None),
            Err(FidelityError::NotFinite { class: 1, .. })
        ));
        assert_eq!(sums.push_batch(&[0.0; 4], 0, None), Err(FidelityError::NoClasses));
        assert!(matches!(
            sums.push_batch(&[0.0; 3], 2, None),
            Err(FidelityError::Length { .. })
        ));
        assert!(matches!(
            sums.push_batch(&[0.0; 4], 2, Some(&[0])),
            Err(FidelityError::Length { .. })
        ));
        let late = sums.push_batch(&[0.0, 0.0, 0.0, f64::INFINITY], 2, None);
        assert_eq!(late, Err(FidelityError::NotFinite { image: 1, class: 1 }));
        assert_eq!(sums, before);
    }
}
