//! Weights files: those that PyTorch wrote, those that this crate writes, and each kind of faulty file.

#[path = "../src/testing.rs"]
mod testing;

use std::collections::{BTreeMap, HashMap};

use fidelity_lab::architecture::{Architecture, TensorKind};
use fidelity_lab::weights::{
    Fault, Network, Normalisation, Precision, StateDict, Tensor, WeightsError, read_tensors, write_tensors,
};
use safetensors::tensor::{Dtype, TensorView};
use testing::golden_bytes;

/// A PreResNet-8 with 10 classes whose values follow a formula.
fn small() -> Network {
    let architecture = Architecture::new(8, 10).unwrap();
    let state = architecture.tensors().into_iter().enumerate().map(|(k, spec)| {
        let value = |i: usize| match spec.kind {
            TensorKind::RunningVar => 0.5 + (i % 5) as f32,
            _ => ((i * 7 + k) % 13) as f32 / 8.0 - 0.75,
        };
        (
            spec.name.clone(),
            Tensor {
                data: (0..spec.n_values()).map(value).collect(),
                shape: spec.shape,
            },
        )
    });
    Network {
        state: state.collect(),
        architecture,
        normalisation: Normalisation {
            mean: [0.5, 0.25, 0.125],
            std: [0.5, 1.0, 2.0],
        },
        name: "small".into(),
        provenance: Some("{\"by\": \"formula\"}".into()),
        notices: Vec::new(),
    }
}

/// A file of the small network's tensors after `change`, with metadata.
fn file(metadata: &[(&str, &str)], change: impl FnOnce(&mut BTreeMap<String, Tensor>)) -> Vec<u8> {
    let mut tensors: BTreeMap<String, Tensor> = small().state.into_iter().collect();
    change(&mut tensors);
    let metadata = metadata.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect();
    write_tensors(&tensors.into_iter().collect(), &metadata).unwrap()
}

fn faults(bytes: &[u8]) -> Vec<Fault> {
    match Network::from_safetensors(bytes) {
        Err(WeightsError::Invalid { faults }) => faults,
        other => panic!("faults were expected, not {other:?}"),
    }
}

fn message(bytes: &[u8]) -> String {
    Network::from_safetensors(bytes).unwrap_err().to_string()
}

/// A file with this header text, preceded by its length and followed by these bytes.
fn raw(header: &str, data: &[u8]) -> Vec<u8> {
    [&(header.len() as u64).to_le_bytes(), header.as_bytes(), data].concat()
}

#[test]
fn reads_the_networks_that_pytorch_wrote() {
    for (name, depth) in [
        ("teacher0", 56),
        ("teacher1", 56),
        ("teacher2", 56),
        ("student0", 56),
        ("arbitrary20", 20),
    ] {
        let bytes = golden_bytes(&format!("{name}.safetensors"));
        let network = Network::from_safetensors(&bytes).unwrap();
        assert_eq!(
            (network.architecture.depth, network.architecture.n_classes),
            (depth, 100)
        );
        assert_eq!(network.name, name);
        assert_eq!(network.normalisation, Normalisation::default());
        assert!(network.provenance.is_some() && network.notices.is_empty());
        let reference = safetensors::SafeTensors::deserialize(&bytes).unwrap();
        assert_eq!(network.state.len(), reference.len());
        for (name, tensor) in network.state.iter() {
            let view = reference.tensor(name).unwrap();
            assert_eq!(tensor.shape, view.shape());
            let values: Vec<f32> = match view.dtype() {
                Dtype::F32 => view
                    .data()
                    .chunks(4)
                    .map(|b| f32::from_le_bytes(b.try_into().unwrap()))
                    .collect(),
                _ => view
                    .data()
                    .chunks(2)
                    .map(|b| half::f16::from_le_bytes(b.try_into().unwrap()).to_f32())
                    .collect(),
            };
            assert_eq!(tensor.data, values, "{name}");
        }
    }
}

