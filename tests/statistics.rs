//! Compares statistics of the golden logits with NumPy, SciPy, scikit-learn and statsmodels (tests/golden/statistics.py).

use std::fmt::Debug;
use std::fs;
use std::path::Path;

use fidelity_lab::error::LabResult;
use fidelity_lab::statistics::{
    BinFilter, Binning, CalibrationArgs, Cell, CkaAccumulator, FitTemperatureArgs, ImageAnswersArgs, ImageFilter,
    ImagesArgs, Interval, IntervalsArgs, McNemarArgs, NetworkFacts, PairArgs, PairsArgs, Predictor, ReportArgs,
    SortKey, StoredLogits, TemperatureCurvesArgs, TemperatureFit, baselines, calibration, cells, chance, confusion,
    fit_temperature, image_answers, images, intervals, mcnemar, pairs, report, temperature_curves, verify,
};
use fidelity_lab::weights::Role;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

const TEACHERS: [&str; 3] = ["teacher0", "teacher1", "teacher2"];
const STUDENT: &str = "student0";

fn read(path: &str) -> Vec<u8> {
    fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

fn stored() -> StoredLogits {
    let labels = read("www/weights/test-labels.bin")[..10_000].to_vec();
    let mut stored = StoredLogits::new(labels, 100).unwrap();
    for name in TEACHERS.into_iter().chain([STUDENT]) {
        let logits = read(&format!("tests/golden/{name}.logits.f16"));
        stored.add_f16(name, &logits, NetworkFacts::default()).unwrap();
    }
    stored
}

/// Golden logits, `[10_000, 100]`.
fn logits(name: &str) -> Vec<f32> {
    let bytes = read(&format!("tests/golden/{name}.logits.f16"));
    let words = bytes.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]]));
    words.map(|word| half::f16::from_bits(word).to_f32()).collect()
}

fn golden() -> Value {
    serde_json::from_slice(&read("tests/golden/statistics.json")).unwrap()
}

fn teachers() -> Vec<String> {
    TEACHERS.map(str::to_owned).to_vec()
}

fn close(found: f64, expected: &Value) {
    let expected = expected.as_f64().unwrap();
    assert!(
        (found - expected).abs() <= 1e-9 * expected.abs(),
        "{found} is not {expected}"
    );
}

#[test]
fn figures_of_the_ensemble_and_the_student() {
    let golden = golden();
    let args = ReportArgs {
        teachers: teachers(),
        students: vec![STUDENT.to_owned()],
        ..Default::default()
    };
    let report = report(&stored(), &args).unwrap();
    for (i, of) in [&report.ensemble, &report.models[STUDENT]].into_iter().enumerate() {
        close(of.accuracy.unwrap(), &golden["accuracy"][i]);
        close(of.top5_accuracy.unwrap(), &golden["top5"][i]);
        close(of.nll.unwrap(), &golden["nll"][i]);
    }
    close(report.students[STUDENT].agreement, &golden["agreement"]);
    close(report.students[STUDENT].kl, &golden["kl"]);
}

#[test]
fn calibration_of_both_binnings() {
    let golden = golden();
    for (binning, key) in [(Binning::EqualWidth, "ece15"), (Binning::EqualMass, "ece15_equal_mass")] {
        let args = CalibrationArgs {
            models: vec![Predictor::Ensemble(teachers()), Predictor::Network(STUDENT.to_owned())],
            n_bins: Some(15),
            binning: Some(binning),
            ..Default::default()
        };
        let found = calibration(&stored(), &args).unwrap();
        (0..2).for_each(|i| close(found.models[i].ece, &golden[key][i]));
    }
}

#[test]
fn cells_chance_and_mcnemar() {
    let (golden, stored) = (golden(), stored());
    let args = PairArgs {
        teachers: teachers(),
        student: STUDENT.to_owned(),
        ..Default::default()
    };
    let found = cells(&stored, &args).unwrap();
    let counts = [
        found.both_right,
        found.only_teacher,
        found.only_student,
        found.both_wrong_same,
        found.both_wrong_other,
    ];
    assert_eq!(serde_json::json!(counts), golden["cells"]);
    let found = chance(&stored, &args).unwrap();
    close(found.chance, &golden["chance"]);
    close(found.copied_errors.chance.unwrap(), &golden["copied_chance"]);
    let args = McNemarArgs {
        first: Predictor::Ensemble(teachers()),
        second: Predictor::Network(STUDENT.to_owned()),
        level: None,
    };
    let found = mcnemar(&stored, &args).unwrap();
    close(found.statistic.unwrap(), &golden["mcnemar"][0]);
    close(found.p_value, &golden["mcnemar"][1]);
}

