//! Tests the commands that train, as processes: the files that they write, that they resume where they stopped, and that the result
//! can be imported.

use std::process::Stdio;
use std::time::{Duration, Instant};

use super::*;

/// A teacher's file of a PreResNet-8, with a recipe so that it can be imported.
fn teacher(folder: &Path, name: &str, seed: usize) -> PathBuf {
    let said = json!({"trainer": "by formula", "recipe": {"epochs": 1, "seed": seed}});
    let path = folder.join(format!("{name}.safetensors"));
    fs::write(&path, small(name, seed, &said).to_safetensors(Precision::F32).unwrap()).unwrap();
    path
}

fn network(path: &Path) -> Network {
    Network::from_safetensors(&fs::read(path).unwrap()).unwrap()
}

fn as_arguments(all: &[String]) -> Vec<&dyn AsRef<std::ffi::OsStr>> {
    all.iter().map(|argument| argument as &dyn AsRef<_>).collect()
}

fn words(text: &str) -> Vec<String> {
    text.split(' ').map(str::to_owned).collect()
}

fn log(path: &Path) -> Vec<Value> {
    let text = fs::read_to_string(path).unwrap_or_default();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn an_interrupted_distillation_resumes_to_the_same_student_and_is_imported() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let teacher = teacher(folder.path(), "a", 1);
    let [whole, cut] = ["whole.safetensors", "cut.safetensors"].map(at);
    let begun = |out: &PathBuf| -> Vec<String> {
        let settings = "distil --preset fast-student --epochs 2 --small-epochs 1 --batch-size 50 --limit 1000 --eval-every 2 --seed 7";
        let paths = [
            "--teachers".to_owned(),
            teacher.display().to_string(),
            "--out".to_owned(),
            out.display().to_string(),
        ];
        words(settings).into_iter().chain(paths).collect()
    };
    let printed = ran(&as_arguments(&begun(&whole)));
    assert!(
        printed.contains("epoch 2/2") && printed.contains("trainAgreement"),
        "{printed}"
    );

    let interrupted = begun(&cut);
    let process = command(&as_arguments(&interrupted))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let since = Instant::now();
    while log(&at("cut.jsonl")).is_empty() {
        assert!(since.elapsed() < Duration::from_secs(300), "no epoch is done");
        std::thread::sleep(Duration::from_millis(5));
    }
    let pid = process.id().to_string();
    assert!(Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
    let Output { status, stderr, .. } = process.wait_with_output().unwrap();
    let message = String::from_utf8(stderr).unwrap();
    assert!(!status.success(), "{message}");
    assert!(
        message.contains("of 40 steps; --resume continues from") && !message.contains("panicked"),
        "{message}"
    );
    assert!(!cut.exists() && at("cut.checkpoint").exists());
    refuses(
        &as_arguments(&interrupted),
        &["cut.checkpoint already exists; use --resume"],
    );
    ran(&[&"distil", &"--resume", &"--out", &cut]);
    assert!(!at("cut.checkpoint").exists());
    let [uninterrupted, resumed] = [&whole, &cut].map(|path| network(path));
    assert_eq!(uninterrupted.state, resumed.state, "bit by bit");
    let rows = log(&at("cut.jsonl"));
    assert_eq!(rows.len(), 2);
    for (row, expected) in rows.iter().zip(log(&at("whole.jsonl"))) {
        // Of an epoch that was cut in two, the figures are of its rest.
        if row.get("steps").is_none() {
            assert_eq!(
                (&row["loss"], &row["trainAgreement"]),
                (&expected["loss"], &expected["trainAgreement"])
            );
        }
        assert_eq!(row["test"], expected["test"]);
    }
    assert!(rows[0].get("test").is_none() && rows[1]["lossFloor"].as_f64() < rows[1]["loss"].as_f64());
    assert!(fs::read_dir(at("whole.events")).unwrap().count() > 0);
    let settings = fs::read_to_string(at("whole.toml")).unwrap();
    assert!(
        settings.contains("limit = 1000") && settings.contains("temperature = 4"),
        "{settings}"
    );

    // The student can be imported too; it stays among the incomplete families, which need three teachers.
    let weights = at("weights");
    fs::create_dir(&weights).unwrap();
    let table = at("weights.md");
    let mut arguments: Vec<&dyn AsRef<std::ffi::OsStr>> = vec![&"manifest", &"--weights", &weights, &"--table", &table];
    for file in [&teacher, &whole] {
        arguments.extend([&"--take" as &dyn AsRef<std::ffi::OsStr>, file]);
    }
    ran(&arguments);
    let manifest = Manifest::parse(&fs::read_to_string(weights.join("incomplete/manifest.json")).unwrap()).unwrap();
    let entry = manifest.networks.iter().find(|entry| entry.name == "whole").unwrap();
    assert_eq!(entry.taught_by.as_deref().unwrap(), ["a"]);
    let recipe = entry.recipe.as_ref().unwrap();
    assert_eq!(
        (
            recipe.epochs,
            recipe.small_epochs,
            recipe.seed,
            recipe.policy.as_deref()
        ),
        (Some(2), Some(1), Some(7), Some("baseline"))
    );
    let whole_log = log(&at("whole.jsonl"));
    let seconds: f64 = whole_log.iter().filter_map(|row| row["seconds"].as_f64()).sum();
    assert!((recipe.seconds.unwrap() - seconds).abs() < 1e-9);
    let curve = entry.curve.as_ref().unwrap();
    assert_eq!((curve.loss.len(), curve.agreement[0]), (2, None));
    close(
        "agreement",
        &json!(curve.agreement[1]),
        &whole_log[1]["test"]["agreement"],
        1e-4,
    );
    let said: Value = serde_json::from_str(network(&whole).provenance.as_deref().unwrap()).unwrap();
    close(
        "train agreement",
        &json!(entry.train_agreement),
        &said["test"]["trainAgreement"],
        1e-6,
    );
    // Rounding to half precision may turn an answer.
    close(
        "agreement",
        &json!(entry.metrics.agreement),
        &said["test"]["agreement"],
        2e-3,
    );
    let text = fs::read_to_string(&table).unwrap();
    assert!(
        text.contains("warm-up, no weight decay on norms and biases")
            && !text.contains(&folder.path().display().to_string()),
        "{text}"
    );
}

/// A first measurement sums teachers and student together, where figures are told apart by name alone: "a" comes before the
/// student's name.
#[test]
fn a_run_that_is_measured_once_records_the_students_figures() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let (teacher, out) = (teacher(folder.path(), "a", 1), at("student.safetensors"));
    let settings = words("--preset fast-student --epochs 1 --small-epochs 0 --batch-size 50 --limit 500 --seed 3");
    let mut distil: Vec<&dyn AsRef<std::ffi::OsStr>> = vec![&"distil", &"--teachers", &teacher, &"--out", &out];
    distil.extend(as_arguments(&settings));
    ran(&distil);

    let evaluated = ran(&[
        &"evaluate",
        &"--teacher",
        &teacher,
        &"--student",
        &out,
        &"--format",
        &"json",
    ]);
    let evaluated: Value = serde_json::from_str(&evaluated).unwrap();
    let logged = log(&at("student.jsonl")).remove(0)["test"].take();
    let said: Value = serde_json::from_str(network(&out).provenance.as_deref().unwrap()).unwrap();
    let (of_teacher, of_student) = (&evaluated["models"]["a"], &evaluated["models"]["student"]);
    for figure in ["accuracy", "top5Accuracy", "nll", "ece"] {
        assert_ne!(of_teacher[figure], of_student[figure], "{figure} tells the two apart");
        close(figure, &logged[figure], &of_student[figure], 1e-6);
        close(figure, &said["test"][figure], &of_student[figure], 1e-6);
    }
    for figure in ["agreement", "kl"] {
        let expected = &evaluated["students"]["student"][figure];
        close(figure, &logged[figure], expected, 1e-6);
        close(figure, &said["test"][figure], expected, 1e-6);
    }
}