#[test]
fn writes_what_it_and_the_reference_implementation_read() {
    let network = Network::from_safetensors(&golden_bytes("teacher0.safetensors")).unwrap();
    for precision in [Precision::F16, Precision::F32] {
        let bytes = network.to_safetensors(precision).unwrap();
        assert_eq!(
            bytes,
            network.to_safetensors(precision).unwrap(),
            "the same network, the same bytes"
        );
        // Its convolutions are in half precision already, so neither precision loses anything.
        assert_eq!(Network::from_safetensors(&bytes).unwrap(), network);
        let reference = safetensors::SafeTensors::deserialize(&bytes).unwrap();
        assert_eq!(reference.len(), 280);
        let dtype = |name| reference.tensor(name).unwrap().dtype();
        let expected = if precision == Precision::F16 {
            Dtype::F16
        } else {
            Dtype::F32
        };
        assert_eq!((dtype("stem.weight"), dtype("head.bias")), (expected, expected));
        assert_eq!(
            (dtype("norm.weight"), dtype("stage1.0.norm2.running_var")),
            (Dtype::F32, Dtype::F32)
        );
        let (_, header) = safetensors::SafeTensors::read_metadata(&bytes).unwrap();
        let metadata = header.metadata().clone().unwrap();
        for (key, value) in [
            ("format", "pt"),
            ("architecture", "preresnet"),
            ("depth", "56"),
            ("classes", "100"),
        ] {
            assert_eq!(metadata[key], value);
        }
        assert_eq!(
            (metadata["mean"].as_str(), metadata["std"].as_str()),
            ("0.5,0.5,0.5", "0.5,0.5,0.5")
        );
        assert_eq!(Some(&metadata["provenance"]), network.provenance.as_ref());
    }
    let small = small();
    assert_eq!(
        Network::from_safetensors(&small.to_safetensors(Precision::F32).unwrap()).unwrap(),
        small
    );
}

#[test]
fn refuses_to_write_what_could_not_be_read_again() {
    let changed = |name: &str, value: f32| {
        let mut network = small();
        let mut tensor = network.state.get(name).unwrap().clone();
        tensor.data[0] = value;
        network.state.insert(name, tensor);
        network
    };
    assert!(matches!(
        changed("head.bias", f32::NAN).to_safetensors(Precision::F32),
        Err(WeightsError::Invalid { .. })
    ));
    let large = changed("head.bias", 70_000.0);
    assert!(large.to_safetensors(Precision::F32).is_ok());
    assert!(
        large
            .to_safetensors(Precision::F16)
            .unwrap_err()
            .to_string()
            .contains("`head.bias`")
    );
    assert!(
        changed("norm.weight", 70_000.0).to_safetensors(Precision::F16).is_ok(),
        "norms stay f32"
    );
    let wordy = Network {
        provenance: Some("x".repeat(1_000_000)),
        ..small()
    };
    assert!(
        wordy
            .to_safetensors(Precision::F32)
            .unwrap_err()
            .to_string()
            .contains("header")
    );
}

#[test]
fn reads_a_plain_state_dict_with_notices() {
    let counters: Vec<u8> = 7i64.to_le_bytes().to_vec();
    let network = small();
    let data: Vec<(String, Vec<usize>, Vec<u8>)> = network
        .state
        .iter()
        .map(|(name, t)| {
            (
                name.to_owned(),
                t.shape.clone(),
                t.data.iter().flat_map(|v| v.to_le_bytes()).collect(),
            )
        })
        .collect();
    let mut views: HashMap<String, TensorView> = data
        .iter()
        .map(|(n, s, d)| (n.clone(), TensorView::new(Dtype::F32, s.clone(), d).unwrap()))
        .collect();
    for name in ["norm", "stage1.0.norm1"] {
        views.insert(
            format!("{name}.num_batches_tracked"),
            TensorView::new(Dtype::I64, vec![], &counters).unwrap(),
        );
    }
    let read = Network::from_safetensors(&safetensors::serialize(views, None).unwrap()).unwrap();
    assert_eq!((read.architecture.depth, read.architecture.n_classes), (8, 10));
    assert_eq!(read.normalisation, Normalisation::default());
    assert_eq!((read.name.as_str(), &read.provenance), ("preresnet-8", &None));
    assert_eq!(read.state, network.state);
    assert!(
        read.notices.iter().any(|n| n.contains("PreResNet-8 with 10 classes")),
        "{:?}",
        read.notices
    );
    assert!(
        read.notices.iter().any(|n| n.contains("0.5 was assumed")),
        "{:?}",
        read.notices
    );
}

#[test]
fn reads_bf16() {
    let header = r#"{"a":{"dtype":"BF16","shape":[2],"data_offsets":[0,4]}}"#;
    let (state, _) = read_tensors(&raw(header, &[0x80, 0x3f, 0x00, 0xc0])).unwrap();
    assert_eq!(state.get("a").unwrap().data, [1.0, -2.0]);
}

