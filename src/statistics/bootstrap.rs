//! 95 % percentile intervals by a bootstrap over images. All metrics of a resample come from the same images, so differences are paired.

use serde::{Deserialize, Serialize};

use super::calibration::{Binning, assign};
use super::figures::Figures;
use super::lens::{Lens, Level};
use super::stored_logits::StoredLogits;
use crate::data::random::{Purpose, Random};
use crate::error::{ErrorCode, LabError, LabResult};
use crate::metrics::N_BINS;

/// Fewer resamples do not determine the tails; more take minutes.
const RESAMPLES: std::ops::RangeInclusive<u32> = 100..=100_000;
/// The share of resamples outside an interval.
const OUTSIDE: f64 = 0.05;

/// Options of `intervals`.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "browser", derive(tsify::Tsify))]
#[serde(rename_all = "camelCase")]
pub struct IntervalsArgs {
    pub teachers: Vec<String>,
    #[serde(default)]
    pub student: Option<String>,
    /// A second student, compared with the same ensemble; `difference` is paired.
    #[serde(default)]
    pub other: Option<String>,
    /// Default 1000.
    #[serde(default)]
    pub n_resamples: Option<u32>,
    /// Default 0.
    #[serde(default)]
    pub seed: Option<u32>,
    /// Default "fine".
    #[serde(default)]
    pub level: Option<Level>,
    /// Softens every network and the ensemble: softmax(log p / temperature). Default 1.
    #[serde(default)]
    pub temperature: Option<f64>,
}

/// The value over all images, and its interval.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "browser", derive(tsify::Tsify))]
#[serde(rename_all = "camelCase")]
pub struct Interval {
    pub estimate: f64,
    pub lower: f64,
    pub upper: f64,
}

/// Intervals of the metrics that need labels.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "browser", derive(tsify::Tsify))]
#[serde(rename_all = "camelCase")]
pub struct GeneralisationIntervals {
    pub accuracy: Interval,
    pub nll: Interval,
    pub ece: Interval,
}

/// Intervals of the metrics of a student.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "browser", derive(tsify::Tsify))]
#[serde(rename_all = "camelCase")]
pub struct StudentIntervals {
    pub accuracy: Interval,
    pub nll: Interval,
    pub ece: Interval,
    pub agreement: Interval,
    pub kl: Interval,
}

/// 95 % percentile intervals of a bootstrap over images: all metrics of a resample are computed from the same images, drawn with
/// replacement. If the call is aborted, it resolves with `cancelled` and the intervals of the resamples done, provided there are
/// at least 100.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "browser", derive(tsify::Tsify), tsify(missing_as_null))]
#[serde(rename_all = "camelCase")]
pub struct Intervals {
    pub n_images: u32,
    /// Number of resamples done.
    pub n_resamples: u32,
    pub seed: u32,
    /// Whether fewer resamples were done than requested.
    pub cancelled: bool,
    pub ensemble: GeneralisationIntervals,
    #[cfg_attr(feature = "browser", tsify(type = "StudentIntervals | null"))]
    pub student: Option<StudentIntervals>,
    #[cfg_attr(feature = "browser", tsify(type = "StudentIntervals | null"))]
    pub other: Option<StudentIntervals>,
    /// `student` minus `ensemble`, paired.
    #[cfg_attr(feature = "browser", tsify(type = "GeneralisationIntervals | null"))]
    pub student_minus_ensemble: Option<GeneralisationIntervals>,
    /// `student` minus `other`, paired.
    #[cfg_attr(feature = "browser", tsify(type = "StudentIntervals | null"))]
    pub difference: Option<StudentIntervals>,
}

/// Accuracy, NLL, ECE, agreement, KL.
type Sample = [f64; 5];

/// What a predictor contributes to the sums, per image.
struct Terms {
    /// Right, minus the likelihood, agreeing, KL.
    values: Vec<[f64; 4]>,
    bins: Vec<u16>,
    /// Right minus confidence.
    gaps: Vec<f64>,
}

impl Terms {
    fn new(figures: &Figures, teacher: &Figures, kl: &[f64]) -> Self {
        let number = |is: bool| f64::from(u8::from(is));
        let value = |i: usize| {
            let agrees = figures.top1[i] == teacher.top1[i];
            [
                number(figures.is_right(i)),
                -figures.likelihood[i],
                number(agrees),
                kl[i],
            ]
        };
        Self {
            values: (0..kl.len()).map(value).collect(),
            bins: assign(&figures.confidence, N_BINS, Binning::EqualWidth),
            gaps: (0..kl.len())
                .map(|i| number(figures.is_right(i)) - figures.confidence[i])
                .collect(),
        }
    }

