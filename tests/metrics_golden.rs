//! Compares metrics of the stored logits with golden-metrics.json.
//!
//! PyTorch computed the golden values from f32 logits. The stored logits are rounded to f16, so a logit near 10 is off by up to
//! 0.004, and some images' two largest logits become equal. The bounds allow for that and no more: 5 of 10,000 images may count
//! differently, and means of n images may move by 0.005 / sqrt(n). The first 20 images' logits are also stored in f32, for which
//! metrics agree to 1e-5.

use fidelity_lab::metrics::{
    Fidelity, FidelityAccumulator, Generalisation, GeneralisationAccumulator, ensemble_log_probs, log_softmax,
};
use serde_json::Value;

const N_IMAGES: usize = 10_000;
const N_CLASSES: usize = 100;

fn read(path: &str) -> Vec<u8> {
    let path = format!("{}/{path}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read(&path).unwrap_or_else(|e| panic!("{path}: {e}"))
}

struct Golden {
    metrics: Value,
    labels: Vec<u8>,
    teachers: Vec<Vec<f32>>,
    student: Vec<f32>,
}

fn golden() -> Golden {
    let logits = |name: &str| -> Vec<f32> {
        let bytes = read(&format!("tests/golden/{name}.logits.f16"));
        assert_eq!(bytes.len(), 2 * N_IMAGES * N_CLASSES);
        bytes
            .chunks(2)
            .map(|b| half::f16::from_le_bytes([b[0], b[1]]).to_f32())
            .collect()
    };
    Golden {
        metrics: serde_json::from_slice(&read("tests/golden/golden-metrics.json")).unwrap(),
        labels: read("www/weights/test-labels.bin")[..N_IMAGES].to_vec(),
        teachers: (0..3).map(|i| logits(&format!("teacher{i}"))).collect(),
        student: logits("student0"),
    }
}

fn log_probs(logits: &[f32]) -> Vec<f64> {
    logits.chunks(N_CLASSES).flat_map(|row| log_softmax(row, 1.0)).collect()
}

fn ensemble(teachers: &[Vec<f32>]) -> Vec<f64> {
    ensemble_log_probs(&teachers.iter().map(Vec::as_slice).collect::<Vec<_>>(), N_CLASSES).unwrap()
}

fn generalisation(log_probs: &[f64], labels: &[u8], batch: usize) -> Generalisation {
    let mut sums = GeneralisationAccumulator::default();
    for (rows, labels) in log_probs.chunks(batch * N_CLASSES).zip(labels.chunks(batch)) {
        sums.push_batch(rows, N_CLASSES, Some(labels)).unwrap();
    }
    sums.report()
}

fn fidelity(teacher: &[f64], student: &[f64], labels: &[u8], batch: usize) -> Fidelity {
    let mut sums = FidelityAccumulator::default();
    let rows = teacher.chunks(batch * N_CLASSES).zip(student.chunks(batch * N_CLASSES));
    for ((teacher, student), labels) in rows.zip(labels.chunks(batch)) {
        sums.push_batch(teacher, student, N_CLASSES, Some(labels)).unwrap();
    }
    sums.report()
}

#[track_caller]
fn check(what: &str, found: f64, expected: &Value, bound: f64) {
    let expected = expected
        .as_f64()
        .unwrap_or_else(|| panic!("{what} is not among the golden figures"));
    assert!(
        (found - expected).abs() <= bound,
        "{what}: {found} instead of {expected}, bound {bound}"
    );
}

/// Tolerances of metrics over `n` images.
#[derive(Clone, Copy)]
struct Bounds {
    share: f64,
    mean: f64,
}

impl Bounds {
    fn of_f16(n: usize) -> Self {
        let n_moved = [(10_000, 5), (1000, 1)]
            .into_iter()
            .find(|(from, _)| n >= *from)
            .map_or(0, |(_, moved)| moved);
        let n = n as f64;
        Self {
            share: f64::from(n_moved) / n + 1e-9,
            mean: 0.005 / n.sqrt(),
        }
    }

    const OF_F32: Self = Self {
        share: 1e-9,
        mean: 1e-5,
    };
}

#[track_caller]
fn check_generalisation(what: &str, found: &Generalisation, expected: &Value, bounds: Bounds) {
    check(
        &format!("{what} accuracy"),
        found.accuracy.unwrap(),
        &expected["acc"],
        bounds.share,
    );
    check(
        &format!("{what} top-5"),
        found.top5_accuracy.unwrap(),
        &expected["top5"],
        bounds.share,
    );
    check(
        &format!("{what} nll"),
        found.nll.unwrap(),
        &expected["nll"],
        bounds.mean,
    );
    check(
        &format!("{what} ece"),
        found.ece.unwrap(),
        &expected["ece"],
        bounds.mean + bounds.share,
    );
}

#[track_caller]
fn check_fidelity(what: &str, found: &Fidelity, expected: &Value, bounds: Bounds) {
    check(
        &format!("{what} agreement"),
        found.agreement,
        &expected["agreement"],
        bounds.share,
    );
    check(&format!("{what} kl"), found.kl, &expected["kl"], bounds.mean);
}

#[test]
fn all_figures_over_all_images() {
    let Golden {
        metrics,
        labels,
        teachers,
        student,
    } = golden();
    assert_eq!(metrics["n_images"], N_IMAGES);
    let bounds = Bounds::of_f16(N_IMAGES);
    let student = log_probs(&student);
    for (i, teacher) in teachers.iter().enumerate() {
        let teacher = log_probs(teacher);
        let name = format!("teacher{i}");
        check_generalisation(
            &name,
            &generalisation(&teacher, &labels, 64),
            &metrics["models"][&name],
            bounds,
        );
        let expected = &metrics["student0_vs_members"][i];
        check_fidelity(
            &format!("student against {name}"),
            &fidelity(&teacher, &student, &labels, 64),
            expected,
            bounds,
        );
    }
    check_generalisation(
        "student0",
        &generalisation(&student, &labels, 64),
        &metrics["models"]["student0"],
        bounds,
    );
    for m in 1..=3 {
        let name = format!("first_{m}");
        let found = generalisation(&ensemble(&teachers[..m]), &labels, 64);
        check_generalisation(&name, &found, &metrics["ensembles"][&name], bounds);
    }
    let ensemble = ensemble(&teachers);
    check_generalisation(
        "ensemble",
        &generalisation(&ensemble, &labels, 64),
        &metrics["ensemble"],
        bounds,
    );
    let found = fidelity(&ensemble, &student, &labels, 64);
    let expected = &metrics["student0_vs_ensemble"];
    check_fidelity("student against the ensemble", &found, expected, bounds);
    // The teacher classifies 6,649 of the 10,000 images correctly and 3,351 incorrectly.
    let (right, wrong) = (
        found.agreement_teacher_right.unwrap(),
        found.agreement_teacher_wrong.unwrap(),
    );
    check(
        "agreement where the teacher is right",
        right,
        &expected["agreement_teacher_right"],
        5.0 / 6649.0,
    );
    check(
        "agreement where it is wrong",
        wrong,
        &expected["agreement_teacher_wrong"],
        5.0 / 3351.0,
    );
}

#[test]
fn the_figures_of_the_first_images() {
    let Golden {
        metrics,
        labels,
        teachers,
        student,
    } = golden();
    let (ensemble, student) = (ensemble(&teachers), log_probs(&student));
    for n in [20, 100, 1000] {
        let (ensemble, student, labels) = (&ensemble[..n * N_CLASSES], &student[..n * N_CLASSES], &labels[..n]);
        let bounds = Bounds::of_f16(n);
        let expected = &metrics["first"][n.to_string()];
        assert_eq!(expected["n_images"], n);
        check_generalisation(
            &format!("ensemble, {n}"),
            &generalisation(ensemble, labels, 7),
            &expected["ensemble"],
            bounds,
        );
        check_generalisation(
            &format!("student, {n}"),
            &generalisation(student, labels, 7),
            &expected["student0"],
            bounds,
        );
        check_fidelity(
            &format!("fidelity, {n}"),
            &fidelity(ensemble, student, labels, 7),
            &expected["fidelity"],
            bounds,
        );
    }
}

#[test]
fn the_figures_of_the_first_20_images_from_f32_logits() {
    let Golden { metrics, labels, .. } = golden();
    let bytes = read("tests/golden/golden.safetensors");
    let tensors = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    let logits = |name: &str| -> Vec<f32> {
        let view = tensors.tensor(&format!("{name}.logits")).unwrap();
        view.data()
            .chunks(4)
            .map(|b| f32::from_le_bytes(b.try_into().unwrap()))
            .collect()
    };
    let ensemble = ensemble(&["teacher0", "teacher1", "teacher2"].map(logits));
    let student = log_probs(&logits("student0"));
    let (labels, bounds, expected) = (&labels[..20], Bounds::OF_F32, &metrics["first"]["20"]);
    check_generalisation(
        "ensemble",
        &generalisation(&ensemble, labels, 20),
        &expected["ensemble"],
        bounds,
    );
    check_generalisation(
        "student",
        &generalisation(&student, labels, 20),
        &expected["student0"],
        bounds,
    );
    check_fidelity(
        "fidelity",
        &fidelity(&ensemble, &student, labels, 20),
        &expected["fidelity"],
        bounds,
    );
    let stored = tensors.tensor("ensemble.log_probs").unwrap();
    for (found, stored) in ensemble.iter().zip(stored.data().chunks(4)) {
        let stored = f32::from_le_bytes(stored.try_into().unwrap());
        assert!((found - f64::from(stored)).abs() < 1e-5, "{found} {stored}");
    }
    let stored = tensors.tensor("labels").unwrap();
    assert!(
        stored
            .data()
            .chunks(4)
            .zip(labels)
            .all(|(stored, &label)| stored == i32::from(label).to_le_bytes())
    );
}

#[test]
fn the_batch_size_changes_nothing() {
    let Golden {
        labels,
        teachers,
        student,
        ..
    } = golden();
    let (ensemble, student) = (ensemble(&teachers), log_probs(&student));
    let with = |batch| {
        (
            generalisation(&student, &labels, batch),
            fidelity(&ensemble, &student, &labels, batch),
        )
    };
    let whole = with(N_IMAGES);
    for batch in [1, 7, 64] {
        // Images are added one by one, so even rounding is the same.
        assert_eq!(with(batch), whole, "batches of {batch}");
    }
    // The ensemble's predictions for an image do not depend on the rest of the batch either.
    let part: Vec<&[f32]> = teachers.iter().map(|z| &z[700..1400]).collect();
    assert_eq!(ensemble_log_probs(&part, N_CLASSES).unwrap(), ensemble[700..1400]);
}

#[test]
fn a_snapshot_goes_on_where_it_stopped() {
    let Golden {
        labels,
        teachers,
        student,
        ..
    } = golden();
    let (ensemble, student) = (ensemble(&teachers), log_probs(&student));
    let (mut generalisation, mut fidelity) = (GeneralisationAccumulator::default(), FidelityAccumulator::default());
    let half = 5_003;
    for (i, range) in [0..half, half..N_IMAGES].into_iter().enumerate() {
        let rows = range.start * N_CLASSES..range.end * N_CLASSES;
        let labels = Some(&labels[range]);
        generalisation
            .push_batch(&student[rows.clone()], N_CLASSES, labels)
            .unwrap();
        fidelity
            .push_batch(&ensemble[rows.clone()], &student[rows], N_CLASSES, labels)
            .unwrap();
        if i == 0 {
            let text = serde_json::to_string(&(&generalisation, &fidelity)).unwrap();
            (generalisation, fidelity) = serde_json::from_str(&text).unwrap();
        }
    }
    // A sum's last bit may change in a round trip through JSON text; counts must not change at all.
    let (found, whole) = (
        generalisation.report(),
        self::generalisation(&student, &labels, N_IMAGES),
    );
    assert_eq!(
        (found.accuracy, found.top5_accuracy),
        (whole.accuracy, whole.top5_accuracy)
    );
    for (found, whole) in [(found.nll, whole.nll), (found.ece, whole.ece)] {
        assert!((found.unwrap() - whole.unwrap()).abs() < 1e-12, "{found:?} {whole:?}");
    }
    let (found, whole) = (
        fidelity.report(),
        self::fidelity(&ensemble, &student, &labels, N_IMAGES),
    );
    assert_eq!(found.agreement, whole.agreement);
    assert_eq!(found.agreement_teacher_wrong, whole.agreement_teacher_wrong);
    assert!((found.kl - whole.kl).abs() < 1e-12, "{} {}", found.kl, whole.kl);
    let other = generalisation.push(&[0.0; 10], None);
    assert!(other.is_err(), "the class count travels with the snapshot");
}