#[test]
fn one_error_names_everything() {
    let bytes = file(
        &[("depth", "8"), ("classes", "10"), ("std", "0.5,0,0.5"), ("mean", "0.5")],
        |tensors| {
            tensors.remove("stem.weight");
            tensors.remove("stage2.0.shortcut.weight");
            tensors.insert(
                "stage1.0.extra".into(),
                Tensor {
                    shape: vec![1],
                    data: vec![0.0],
                },
            );
            tensors.insert(
                "norm.bias".into(),
                Tensor {
                    shape: vec![2],
                    data: vec![0.0; 2],
                },
            );
            tensors.get_mut("head.bias").unwrap().data[3] = f32::NAN;
            tensors.get_mut("norm.weight").unwrap().data[..2].fill(f32::NEG_INFINITY);
            tensors.get_mut("norm.running_var").unwrap().data[1] = -0.5;
        },
    );
    let message = message(&bytes);
    for part in [
        "`mean` is \"0.5\", but it must be three numbers",
        "`std` is \"0.5,0,0.5\", but it must be three positive numbers",
        "missing tensors (2): `stem.weight` [16, 3, 3, 3], `stage2.0.shortcut.weight` [32, 16, 1, 1]",
        "unexpected tensors (1): `stage1.0.extra` [1]",
        "`norm.bias` is [2] instead of [64]",
        "NaN or infinity (2): `norm.weight` (2 of its values), `head.bias` (1 of its values)",
        "running variances below 0 (1): `norm.running_var` (1 of its values)",
    ] {
        assert!(message.contains(part), "{part} is not in: {message}");
    }
    assert_eq!(faults(&bytes).len(), 9);
}

#[test]
fn metadata_that_the_tensors_contradict_are_named() {
    let contradiction = |metadata: &[(&str, &str)]| faults(&file(metadata, |_| {}));
    let depth = contradiction(&[("depth", "56"), ("classes", "10")]);
    assert!(
        matches!(&depth[..], [Fault::Metadata { key, found, .. }] if key == "depth" && found == "56"),
        "{depth:?}"
    );
    let both = contradiction(&[("depth", "57"), ("classes", "100")]);
    assert!(
        matches!(&both[..], [Fault::Metadata { .. }, Fault::Metadata { key, .. }] if key == "classes"),
        "{both:?}"
    );
    assert_eq!(
        contradiction(&[("depth", "eight"), ("classes", "-10"), ("architecture", "vgg16")]).len(),
        3
    );
    // If one tensor does not fit, the fault is the tensor's, not the metadata's.
    let bias = faults(&file(&[("depth", "8"), ("classes", "10")], |tensors| {
        tensors.insert(
            "head.bias".into(),
            Tensor {
                shape: vec![9],
                data: vec![0.0; 9],
            },
        );
    }));
    assert!(
        matches!(&bias[..], [Fault::Shape { name, .. }] if name == "head.bias"),
        "{bias:?}"
    );
    assert!(contradiction(&[("depth", "8"), ("unknown key", "is fine"), ("architecture", "other")]).len() == 1);
}

#[test]
fn tensors_of_something_else_are_refused() {
    let other: StateDict = [(
        "conv1.weight",
        Tensor {
            shape: vec![1],
            data: vec![0.0],
        },
    )]
    .into_iter()
    .collect();
    let bytes = write_tensors(&other, &BTreeMap::new()).unwrap();
    assert!(
        message(&bytes).contains("there is no `head.weight`"),
        "{}",
        message(&bytes)
    );
    assert!(message(&raw("{}", b"")).contains("there is no `head.weight`"));
}

/// Maps our tensor names to those of the authors' code.
fn theirs(name: &str) -> String {
    let ends = [("stem.", "conv1."), ("norm.", "bn."), ("head.", "fc.")];
    let end = ends
        .iter()
        .find_map(|(ours, theirs)| Some(format!("{theirs}{}", name.strip_prefix(ours)?)));
    end.unwrap_or_else(|| {
        let pairs = [("stage", "layer"), (".norm", ".bn"), (".shortcut.", ".downsample.0.")];
        pairs
            .iter()
            .fold(name.to_owned(), |name, (ours, theirs)| name.replace(ours, theirs))
    })
}

#[test]
fn the_names_of_the_authors_code_are_read() {
    let under_their_names = |tensors: &mut BTreeMap<String, Tensor>| {
        *tensors = std::mem::take(tensors)
            .into_iter()
            .map(|(name, tensor)| (theirs(&name), tensor))
            .collect();
    };
    let network = Network::from_safetensors(&file(&[], under_their_names)).unwrap();
    assert_eq!(network.state, small().state);
    assert!(
        network.notices[0].contains("follow the paper authors' code"),
        "{:?}",
        network.notices
    );

    // Missing tensors are reported under our names, and a tensor whose new name is taken is reported as extra.
    let found = faults(&file(&[], |tensors| {
        under_their_names(tensors);
        let bias = tensors.remove("fc.bias").unwrap();
        tensors.insert("stem.weight".into(), bias);
    }));
    let is = |name: &str, fault: &Fault| matches!(fault, Fault::Missing { name: n, .. } | Fault::Extra { name: n, .. } if n == name);
    assert!(found.iter().any(|fault| is("head.bias", fault)), "{found:?}");
    assert!(found.iter().any(|fault| is("conv1.weight", fault)), "{found:?}");
}

