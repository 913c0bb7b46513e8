//! The engine against PyTorch's numbers (tests/golden), on burn's CPU backend.
#![cfg(feature = "cpu")]

mod common;

use std::rc::Rc;

use burn::tensor::Device;
use common::testing::{Golden, assert_relative, golden_bytes, largest_difference};
use common::{RELATIVE, check_step, network, read};
use fidelity_lab::device::{ComputeDevice, Evaluator, upload_images};
use fidelity_lab::distil::{Policy, Recipe, Schedule, Training};
use fidelity_lab::error::ErrorCode;
use fidelity_lab::metrics::ensemble_log_probs;
use fidelity_lab::model::PreResNet;
use fidelity_lab::session::{Evaluation, Gram, Images, Model, Models, Prediction};
use fidelity_lab::weights::{Network, Role};
use pollster::block_on;

/// Bounds that tell rounding from mistakes; tests/golden/README.md says how far f32 alone drifts.
const LOGITS: f32 = 2e-3;
const LOSS: f64 = 1e-3;

fn argmaxes(logits: &[f32], classes: usize) -> Vec<usize> {
    logits.chunks(classes).map(fidelity_lab::metrics::argmax).collect()
}

#[test]
fn logits_of_every_network_and_the_ensemble() {
    let (golden, device) = (Golden::new(), Device::flex());
    let mut members = Vec::new();
    for name in ["teacher0", "teacher1", "teacher2", "student0", "arbitrary20"] {
        let network = network(name);
        let net = PreResNet::from_state(&network.architecture, &network.state, &device).unwrap();
        let plain = read(net.forward(upload_images(&golden.pixels(20), 32, &network.normalisation, &device)));
        let evaluator = Evaluator::of_network(&network, &ComputeDevice::cpu().executor).unwrap();
        let fast = pollster::block_on(evaluator.logits(&golden.pixels(20))).unwrap();
        let expected = golden.f32(&format!("{name}.logits"));
        for (what, found) in [("burn", plain), ("kernels", fast.clone())] {
            let difference = largest_difference(&found, &expected);
            assert!(difference <= LOGITS, "{name} by {what}: off by {difference}");
            assert_eq!(argmaxes(&found, 100), argmaxes(&expected, 100), "{name} by {what}");
        }
        if name.starts_with("teacher") {
            members.push(fast);
        }
    }
    let members: Vec<_> = members.iter().map(Vec::as_slice).collect();
    let ensemble: Vec<f32> = ensemble_log_probs(&members, 100)
        .unwrap()
        .iter()
        .map(|&v| v as f32)
        .collect();
    assert!(largest_difference(&ensemble, &golden.f32("ensemble.log_probs")) <= LOGITS);
}

#[test]
fn stage_activations_of_a_teacher() {
    let (golden, device) = (Golden::new(), Device::flex());
    let network = network("teacher0");
    let net = PreResNet::from_state(&network.architecture, &network.state, &device).unwrap();
    let stages = net.stages(upload_images(&golden.pixels(2), 32, &network.normalisation, &device));
    assert_eq!(stages.len(), 3);
    for (i, stage) in stages.into_iter().enumerate() {
        let name = format!("teacher0.stage{}", i + 1);
        assert_relative(&name, &read(stage.permute([0, 3, 1, 2])), &golden.f32(&name), RELATIVE);
    }
}

#[test]
fn gram_matrices_of_the_stages() {
    let (golden, loaded) = (Golden::new(), models("student0.safetensors"));
    let n = 2;
    let all = loaded.all_named(&["teacher0".to_owned()]).unwrap();
    let mut run = Gram::new(all, Images::new(golden.pixels(n), None).unwrap(), 1).unwrap();
    let mut n_calls = 0;
    while !block_on(run.advance()).unwrap() {
        n_calls += 1;
        assert!((run.progress() - f64::from(n_calls) / 6.0).abs() < 1e-12);
    }
    let (names, found) = run.finish();
    assert_eq!((names, found.len()), (vec!["teacher0".to_owned()], 3 * n * n));
    for (stage, found) in found.chunks(n * n).enumerate() {
        let x = golden.f32(&format!("teacher0.stage{}", stage + 1));
        let rows: Vec<&[f32]> = x.chunks(x.len() / n).collect();
        let product =
            |i: usize, j: usize| rows[i].iter().zip(rows[j]).map(|(a, b)| f64::from(a * b)).sum::<f64>() as f32;
        let expected: Vec<f32> = (0..n * n).map(|i| product(i / n, i % n)).collect();
        assert_relative(&format!("stage {stage}"), found, &expected, RELATIVE);
    }
    let one = Images::new(golden.pixels(1), None).unwrap();
    let error = Gram::new(loaded.all_named(&["teacher0".to_owned()]).unwrap(), one, 1)
        .err()
        .unwrap();
    assert!(
        error.code == ErrorCode::BadArgument && error.message.contains("2 to 512"),
        "{error}"
    );
}