#[test]
fn intervals_are_scipy_s_up_to_the_draw() {
    let golden = golden();
    let args = IntervalsArgs {
        teachers: teachers(),
        student: Some(STUDENT.to_owned()),
        n_resamples: Some(2000),
        ..Default::default()
    };
    let found = intervals(&stored(), &args).unwrap();
    let student = found.student.unwrap();
    let near = |found: Interval, expected: &Value| {
        let (lower, upper) = (expected[0].as_f64().unwrap(), expected[1].as_f64().unwrap());
        // With 2,000 resamples an interval end's standard error is about 1.5 % of the width.
        let bound = 0.08 * (upper - lower);
        assert!(
            (found.lower - lower).abs() < bound && (found.upper - upper).abs() < bound,
            "{found:?}: {lower} to {upper}"
        );
    };
    near(student.accuracy, &golden["intervals"]["accuracy"]);
    near(student.agreement, &golden["intervals"]["agreement"]);
    near(student.kl, &golden["intervals"]["kl"]);
    near(
        found.student_minus_ensemble.unwrap().accuracy,
        &golden["intervals"]["difference"],
    );
}

#[test]
fn images_stand_in_numpy_s_order() {
    let (golden, stored) = (&golden()["images"], stored());
    let ask = |change: &dyn Fn(&mut ImagesArgs)| {
        let mut args = ImagesArgs {
            teachers: teachers(),
            student: STUDENT.to_owned(),
            ..Default::default()
        };
        change(&mut args);
        images(&stored, &args).unwrap()
    };
    let by_kl = ask(&|args| {
        args.sort = Some(SortKey::Kl);
        args.descending = Some(true);
    });
    assert_eq!(by_kl.indices.len(), 10_000);
    assert_eq!(serde_json::json!(by_kl.indices[..50]), golden["most_kl"]);
    assert!(by_kl.kl.is_sorted_by(|a, b| a >= b));
    let by_margin = ask(&|args| args.sort = Some(SortKey::StudentMargin));
    assert_eq!(serde_json::json!(by_margin.indices[..50]), golden["least_margin"]);
    for (i, margins) in [&by_margin.teacher_margin, &by_margin.student_margin]
        .into_iter()
        .enumerate()
    {
        let mean = margins.iter().copied().map(f64::from).sum::<f64>() / 10_000.0;
        assert!((mean - golden["margins"][i].as_f64().unwrap()).abs() < 1e-7, "{mean}");
    }
    let sure = ask(&|args| {
        args.filter = Some(ImageFilter {
            cells: Some(vec![Cell::BothWrongSame]),
            bin: Some(BinFilter {
                of: Role::Student,
                index: 9,
                n_bins: Some(10),
                binning: Some(Binning::EqualMass),
            }),
            ..Default::default()
        });
    });
    assert_eq!(serde_json::json!(sure.indices), golden["wrong_alike_and_sure"]);
}

#[test]
fn answers_to_one_image() {
    let (golden, stored) = (&golden()["image_answers"], stored());
    let args = ImageAnswersArgs {
        index: 7,
        teachers: teachers(),
        students: vec![STUDENT.to_owned()],
        ..Default::default()
    };
    let found = image_answers(&stored, &args).unwrap();
    assert_eq!(serde_json::json!(found.classes), golden["classes"]);
    for i in 0..found.classes.len() {
        close(found.ensemble[i], &golden["ensemble"][i]);
        close(found.models[STUDENT][i], &golden["student0"][i]);
    }
}

#[test]
fn temperatures_are_those_of_scipy_s_minimum() {
    let (golden, stored) = (&golden()["temperature_fits"], stored());
    let args = FitTemperatureArgs {
        teachers: teachers(),
        students: vec![STUDENT.to_owned()],
        ..Default::default()
    };
    let found = fit_temperature(&stored, &args).unwrap();
    let same = |found: &TemperatureFit, expected: &Value| {
        // Function values determine the position of a minimum to only half of their digits.
        let near = |found: f64, expected: &Value| {
            let expected = expected.as_f64().unwrap();
            assert!((found - expected).abs() < 1e-6 * expected, "{found} is not {expected}");
        };
        near(found.temperature, &expected[0]);
        for (figures, expected) in [&found.before, &found.after]
            .into_iter()
            .zip([&expected[1], &expected[2]])
        {
            near(figures.nll, &expected[0]);
            near(figures.ece, &expected[1]);
            assert_eq!(figures.kl.is_some(), expected[2].is_number());
            figures.kl.into_iter().for_each(|kl| near(kl, &expected[2]));
        }
    };
    assert_eq!((found.n_fitted, found.n_reported), (5000, 5000));
    same(&found.ensemble, &golden["ensemble"]);
    same(&found.models[STUDENT], &golden["student0"]);
    same(&found.models["teacher1"], &golden["teacher1"]);
}

