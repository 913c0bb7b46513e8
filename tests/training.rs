//! Training as the program does it: on labels, near a teacher, on smaller pictures, with frozen statistics, against PyTorch's curve.
#![cfg(feature = "cpu")]

mod common;

use std::rc::Rc;

use fidelity_lab::data::IMAGE_BYTES;
use fidelity_lab::device::ComputeDevice;
use fidelity_lab::distil::{Policy, Recipe, Schedule, Step, Training, start};
use fidelity_lab::error::ErrorCode;
use fidelity_lab::session::{Images, Model, ModelInfo};
use fidelity_lab::weights::{Network, Role};
use pollster::block_on;

use common::testing::{Golden, largest, largest_difference};

/// A PreResNet-20 of 100 classes.
fn network() -> Network {
    common::network("arbitrary20")
}

/// The first `n` of the 20 golden images, with labels.
fn images(n: usize) -> Images {
    let golden = Golden::new();
    Images::new(golden.pixels(n), Some(golden.labels(n))).unwrap()
}

fn on_labels(recipe: Recipe, network: &Network, images: Images) -> Training {
    let info = ModelInfo::new(network, Role::Student);
    Training::on_labels(recipe, network, &info, images, &ComputeDevice::cpu()).unwrap()
}

fn distilling(recipe: Recipe, student: &Network, teacher: &Network, images: Images) -> Training {
    let compute = ComputeDevice::cpu();
    let info = ModelInfo::new(teacher, Role::Teacher);
    let model = Model::new(info, teacher, &teacher.state, &compute).unwrap();
    let info = ModelInfo::new(student, Role::Student);
    Training::distilling(recipe, student, &info, vec![Rc::new(model)], images, &compute).unwrap()
}

fn steps(run: &mut Training, n: usize) -> Vec<Step> {
    (0..n).map(|_| block_on(run.step()).unwrap()).collect()
}

/// Of every kind: smaller pictures first, all augmentations, a warm-up.
fn varied() -> Recipe {
    Recipe {
        steps: 4,
        small_steps: 2,
        warm_up_steps: 1,
        batch_size: 6,
        policy: Policy::Combined,
        learning_rate: 0.05,
        seed: 3,
        ..Recipe::default()
    }
}

#[test]
fn a_resumed_training_on_labels_equals_an_uninterrupted_one() {
    let (network, images) = (network(), images(8));
    let mut whole = on_labels(varied(), &network, images.clone());
    steps(&mut whole, 4);
    let mut first = on_labels(varied(), &network, images.clone());
    steps(&mut first, 1);
    let checkpoint = block_on(first.checkpoint()).unwrap();
    let mut second = on_labels(varied(), &network, images).resume(&checkpoint).unwrap();
    steps(&mut second, 3);
    assert_eq!(block_on(whole.state()).unwrap(), block_on(second.state()).unwrap());
    let provenance = block_on(whole.network("made")).unwrap().provenance.unwrap();
    assert!(provenance.contains("\"trainedFrom\":\"arbitrary20\"") && !provenance.contains("teachers"));
}

#[test]
fn figures_that_are_read_later_are_those_that_are_read_at_once() {
    let (network, images) = (network(), images(8));
    let at_once = steps(&mut on_labels(varied(), &network, images.clone()), 4);
    let mut later = on_labels(varied(), &network, images);
    for _ in 0..4 {
        block_on(later.step_unread()).unwrap();
    }
    assert_eq!(block_on(later.measured()).unwrap(), at_once);
    assert!(block_on(later.measured()).unwrap().is_empty());
}

#[test]
fn teachers_that_answer_ahead_teach_the_same() {
    for policy in [Policy::Combined, Policy::None] {
        let recipe = Recipe { policy, ..varied() };
        let (network, images) = (network(), images(8));
        let at_once = steps(&mut distilling(recipe.clone(), &network, &network, images.clone()), 4);
        let mut ahead = distilling(recipe.clone(), &network, &network, images.clone());
        block_on(ahead.answer_ahead(3)).unwrap();
        let mut found = steps(&mut ahead, 1);
        let checkpoint = block_on(ahead.checkpoint()).unwrap();
        // More than the recipe has, and some of them already.
        block_on(ahead.answer_ahead(9)).unwrap();
        found.extend(steps(&mut ahead, 3));
        assert_eq!(found, at_once, "{policy:?}");
        let mut resumed = ahead.resume(&checkpoint).unwrap();
        assert_eq!(steps(&mut resumed, 3), at_once[1..], "{policy:?}, resumed");

        let other = Network {
            name: "another".into(),
            ..network.clone()
        };
        let refused = distilling(recipe, &network, &other, images).resume(&checkpoint);
        let error = refused.err().unwrap();
        assert_eq!(error.code, ErrorCode::CheckpointInvalid);
        assert!(
            error.message.contains("the given teachers are: another"),
            "{}",
            error.message
        );
    }
}

#[test]
fn labels_are_learnt() {
    let recipe = Recipe {
        steps: 12,
        batch_size: 8,
        policy: Policy::None,
        learning_rate: 0.02,
        schedule: Schedule::Constant,
        ..Recipe::default()
    };
    let found = steps(&mut on_labels(recipe, &network(), images(8)), 12);
    assert!(
        found[11].loss < 0.6 * found[0].loss,
        "{} {}",
        found[0].loss,
        found[11].loss
    );
    assert!(found[11].agreement > found[0].agreement);
    assert!(found.iter().all(|step| step.loss_floor == 0.0));
}

