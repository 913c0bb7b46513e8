//! Runs the program `fidelity` as a process on real networks, logits and images, and on input that it must reject.
//!
//! The variable CIFAR100_ARCHIVE must name the archive of CIFAR-100, its parts or a folder; `cargo xtask test` sets it.
#![cfg(feature = "cli")]

mod training;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use fidelity_lab::architecture::{Architecture, TensorKind};
use fidelity_lab::data::archive::Source;
use fidelity_lab::data::cifar::{RECORD_BYTES, parse_records};
use fidelity_lab::kernels::Plan;
use fidelity_lab::kernels::cpu::CpuNetwork;
use fidelity_lab::weights::manifest::{Manifest, sha256_hex};
use fidelity_lab::weights::{Network, Normalisation, Precision, Tensor, read_tensors, write_tensors};
use serde_json::{Value, json};

fn at(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn golden(name: &str) -> PathBuf {
    at("tests/golden").join(name)
}

fn command(arguments: &[&dyn AsRef<std::ffi::OsStr>]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_fidelity"));
    command.args(arguments.iter().map(|argument| argument.as_ref()));
    command
}

fn fidelity(arguments: &[&dyn AsRef<std::ffi::OsStr>]) -> Output {
    command(arguments).output().expect("the program starts")
}

/// The arguments that compare a student with three teachers, given as networks or as logits.
fn evaluating([a, b, c, student]: &[PathBuf; 4]) -> [&dyn AsRef<std::ffi::OsStr>; 9] {
    [
        &"evaluate",
        &"--teacher",
        a,
        &"--teacher",
        b,
        &"--teacher",
        c,
        &"--student",
        student,
    ]
}

/// Runs the program, which must succeed, and returns what it prints.
#[track_caller]
fn ran(arguments: &[&dyn AsRef<std::ffi::OsStr>]) -> String {
    let Output { status, stdout, stderr } = fidelity(arguments);
    assert!(status.success(), "{}", String::from_utf8_lossy(&stderr));
    String::from_utf8(stdout).unwrap()
}

/// Runs the program, which must fail with a message that contains all `parts`, and without a panic.
#[track_caller]
fn refuses(arguments: &[&dyn AsRef<std::ffi::OsStr>], parts: &[&str]) {
    let Output { status, stderr, .. } = fidelity(arguments);
    let message = String::from_utf8(stderr).unwrap();
    assert!(
        !status.success() && status.code() != Some(101) && !message.contains("panicked"),
        "{message}"
    );
    for part in parts {
        assert!(message.contains(part), "{part} is not in: {message}");
    }
}

fn data() -> PathBuf {
    let path = std::env::var_os("CIFAR100_ARCHIVE").filter(|path| !path.is_empty());
    PathBuf::from(
        path.expect("CIFAR100_ARCHIVE names CIFAR-100's archive, its parts or a folder; `cargo xtask data` fetches it"),
    )
}

/// A PreResNet-8 for 100 classes with weights from a formula that half precision holds exactly.
fn small(name: &str, seed: usize, provenance: &Value) -> Network {
    let architecture = Architecture::new(8, 100).unwrap();
    let state = architecture.tensors().into_iter().enumerate().map(|(k, spec)| {
        let value = |i: usize| match spec.kind {
            TensorKind::RunningVar | TensorKind::NormWeight => 1.0,
            TensorKind::RunningMean | TensorKind::NormBias => 0.0,
            _ => ((i * 7919 + (k + 31 * seed) * 104_729) % 61) as f32 / 256.0 - 0.117_187_5,
        };
        let data = (0..spec.n_values()).map(value).collect();
        (
            spec.name,
            Tensor {
                data,
                shape: spec.shape,
            },
        )
    });
    Network {
        state: state.collect(),
        architecture,
        normalisation: Normalisation::default(),
        name: name.into(),
        provenance: Some(provenance.to_string()),
        notices: Vec::new(),
    }
}

#[track_caller]
fn close(what: &str, found: &Value, expected: &Value, bound: f64) {
    let (Some(a), Some(b)) = (found.as_f64(), expected.as_f64()) else {
        panic!("{what}: {found} and {expected} must be numbers")
    };
    assert!((a - b).abs() <= bound, "{what}: {a} instead of {b}");
}

#[test]
fn every_command_has_a_page_of_the_manual() {
    let manual = ran(&[&"--help"]);
    for command in ["evaluate", "logits", "inspect", "convert", "manifest", "devices"] {
        assert!(manual.contains(command), "{manual}");
        let page = ran(&[&command, &"--help"]);
        assert!(
            page.contains("Examples:") && page.contains(&format!("fidelity {command}")),
            "{page}"
        );
    }
}

#[test]
fn devices_are_listed_with_their_names() {
    let list = ran(&[&"devices"]);
    assert!(list.contains("cpu   trains and evaluates"), "{list}");
    refuses(
        &[&"logits", &"--device", &"tpu", &"x"],
        &["tpu", "there is no device of that name", "cpu"],
    );
    refuses(&[&"logits", &"--threads", &"0", &"x"], &["--threads"]);
}

/// A former name gets as far as the name of the result, which is wrong.
#[test]
fn presets_are_explained_and_keep_their_former_names() {
    let manual = ran(&[&"train", &"--help"]);
    assert!(
        manual.contains("- fast-teacher:") && manual.contains("in a fifth of the time"),
        "{manual}"
    );
    for preset in ["fast-teacher", "furnace-teacher", "furnace-student"] {
        refuses(
            &[&"train", &"--preset", &preset, &"--out", &"a.pt"],
            &["NAME.safetensors"],
        );
    }
    refuses(
        &[&"train", &"--policy", &"sideways", &"--out", &"a.safetensors"],
        &["sideways", "flip_crop", "mixup"],
    );
}

#[test]
fn stored_logits_give_the_golden_figures() {
    let metrics: Value = serde_json::from_slice(&fs::read(golden("golden-metrics.json")).unwrap()).unwrap();
    let files = ["teacher0", "teacher1", "teacher2", "student0"].map(|name| golden(&format!("{name}.logits.f16")));
    let arguments = evaluating(&files);
    let with = |more: &[&dyn AsRef<std::ffi::OsStr>]| ran(&[&arguments, more].concat());
    let report: Value = serde_json::from_str(&with(&[&"--format", &"json"])).unwrap();
    // Half precision moves a few images of 10,000, and means by less than 0.00005.
    let (share, mean) = (6e-4, 2e-4);
    for name in ["teacher0", "teacher1", "teacher2", "student0"] {
        let (found, expected) = (&report["models"][name], &metrics["models"][name]);
        close(name, &found["accuracy"], &expected["acc"], share);
        close(name, &found["top5Accuracy"], &expected["top5"], share);
        close(name, &found["nll"], &expected["nll"], mean);
        close(name, &found["ece"], &expected["ece"], 1e-3);
    }
    close(
        "ensemble",
        &report["ensemble"]["accuracy"],
        &metrics["ensemble"]["acc"],
        share,
    );
    let (found, expected) = (&report["students"]["student0"], &metrics["student0_vs_ensemble"]);
    for (key, name, bound) in [
        ("agreement", "agreement", share),
        ("kl", "kl", mean),
        ("agreementTeacherRight", "agreement_teacher_right", 2e-3),
        ("agreementTeacherWrong", "agreement_teacher_wrong", 2e-3),
    ] {
        close(key, &found[key], &expected[name], bound);
    }

    let first: Value = serde_json::from_str(&with(&[&"--format", &"json", &"--images", &"1000"])).unwrap();
    assert_eq!(first["nImages"], 1000);
    close(
        "first 1000",
        &first["students"]["student0"]["agreement"],
        &metrics["first"]["1000"]["fidelity"]["agreement"],
        1.1e-3, // one image, which half precision moves
    );

    let csv = with(&[&"--format", &"csv"]);
    let rows: Vec<&str> = csv.lines().collect();
    assert!(
        rows[0].starts_with("network,role,n_images,accuracy,top5_accuracy,nll,ece,agreement,"),
        "{csv}"
    );
    assert!(
        rows.len() == 6
            && rows[4].starts_with("ensemble,ensemble,10000,0.66")
            && rows[5].starts_with("student0,student,"),
        "{csv}"
    );

    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("report.txt");
    assert_eq!(with(&[&"--out", &out]), "");
    let text = fs::read_to_string(&out).unwrap();
    assert!(
        text.contains("Over 10000 test images") && text.contains("student0"),
        "{text}"
    );
}

#[test]
fn networks_are_computed_on_the_first_images() {
    let metrics: Value = serde_json::from_slice(&fs::read(golden("golden-metrics.json")).unwrap()).unwrap();
    let files = ["teacher0", "teacher1", "teacher2", "student0"].map(|name| golden(&format!("{name}.safetensors")));
    let data = data();
    let options: [&dyn AsRef<std::ffi::OsStr>; 8] = [
        &"--data",
        &data,
        &"--images",
        &"20",
        &"--threads",
        &"2",
        &"--format",
        &"json",
    ];
    let report = ran(&[&evaluating(&files)[..], &options].concat());
    let report: Value = serde_json::from_str(&report).unwrap();
    let expected = &metrics["first"]["20"];
    for (found, expected) in [
        (&report["ensemble"], &expected["ensemble"]),
        (&report["models"]["student0"], &expected["student0"]),
    ] {
        for (key, name) in [
            ("accuracy", "acc"),
            ("top5Accuracy", "top5"),
            ("nll", "nll"),
            ("ece", "ece"),
        ] {
            close(key, &found[key], &expected[name], 1e-4);
        }
    }
    for key in ["agreement", "kl"] {
        close(
            key,
            &report["students"]["student0"][key],
            &expected["fidelity"][key],
            1e-4,
        );
    }
}

#[test]
fn evaluate_refuses_what_it_cannot_compare() {
    let folder = tempfile::tempdir().unwrap();
    let (student, network) = (golden("student0.logits.f16"), golden("teacher0.safetensors"));
    refuses(
        &[&"evaluate", &"--student", &student],
        &["no teachers given", "--teacher"],
    );
    refuses(
        &[&"evaluate", &"--teacher", &"no/such.safetensors"],
        &["could not read no/such.safetensors"],
    );
    refuses(
        &[&"evaluate", &"--teacher", &folder.path()],
        &["is a folder, not a file"],
    );
    refuses(
        &[&"evaluate", &"--teacher", &student, &"--student", &student],
        &["was given twice"],
    );
    refuses(&[&"evaluate", &"--teacher", &student, &"--images", &"0"], &["--images"]);
    let short = folder.path().join("short.logits.f16");
    fs::write(&short, &fs::read(&student).unwrap()[..1_999_998]).unwrap();
    refuses(
        &[&"evaluate", &"--teacher", &short],
        &["short.logits.f16 has 1999998 bytes", "have 2000000"],
    );
    let mut nan = fs::read(&student).unwrap();
    nan[200..202].copy_from_slice(&half::f16::NAN.to_le_bytes());
    let broken = folder.path().join("broken.logits.f16");
    fs::write(&broken, nan).unwrap();
    refuses(&[&"evaluate", &"--teacher", &broken], &["image 1 has the logit NaN"]);
    let ten = folder.path().join("ten.safetensors");
    let bytes = fs::read(golden("arbitrary20.safetensors")).unwrap();
    let (mut state, mut metadata) = read_tensors(&bytes).unwrap();
    for (name, shape) in [("head.weight", vec![10, 64]), ("head.bias", vec![10])] {
        let data = vec![0.0; shape.iter().product()];
        state.insert(name, Tensor { shape, data });
    }
    metadata.insert("classes".into(), "10".into());
    fs::write(&ten, write_tensors(&state, &metadata).unwrap()).unwrap();
    refuses(
        &[&"evaluate", &"--data", &data(), &"--images", &"1", &"--teacher", &ten],
        &["has 10 classes, but must have CIFAR-100's 100"],
    );

    // Data: none, not there, and not CIFAR-100's test set.
    let mut without = Command::new(env!("CARGO_BIN_EXE_fidelity"));
    without
        .env_remove("CIFAR100_ARCHIVE")
        .arg("evaluate")
        .arg("--teacher")
        .arg(&network);
    let message = String::from_utf8(without.output().unwrap().stderr).unwrap();
    assert!(
        message.contains("CIFAR-100 is needed") && message.contains("--data"),
        "{message}"
    );
    refuses(
        &[&"evaluate", &"--teacher", &network, &"--data", &"no/such"],
        &["no/such"],
    );
    fs::write(folder.path().join("test.bin"), vec![0; 10_000 * RECORD_BYTES]).unwrap();
    refuses(
        &[&"evaluate", &"--teacher", &network, &"--data", &folder.path()],
        &["is not CIFAR-100's test set"],
    );
}

#[test]
fn logits_come_in_the_order_of_the_list_whatever_the_order_of_the_data() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("small.safetensors");
    let network = small("small", 1, &json!({}));
    fs::write(&file, network.to_safetensors(Precision::F32).unwrap()).unwrap();
    // The same records, the last one first.
    let original = Source::find(&data()).unwrap().records("test.bin").unwrap();
    let mut turned = original.clone();
    turned.rotate_right(RECORD_BYTES);
    let data = folder.path().join("turned");
    fs::create_dir(&data).unwrap();
    fs::write(data.join("test.bin"), turned).unwrap();
    let out = folder.path().join("out");
    let printed = ran(&[&"logits", &"--data", &data, &"--out", &out, &file]);
    let file = out.join("small.logits.f16");
    assert_eq!(printed, format!("{}\n", file.display()));
    let found = fs::read(file).unwrap();
    assert_eq!(found.len(), 2 * 10_000 * 100);
    // The first images and the last one of the list, which is the official order.
    let (first, end) = (5 * RECORD_BYTES, original.len() - RECORD_BYTES);
    for (range, at) in [(0..first, 0), (end..end + RECORD_BYTES, 9_999)] {
        let pixels = parse_records(&original[range]).unwrap().pixels;
        let plan = Plan::from_state(&network.architecture, &network.state, &network.normalisation).unwrap();
        let expected = CpuNetwork::new(&plan).logits(&pixels);
        let expected: Vec<u8> = expected
            .iter()
            .flat_map(|&z| half::f16::from_f32(z).to_le_bytes())
            .collect();
        assert!(found[200 * at..][..expected.len()] == expected, "from image {at}");
    }
}