    /// Returns the metrics of a sample that holds each image this many times.
    fn sample(&self, counts: &[u32]) -> Sample {
        let mut sums = [0.0; 4];
        let mut gaps = [0.0; N_BINS];
        for (i, &count) in counts.iter().enumerate() {
            let count = f64::from(count);
            for (sum, value) in sums.iter_mut().zip(self.values[i]) {
                *sum += count * value;
            }
            gaps[usize::from(self.bins[i])] += count * self.gaps[i];
        }
        let n = counts.len() as f64;
        let ece: f64 = gaps.iter().map(|gap: &f64| gap.abs()).sum();
        [sums[0] / n, sums[1] / n, ece / n, sums[2] / n, sums[3] / n]
    }
}

/// Draws resamples a few at a time, so that a caller can report progress or stop.
pub struct IntervalsRun {
    n_total: u32,
    seed: u32,
    has_student: bool,
    has_other: bool,
    /// One for the ensemble, then one per student.
    terms: Vec<Terms>,
    estimates: Vec<Sample>,
    samples: Vec<Vec<Sample>>,
    counts: Vec<u32>,
}

impl IntervalsRun {
    /// # Errors
    /// `bad_argument` if the number of resamples is out of range, and those of every question to [`StoredLogits`].
    pub fn new(stored: &StoredLogits, args: &IntervalsArgs) -> LabResult<Self> {
        let n_total = args.n_resamples.unwrap_or(1000);
        if !RESAMPLES.contains(&n_total) {
            return Err(LabError::bad_argument(format!(
                "nResamples is {n_total}; it must be from {} to {}",
                RESAMPLES.start(),
                RESAMPLES.end()
            )));
        }
        let lens = Lens::new(args.level, args.temperature);
        let n_images = stored.n_images();
        let students = args.student.iter().chain(&args.other);
        let students = students.map(|name| stored.view_of(name, lens));
        let students = students.collect::<LabResult<Vec<_>>>()?;
        let (teacher, kl) = stored.against(&args.teachers, lens, &students)?;
        let teacher = &teacher.figures;
        let mut terms = vec![Terms::new(teacher, teacher, &vec![0.0; n_images])];
        for (student, kl) in students.iter().zip(&kl) {
            terms.push(Terms::new(&student.figures, teacher, kl));
        }
        let all = vec![1; n_images];
        Ok(Self {
            n_total,
            seed: args.seed.unwrap_or(0),
            has_student: args.student.is_some(),
            has_other: args.other.is_some(),
            estimates: terms.iter().map(|terms| terms.sample(&all)).collect(),
            samples: vec![Vec::new(); terms.len()],
            terms,
            counts: all,
        })
    }

    /// Returns the number of resamples done.
    pub fn n_done(&self) -> u32 {
        self.samples[0].len() as u32
    }

    /// Returns the number of resamples requested.
    pub fn n_total(&self) -> u32 {
        self.n_total
    }

    /// Draws up to `n` more resamples.
    pub fn advance(&mut self, n: u32) {
        let n_images = self.counts.len();
        for resample in self.n_done()..self.n_total.min(self.n_done().saturating_add(n)) {
            let mut random = Random::new(self.seed, Purpose::Bootstrap, u64::from(resample));
            self.counts.fill(0);
            (0..n_images).for_each(|_| self.counts[random.below(n_images)] += 1);
            for (samples, terms) in self.samples.iter_mut().zip(&self.terms) {
                samples.push(terms.sample(&self.counts));
            }
        }
    }

    /// Returns the intervals of the resamples done.
    ///
    /// # Errors
    /// `cancelled` if too few resamples are done.
    pub fn report(&self) -> LabResult<Intervals> {
        let n_done = self.n_done();
        if n_done < *RESAMPLES.start() {
            let message = format!(
                "the call was aborted after {n_done} resamples; intervals take at least {}",
                RESAMPLES.start()
            );
            return Err(LabError::new(ErrorCode::Cancelled, message));
        }
        let of = |at: usize| student(self.estimates[at], &self.samples[at]);
        let minus = |a: usize, b: usize| {
            let less = |a: Sample, b: Sample| std::array::from_fn(|i| a[i] - b[i]);
            let pairs = self.samples[a].iter().zip(&self.samples[b]);
            student(
                less(self.estimates[a], self.estimates[b]),
                &pairs.map(|(&a, &b)| less(a, b)).collect::<Vec<_>>(),
            )
        };
        let (has_student, has_other) = (self.has_student, self.has_other);
        Ok(Intervals {
            n_images: self.counts.len() as u32,
            n_resamples: n_done,
            seed: self.seed,
            cancelled: n_done < self.n_total,
            ensemble: generalisation(of(0)),
            student: has_student.then(|| of(1)),
            other: has_other.then(|| of(self.terms.len() - 1)),
            student_minus_ensemble: has_student.then(|| generalisation(minus(1, 0))),
            difference: (has_student && has_other).then(|| minus(1, 2)),
        })
    }
}

