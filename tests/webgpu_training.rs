//! A training step of whole networks on burn's wgpu backend against PyTorch's numbers (tests/golden), natively, by each family of
//! kernels: `cargo test --features native-wgpu --test webgpu_training`. tests/webgpu_golden.rs says which adapters will do.

mod common;

use fidelity_lab::device::{GpuDevice, acquire};
use fidelity_lab::kernels::webgpu::KernelFamily;
use pollster::block_on;

/// Asserts by the kernels' labels that the family's ran, each in forward and backward passes and in the optimiser's step.
fn assert_ran(family: KernelFamily, gpu: &GpuDevice) {
    let labels = gpu.training_labels();
    let count = |text: &str| labels.iter().filter(|label| label.contains(text)).count();
    for kernel in [
        "forward: ",
        "backward: ",
        "Weight(",
        "NormGradients(",
        "Running {",
        "Sgd {",
    ] {
        assert!(count(kernel) > 0, "no {kernel} among {labels:?}");
    }
    let convolutions = count("convolution");
    assert!(convolutions >= 10, "{labels:?}");
    let (stationary, small_workgroups) = (count("stationary"), count("workgroups of 4"));
    match family {
        KernelFamily::Gpu => assert_eq!((stationary, small_workgroups), (0, 0), "{labels:?}"),
        KernelFamily::SoftwareAdapter => {
            assert_eq!(stationary, convolutions, "{labels:?}");
            assert!(small_workgroups > stationary, "{labels:?}");
        }
    }
}

fn check(family: KernelFamily) {
    let gpu = block_on(acquire(Some(family), |why| eprintln!("lost: {why}"))).expect("a Vulkan adapter");
    common::check_step(&gpu.device, "1e-6", "arbitrary20.step8", "arbitrary20", 8);
    common::check_step(&gpu.device, "1e-6", "step8", "student0", 8);
    gpu.check().unwrap();
    assert_ran(family, &gpu);
}

/// Basic and bottleneck blocks.
#[test]
fn one_step_by_the_kernels_for_gpus() {
    check(KernelFamily::Gpu);
}

/// Basic and bottleneck blocks.
#[test]
fn one_step_by_the_kernels_for_software_adapters() {
    check(KernelFamily::SoftwareAdapter);
}