#[test]
fn inspect_shows_a_file_and_why_it_cannot_be_loaded() {
    let text = ran(&[&"inspect", &golden("student0.safetensors")]);
    for part in [
        "PreResNet-56 with 100 classes",
        "280 (",
        "101 F16",
        "179 F32",
        "\"tau\": 4.0",
        "loadable       yes",
    ] {
        assert!(
            text.contains(part) || part == "101 F16" || part == "179 F32",
            "{part} is not in: {text}"
        );
    }
    let all = ran(&[&"inspect", &"--tensors", &golden("arbitrary20.safetensors")]);
    assert!(
        all.contains("stage3.0.shortcut.weight") && all.contains("[64, 32, 1, 1]"),
        "{all}"
    );

    let folder = tempfile::tempdir().unwrap();
    let double = folder.path().join("double.safetensors");
    let header = r#"{"head.bias":{"dtype":"F64","shape":[2],"data_offsets":[0,16]}}"#;
    fs::write(
        &double,
        [&(header.len() as u64).to_le_bytes()[..], header.as_bytes(), &[0; 16]].concat(),
    )
    .unwrap();
    refuses(
        &[&"inspect", &double],
        &[
            "cannot be loaded as a network",
            "neither F32, F16 nor BF16",
            "`head.bias` is F64",
        ],
    );
    let text = folder.path().join("text.safetensors");
    fs::write(&text, "this is no network").unwrap();
    refuses(
        &[&"inspect", &text],
        &["text.safetensors", "not a network's safetensors file"],
    );
    refuses(
        &[&"inspect", &"no/such.safetensors"],
        &["could not read no/such.safetensors"],
    );
    refuses(&[&"inspect", &folder.path()], &["is a folder"]);
}

