//! Each layer's gradients against the CPU's kernels, natively on a Vulkan device.

use pollster::block_on;

use super::super::KernelFamily;
use super::super::context::GpuContext;
use super::super::read::read;
use super::super::tests::{bytes, context};
use super::{GpuLayer, GpuNorm, Launcher, LayerShape, TrainingKernel, moments, updated};
use crate::kernels::cpu::train;
use crate::testing::{assert_relative, values};

/// Runs each kernel as it comes.
struct Native<'a>(&'a GpuContext);

impl Native<'_> {
    fn upload(&self, values: &[f32]) -> wgpu::Buffer {
        let buffer = self.empty(values.len());
        self.0.queue().write_buffer(&buffer, 0, &bytes(values));
        buffer
    }

    fn download(&self, buffer: &wgpu::Buffer) -> Vec<f32> {
        let read_back = self.0.device().create_buffer(&wgpu::BufferDescriptor {
            label: None,
            size: buffer.size(),
            usage: wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST,
            mapped_at_creation: false,
        });
        let mut encoder = self.0.device().create_command_encoder(&Default::default());
        encoder.copy_buffer_to_buffer(buffer, 0, &read_back, 0, buffer.size());
        self.0.queue().submit([encoder.finish()]);
        block_on(read(self.0.device(), &read_back, buffer.size() as usize / 4)).unwrap()
    }
}

impl Launcher for Native<'_> {
    type Buffer = wgpu::Buffer;

    fn empty(&self, n_values: usize) -> wgpu::Buffer {
        self.0.device().create_buffer(&wgpu::BufferDescriptor {
            label: None,
            size: 4 * n_values as u64,
            usage: wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_DST | wgpu::BufferUsages::COPY_SRC,
            mapped_at_creation: false,
        })
    }

    fn launch(&self, kernel: TrainingKernel, buffers: &[&wgpu::Buffer]) {
        let device = self.0.device();
        let module = device.create_shader_module(wgpu::ShaderModuleDescriptor {
            label: None,
            source: wgpu::ShaderSource::Wgsl(kernel.source().into()),
        });
        let pipeline = device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
            label: Some(&format!("{kernel:?}")),
            layout: None,
            module: &module,
            entry_point: Some("main"),
            compilation_options: Default::default(),
            cache: None,
        });
        let entries: Vec<_> = (0..)
            .zip(buffers)
            .map(|(binding, buffer)| wgpu::BindGroupEntry {
                binding,
                resource: buffer.as_entire_binding(),
            })
            .collect();
        let group = device.create_bind_group(&wgpu::BindGroupDescriptor {
            label: None,
            layout: &pipeline.get_bind_group_layout(0),
            entries: &entries,
        });
        let mut encoder = device.create_command_encoder(&Default::default());
        let mut pass = encoder.begin_compute_pass(&Default::default());
        pass.set_pipeline(&pipeline);
        pass.set_bind_group(0, &group, &[]);
        let [x, y, z] = kernel.workgroups();
        pass.dispatch_workgroups(x, y, z);
        drop(pass);
        self.0.queue().submit([encoder.finish()]);
    }
}

fn assert_close(what: &str, found: &[f32], expected: &[f32]) {
    assert_relative(what, found, expected, 2e-5);
}

/// [n, size_in, c_in, c_out, kernel, stride]: every kind of layer, at odd numbers of images.
const SHAPES: [[usize; 6]; 11] = [
    [1, 8, 16, 16, 1, 1],
    [3, 8, 16, 64, 1, 1],
    [2, 16, 64, 16, 1, 1],
    [3, 8, 256, 64, 1, 1],
    [3, 16, 64, 128, 1, 2],
    [3, 8, 16, 16, 3, 1],
    [1, 16, 16, 32, 3, 2],
    [5, 16, 32, 32, 3, 2],
    [2, 16, 32, 16, 3, 1],
    [3, 8, 64, 64, 3, 1],
    [3, 32, 4, 16, 3, 1],
];

