//! The statistics of the golden logits against NumPy, SciPy, scikit-learn and statsmodels (tests/golden/statistics.py).

use std::fs;
use std::path::Path;

use fidelity_lab::analysis::{
    Answers, Binning, CalibrationArgs, Interval, IntervalsArgs, McNemarArgs, NetworkFacts, PairArgs, Predictor,
    ReportArgs, calibration, cells, chance, intervals, mcnemar, report,
};
use serde_json::Value;

const TEACHERS: [&str; 3] = ["teacher0", "teacher1", "teacher2"];
const STUDENT: &str = "student0";

fn read(path: &str) -> Vec<u8> {
    fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

fn answers() -> Answers {
    let labels = read("www/weights/test-labels.bin")[..10_000].to_vec();
    let mut answers = Answers::new(labels, 100).unwrap();
    for name in TEACHERS.into_iter().chain([STUDENT]) {
        let logits = read(&format!("tests/golden/{name}.logits.f16"));
        answers.add_f16(name, &logits, NetworkFacts::default()).unwrap();
    }
    answers
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
    let report = report(&answers(), &args).unwrap();
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
        let found = calibration(&answers(), &args).unwrap();
        (0..2).for_each(|i| close(found.models[i].ece, &golden[key][i]));
    }
}

#[test]
fn cells_chance_and_mcnemar() {
    let (golden, answers) = (golden(), answers());
    let args = PairArgs {
        teachers: teachers(),
        student: STUDENT.to_owned(),
        ..Default::default()
    };
    let found = cells(&answers, &args).unwrap();
    let counts = [
        found.both_right,
        found.only_teacher,
        found.only_student,
        found.both_wrong_same,
        found.both_wrong_other,
    ];
    assert_eq!(serde_json::json!(counts), golden["cells"]);
    let found = chance(&answers, &args).unwrap();
    close(found.chance, &golden["chance"]);
    close(found.copied_errors.chance.unwrap(), &golden["copied_chance"]);
    let args = McNemarArgs {
        first: Predictor::Ensemble(teachers()),
        second: Predictor::Network(STUDENT.to_owned()),
        level: None,
    };
    let found = mcnemar(&answers, &args).unwrap();
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
    let found = intervals(&answers(), &args).unwrap();
    let student = found.student.unwrap();
    let near = |found: Interval, expected: &Value| {
        let (lower, upper) = (expected[0].as_f64().unwrap(), expected[1].as_f64().unwrap());
        // An end's standard error is about 1.5 % of the width with 2,000 resamples.
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
