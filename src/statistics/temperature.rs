//! Temperature scaling (Guo et al. 2017): softmax(log p / T), with T fitted by the NLL of half of the images; and metrics as functions of T.

use std::collections::BTreeMap;
use std::rc::Rc;

use serde::{Deserialize, Serialize};

use super::calibration::{Binning, bins, ece};
use super::elementary::exp_in_place;
use super::figures::Figures;
use super::lens::{Lens, Level, TEMPERATURES};
use super::predictor::one_or_more;
use super::row::sum;
use super::stored_logits::{Against, StoredLogits};
use super::view::View;
use crate::data::random::{Purpose, Random};
use crate::error::{LabError, LabResult};
use crate::metrics::N_BINS;

/// Options of `fitTemperature`.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "browser", derive(tsify::Tsify))]
#[serde(rename_all = "camelCase")]
pub struct FitTemperatureArgs {
    pub teachers: Vec<String>,
    /// Default: none.
    #[serde(rename = "student", default, deserialize_with = "one_or_more")]
    #[cfg_attr(feature = "browser", tsify(type = "string | string[]"))]
    pub students: Vec<String>,
    /// Seed of the split; default 0.
    #[serde(default)]
    pub seed: Option<u32>,
    /// Default "fine".
    #[serde(default)]
    pub level: Option<Level>,
}

/// Temperature scaling (Guo et al. 2017): temperatures are fitted by the NLL of the fine classes on one half of the images, and metrics
/// are reported on the other half.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "browser", derive(tsify::Tsify), tsify(missing_as_null, hashmap_as_object))]
#[serde(rename_all = "camelCase")]
pub struct TemperatureFits {
    pub seed: u32,
    pub n_fitted: u32,
    pub n_reported: u32,
    pub ensemble: TemperatureFit,
    /// Each teacher and each student, by name.
    #[cfg_attr(feature = "browser", tsify(type = "Record<string, TemperatureFit>"))]
    pub models: BTreeMap<String, TemperatureFit>,
}

/// The fitted temperature of one predictor, and its metrics before and after scaling.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "browser", derive(tsify::Tsify))]
#[serde(rename_all = "camelCase")]
pub struct TemperatureFit {
    /// From 0.01 to 100; a bound if the NLL falls towards it, and 1 if all temperatures give the same NLL.
    pub temperature: f64,
    pub before: ScaledFigures,
    pub after: ScaledFigures,
}

/// Metrics at one temperature.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "browser", derive(tsify::Tsify))]
#[serde(rename_all = "camelCase")]
pub struct ScaledFigures {
    pub nll: f64,
    pub ece: f64,
    /// KL(ensemble at 1 || student at its temperature); null unless the network is a student.
    #[cfg_attr(feature = "browser", tsify(type = "number | null"))]
    pub kl: Option<f64>,
}

/// # Errors
/// `bad_argument` if there are fewer than 2 images, and those of every question to [`StoredLogits`].
pub fn fit_temperature(stored: &StoredLogits, args: &FitTemperatureArgs) -> LabResult<TemperatureFits> {
    let n_images = stored.n_images();
    if n_images < 2 {
        return Err(LabError::bad_argument(
            "there is 1 image; fitting a temperature on one half of the images takes at least 2",
        ));
    }
    let seed = args.seed.unwrap_or(0);
    let mut order: Vec<usize> = (0..n_images).collect();
    Random::new(seed, Purpose::Halves, 0).shuffle(&mut order);
    let (fitted, reported) = order.split_at(n_images / 2);
    let labels = stored.labels(Lens::PLAIN);
    let lens = Lens::new(args.level, None);
    let teacher = stored.view(&args.teachers, lens)?;
    let fit = |names: &[String], is_student: bool| -> LabResult<TemperatureFit> {
        let temperature = best_temperature(&*stored.view(names, Lens::PLAIN)?, &labels, fitted);
        let at = |lens: Lens| -> LabResult<ScaledFigures> {
            let (view, _) = at(stored, names, lens, &[])?;
            let kl = is_student.then(|| mean_of(&stored.kl(&teacher, &[Rc::clone(&view)])[0], reported));
            Ok(scaled(&view.figures.of(reported), kl))
        };
        Ok(TemperatureFit {
            temperature,
            before: at(lens)?,
            after: at(Lens { temperature, ..lens })?,
        })
    };
    let mut models = BTreeMap::new();
    let students = args.students.iter().map(|name| (name, true));
    for (name, is_student) in args.teachers.iter().map(|name| (name, false)).chain(students) {
        models.insert(name.clone(), fit(std::slice::from_ref(name), is_student)?);
    }
    Ok(TemperatureFits {
        seed,
        n_fitted: fitted.len() as u32,
        n_reported: reported.len() as u32,
        ensemble: fit(&args.teachers, false)?,
        models,
    })
}