#[test]
fn wrong_types_are_named() {
    let double = r#"{"head.bias":{"dtype":"F64","shape":[2],"data_offsets":[0,16]}}"#;
    let expected = Fault::Dtype {
        name: "head.bias".into(),
        found: "F64".into(),
    };
    assert_eq!(
        read_tensors(&raw(double, &[0; 16])),
        Err(WeightsError::Invalid {
            faults: vec![expected.clone()]
        })
    );
    assert!(faults(&raw(double, &[0; 16])).contains(&expected));
    let unknown = double.replace("F64", "F99");
    assert!(message(&raw(&unknown, &[0; 16])).contains("unknown type \"F99\""));
}

#[test]
fn lying_headers_are_refused() {
    let tensor = |name: &str, begin: usize, end: usize| {
        format!(
            r#""{name}":{{"dtype":"F32","shape":[{}],"data_offsets":[{begin},{end}]}}"#,
            end.saturating_sub(begin) / 4
        )
    };
    let bytes = |tensors: &[String], n_data: usize| raw(&format!("{{{}}}", tensors.join(",")), &vec![0; n_data]);
    let beyond = message(&bytes(
        &[tensor("a", 0, 4), tensor("b", 4, 4_000_004), tensor("c", 8, 400)],
        8,
    ));
    assert!(
        beyond.contains("`b` is declared at bytes 4 to 4000004, but only 8 follow the header"),
        "{beyond}"
    );
    assert!(beyond.contains("`c` is declared at"), "all are named: {beyond}");
    let overlap = message(&bytes(&[tensor("a", 0, 8), tensor("b", 4, 12)], 12));
    assert!(
        overlap.contains("`b` overlaps `a`: it starts at byte 4, before 8"),
        "{overlap}"
    );
    assert!(message(&bytes(&[tensor("a", 0, 4), tensor("b", 8, 12)], 12)).contains("bytes 4 to 8 belong to no tensor"));
    assert!(message(&bytes(&[tensor("a", 0, 4)], 6)).contains("bytes 4 to 6 belong to no tensor"));
    assert!(message(&bytes(&[tensor("a", 8, 4)], 8)).contains("ends before it starts"));
    let size = r#"{"a":{"dtype":"F16","shape":[3,2],"data_offsets":[0,8]}}"#;
    assert!(message(&raw(size, &[0; 8])).contains("8 in all, but F16 [3, 2] needs 12"));
    let huge = r#"{"a":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,8]}}"#;
    assert!(message(&raw(huge, &[0; 8])).contains("needs more than memory can hold"));
    assert!(message(&bytes(&[tensor("a", 0, 4), tensor("a", 4, 8)], 8)).contains("`a` occurs twice"));
    for text in [
        "",
        "[]",
        "{\"a\":1}",
        "{\"a\":{\"dtype\":\"F32\",\"shape\":[-1],\"data_offsets\":[0,4]}}",
        "\u{0}\u{1}",
    ] {
        let message = message(&raw(text, &[]));
        assert!(message.contains("not a safetensors header"), "{text:?}: {message}");
    }
}

#[test]
fn wrong_lengths_are_refused() {
    assert_eq!(Network::from_safetensors(b""), Err(WeightsError::Empty));
    assert_eq!(
        Network::from_safetensors(b"1234567"),
        Err(WeightsError::TooShort { n_bytes: 7 })
    );
    for n_bytes in [1_000_001, u64::from(u32::MAX), u64::MAX] {
        let bytes = [&n_bytes.to_le_bytes()[..], &[b' '; 64]].concat();
        assert_eq!(
            Network::from_safetensors(&bytes),
            Err(WeightsError::HeaderTooLarge { n_bytes })
        );
    }
    let whole = small().to_safetensors(Precision::F32).unwrap();
    assert!(message(&whole[..100]).contains("it may be truncated"));
    let cut = message(&whole[..whole.len() - 1]);
    assert!(cut.contains("follow the header"), "{cut}");
    // Truncation at any byte is an error.
    assert!(
        (0..whole.len())
            .step_by(997)
            .all(|n| Network::from_safetensors(&whole[..n]).is_err())
    );
}

