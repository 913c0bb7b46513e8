//! The metrics of an evaluation over all images at once: of each network, of the ensemble, and of the ensembles of fewer members.

use std::collections::BTreeMap;
use std::rc::Rc;

use serde::{Deserialize, Serialize};

use super::calibration::{self, Binning};
use super::figures::Figures;
use super::lens::{Lens, Level};
use super::predictor::one_or_more;
use super::stored_logits::StoredLogits;
use super::view::View;
use crate::error::LabResult;
use crate::metrics::{Fidelity, Generalisation, N_BINS, ReliabilityBin, share};

/// Options of `report`.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "browser", derive(tsify::Tsify))]
#[serde(rename_all = "camelCase")]
pub struct ReportArgs {
    /// Members of the ensemble, at least one. `sizes` adds them in this order.
    pub teachers: Vec<String>,
    /// Default: none.
    #[serde(rename = "student", default, deserialize_with = "one_or_more")]
    #[cfg_attr(feature = "browser", tsify(type = "string | string[]"))]
    pub students: Vec<String>,
    /// Default "fine".
    #[serde(default)]
    pub level: Option<Level>,
    /// Softens every network and the ensemble: softmax(log p / temperature). Default 1.
    #[serde(default)]
    pub temperature: Option<f64>,
    /// Whether to report on the ensembles of the first 1, 2, ... teachers too. Default true; without them a report takes about half the
    /// time.
    #[serde(default)]
    pub sizes: Option<bool>,
}

/// The metrics of `EvaluationReport`, over the whole test set.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "browser", derive(tsify::Tsify), tsify(missing_as_null, hashmap_as_object))]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// Number of images.
    pub n_images: u32,
    /// Number of classes at the level.
    pub n_classes: u32,
    pub level: Level,
    pub temperature: f64,
    /// Members of the ensemble.
    pub teachers: Vec<String>,
    /// Metrics of each teacher and each student, by name.
    #[cfg_attr(feature = "browser", tsify(type = "Record<string, Generalisation>"))]
    pub models: BTreeMap<String, Generalisation>,
    pub ensemble: Generalisation,
    /// Fidelity of each student to the ensemble, by name.
    #[cfg_attr(feature = "browser", tsify(type = "Record<string, Fidelity>"))]
    pub students: BTreeMap<String, Fidelity>,
    /// The ensembles of the first 1, 2, ... teachers; empty if they were not requested.
    pub sizes: Vec<SizeReport>,
}

/// The ensemble of the first teachers.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "browser", derive(tsify::Tsify), tsify(missing_as_null, hashmap_as_object))]
#[serde(rename_all = "camelCase")]
pub struct SizeReport {
    /// Number of members.
    pub size: u32,
    pub ensemble: Generalisation,
    /// Fidelity of each student to this ensemble, by name.
    #[cfg_attr(feature = "browser", tsify(type = "Record<string, Fidelity>"))]
    pub students: BTreeMap<String, Fidelity>,
}

/// # Errors
/// `unknown_model`, and `bad_argument` as for every question to [`StoredLogits`].
pub fn report(stored: &StoredLogits, args: &ReportArgs) -> LabResult<Report> {
    let lens = Lens::new(args.level, args.temperature);
    lens.check(stored.n_classes())?;
    stored.members(&args.teachers)?;
    let students = args.students.iter().map(|name| stored.view_of(name, lens));
    let students = students.collect::<LabResult<Vec<_>>>()?;
    let of_size = |size: usize, ensemble: &View, kl: &[Vec<f64>]| {
        let of_student = |((name, student), kl): ((&String, &Rc<View>), &Vec<f64>)| {
            (name.clone(), fidelity(&ensemble.figures, &student.figures, kl))
        };
        SizeReport {
            size: size as u32,
            ensemble: generalisation(&ensemble.figures),
            students: args.students.iter().zip(&students).zip(kl).map(of_student).collect(),
        }
    };
    let n_teachers = args.teachers.len();
    let (whole, sizes) = if args.sizes.unwrap_or(true) {
        let sizes = stored.of_sizes(&args.teachers, lens, &students, of_size)?;
        (sizes[n_teachers - 1].clone(), sizes)
    } else {
        let (ensemble, kl) = stored.against(&args.teachers, lens, &students)?;
        (of_size(n_teachers, &ensemble, &kl), Vec::new())
    };
    // This follows the sizes because softening the first teacher there also computes its KL.
    let mut models = BTreeMap::new();
    for name in args.teachers.iter().chain(&args.students) {
        models.insert(name.clone(), generalisation(&stored.view_of(name, lens)?.figures));
    }
    Ok(Report {
        n_images: stored.n_images() as u32,
        n_classes: lens.n_classes(stored.n_classes()) as u32,
        level: lens.level,
        temperature: lens.temperature,
        teachers: args.teachers.clone(),
        models,
        ensemble: whole.ensemble,
        students: whole.students,
        sizes,
    })
}