/// Does the same as [`StoredLogits::against`], but keeps the view only if it is used elsewhere too.
fn at(stored: &StoredLogits, names: &[String], lens: Lens, students: &[Rc<View>]) -> LabResult<Against> {
    if lens.temperature == 1.0 {
        return stored.against(names, lens, students);
    }
    let (view, kl) = stored.fresh(names, lens, students)?;
    Ok((Rc::new(view), kl))
}

fn scaled(figures: &Figures, kl: Option<f64>) -> ScaledFigures {
    ScaledFigures {
        nll: -figures.likelihood.iter().sum::<f64>() / figures.likelihood.len() as f64,
        ece: ece(&bins(figures, N_BINS, Binning::EqualWidth)),
        kl,
    }
}

fn mean_of(values: &[f64], images: &[usize]) -> f64 {
    images.iter().map(|&image| values[image]).sum::<f64>() / images.len() as f64
}

/// Returns the temperature that minimises the NLL of some images. The NLL is convex in 1 / T, and its derivative is the sum of
/// E_p[log p] - log p_label. Newton steps in log T find the minimum, with bisection if a step leaves the bracket.
fn best_temperature(plain: &View, labels: &[u8], images: &[usize]) -> f64 {
    let mut logs = Vec::new();
    let mut of_labels = Vec::with_capacity(images.len());
    let mut row = vec![0.0; plain.n_classes()];
    for &image in images {
        plain.log_row(image, &mut row);
        // Logits are relative to the largest, so that equal logits are zeros and no exponential overflows.
        let largest = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        row.iter_mut().for_each(|log| *log -= largest);
        of_labels.push(row[usize::from(labels[image])]);
        logs.extend_from_slice(&row);
    }
    // The derivative by 1 / T, and the second one.
    let mut slopes = |log_inverse: f64| {
        let inverse = log_inverse.exp();
        let (mut slope, mut curvature) = (0.0, 0.0);
        for (logs, of_label) in logs.chunks_exact(row.len()).zip(&of_labels) {
            row.iter_mut().zip(logs).for_each(|(p, log)| *p = log * inverse);
            exp_in_place(&mut row);
            let total = sum(&row);
            row.iter_mut().zip(logs).for_each(|(p, log)| *p *= log);
            let mean = sum(&row) / total;
            row.iter_mut().zip(logs).for_each(|(p, log)| *p *= log);
            slope += mean - of_label;
            curvature += sum(&row) / total - mean * mean;
        }
        (slope, curvature)
    };
    let (mut low, mut high) = (-TEMPERATURES.end().ln(), -TEMPERATURES.start().ln());
    match (slopes(low).0 >= 0.0, slopes(high).0 <= 0.0) {
        (true, true) => return 1.0,
        (true, false) => return *TEMPERATURES.end(),
        (false, true) => return *TEMPERATURES.start(),
        (false, false) => {}
    }
    let mut log_inverse: f64 = 0.0;
    for _ in 0..MAX_STEPS {
        let (slope, curvature) = slopes(log_inverse);
        if slope == 0.0 {
            break;
        }
        *(if slope < 0.0 { &mut low } else { &mut high }) = log_inverse;
        let newton = log_inverse - slope / (curvature * log_inverse.exp());
        let next = if newton > low && newton < high {
            newton
        } else {
            0.5 * (low + high)
        };
        let change = (next - log_inverse).abs();
        log_inverse = next;
        if change < PRECISION {
            break;
        }
    }
    (-log_inverse).exp()
}

/// This is enough for bisection alone.
const MAX_STEPS: usize = 60;
/// The precision of log T.
const PRECISION: f64 = 1e-10;