#[test]
fn checkpoints_survive_with_their_metadata() {
    let state: StateDict = [
        (
            "velocity.head.bias",
            Tensor {
                shape: vec![3],
                data: vec![1.5, -0.0, f32::MIN_POSITIVE / 4.0],
            },
        ),
        (
            "empty",
            Tensor {
                shape: vec![0, 4],
                data: vec![],
            },
        ),
        (
            "scalar",
            Tensor {
                shape: vec![],
                data: vec![7.0],
            },
        ),
    ]
    .into_iter()
    .collect();
    let metadata = BTreeMap::from([
        ("step".to_string(), "50".to_string()),
        ("quote".to_string(), "\"\n".to_string()),
    ]);
    let bytes = write_tensors(&state, &metadata).unwrap();
    let (read, read_metadata) = read_tensors(&bytes).unwrap();
    assert_eq!((&read, &read_metadata), (&state, &metadata));
    assert_eq!(
        read.iter().map(|(n, _)| n).collect::<Vec<_>>(),
        ["velocity.head.bias", "empty", "scalar"]
    );
    assert!(read.get("velocity.head.bias").unwrap().data[1].is_sign_negative());
    assert!(safetensors::SafeTensors::deserialize(&bytes).is_ok());
    let unequal: StateDict = [(
        "a",
        Tensor {
            shape: vec![2],
            data: vec![1.0],
        },
    )]
    .into_iter()
    .collect();
    assert!(matches!(
        write_tensors(&unequal, &metadata),
        Err(WeightsError::Unwritable { .. })
    ));
}

#[test]
fn a_manifest_that_differs_from_the_file_is_refused() {
    use fidelity_lab::weights::manifest::{Entry, Manifest, sha256_hex};
    let bytes = small().to_safetensors(Precision::F32).unwrap();
    let json = serde_json::json!({ "networks": [{
        "role": "teacher", "family": "PreResNet-8", "name": "small", "file": "small.safetensors", "bytes": bytes.len(),
        "sha256": sha256_hex(&bytes), "depth": 8, "nClasses": 10, "taughtBy": null,
        "normalisation": { "mean": [0.5, 0.25, 0.125], "std": [0.5, 1, 2] },
        "metrics": { "accuracy": 0.1, "top5Accuracy": 0.5, "nll": 2.3, "ece": 0 },
    }] });
    let entry = Manifest::parse(&json.to_string()).unwrap().networks.remove(0);
    entry.check_bytes(&bytes).unwrap();
    let network = Network::from_safetensors(&bytes).unwrap();
    entry.check(&network).unwrap();
    let differs = |change: fn(&mut Entry)| {
        let mut entry = entry.clone();
        change(&mut entry);
        entry.check(&network).unwrap_err().to_string()
    };
    assert!(differs(|e| e.depth = 14).contains("depth 14, but the file says 8; correct the manifest"));
    assert!(differs(|e| e.n_classes = 100).contains("nClasses 100"));
    assert!(differs(|e| e.name = "other".into()).contains("the name other"));
    assert!(differs(|e| e.family = "PreResNet-14".into()).contains("the family"));
    assert!(differs(|e| e.normalisation.std[0] = 0.25).contains("normalisation"));
}

/// If a student still disagrees with its teachers on many images, an accuracy that equals a teacher's to the last of 10,000
/// images must have been measured on the teacher.
#[test]
fn no_curve_of_a_shipped_student_holds_its_teachers_accuracy() {
    use fidelity_lab::weights::manifest::Manifest;
    let path = format!("{}/www/weights/manifest.json", env!("CARGO_MANIFEST_DIR"));
    let manifest = Manifest::parse(&std::fs::read_to_string(path).unwrap()).unwrap();
    let accuracy = |name: &String| {
        let entry = manifest.networks.iter().find(|entry| entry.name == *name).unwrap();
        entry.metrics.accuracy
    };
    let mut n_curves = 0;
    for entry in &manifest.networks {
        let (Some(curve), Some(teachers)) = (&entry.curve, &entry.taught_by) else {
            continue;
        };
        n_curves += 1;
        let teachers: Vec<f64> = teachers.iter().map(accuracy).collect();
        for (epoch, measured) in curve.accuracy.iter().zip(&curve.agreement).enumerate() {
            if let (Some(own), Some(agreement)) = measured
                && *agreement < 0.6
            {
                assert!(!teachers.contains(own), "{}: {own} in epoch {}", entry.name, epoch + 1);
            }
        }
    }
    assert!(n_curves > 0, "there are curves to look at");
}