/// A student that is its teacher and normalises with the same statistics answers the same, at either size.
#[test]
fn a_copy_with_frozen_statistics_is_at_the_floor() {
    let network = network();
    let recipe = Recipe {
        freeze_statistics: true,
        learning_rate: 0.0,
        ..varied()
    };
    let mut run = distilling(recipe, &network, &network, images(8));
    for step in steps(&mut run, 4) {
        assert!((step.loss - step.loss_floor).abs() < 1e-4 * step.loss, "{step:?}");
        assert_eq!(step.agreement, 1.0, "{step:?}");
    }
    assert_eq!(block_on(run.state()).unwrap(), network.state);
}

#[test]
fn frozen_statistics_stay_while_weights_are_learnt() {
    let network = network();
    let recipe = Recipe {
        freeze_statistics: true,
        ..varied()
    };
    let mut run = on_labels(recipe, &network, images(8));
    steps(&mut run, 2);
    let state = block_on(run.state()).unwrap();
    for (name, tensor) in state.iter() {
        let before = network.state.get(name).unwrap();
        assert_eq!(tensor == before, name.contains("running"), "{name}");
    }
}

/// A batch's statistics enter the running ones by a tenth each time: after 8 images in one batch, `running + (batch - running) / 10`.
/// So a network whose running statistics are all those of the batch keeps them.
#[test]
fn estimated_statistics_are_the_network_s_own() {
    let (network, images, compute) = (network(), images(8), ComputeDevice::cpu());
    let mut estimated = network.clone();
    for _ in 0..150 {
        estimated = block_on(start::estimate_statistics(&estimated, &images, &compute)).unwrap();
    }
    let again = block_on(start::estimate_statistics(&estimated, &images, &compute)).unwrap();
    for (name, tensor) in again.state.iter() {
        let before = estimated.state.get(name).unwrap();
        let difference = largest_difference(&before.data, &tensor.data);
        assert!(difference <= 1e-5 * largest(&before.data), "{name}");
        assert_eq!(
            name.contains("running"),
            network.state.get(name) != Some(tensor),
            "{name}"
        );
    }
}

#[test]
fn what_cannot_be_learnt_is_told() {
    let network = network();
    let info = ModelInfo::new(&network, Role::Student);
    let start = |recipe, images| {
        Training::on_labels(recipe, &network, &info, images, &ComputeDevice::cpu())
            .err()
            .unwrap()
    };
    let unlabelled = Images::new(vec![0; 2 * IMAGE_BYTES], None).unwrap();
    let error = start(Recipe::default(), unlabelled);
    assert_eq!(error.code, ErrorCode::BadArgument);
    assert!(error.message.contains("needs labels"), "{error}");
    let mixed = Recipe {
        policy: Policy::Mixup,
        ..Recipe::default()
    };
    assert!(start(mixed, images(4)).message.contains("no label fits"));
}

/// The recipe, images and curve of `tests/golden/curve.py`, by which PyTorch trained five networks. Random numbers are others, so
/// that a curve is one more draw: it must lie within four of their standard deviations (of a single run's difference from the mean
/// of five), which a learning rate of half or twice as much does not.
#[cfg(feature = "archive")]
#[test]
fn a_short_training_has_the_curve_of_pytorch() {
    use fidelity_lab::data::archive::Source;
    use fidelity_lab::data::cifar::{RECORD_BYTES, parse_records};
    use fidelity_lab::distil::{Preset, PresetName};

    const N_IMAGES: usize = 2000;
    let curve: serde_json::Value = serde_json::from_slice(&common::testing::golden_bytes("curve.json")).unwrap();
    let losses = |epoch: usize| -> Vec<f64> {
        let seeds = curve["seeds"].as_object().unwrap().values();
        seeds.map(|seed| seed["loss"][epoch].as_f64().unwrap()).collect()
    };
    let path = std::env::var_os("CIFAR100_ARCHIVE")
        .expect("CIFAR100_ARCHIVE names CIFAR-100's archive, its parts or a folder");
    let records = Source::find(path.as_ref()).unwrap().records("train.bin").unwrap();
    let records = parse_records(&records[..N_IMAGES * RECORD_BYTES]).unwrap();
    let images = Images::new(records.pixels, Some(records.fine)).unwrap();

    let preset = Preset {
        epochs: 3,
        small_epochs: 0,
        ..PresetName::FastTeacher.preset(false)
    };
    let seed = std::env::var("SEED").map_or(0, |seed| seed.parse().unwrap());
    let recipe = Recipe {
        seed,
        ..preset.recipe(N_IMAGES)
    };
    #[cfg(feature = "threads")]
    fidelity_lab::kernels::cpu::parallel::set_pool(rayon::ThreadPoolBuilder::new().num_threads(1).build().ok());
    let Network {
        architecture,
        normalisation,
        ..
    } = network();
    let network = start::random("teacher", architecture, normalisation, seed);
    let mut run = on_labels(recipe, &network, images);
    let mut found = Vec::new();
    for _ in 0..3 {
        let epoch = steps(&mut run, 15);
        found.push(epoch.iter().map(|step| step.loss).sum::<f64>() / 15.0);
    }
    println!("seed {seed}: {found:?}");
    for (epoch, found) in found.iter().enumerate() {
        let expected = losses(epoch);
        let n = expected.len() as f64;
        let mean = expected.iter().sum::<f64>() / n;
        let variance = expected.iter().map(|loss| (loss - mean).powi(2)).sum::<f64>() / (n - 1.0);
        let deviation = (variance * (1.0 + 1.0 / n)).sqrt();
        assert!(
            (found - mean).abs() < 4.0 * deviation,
            "epoch {}: {found}, PyTorch's is {mean} with a deviation of {deviation}",
            epoch + 1
        );
    }
}
