//! The WebGPU kernels against PyTorch's numbers (tests/golden), natively on a Vulkan device:
//! `cargo test --features vulkan`, with libvulkan installed. Without a GPU, Chromium's software adapter will do:
//! `VK_ICD_FILENAMES=/usr/lib/chromium/vk_swiftshader_icd.json`. No adapter is a failure.
#![cfg(feature = "vulkan")]

#[path = "../src/testing.rs"]
mod testing;

use fidelity_lab::error::{ErrorCode, LabResult};
use fidelity_lab::kernels::Plan;
use fidelity_lab::kernels::webgpu::{GpuContext, GpuImages, GpuNetwork, GpuScheduler, KernelFamily};
use fidelity_lab::metrics::argmax;
use fidelity_lab::weights::Network;
use pollster::block_on;
use testing::{Golden, golden_bytes};

/// Tells rounding from mistakes; tests/golden/README.md says how far f32 alone drifts.
const LOGITS: f32 = 2e-3;

fn golden_f32(name: &str) -> Vec<f32> {
    Golden::new().f32(name)
}

/// 20 images.
fn golden_pixels() -> Vec<u8> {
    Golden::new().pixels(20)
}

fn device() -> (wgpu::Device, wgpu::Queue) {
    let instance = wgpu::Instance::new(wgpu::InstanceDescriptor::new_without_display_handle());
    let adapter =
        block_on(instance.request_adapter(&wgpu::RequestAdapterOptions::default())).expect("a Vulkan adapter");
    let descriptor = wgpu::DeviceDescriptor {
        required_limits: adapter.limits(),
        ..Default::default()
    };
    block_on(adapter.request_device(&descriptor)).expect("a device")
}

/// The adapter of most machines that run this is a software one, whose own family would leave what a GPU runs untested.
const FAMILIES: [KernelFamily; 2] = [KernelFamily::Gpu, KernelFamily::SoftwareAdapter];

fn scheduler(family: KernelFamily) -> GpuScheduler {
    let (device, queue) = device();
    GpuScheduler::new(GpuContext::new(device, queue, family))
}

/// Asserts by the names of the pipelines that the convolutions that ran are those of the family.
fn assert_ran(family: KernelFamily, scheduler: &GpuScheduler) {
    let labels = scheduler.context().pipeline_labels();
    let convolutions: Vec<&String> = labels.iter().filter(|label| label.contains("convolution")).collect();
    assert!(convolutions.len() >= 10, "{labels:?}");
    let stationary = convolutions
        .iter()
        .filter(|label| label.ends_with("stationary"))
        .count();
    let expected = match family {
        KernelFamily::Gpu => 0,
        KernelFamily::SoftwareAdapter => convolutions.len(),
    };
    assert_eq!(stationary, expected, "{family:?}: {labels:?}");
}