#[test]
fn figures_over_temperatures() {
    let (golden, stored) = (&golden()["temperature_curves"], stored());
    let args = TemperatureCurvesArgs {
        teachers: teachers(),
        students: vec![STUDENT.to_owned()],
        temperatures: serde_json::from_value(golden["temperatures"].clone()).unwrap(),
        level: None,
    };
    let found = temperature_curves(&stored, &args).unwrap();
    for (i, curve) in [&found.ensemble, &found.students[STUDENT]].into_iter().enumerate() {
        for t in 0..3 {
            close(curve.nll[t], &golden["nll"][i][t]);
            close(curve.ece[t], &golden["ece"][i][t]);
            close(curve.kl.as_ref().unwrap()[t], &golden["kl"][i][t]);
        }
    }
}

#[test]
fn pairs_and_verification() {
    let (golden, stored) = (golden(), stored());
    let models = Some(TEACHERS.iter().chain([&STUDENT]).map(|&name| name.to_owned()).collect());
    let args = PairsArgs {
        models,
        ..Default::default()
    };
    let found = pairs(&stored, &args).unwrap();
    assert_eq!(found.models.len(), 4);
    (0..16).for_each(|at| close(found.agreement[at], &golden["pairs"][at / 4][at % 4]));
    let indices: Vec<u32> = (0..100).collect();
    let found = verify(&stored, "teacher0", &logits("teacher1")[..10_000], Some(&indices)).unwrap();
    close(found.max_difference, &golden["verification"][0]);
    assert_eq!(serde_json::json!(found.n_top1_changed), golden["verification"][1]);
}

#[test]
fn alignment_of_logits() {
    let golden = &golden()["cka"];
    let [first, second] = ["teacher0", STUDENT].map(logits);
    let gram = |features: &[f32]| {
        let row = |i: usize| &features[i * 100..(i + 1) * 100];
        let product = |(a, b): (&f32, &f32)| f64::from(*a) * f64::from(*b);
        let dot = |i: usize, j: usize| row(i).iter().zip(row(j)).map(product).sum::<f64>() as f32;
        (0..64 * 64).map(|at| dot(at / 64, at % 64)).collect::<Vec<_>>()
    };
    let mut sums = CkaAccumulator::default();
    let batches = first.chunks_exact(6400).zip(second.chunks_exact(6400)).take(3);
    let found = batches
        .map(|(a, b)| sums.push(&gram(a), &gram(b), 64).unwrap())
        .last()
        .unwrap();
    let near = |found: f64, expected: &Value| {
        let expected = expected.as_f64().unwrap();
        // The products are f32.
        assert!((found - expected).abs() < 1e-6 * expected, "{found} is not {expected}");
    };
    near(found.linear.unwrap(), &golden["linear"]);
    near(found.rbf.unwrap(), &golden["rbf"]);
    (0..2).for_each(|i| near(found.bandwidths[i], &golden["bandwidths"][i]));
}

/// Networks of two families. Each choice of teachers has several controls and several groups of other teachers.
const NETWORKS: [(&str, Role, &str, &[&str]); 10] = [
    ("t0", Role::Teacher, "one", &[]),
    ("t1", Role::Teacher, "one", &[]),
    ("t2", Role::Teacher, "one", &[]),
    ("t3", Role::Teacher, "one", &[]),
    ("t4", Role::Teacher, "one", &[]),
    ("s", Role::Student, "one", &["t0", "t1"]),
    ("c", Role::Student, "one", &["t2", "t3"]),
    ("d", Role::Student, "one", &["t3", "t4"]),
    ("u", Role::Teacher, "two", &[]),
    ("v", Role::Student, "two", &["u"]),
];