#[test]
fn one_step_of_bottleneck_blocks() {
    check_step(&Device::flex(), "1e-7", "step", "student0", 20);
    check_step(&Device::flex(), "1e-7", "step8", "student0", 8);
}

#[test]
fn one_step_of_basic_blocks() {
    check_step(&Device::flex(), "1e-7", "arbitrary20.step8", "arbitrary20", 8);
}

/// Loaded as the page loads them: three teachers and a student.
fn models(student: &str) -> Models {
    let mut models = Models::new(ComputeDevice::cpu());
    for i in 0..3 {
        models
            .load(&golden_bytes(&format!("teacher{i}.safetensors")), Role::Teacher, None)
            .unwrap();
    }
    models
        .load(&golden_bytes(student), Role::Student, Some("student".into()))
        .unwrap();
    models
}

fn teachers(models: &Models) -> Vec<Rc<Model>> {
    let names: Vec<String> = (0..3).map(|i| format!("teacher{i}")).collect();
    models.teachers(Some(&names), None).unwrap()
}

fn golden_recipe(steps: u32, batch_size: u32) -> Recipe {
    Recipe {
        steps,
        batch_size,
        learning_rate: 0.01,
        weight_decay: 1e-4,
        policy: Policy::None,
        schedule: Schedule::Constant,
        ..Recipe::default()
    }
}

fn distillation(models: &Models, recipe: Recipe, n: usize) -> Training {
    let images = Images::new(Golden::new().pixels(n), None).unwrap();
    let info = models.get("student").unwrap().info.clone();
    Training::distilling(
        recipe,
        models.network("student").unwrap(),
        &info,
        teachers(models),
        images,
        &ComputeDevice::cpu(),
    )
    .unwrap()
}

fn losses(run: &mut Training, steps: usize) -> Vec<f64> {
    (0..steps).map(|_| block_on(run.step()).unwrap().loss).collect()
}

fn assert_losses(found: &[f64], expected: &[f64]) {
    assert_eq!(found.len(), expected.len());
    for (i, (found, expected)) in found.iter().zip(expected).enumerate() {
        assert!(
            (found - expected).abs() <= LOSS,
            "step {}: {found}, not {expected}",
            i + 1
        );
    }
}

#[test]
fn ten_losses_of_a_distillation() {
    let golden = Golden::new();
    let models = models("student0.safetensors");
    let mut run = distillation(&models, golden_recipe(10, 20), 20);
    let found = losses(&mut run, 10);
    assert_losses(&found, &golden.f64("step.losses_f64"));
    assert!(found[9] < found[0]);
    let mut small = distillation(&models, golden_recipe(1, 8), 8);
    assert_losses(&losses(&mut small, 1), &golden.f64("step8.losses"));
}

#[test]
fn three_losses_of_basic_blocks() {
    let models = models("arbitrary20.safetensors");
    let mut run = distillation(&models, golden_recipe(3, 8), 8);
    assert_losses(&losses(&mut run, 3), &Golden::new().f64("arbitrary20.step8.losses"));
}