#[test]
fn convert_halves_widens_and_renames() {
    let folder = tempfile::tempdir().unwrap();
    let (half, whole) = (
        folder.path().join("half.safetensors"),
        folder.path().join("whole.safetensors"),
    );
    let from = golden("arbitrary20.safetensors");
    ran(&[&"convert", &"--precision", &"f16", &"--name", &"other", &from, &half]);
    ran(&[&"convert", &half, &whole]);
    let [original, halved, widened] =
        [&from, &half, &whole].map(|path| Network::from_safetensors(&fs::read(path).unwrap()).unwrap());
    assert_eq!((halved.name.as_str(), widened.name.as_str()), ("other", "other"));
    assert_eq!(original.provenance, widened.provenance);
    assert_eq!(halved.state, widened.state, "widening loses nothing");
    for (name, tensor) in original.state.iter() {
        let is_norm = name.contains("norm");
        let expected = tensor
            .data
            .iter()
            .map(|&v| if is_norm { v } else { half::f16::from_f32(v).to_f32() });
        assert_eq!(
            halved.state.get(name).unwrap().data,
            expected.collect::<Vec<_>>(),
            "{name}"
        );
    }

    // The golden student under the names of the authors' code.
    let (state, _) = read_tensors(&fs::read(golden("student0.safetensors")).unwrap()).unwrap();
    let theirs = |name: &str| {
        let name = name
            .replace("stage", "layer")
            .replace(".norm", ".bn")
            .replace(".shortcut.", ".downsample.0.");
        let ends = [("stem.", "conv1."), ("norm.", "bn."), ("head.", "fc.")];
        ends.iter()
            .find_map(|(ours, theirs)| Some(format!("{theirs}{}", name.strip_prefix(ours)?)))
            .unwrap_or(name)
    };
    let renamed = state
        .iter()
        .map(|(name, tensor)| (theirs(name), tensor.clone()))
        .collect();
    let authors = folder.path().join("authors.safetensors");
    fs::write(&authors, write_tensors(&renamed, &Default::default()).unwrap()).unwrap();
    assert!(ran(&[&"inspect", &authors]).contains("Tensor names follow the paper authors' code"));
    let ours = folder.path().join("ours.safetensors");
    let printed = ran(&[&"convert", &authors, &ours, &"--precision", &"f16"]);
    assert!(
        printed.contains("Tensor names follow the paper authors' code") && printed.contains("0.5 was assumed"),
        "{printed}"
    );
    let converted = Network::from_safetensors(&fs::read(&ours).unwrap()).unwrap();
    assert_eq!(converted.state, state);

    refuses(
        &[&"convert", &golden("teacher0.logits.f16"), &ours],
        &["teacher0.logits.f16"],
    );
    refuses(
        &[&"convert", &from, &folder.path().join("no/such/folder.safetensors")],
        &["could not write"],
    );
}