/// Made answers to 120 images of `NETWORKS`, loaded in an order of their own.
fn loaded(order: &[usize]) -> StoredLogits {
    let mut stored = StoredLogits::new((0..120).map(|image: u32| (image * 7 % 100) as u8).collect(), 100).unwrap();
    for &at in order {
        let (name, role, family, taught_by) = NETWORKS[at];
        let facts = NetworkFacts {
            role: Some(role),
            family: Some(family.to_owned()),
            taught_by: (role == Role::Student).then(|| taught_by.iter().map(|&name| name.to_owned()).collect()),
        };
        stored.add(name, made_logits(at), facts).unwrap();
    }
    stored
}

/// Synthetic logits that are right more often than not, so that networks agree on some images but not on all.
fn made_logits(at: usize) -> Vec<f32> {
    let value = |i: usize| {
        let noise = ((i as u32 + 1)
            .wrapping_mul(2_654_435_761)
            .wrapping_add((at as u32).wrapping_mul(0x9E37_79B9))
            >> 20) as f32
            / 512.0;
        noise + if i % 100 == (i / 100) * 7 % 100 { 4.5 } else { 0.0 }
    };
    (0..120 * 100).map(value).collect()
}

/// Every question that the statistics answer, by name.
fn every_answer(stored: &StoredLogits, args: &Value) -> Vec<(&'static str, String)> {
    fn ask<A: DeserializeOwned, R: Debug>(
        question: impl Fn(&StoredLogits, &A) -> LabResult<R>,
        stored: &StoredLogits,
        args: &Value,
        more: Value,
    ) -> String {
        let mut args = args.clone();
        args.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let args = serde_json::from_value(args).unwrap();
        // It prints a number such that it is read back as the same one: what prints alike is equal in all its bits.
        format!("{:?}", question(stored, &args).unwrap())
    }
    let teachers = &args["teachers"];
    let both = ["s", "c"];
    let students = json!({ "student": both });
    vec![
        ("report", ask(report, stored, args, students.clone())),
        (
            "report without sizes",
            ask(report, stored, args, json!({ "student": both, "sizes": false })),
        ),
        (
            "calibration",
            ask(calibration, stored, args, json!({ "models": [teachers, "s", "t4"] })),
        ),
        ("cells", ask(cells, stored, args, json!({}))),
        ("confusion", ask(confusion, stored, args, json!({}))),
        ("chance", ask(chance, stored, args, json!({}))),
        (
            "mcnemar",
            ask(mcnemar, stored, args, json!({ "first": teachers, "second": "s" })),
        ),
        ("baselines", ask(baselines, stored, args, json!({}))),
        (
            "baselines with a control",
            ask(baselines, stored, args, json!({ "control": "d" })),
        ),
        ("pairs", ask(pairs, stored, args, json!({}))),
        (
            "intervals",
            ask(intervals, stored, args, json!({ "other": "c", "nResamples": 100 })),
        ),
        ("images", ask(images, stored, args, json!({ "sort": "kl" }))),
        (
            "image answers",
            ask(image_answers, stored, args, json!({ "student": both, "index": 7 })),
        ),
        ("fit temperature", ask(fit_temperature, stored, args, students)),
        (
            "temperature curves",
            ask(
                temperature_curves,
                stored,
                args,
                json!({ "student": both, "temperatures": [0.5, 1, 3] }),
            ),
        ),
        (
            "verify",
            format!("{:?}", verify(stored, "t0", &made_logits(1), None).unwrap()),
        ),
    ]
}

#[test]
fn no_answer_depends_on_the_order_of_loading() {
    let n = NETWORKS.len();
    let in_steps = |step: usize| (0..n).map(|i| (i * step + 4) % n).collect::<Vec<_>>();
    let orders = [
        in_steps(1),
        in_steps(3),
        in_steps(7),
        in_steps(9),
        (0..n).rev().collect(),
    ];
    for teachers in [json!(["t1", "t0"]), json!(["t1"]), json!(["t2", "u"])] {
        for lens in [json!({}), json!({ "level": "coarse", "temperature": 2.5 })] {
            let mut args = json!({ "teachers": teachers, "student": "s" });
            args.as_object_mut().unwrap().extend(lens.as_object().unwrap().clone());
            let expected = every_answer(&loaded(&Vec::from_iter(0..n)), &args);
            for order in &orders {
                for (found, expected) in every_answer(&loaded(order), &args).iter().zip(&expected) {
                    assert_eq!(found, expected, "{args}, loaded as {order:?}");
                }
            }
        }
    }
}