#[test]
fn a_training_on_labels_learns_and_a_start_near_a_teacher_keeps_to_it() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    // Settings by file, a flag before them.
    let settings = at("settings.toml");
    fs::write(
        &settings,
        "depth = 8\nepochs = 9\nbatch-size = 50\nlimit = 1000\nlearning-rate = 0.05\n",
    )
    .unwrap();
    let out = at("taught.safetensors");
    ran(&[&"train", &"--settings", &settings, &"--epochs", &"2", &"--out", &out]);
    let rows = log(&at("taught.jsonl"));
    assert_eq!(rows.len(), 2);
    let accuracy = |row: &Value| row["trainAccuracy"].as_f64().unwrap();
    assert!(accuracy(&rows[1]) > accuracy(&rows[0]) && rows[1].get("lossFloor").is_none());
    let accuracy = rows[1]["test"]["accuracy"].as_f64().unwrap();
    assert!(accuracy > 0.02, "{accuracy}, where chance is 0.01");

    // All of the teacher's weights and next to no learning rate: the student is its teacher, statistics apart.
    let near = at("near.safetensors");
    let arguments =
        words("--start-near 1 --epochs 1 --limit 1000 --batch-size 50 --preset fast-student --small-epochs 0");
    let mut distil: Vec<&dyn AsRef<std::ffi::OsStr>> = vec![&"distil", &"--teachers", &out, &"--out", &near];
    distil.extend(as_arguments(&arguments));
    ran(&distil);
    let said: Value = serde_json::from_str(network(&near).provenance.as_deref().unwrap()).unwrap();
    assert_eq!(said["start"]["nearTeacher"], json!(1.0));
    let agreement = said["test"]["trainAgreement"].as_f64().unwrap();
    assert!(agreement > 0.8, "{agreement}");

    refuses(
        &[&"train", &"--settings", &settings, &"--out", &out],
        &["taught.safetensors already exists"],
    );
    refuses(
        &[&"train", &"--resume", &"--out", &at("none.safetensors")],
        &["to resume from"],
    );
    refuses(&[&"train", &"--out", &at("a.pt")], &["must be a file NAME.safetensors"]);
    refuses(
        &[&"distil", &"--out", &at("b.safetensors")],
        &["no teachers given; name one or more networks with --teachers"],
    );
    refuses(
        &[&"train", &"--preset", &"quick", &"--out", &at("b.safetensors")],
        &["invalid value 'quick'", "fast-teacher"],
    );
    fs::write(&settings, "epoch = 9\n").unwrap();
    refuses(
        &[&"train", &"--settings", &settings, &"--out", &at("b.safetensors")],
        &["unknown setting `epoch`", "epochs"],
    );
}

#[test]
fn augmentations_are_drawn_and_speed_is_measured() {
    let folder = tempfile::tempdir().unwrap();
    let sheet = folder.path().join("sheet.png");
    ran(&[&"augment", &"--images", &"3", &"--out", &sheet]);
    let png = fs::read(&sheet).unwrap();
    assert_eq!(&png[..8], b"\x89PNG\r\n\x1a\n");
    let [width, height] = [16, 20].map(|at| u32::from_be_bytes(png[at..at + 4].try_into().unwrap()));
    // Three images of 96 pixels; eight policies and the smaller images.
    assert!(width >= 3 * 96 && height >= 9 * 96, "{width} x {height}");

    let lines = ran(&[
        &"bench",
        &"--depth",
        &"8",
        &"--batch-size",
        &"16",
        &"--seconds",
        &"0.05",
        &"--json",
    ]);
    let row: Value = serde_json::from_str(lines.trim()).unwrap();
    assert_eq!((&row["depth"], &row["batchSize"]), (&json!(8), &json!(16)));
    for figure in ["forwardImagesPerSecond", "stepImagesPerSecond"] {
        assert!(row[figure].as_f64().unwrap() > 0.0, "{row}");
    }
}