/// Each of the networks by each family.
fn pairs<const N: usize>(names: [&'static str; N]) -> impl Iterator<Item = (KernelFamily, &'static str)> {
    let of_family = move |family| names.map(|name| (family, name));
    FAMILIES.into_iter().flat_map(of_family)
}

fn network(scheduler: &GpuScheduler, name: &str) -> GpuNetwork {
    let network = Network::from_safetensors(&golden_bytes(&format!("{name}.safetensors"))).unwrap();
    GpuNetwork::new(scheduler.context(), &Plan::new(&network).unwrap())
}

fn logits(scheduler: &GpuScheduler, network: &GpuNetwork, pixels: &[u8]) -> LabResult<Vec<f32>> {
    let logits = block_on(scheduler.logits(&[network], pixels));
    logits.map(|mut logits| logits.swap_remove(0))
}

fn assert_close(what: &str, found: &[f32], expected: &[f32]) {
    testing::assert_close(what, found, expected, LOGITS);
}

#[test]
fn logits_of_bottleneck_and_basic_networks() {
    let pixels = golden_pixels();
    for (family, name) in pairs(["arbitrary20", "teacher0", "student0"]) {
        let scheduler = scheduler(family);
        let network = network(&scheduler, name);
        let found = logits(&scheduler, &network, &pixels).unwrap();
        let expected = golden_f32(&format!("{name}.logits"));
        let what = format!("{name} by {family:?}");
        assert_close(&what, &found, &expected);
        let argmaxes = |logits: &[f32]| logits.chunks(100).map(argmax).collect::<Vec<_>>();
        assert_eq!(argmaxes(&found), argmaxes(&expected), "{what}");
        assert_ran(family, &scheduler);
    }
}

/// Basic and bottleneck blocks, for a software adapter in more than one pass.
#[test]
fn stages_are_those_of_the_cpu() {
    for (family, name) in pairs(["arbitrary20", "teacher0"]) {
        // On a software adapter the kernels for a GPU take seconds per image of a PreResNet-56.
        let pixels = match family {
            KernelFamily::Gpu => golden_pixels()[..4 * 3072].to_vec(),
            KernelFamily::SoftwareAdapter => golden_pixels().repeat(2),
        };
        let scheduler = scheduler(family);
        let gpu = network(&scheduler, name);
        let file = Network::from_safetensors(&golden_bytes(&format!("{name}.safetensors"))).unwrap();
        let mut cpu = fidelity_lab::kernels::cpu::CpuNetwork::new(&Plan::new(&file).unwrap());
        for stage in 0..3 {
            let found = block_on(scheduler.stage(&gpu, &pixels, stage)).unwrap();
            assert_close(
                &format!("{name} by {family:?}, stage {stage}"),
                &found,
                &cpu.stage(&pixels, stage),
            );
        }
        // The pass that follows is a whole one again.
        let found = logits(&scheduler, &gpu, &pixels[..3072]).unwrap();
        assert_close(name, &found, &golden_f32(&format!("{name}.logits"))[..100]);
        assert_ran(family, &scheduler);
    }
}

#[test]
fn batch_size_does_not_matter() {
    FAMILIES.into_iter().for_each(check_batch_sizes);
}

fn check_batch_sizes(family: KernelFamily) {
    let (scheduler, pixels) = (scheduler(family), golden_pixels());
    let network = network(&scheduler, "arbitrary20");
    let expected = golden_f32("arbitrary20.logits");
    for n in [1, 3, 7] {
        let found = logits(&scheduler, &network, &pixels[..n * 3072]).unwrap();
        assert_close(&format!("{n} images"), &found, &expected[..n * 100]);
    }
    // More than a pass takes.
    let images_per_pass = scheduler.images_per_pass(&[&network]);
    let many: Vec<u8> = pixels[..3072]
        .repeat(images_per_pass)
        .into_iter()
        .chain(pixels.iter().copied())
        .collect();
    let before = scheduler.context().statistics().read_backs;
    let found = logits(&scheduler, &network, &many).unwrap();
    assert_eq!(scheduler.context().statistics().read_backs - before, 1);
    assert_close("the first pass", &found[..100], &expected[..100]);
    assert_close("the second pass", &found[images_per_pass * 100..], &expected);
}

#[test]
fn an_ensemble_is_read_back_at_once() {
    let (scheduler, pixels) = (scheduler(KernelFamily::Gpu), golden_pixels());
    let networks: Vec<_> = ["teacher0", "arbitrary20"].map(|name| network(&scheduler, name)).into();
    let before = scheduler.context().statistics();
    let found = block_on(scheduler.logits(&[&networks[0], &networks[1]], &pixels[..2 * 3072])).unwrap();
    let after = scheduler.context().statistics();
    assert_eq!(after.read_backs - before.read_backs, 1);
    assert_close("teacher0", &found[0], &golden_f32("teacher0.logits")[..200]);
    assert_close("arbitrary20", &found[1], &golden_f32("arbitrary20.logits")[..200]);
    let dispatches = (networks[0].n_dispatches() + networks[1].n_dispatches()) as u64;
    assert_eq!(after.dispatches - before.dispatches, dispatches);
    assert!(networks[0].n_dispatches() <= 60, "{}", networks[0].n_dispatches());
}

#[test]
fn memory_is_flat_and_counted() {
    let (scheduler, pixels) = (scheduler(KernelFamily::Gpu), golden_pixels());
    let network = network(&scheduler, "arbitrary20");
    let bytes_after = || {
        logits(&scheduler, &network, &pixels[..4 * 3072]).unwrap();
        scheduler.context().statistics().bytes
    };
    let first = bytes_after();
    assert!((0..5).all(|_| bytes_after() == first));
    assert!(scheduler.context().statistics().peak_bytes >= first);
    drop(network);
    assert!(scheduler.context().statistics().bytes < first);
}

#[test]
fn logits_can_stay_on_the_device() {
    let (device, queue) = device();
    let scheduler = GpuScheduler::new(GpuContext::new(device.clone(), queue.clone(), KernelFamily::Gpu));
    let (network, pixels) = (network(&scheduler, "arbitrary20"), golden_pixels());
    let images = GpuImages::new(scheduler.context(), &pixels).unwrap();
    let mut encoder = device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
    let on_device = network.encode(&mut encoder, &images, 5..8).unwrap();
    let read = device.create_buffer(&wgpu::BufferDescriptor {
        label: None,
        size: 1200,
        usage: wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST,
        mapped_at_creation: false,
    });
    encoder.copy_buffer_to_buffer(&on_device.buffer, 0, &read, 0, 1200);
    queue.submit([encoder.finish()]);
    read.map_async(wgpu::MapMode::Read, .., |result| result.unwrap());
    device.poll(wgpu::PollType::wait_indefinitely()).unwrap();
    let view = read.get_mapped_range(..).unwrap();
    let found: Vec<f32> = view
        .chunks_exact(4)
        .map(|b| f32::from_le_bytes(b.try_into().unwrap()))
        .collect();
    assert_close("images 5 to 7", &found, &golden_f32("arbitrary20.logits")[500..800]);

    let mut encoder = device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
    for range in [3..3, 18..21] {
        let error = network.encode(&mut encoder, &images, range).err().unwrap();
        assert_eq!(error.code, ErrorCode::BadArgument);
    }
    for bytes in [0, 3071] {
        let error = logits(&scheduler, &network, &pixels[..bytes]).unwrap_err();
        assert_eq!(error.code, ErrorCode::BadArgument);
    }
}

#[test]
fn a_lost_device_is_an_error() {
    let (device, queue) = device();
    let scheduler = GpuScheduler::new(GpuContext::new(device.clone(), queue, KernelFamily::Gpu));
    let (network, pixels) = (network(&scheduler, "arbitrary20"), golden_pixels());
    device.destroy();
    let error = logits(&scheduler, &network, &pixels[..3072]).unwrap_err();
    assert_eq!(error.code, ErrorCode::DeviceLost, "{error}");
}