/// Draws all resamples at once.
///
/// # Errors
/// The same as for [`IntervalsRun::new`].
pub fn intervals(stored: &StoredLogits, args: &IntervalsArgs) -> LabResult<Intervals> {
    let mut run = IntervalsRun::new(stored, args)?;
    run.advance(run.n_total);
    run.report()
}

fn student(estimates: Sample, samples: &[Sample]) -> StudentIntervals {
    let [accuracy, nll, ece, agreement, kl] = std::array::from_fn(|i| {
        let mut values: Vec<f64> = samples.iter().map(|sample| sample[i]).collect();
        values.sort_unstable_by(f64::total_cmp);
        Interval {
            estimate: estimates[i],
            lower: quantile(&values, OUTSIDE / 2.0),
            upper: quantile(&values, 1.0 - OUTSIDE / 2.0),
        }
    });
    StudentIntervals {
        accuracy,
        nll,
        ece,
        agreement,
        kl,
    }
}

fn generalisation(of: StudentIntervals) -> GeneralisationIntervals {
    GeneralisationIntervals {
        accuracy: of.accuracy,
        nll: of.nll,
        ece: of.ece,
    }
}

/// Returns a quantile of sorted values, interpolated linearly between two of them (NumPy's default).
fn quantile(sorted: &[f64], share: f64) -> f64 {
    let place = share * (sorted.len() - 1) as f64;
    let below = place as usize;
    let above = (below + 1).min(sorted.len() - 1);
    sorted[below] + (sorted[above] - sorted[below]) * (place - below as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::statistics::NetworkFacts;

    fn run(n: usize, seed: u32) -> IntervalsRun {
        let labels: Vec<u8> = (0..n).map(|i| (i % 2) as u8).collect();
        let mut stored = StoredLogits::new(labels, 2).unwrap();
        for (name, every) in [("t", 4), ("s", 3)] {
            // It is wrong on every n-th image.
            let row = |i: usize| {
                let right = (i % 2 == 1) != i.is_multiple_of(every);
                if right { [0.0, 1.0] } else { [1.0, 0.0] }
            };
            stored
                .add(name, (0..n).flat_map(row).collect(), NetworkFacts::default())
                .unwrap();
        }
        let args = IntervalsArgs {
            teachers: vec!["t".to_owned()],
            student: Some("s".to_owned()),
            other: Some("t".to_owned()),
            seed: Some(seed),
            ..Default::default()
        };
        IntervalsRun::new(&stored, &args).unwrap()
    }

    fn ask(n: usize, seed: u32) -> Intervals {
        let mut run = run(n, seed);
        run.advance(1000);
        run.report().unwrap()
    }

    #[test]
    fn slices_make_the_whole_and_100_resamples_are_worth_a_report() {
        let mut run = run(60, 3);
        assert_eq!((run.n_done(), run.n_total()), (0, 1000));
        run.advance(99);
        let error = run.report().unwrap_err();
        assert_eq!(error.code, ErrorCode::Cancelled);
        assert!(error.message.contains("99"), "{error}");
        run.advance(1);
        let part = run.report().unwrap();
        assert_eq!((part.n_resamples, part.cancelled), (100, true));
        run.advance(u32::MAX);
        assert_eq!(run.report().unwrap(), ask(60, 3));
        assert!(!run.report().unwrap().cancelled);
    }

    #[test]
    fn the_interval_of_an_accuracy_is_that_of_its_binomial() {
        let found = ask(1200, 1).ensemble.accuracy;
        let half = 1.96 * (0.75f64 * 0.25 / 1200.0).sqrt();
        assert_eq!(found.estimate, 0.75);
        assert!((found.upper - found.lower - 2.0 * half).abs() < 0.2 * half, "{found:?}");
        assert!(found.lower < 0.75 && found.upper > 0.75);
    }

    #[test]
    fn differences_are_paired_and_seeds_count() {
        let found = ask(600, 1);
        assert_eq!(ask(600, 1), found);
        assert_ne!(ask(600, 2).ensemble.accuracy, found.ensemble.accuracy);
        // The other student is the teacher itself, on every resample.
        let other = found.other.unwrap();
        assert_eq!((other.agreement.lower, other.kl.upper), (1.0, 0.0));
        let (a, b) = (found.difference.unwrap(), found.student_minus_ensemble.unwrap());
        assert_eq!((a.accuracy, a.nll), (b.accuracy, b.nll));
    }

    #[test]
    fn one_image_has_no_spread() {
        let found = ask(1, 0).ensemble.nll;
        assert_eq!((found.lower, found.upper), (found.estimate, found.estimate));
    }

    #[test]
    fn quantiles_are_numpy_s() {
        assert_eq!(quantile(&[1.0, 2.0, 4.0], 0.5), 2.0);
        assert_eq!(quantile(&[1.0, 2.0, 4.0], 0.75), 3.0);
        assert_eq!((quantile(&[7.0], 0.975), quantile(&[1.0, 2.0], 1.0)), (7.0, 2.0));
    }
}
