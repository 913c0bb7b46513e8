//! What tests on the golden networks share.
#![allow(dead_code, reason = "each test program uses some of it")]

#[path = "../../src/testing.rs"]
pub mod testing;

use std::collections::BTreeMap;

use burn::tensor::{Device, Tensor, TensorData};
use fidelity_lab::device::upload_images;
use fidelity_lab::distil::{Decay, Objective, Sgd, distillation_loss};
use fidelity_lab::model::PreResNet;
use fidelity_lab::weights::Network;
use testing::{Golden, assert_relative, golden_bytes};

/// Tells rounding from mistakes; tests/golden/README.md says how far f32 alone drifts.
pub const RELATIVE: f32 = 1e-3;

/// A network of tests/golden.
pub fn network(name: &str) -> Network {
    Network::from_safetensors(&golden_bytes(&format!("{name}.safetensors"))).unwrap()
}

/// Reads a tensor.
pub fn read<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().try_into_vec().unwrap()
}

/// Trains a student for one step on the first `n` images, and compares gradients, parameters and running statistics with
/// PyTorch's. `kinks` names a row of kinks.json: a rounding within which PyTorch's own gradients are apart.
pub fn check_step(device: &Device, kinks: &str, prefix: &str, student: &str, n: usize) {
    let golden = Golden::new();
    let training = device.clone().autodiff();
    let network = network(student);
    let mut net = PreResNet::from_state(&network.architecture, &network.state, &training).unwrap();
    let z = golden.f32("ensemble.log_probs")[..n * 100].to_vec();
    let teacher = Tensor::<2>::from_data(TensorData::new(z, [n, 100]), device).autodiff();
    let logits = net.forward_train(upload_images(&golden.pixels(n), 32, &network.normalisation, &training));
    let loss = distillation_loss(Objective::CrossEntropy, logits, teacher, None, 4.0, 0.0);
    let gradients = loss.backward();

    let by_name = net.parameters().into_iter().map(|parameter| {
        let gradient = parameter.flat().grad(&gradients).unwrap();
        (parameter.name().to_owned(), read(gradient))
    });
    let by_name: BTreeMap<String, Vec<f32>> = by_name.collect();
    let norm = |gradient: &Vec<f32>| gradient.iter().map(|v| f64::from(*v).powi(2)).sum::<f64>().sqrt() as f32;
    let norms: Vec<f32> = by_name.values().map(norm).collect();
    let deviations: BTreeMap<String, BTreeMap<String, f32>> =
        serde_json::from_slice(&golden_bytes("kinks.json")).unwrap();
    let bound = |key: &str| RELATIVE.max(2.0 * deviations[kinks][key]);
    let key = format!("{prefix}.grad_norms");
    assert_relative(&key, &norms, &golden.f32(&key), bound(&key));
    let names = golden.names();
    let watched = |kind: &str| -> Vec<&str> {
        let start = format!("{prefix}.{kind}.");
        names.iter().filter_map(|name| name.strip_prefix(&start)).collect()
    };
    let gradients_watched = watched("grad");
    assert!(gradients_watched.len() >= 8, "{gradients_watched:?}");
    for name in gradients_watched {
        let key = format!("{prefix}.grad.{name}");
        assert_relative(&key, &by_name[name], &golden.f32(&key), bound(&key));
    }

    Sgd::new(1e-4, Decay::All).step(&mut net, &gradients, 0.01);
    let after = net
        .named_tensors()
        .into_iter()
        .map(|(name, _, tensor)| (name, read(tensor)));
    let after: BTreeMap<String, Vec<f32>> = after.collect();
    let after_watched = watched("after");
    assert!(
        after_watched.iter().any(|name| name.ends_with("running_var")),
        "{after_watched:?}"
    );
    for name in after_watched {
        let key = format!("{prefix}.after.{name}");
        assert_relative(&key, &after[name], &golden.f32(&key), RELATIVE);
    }
}