#[test]
fn a_resumed_run_equals_an_uninterrupted_one() {
    let models = models("arbitrary20.safetensors");
    let recipe = Recipe {
        steps: 4,
        batch_size: 5,
        policy: Policy::FlipCrop,
        seed: 7,
        ..Recipe::default()
    };
    let mut whole = distillation(&models, recipe.clone(), 8);
    losses(&mut whole, 4);

    let mut first = distillation(&models, recipe.clone(), 8);
    losses(&mut first, 2);
    let checkpoint = block_on(first.checkpoint()).unwrap();
    let mut second = distillation(&models, recipe.clone(), 8).resume(&checkpoint).unwrap();
    assert_eq!(second.steps_done(), 2);
    losses(&mut second, 2);
    assert_eq!(block_on(whole.state()).unwrap(), block_on(second.state()).unwrap());

    let other = Recipe { seed: 8, ..recipe };
    let error = distillation(&models, other, 8).resume(&checkpoint).err().unwrap();
    assert_eq!(error.code, ErrorCode::CheckpointInvalid);
    let error = distillation(&models, golden_recipe(4, 5), 8)
        .resume(b"no checkpoint")
        .err()
        .unwrap();
    assert_eq!(error.code, ErrorCode::CheckpointInvalid);
}

#[test]
fn the_source_student_stays_and_the_result_says_where_it_is_from() {
    let models = models("arbitrary20.safetensors");
    let before = models.network("student").unwrap().clone();
    let mut run = distillation(&models, golden_recipe(1, 8), 8);
    losses(&mut run, 1);
    let made = block_on(run.network("made")).unwrap();
    assert_eq!(models.network("student").unwrap(), &before);
    assert_ne!(made.state, before.state);
    assert!(made.provenance.as_ref().unwrap().contains("teacher0"));
    let bytes = made.to_safetensors(fidelity_lab::weights::Precision::F32).unwrap();
    assert_eq!(Network::from_safetensors(&bytes).unwrap().state, made.state);
}

#[test]
fn batch_size_changes_no_figure() {
    let models = models("student0.safetensors");
    let golden = Golden::new();
    let labels = golden.labels(20);
    let report = |batch_size| {
        let images = Images::new(golden.pixels(20), Some(labels.clone())).unwrap();
        let student = vec![models.get("student").unwrap()];
        let mut run = Evaluation::new(teachers(&models), student, images, batch_size).unwrap();
        while block_on(run.advance()).unwrap() < 20 {}
        run.report()
    };
    let all = report(20);
    let student = &all.students["student"];
    assert!((student.agreement - 0.85).abs() < 1e-9, "{student:?}");
    assert!((student.kl - 0.237_472_977).abs() < 1e-4, "{student:?}");
    assert!((all.ensemble.as_ref().unwrap().ece.unwrap() - 0.203_505_957).abs() < 1e-4);
    for batch_size in [1, 7, 64] {
        let other = report(batch_size);
        assert!((other.students["student"].kl - student.kl).abs() < 1e-6, "{batch_size}");
        assert_eq!(other.students["student"].agreement, student.agreement);
        for (name, figures) in &all.models {
            let nll = |g: &fidelity_lab::metrics::Generalisation| g.nll.unwrap();
            assert!(
                (nll(&other.models[name]) - nll(figures)).abs() < 1e-6,
                "{batch_size} {name}"
            );
            assert_eq!(other.models[name].accuracy, figures.accuracy);
        }
    }
}

#[test]
fn a_snapshot_goes_on_where_it_stopped() {
    let models = models("arbitrary20.safetensors");
    let run = || {
        let images = Images::new(Golden::new().pixels(6), None).unwrap();
        Evaluation::new(teachers(&models), vec![models.get("student").unwrap()], images, 2).unwrap()
    };
    let mut whole = run();
    while block_on(whole.advance()).unwrap() < 6 {}
    let mut first = run();
    while block_on(first.advance()).unwrap() < 4 {}
    assert!(first.report().cancelled);
    let snapshot = serde_json::to_string(first.snapshot()).unwrap();
    let mut second = run().resume(serde_json::from_str(&snapshot).unwrap()).unwrap();
    while block_on(second.advance()).unwrap() < 6 {}
    let (a, b) = (whole.report(), second.report());
    assert_eq!(a.students["student"].agreement, b.students["student"].agreement);
    assert!((a.students["student"].kl - b.students["student"].kl).abs() < 1e-12);
    assert!(!b.cancelled && b.models["student"].accuracy.is_none());
    // A snapshot does not hold the ensemble's log-probabilities.
    assert_eq!(whole.into_ensemble().map(|values| values.len()), Some(600));
    assert!(first.into_ensemble().is_none() && second.into_ensemble().is_none());
}