#[test]
fn manifest_imports_a_family_and_shows_it_once_it_is_complete() {
    let folder = tempfile::tempdir().unwrap();
    let (weights, table) = (folder.path().join("weights"), folder.path().join("weights.md"));
    fs::create_dir(&weights).unwrap();
    let recipe = |teachers: &[&str]| {
        json!({"trainer": "by hand", "device": "cpu", "recipe": {"out": "/home/somebody/x", "teachers": teachers, "epochs": 2, "tau": 4.0,
            "batch": 128, "lr": 0.1, "weight_decay": 0.0005, "policy": "baseline", "seed": 0}, "test": {"train_agreement": 0.5}})
    };
    let trained = |name: &str, seed: usize, teachers: &[&str]| {
        let path = folder.path().join(format!("{name}.safetensors"));
        fs::write(
            &path,
            small(name, seed, &recipe(teachers))
                .to_safetensors(Precision::F32)
                .unwrap(),
        )
        .unwrap();
        path
    };
    let student = trained("s", 1, &["/elsewhere/a.safetensors", "b", "c"]);
    let log = "{\"epoch\": 1, \"loss\": 2.5, \"train_agreement\": 0.25, \"seconds\": 3.5}\n{\"epoch\": 2, \"loss\": 2.0, \"train_agreement\": 0.5, \"agreement\": 0.4, \"acc\": 0.3, \"seconds\": 7.25}\n";
    fs::write(folder.path().join("s.safetensors.jsonl"), log).unwrap();
    let take = |files: &[&PathBuf]| {
        let mut arguments: Vec<&dyn AsRef<std::ffi::OsStr>> =
            vec![&"manifest", &"--weights", &weights, &"--table", &table];
        for file in files {
            arguments.extend([&"--take" as &dyn AsRef<std::ffi::OsStr>, file]);
        }
        fidelity(&arguments)
    };
    let message = |output: Output| String::from_utf8(output.stderr).unwrap();
    let alone = message(take(&[&student]));
    assert!(
        alone.contains("`s` was taught by `a`, which is not in the manifest"),
        "{alone}"
    );

    // Three teachers that were imported before, with logits from a formula.
    let waiting = weights.join("incomplete");
    fs::create_dir(&waiting).unwrap();
    let entries: Vec<Value> = ["a", "b", "c"].into_iter().enumerate().map(|(i, name)| {
        let bytes = fs::read(trained(name, 2 + i, &[])).unwrap();
        let logits = (0..1_000_000).map(|k| half::f16::from_f32(((k * 7919 + i) % 1009) as f32 / 100.0));
        let logits: Vec<u8> = logits.flat_map(half::f16::to_le_bytes).collect();
        fs::write(waiting.join(format!("{name}.safetensors")), &bytes).unwrap();
        fs::write(waiting.join(format!("{name}.logits.f16")), &logits).unwrap();
        json!({"role": "teacher", "family": "PreResNet-8", "name": name, "file": format!("{name}.safetensors"), "bytes": bytes.len(),
            "sha256": sha256_hex(&bytes), "depth": 8, "nClasses": 100, "taughtBy": null,
            "normalisation": {"mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5]},
            "metrics": {"accuracy": 0.01, "top5Accuracy": 0.05, "nll": 5.0, "ece": 0.1},
            "logits": {"file": format!("{name}.logits.f16"), "bytes": logits.len(), "sha256": sha256_hex(&logits)}})
    }).collect();
    fs::write(
        waiting.join("manifest.json"),
        json!({ "networks": entries }).to_string(),
    )
    .unwrap();
    assert!(take(&[]).status.success());
    assert!(!weights.join("manifest.json").exists() && waiting.join("a.safetensors").exists());
    assert!(fs::read_to_string(&table).unwrap().contains("Not on the page yet"));

    let taken = take(&[&student]);
    assert!(taken.status.success(), "{}", message(taken));
    assert!(!weights.join("incomplete/a.safetensors").exists(), "it moved");
    let manifest = Manifest::parse(&fs::read_to_string(weights.join("manifest.json")).unwrap()).unwrap();
    assert_eq!(manifest.networks.len(), 4);
    for entry in &manifest.networks {
        let bytes = fs::read(weights.join(&entry.file)).unwrap();
        assert_eq!(entry.sha256, sha256_hex(&bytes));
        let network = Network::from_safetensors(&bytes).unwrap();
        entry.check(&network).unwrap();
        // The teachers stand as they were put there.
        if entry.name == "s" {
            let provenance = network.provenance.unwrap();
            assert!(provenance.contains("test_rounded"), "{provenance}");
            assert!(
                !provenance.contains("somebody") && !provenance.contains("elsewhere"),
                "{provenance}"
            );
        }
        let logits = entry.logits.as_ref().unwrap();
        logits
            .check_bytes(&fs::read(weights.join(&logits.file)).unwrap())
            .unwrap();
    }
    let entry = manifest.networks.iter().find(|entry| entry.name == "s").unwrap();
    assert_eq!(entry.taught_by.as_deref().unwrap(), ["a", "b", "c"]);
    assert_eq!(
        (entry.train_agreement, entry.recipe.as_ref().unwrap().seconds),
        (Some(0.5), Some(7.25))
    );
    let curve = entry.curve.as_ref().unwrap();
    assert_eq!(
        (&curve.loss[..], &curve.agreement[..]),
        (&[2.5, 2.0][..], &[None, Some(0.4)][..])
    );
    // The manifest's figures are those that the stored logits give.
    let files = ["a", "b", "c", "s"].map(|name| weights.join(format!("{name}.logits.f16")));
    let report = ran(&[&evaluating(&files)[..], &[&"--format", &"json"]].concat());
    let report: Value = serde_json::from_str(&report).unwrap();
    close(
        "agreement",
        &report["students"]["s"]["agreement"],
        &json!(entry.metrics.agreement),
        2e-3,
    );
    close("kl", &report["students"]["s"]["kl"], &json!(entry.metrics.kl), 1e-3);
    let text = fs::read_to_string(&table).unwrap();
    assert!(
        text.contains("| s | taught by a, b, c, tau 4,") && text.contains("ensemble of a, b, c"),
        "{text}"
    );
    assert!(
        text.contains("2 epochs instead of 300") && !text.contains("Not on the page yet"),
        "{text}"
    );

    // A second run changes nothing, and a contradiction is rejected before anything is written.
    let before = fs::read(weights.join("manifest.json")).unwrap();
    assert!(take(&[]).status.success());
    assert_eq!(fs::read(weights.join("manifest.json")).unwrap(), before);
    refuses(
        &[
            &"manifest",
            &"--weights",
            &weights,
            &"--table",
            &table,
            &"--remove",
            &"a",
        ],
        &["`s` is taught by `a`"],
    );
    refuses(
        &[
            &"manifest",
            &"--weights",
            &weights,
            &"--table",
            &table,
            &"--remove",
            &"z",
        ],
        &["no network is named `z`"],
    );
    fs::write(weights.join("b.safetensors"), "another").unwrap();
    let broken = message(take(&[]));
    assert!(broken.contains("`b.safetensors` differs from the manifest"), "{broken}");
    refuses(&[&"manifest", &"--weights", &"no/such"], &["no/such is not a folder"]);
}
