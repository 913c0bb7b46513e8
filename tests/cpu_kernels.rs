//! Whole networks by the CPU's kernels against the plain network of burn's operations.
#![cfg(feature = "cpu")]

mod common;

use fidelity_lab::data::IMAGE_BYTES;
use fidelity_lab::device::upload_images;
use fidelity_lab::kernels::Plan;
use fidelity_lab::kernels::cpu::CpuNetwork;
use fidelity_lab::kernels::plan::IMAGE_SIZE;
use fidelity_lab::model::PreResNet;

use common::testing::assert_close;

/// Rows of 24, 12 and 6 pixels, the last no whole number of tiles; and back.
#[test]
fn images_of_other_sizes() {
    let network = common::network("arbitrary20");
    let plan = Plan::from_state(&network.architecture, &network.state, &network.normalisation).unwrap();
    let device = burn::tensor::Device::flex();
    let plain = PreResNet::from_state(&network.architecture, &network.state, &device).unwrap();
    let mut cpu = CpuNetwork::new(&plan);
    for side in [24, 32, 8] {
        let pixels: Vec<u8> = (0..3 * side * side * 3).map(|i| (i * 7919 % 251) as u8).collect();
        let images = upload_images(&pixels, side, &network.normalisation, &device);
        let expected: Vec<f32> = plain.forward(images).into_data().try_to_vec().unwrap();
        let found = cpu.logits_of_side(&pixels, side);
        assert_close(&format!("{side} pixels"), &found, &expected, 1e-3);
    }
}

#[test]
fn stages_are_those_of_the_plain_network() {
    for file in ["arbitrary20", "teacher0"] {
        let network = common::network(file);
        let plan = Plan::from_state(&network.architecture, &network.state, &network.normalisation).unwrap();
        let device = burn::tensor::Device::flex();
        let plain = PreResNet::from_state(&network.architecture, &network.state, &device).unwrap();
        let mut cpu = CpuNetwork::new(&plan);
        let pixels: Vec<u8> = (0..2 * IMAGE_BYTES).map(|i| (i * 7919 % 251) as u8).collect();
        let images = upload_images(&pixels, IMAGE_SIZE, &network.normalisation, &device);
        for (stage, expected) in plain.stages(images).into_iter().enumerate() {
            let expected: Vec<f32> = expected.into_data().try_to_vec().unwrap();
            let found = cpu.stage(&pixels, stage);
            assert_close(&format!("{file}, stage {stage}"), &found, &expected, 1e-3);
        }
    }
}