#[test]
fn a_snapshot_of_other_networks_is_refused() {
    let models = models("arbitrary20.safetensors");
    let of = |teacher: &str, student: &str, n_images: usize| {
        let [teacher, student] = [teacher, student].map(|name| models.get(name).unwrap());
        let images = Images::new(Golden::new().pixels(n_images), None).unwrap();
        Evaluation::new(vec![teacher], vec![student], images, 2).unwrap()
    };
    let mut run = of("teacher0", "student", 2);
    while block_on(run.advance()).unwrap() < 2 {}
    // As many networks, but others; and fewer images than were evaluated.
    for other in [
        of("teacher1", "student", 2),
        of("student", "teacher0", 2),
        of("teacher0", "student", 1),
    ] {
        let error = other.resume(run.snapshot().clone()).err().unwrap();
        assert_eq!(error.code, ErrorCode::CheckpointInvalid);
    }
    assert!(of("teacher0", "student", 2).resume(run.snapshot().clone()).is_ok());
}

#[test]
fn a_prediction_s_ensemble_has_the_teachers_among_its_models() {
    let models = models("arbitrary20.safetensors");
    let [teacher, other, student] = ["teacher0", "teacher1", "student"].map(|name| models.get(name).unwrap());
    let predicted = |teachers: Option<&[Rc<Model>]>| {
        let images = Images::new(Golden::new().pixels(1), None).unwrap();
        let mut run = Prediction::new(vec![student.clone(), teacher.clone()], teachers, images, 8).unwrap();
        while !block_on(run.advance()).unwrap() {}
        run.finish().unwrap()
    };
    let by_role = predicted(None);
    assert_eq!(by_role.models, ["student", "teacher0"]);
    let members = [other, teacher.clone()];
    assert_eq!(predicted(Some(&members)), by_role);
    assert_ne!(
        predicted(Some(std::slice::from_ref(&student))).ensemble,
        by_role.ensemble
    );
    assert_eq!(predicted(Some(&[])).ensemble, None);
}

#[test]
fn bad_arguments_are_named() {
    let mut models = models("arbitrary20.safetensors");
    let code = |e: fidelity_lab::error::LabError| e.code;
    assert_eq!(
        code(
            models
                .load(
                    &golden_bytes("student0.safetensors"),
                    Role::Student,
                    Some("student".into())
                )
                .unwrap_err()
        ),
        ErrorCode::NameTaken
    );
    assert_eq!(
        code(models.load(b"{}", Role::Student, None).unwrap_err()),
        ErrorCode::WeightsInvalid
    );
    assert_eq!(code(models.get("nobody").unwrap_err()), ErrorCode::UnknownModel);
    assert_eq!(code(models.remove("nobody").unwrap_err()), ErrorCode::UnknownModel);
    assert_eq!(code(Images::new(vec![], None).unwrap_err()), ErrorCode::BadArgument);
    assert_eq!(
        code(Images::new(vec![0; 3071], None).unwrap_err()),
        ErrorCode::BadArgument
    );
    assert_eq!(
        code(Images::new(vec![0; 3072], Some(vec![1, 2])).unwrap_err()),
        ErrorCode::BadArgument
    );
    let info = models.get("student").unwrap().info.clone();
    let one = || Images::new(vec![0; 6144], Some(vec![0, 100])).unwrap();
    let start = |recipe, teachers, images| {
        Training::distilling(
            recipe,
            models.network("student").unwrap(),
            &info,
            teachers,
            images,
            &ComputeDevice::cpu(),
        )
        .err()
        .unwrap()
        .code
    };
    let two = Images::new(vec![0; 6144], None).unwrap();
    assert_eq!(start(Recipe::default(), vec![], two.clone()), ErrorCode::NoTeacher);
    assert_eq!(
        start(Recipe::default(), teachers(&models), one()),
        ErrorCode::BadArgument
    );
    assert_eq!(
        start(
            Recipe {
                temperature: f64::NAN,
                ..Recipe::default()
            },
            teachers(&models),
            two.clone()
        ),
        ErrorCode::BadArgument
    );
    assert_eq!(
        start(
            Recipe {
                alpha: 0.5,
                ..Recipe::default()
            },
            teachers(&models),
            two
        ),
        ErrorCode::BadArgument
    );
    // A PreResNet-20 has no teacher of its own family here.
    assert!(models.teachers(None, Some(&info)).unwrap().is_empty());
}