/// Computes metrics over all images; there is at least one.
pub(super) fn generalisation(figures: &Figures) -> Generalisation {
    let n = figures.rank.len() as f64;
    let top5 = figures.rank.iter().filter(|&&rank| rank < 5).count();
    let bins = calibration::bins(figures, N_BINS, Binning::EqualWidth);
    let reliability = bins.iter().map(|bin| ReliabilityBin {
        lower: bin.lower.unwrap_or(f64::NAN),
        upper: bin.upper.unwrap_or(f64::NAN),
        count: bin.count,
        confidence: bin.confidence,
        accuracy: bin.accuracy,
    });
    Generalisation {
        accuracy: Some(figures.n_right() as f64 / n),
        top5_accuracy: Some(top5 as f64 / n),
        nll: Some(-figures.likelihood.iter().sum::<f64>() / n),
        ece: Some(calibration::ece(&bins)),
        reliability: Some(reliability.collect()),
    }
}

/// Compares a student with its teacher, from the KL of each image.
pub(super) fn fidelity(teacher: &Figures, student: &Figures, kl: &[f64]) -> Fidelity {
    let n = kl.len() as f64;
    // Counts of images and of agreeing images, for those that the teacher gets wrong and those it gets right.
    let mut counts = [(0u32, 0u32); 2];
    for image in 0..kl.len() {
        let (n_images, n_agreeing) = &mut counts[usize::from(teacher.is_right(image))];
        *n_images += 1;
        *n_agreeing += u32::from(teacher.top1[image] == student.top1[image]);
    }
    let agreement = |(n_images, n_agreeing): (u32, u32)| share(n_agreeing, n_images);
    let mean = kl.iter().sum::<f64>() / n;
    let squares = kl.iter().map(|kl| (kl - mean).powi(2)).sum::<f64>();
    Fidelity {
        agreement: f64::from(counts[0].1 + counts[1].1) / n,
        kl: mean,
        kl_standard_error: (kl.len() > 1).then(|| (squares / (n - 1.0) / n).sqrt()),
        agreement_teacher_right: agreement(counts[1]),
        agreement_teacher_wrong: agreement(counts[0]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::{FidelityAccumulator, GeneralisationAccumulator, ensemble_log_probs};
    use crate::statistics::NetworkFacts;

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|&name| name.to_owned()).collect()
    }

    fn logits(n: usize, seed: usize) -> Vec<f32> {
        (0..n).map(|i| ((i * 37 + seed * 1009) % 113) as f32 / 9.0).collect()
    }

    #[test]
    fn a_report_is_what_the_accumulators_say() {
        let labels: Vec<u8> = (0..50).map(|i| (i * 3 % 7) as u8).collect();
        let mut stored = StoredLogits::new(labels.clone(), 7).unwrap();
        for (seed, name) in ["a", "b", "c", "s"].into_iter().enumerate() {
            stored.add(name, logits(350, seed), NetworkFacts::default()).unwrap();
        }
        let args = ReportArgs {
            teachers: names(&["c", "a", "b"]),
            students: names(&["s"]),
            ..Default::default()
        };
        let report = report(&stored, &args).unwrap();
        assert_eq!(report.sizes.len(), 3);
        let student = ensemble_log_probs(&[&logits(350, 3)], 7).unwrap();
        let members = [logits(350, 2), logits(350, 0), logits(350, 1)];
        for size in 1..=3 {
            let members: Vec<&[f32]> = members[..size].iter().map(Vec::as_slice).collect();
            let ensemble = ensemble_log_probs(&members, 7).unwrap();
            let mut expected = GeneralisationAccumulator::default();
            expected.push_batch(&ensemble, 7, Some(&labels)).unwrap();
            let (found, expected) = (&report.sizes[size - 1].ensemble, expected.report());
            assert_eq!(
                (found.accuracy, found.top5_accuracy),
                (expected.accuracy, expected.top5_accuracy)
            );
            assert!((found.nll.unwrap() - expected.nll.unwrap()).abs() < 1e-12);
            assert!((found.ece.unwrap() - expected.ece.unwrap()).abs() < 1e-12);
            let counts = |g: &Generalisation| {
                g.reliability
                    .as_ref()
                    .unwrap()
                    .iter()
                    .map(|bin| bin.count)
                    .collect::<Vec<_>>()
            };
            assert_eq!(counts(found), counts(&expected));
            let mut sums = FidelityAccumulator::default();
            sums.push_batch(&ensemble, &student, 7, Some(&labels)).unwrap();
            let (found, expected) = (&report.sizes[size - 1].students["s"], sums.report());
            assert_eq!(found.agreement, expected.agreement);
            assert_eq!(found.agreement_teacher_right, expected.agreement_teacher_right);
            assert_eq!(found.agreement_teacher_wrong, expected.agreement_teacher_wrong);
            assert!((found.kl - expected.kl).abs() < 1e-12);
            assert!((found.kl_standard_error.unwrap() - expected.kl_standard_error.unwrap()).abs() < 1e-12);
        }
        assert_eq!(report.ensemble, report.sizes[2].ensemble);
        let without = super::report(
            &stored,
            &ReportArgs {
                sizes: Some(false),
                ..args
            },
        );
        let without = without.unwrap();
        assert!(without.sizes.is_empty());
        assert_eq!((without.ensemble, without.students), (report.ensemble, report.students));
    }

    #[test]
    fn one_image_whose_answers_are_all_equal() {
        let mut stored = StoredLogits::new(vec![1], 3).unwrap();
        stored.add("t", vec![0.0; 3], NetworkFacts::default()).unwrap();
        stored.add("s", vec![5.0; 3], NetworkFacts::default()).unwrap();
        let args = ReportArgs {
            teachers: names(&["t"]),
            students: names(&["s"]),
            ..Default::default()
        };
        let report = report(&stored, &args).unwrap();
        assert_eq!(
            (report.ensemble.accuracy, report.ensemble.top5_accuracy),
            (Some(0.0), Some(1.0))
        );
        assert!((report.ensemble.nll.unwrap() - 3f64.ln()).abs() < 1e-15);
        let student = &report.students["s"];
        assert_eq!(
            (
                student.agreement,
                student.kl_standard_error,
                student.agreement_teacher_right
            ),
            (1.0, None, None)
        );
        assert!(student.kl < 1e-15);
    }

    #[test]
    fn refuses_what_it_cannot_report_on() {
        let mut stored = StoredLogits::new(vec![0, 1], 2).unwrap();
        stored.add("t", vec![0.0; 4], NetworkFacts::default()).unwrap();
        let ask = |teachers: &[&str], level, temperature| {
            let args = ReportArgs {
                teachers: names(teachers),
                level,
                temperature,
                ..Default::default()
            };
            report(&stored, &args).unwrap_err().message
        };
        assert!(ask(&[], None, None).contains("no teacher"));
        assert!(ask(&["x"], None, None).contains("\"x\""));
        assert!(ask(&["t", "t"], None, None).contains("twice"));
        assert!(ask(&["t"], Some(Level::Coarse), None).contains("superclasses"));
        assert!(ask(&["t"], None, Some(0.0)).contains("temperature"));
        assert!(ask(&["t"], None, Some(f64::NAN)).contains("temperature"));
    }
}