/// Options of `temperatureCurves`.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "browser", derive(tsify::Tsify))]
#[serde(rename_all = "camelCase")]
pub struct TemperatureCurvesArgs {
    pub teachers: Vec<String>,
    /// Default: none.
    #[serde(rename = "student", default, deserialize_with = "one_or_more")]
    #[cfg_attr(feature = "browser", tsify(type = "string | string[]"))]
    pub students: Vec<String>,
    /// Each from 0.01 to 100. Default: 33 from 1/4 to 4, evenly spaced in the logarithm.
    #[serde(default)]
    pub temperatures: Option<Vec<f64>>,
    /// Default "fine".
    #[serde(default)]
    pub level: Option<Level>,
}

/// Metrics as functions of the temperature.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "browser", derive(tsify::Tsify), tsify(missing_as_null, hashmap_as_object))]
#[serde(rename_all = "camelCase")]
pub struct TemperatureCurves {
    pub temperatures: Vec<f64>,
    /// The ensemble. `kl` is KL(ensemble at the temperature || first student at 1), or null without a student.
    pub ensemble: TemperatureCurve,
    /// Each student, by name. `kl` is KL(ensemble at 1 || student at the temperature).
    #[cfg_attr(feature = "browser", tsify(type = "Record<string, TemperatureCurve>"))]
    pub students: BTreeMap<String, TemperatureCurve>,
}

/// One value per temperature.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[cfg_attr(feature = "browser", derive(tsify::Tsify))]
#[serde(rename_all = "camelCase")]
pub struct TemperatureCurve {
    pub nll: Vec<f64>,
    pub ece: Vec<f64>,
    #[cfg_attr(feature = "browser", tsify(type = "number[] | null"))]
    pub kl: Option<Vec<f64>>,
}

impl TemperatureCurve {
    fn push(&mut self, figures: &Figures, kl: Option<&Vec<f64>>) {
        let n = figures.likelihood.len() as f64;
        let found = scaled(figures, kl.map(|kl| kl.iter().sum::<f64>() / n));
        self.nll.push(found.nll);
        self.ece.push(found.ece);
        if let Some(kl) = found.kl {
            self.kl.get_or_insert_default().push(kl);
        }
    }
}

/// The temperatures to compute curves at.
///
/// # Errors
/// `bad_argument` if there are none, if one is out of range, or if superclasses are requested without 100 classes.
pub fn temperatures(stored: &StoredLogits, args: &TemperatureCurvesArgs) -> LabResult<Vec<f64>> {
    let evenly_spaced = || (-16..=16).map(|eighth| (f64::from(eighth) / 8.0).exp2()).collect();
    let temperatures = args.temperatures.clone().unwrap_or_else(evenly_spaced);
    if temperatures.is_empty() {
        return Err(LabError::bad_argument(
            "temperatures is empty; it must hold at least one temperature",
        ));
    }
    for &temperature in &temperatures {
        Lens::new(args.level, Some(temperature)).check(stored.n_classes())?;
    }
    Ok(temperatures)
}