fn check([n, size_in, c_in, c_out, kernel, stride]: [usize; 6], normed: bool, family: KernelFamily) {
    let context = context();
    let native = Native(&context);
    let shape = LayerShape {
        kernel,
        stride,
        c_in,
        c_out,
        size_in,
        n,
        normed,
        family,
    };
    let what = format!("{shape:?}");
    // Far from zero mean, as a residual stream can be, so that a variance that cancels would show.
    let offset = if normed { 3.0 } else { 0.0 };
    let x: Vec<f32> = values(n * size_in * size_in * c_in, 1)
        .iter()
        .map(|v| v + offset)
        .collect();
    let weight = values(c_out * c_in * kernel * kernel, 2);
    let gamma: Vec<f32> = values(c_in, 3).iter().map(|v| v / 2.0 + 1.5).collect();
    let beta = values(c_in, 4);
    let dy = values(n * shape.size_out() * shape.size_out() * c_out, 5);

    let pixels = n * size_in * size_in;
    let expected_moments = train::CpuMoments::of(&x, c_in, size_in * size_in);
    let norm = normed.then(|| train::CpuNorm {
        gamma: &gamma,
        beta: &beta,
        mean: &expected_moments.mean,
        var: &expected_moments.var,
    });
    let reference = train::CpuLayer::new(&weight, [c_out, c_in, kernel], stride, size_in, norm);

    let x_there = native.upload(&x);
    let norm = normed.then(|| {
        let found = native.download(&moments(&native, &x_there, pixels, c_in, family));
        assert_close(&format!("{what}: mean"), &found[..c_in], &expected_moments.mean);
        assert_close(&format!("{what}: variance"), &found[c_in..], &expected_moments.var);
        GpuNorm {
            gamma: native.upload(&gamma),
            beta: native.upload(&beta),
            mean: native.upload(&found[..c_in]),
            variance: native.upload(&found[c_in..]),
        }
    });
    let (layer, y) = GpuLayer::forward(&native, shape, x_there, native.upload(&weight), norm);
    assert_close(&format!("{what}: output"), &native.download(&y), &reference.forward(&x));

    let found = layer.backward(&native, &native.upload(&dy), c_in > 4);
    let expected = reference.backward(&x, &dy, c_in > 4);
    let weight = native.download(&found.weight);
    assert_close(&format!("{what}: weight"), &weight, &expected.weight);
    if let Some(input) = &found.input {
        assert_close(&format!("{what}: input"), &native.download(input), &expected.input);
    }
    if let Some([gamma, beta]) = &found.norm {
        assert_close(&format!("{what}: scale"), &native.download(gamma), &expected.gamma);
        assert_close(&format!("{what}: shift"), &native.download(beta), &expected.beta);
    }
}

#[test]
fn layers_on_a_gpu() {
    for (i, shape) in SHAPES.into_iter().enumerate() {
        check(shape, shape[2] > 4 && i % 3 > 0, KernelFamily::Gpu);
    }
}

#[test]
fn layers_on_a_software_adapter() {
    for (i, shape) in SHAPES.into_iter().enumerate() {
        check(shape, shape[2] > 4 && i % 3 > 0, KernelFamily::SoftwareAdapter);
    }
}

#[test]
fn many_images() {
    for family in [KernelFamily::Gpu, KernelFamily::SoftwareAdapter] {
        check([40, 32, 16, 16, 3, 1], true, family);
        check([40, 32, 64, 16, 1, 1], true, family);
    }
}

/// The sequence that the optimiser's own test computes by hand.
#[test]
fn three_steps_by_hand() {
    let context = context();
    let native = Native(&context);
    let settings = native.upload(&[0.1, 0.1, 0.9]);
    let (mut value, mut velocity) = (native.upload(&[1.0; 70]), native.upload(&[0.0; 70]));
    for (gradient, expected) in [(1.0, 0.791), (1.0, 0.496_871), (-1.0, 0.509_833_34)] {
        let gradient = native.upload(&[gradient; 70]);
        let read = [&value, &gradient, &velocity, &settings];
        [value, velocity] = updated(&native, TrainingKernel::Sgd { n: 70 }, read);
        assert_close("value", &native.download(&value), &[expected; 70]);
    }
}

/// Mean 3, biased variance 3.5, unbiased 14/3 of four values.
#[test]
fn the_running_variance_takes_the_unbiased_one() {
    let context = context();
    let native = Native(&context);
    let [running_mean, running_variance, mean, variance] = [10.0, 4.0, 3.0, 3.5].map(|v| native.upload(&[v; 16]));
    let kernel = TrainingKernel::Running {
        pixels: 4,
        channels: 16,
    };
    let read = [&running_mean, &running_variance, &mean, &variance];
    let [mean, variance] = updated(&native, kernel, read);
    assert_close("mean", &native.download(&mean), &[9.3; 16]);
    let expected = 0.9 * 4.0 + 0.1 * 14.0 / 3.0;
    assert_close("variance", &native.download(&variance), &[expected; 16]);
}