/// # Errors
/// `bad_argument` if a temperature is out of range, and those of every question to [`StoredLogits`].
pub fn temperature_curves(stored: &StoredLogits, args: &TemperatureCurvesArgs) -> LabResult<TemperatureCurves> {
    // All are checked before any is computed.
    let temperatures = temperatures(stored, args)?;
    let plain = Lens::new(args.level, None);
    let teacher = stored.view(&args.teachers, plain)?;
    let first = args
        .students
        .first()
        .map(|name| stored.view_of(name, plain))
        .transpose()?;
    let mut ensemble = TemperatureCurve::default();
    let mut students = BTreeMap::<String, TemperatureCurve>::new();
    for &temperature in &temperatures {
        let lens = Lens { temperature, ..plain };
        let (view, kl) = at(stored, &args.teachers, lens, first.as_slice())?;
        ensemble.push(&view.figures, kl.first());
        for name in &args.students {
            let (view, _) = at(stored, std::slice::from_ref(name), lens, &[])?;
            let kl = stored.kl(&teacher, &[Rc::clone(&view)]);
            students
                .entry(name.clone())
                .or_default()
                .push(&view.figures, kl.first());
        }
    }
    Ok(TemperatureCurves {
        temperatures,
        ensemble,
        students,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::statistics::NetworkFacts;

    fn fit(rows: &[[f32; 2]], labels: &[u8]) -> f64 {
        let logits = Rc::new(rows.concat());
        let images: Vec<usize> = (0..labels.len()).collect();
        best_temperature(&View::of_logits(&logits, 2, labels), labels, &images)
    }

    #[test]
    fn the_temperature_that_makes_confidence_accuracy() {
        // Three of four right, all with a difference of 3: at the best, sigmoid(3 / T) = 3 / 4.
        let found = fit(&[[3.0, 0.0]; 4], &[0, 0, 0, 1]);
        assert!((found - 3.0 / 3f64.ln()).abs() < 1e-9, "{found}");
        // A far start, and differences of which the exponentials are 0.
        let found = fit(&[[0.05, 0.0]; 4], &[0, 0, 0, 1]);
        assert!((found - 0.05 / 3f64.ln()).abs() < 1e-9, "{found}");
        let found = fit(&[[80.0, 0.0]; 4], &[0, 0, 0, 1]);
        assert!((found - 80.0 / 3f64.ln()).abs() < 1e-7, "{found}");
    }

    #[test]
    fn at_a_bound_where_the_nll_falls_towards_it() {
        assert_eq!(fit(&[[1.0, 0.0]; 2], &[0, 0]), 0.01);
        assert_eq!(fit(&[[1e4, 0.0]; 2], &[0, 1]), 100.0);
        assert_eq!(fit(&[[1.0, 0.0]; 2], &[1, 1]), 100.0);
        // Where all are the same.
        assert_eq!(fit(&[[2.0, 2.0]; 2], &[0, 1]), 1.0);
    }

    fn stored(n: usize) -> StoredLogits {
        let mut stored = StoredLogits::new((0..n).map(|i| (i % 3) as u8).collect(), 4).unwrap();
        for (seed, name) in ["a", "b", "s"].into_iter().enumerate() {
            let logits = (0..4 * n).map(|i| ((i * 37 + seed * 1009) % 113) as f32 / 20.0);
            stored.add(name, logits.collect(), NetworkFacts::default()).unwrap();
        }
        stored
    }

    #[test]
    fn halves_follow_from_the_seed_and_share_no_image() {
        let ask = |n, seed| {
            let args = FitTemperatureArgs {
                teachers: vec!["a".to_owned(), "b".to_owned()],
                students: vec!["s".to_owned()],
                seed,
                level: None,
            };
            fit_temperature(&stored(n), &args)
        };
        let found = ask(31, None).unwrap();
        assert_eq!((found.n_fitted, found.n_reported, found.models.len()), (15, 16, 3));
        assert_eq!(ask(31, Some(0)).unwrap(), found);
        assert_ne!(ask(31, Some(1)).unwrap().ensemble, found.ensemble);
        assert_eq!((found.ensemble.before.kl, found.models["a"].after.kl), (None, None));
        assert!(found.models["s"].after.kl.is_some());
        assert_eq!(ask(2, None).unwrap().n_fitted, 1);
        assert!(ask(1, None).unwrap_err().message.contains("at least 2"));
    }

    #[test]
    fn curves_at_1_are_the_figures_as_they_are() {
        let stored = stored(30);
        let ask = |students: &[&str], temperatures: &[f64]| {
            let args = TemperatureCurvesArgs {
                teachers: vec!["a".to_owned(), "b".to_owned()],
                students: students.iter().map(|&name| name.to_owned()).collect(),
                temperatures: Some(temperatures.to_vec()),
                level: None,
            };
            temperature_curves(&stored, &args)
        };
        let found = ask(&["s", "a"], &[0.5, 1.0, 2.0]).unwrap();
        let (ensemble, student) = (&found.ensemble, &found.students["s"]);
        let (of_ensemble, of_student) = (ensemble.kl.as_ref().unwrap(), student.kl.as_ref().unwrap());
        assert_eq!((of_ensemble[1], of_ensemble.len()), (of_student[1], 3));
        assert!(of_ensemble[0] != of_student[0] && student.nll[0] > student.nll[2]);
        let slices = [0.5, 1.0, 2.0].map(|temperature| ask(&["s", "a"], &[temperature]).unwrap());
        let nll: Vec<f64> = slices.iter().flat_map(|slice| slice.ensemble.nll.clone()).collect();
        assert_eq!(nll, ensemble.nll);
        assert_eq!(ask(&[], &[2.0]).unwrap().ensemble.kl, None);
        assert!(ask(&[], &[]).unwrap_err().message.contains("empty"));
        assert!(ask(&[], &[1.0, 0.0]).unwrap_err().message.contains("0.01 to 100"));
    }
}
