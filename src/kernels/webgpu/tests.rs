//! Each kernel against a plain reference, natively on a Vulkan device.

use pollster::block_on;

use super::context::{GpuContext, image_count_offset};
use super::family::KernelFamily;
use super::read::read;
use super::shader::{
    BatchSize, ConvInput, ConvOutput, ConvShape, Kernel, ThreadTile, linear, pool, stationary, stem, tiled,
};
use crate::testing::{assert_relative, values};

/// Tells rounding from mistakes, relative to the largest value.
const ROUNDING: f32 = 2e-5;

pub(super) fn context() -> GpuContext {
    let instance = wgpu::Instance::new(wgpu::InstanceDescriptor::new_without_display_handle());
    let adapter =
        block_on(instance.request_adapter(&wgpu::RequestAdapterOptions::default())).expect("a Vulkan adapter");
    let (device, queue) = block_on(adapter.request_device(&wgpu::DeviceDescriptor::default())).expect("a device");
    GpuContext::new(device, queue, KernelFamily::Gpu)
}

pub(super) fn bytes(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}

/// Runs a kernel on `n` images; `y` holds the earlier values of its output. Every buffer has its spare image.
fn run(context: &GpuContext, kernel: &Kernel, x: &[u8], parameters: &[f32], y: &[f32], n: usize) -> Vec<f32> {
    let device = context.device();
    let usage = wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_DST | wgpu::BufferUsages::COPY_SRC;
    let buffer = |data: &[u8], size: usize, usage| {
        let buffer = device.create_buffer(&wgpu::BufferDescriptor {
            label: None,
            size: size.next_multiple_of(16) as u64,
            usage,
            mapped_at_creation: false,
        });
        if !data.is_empty() {
            context.queue().write_buffer(&buffer, 0, data);
        }
        buffer
    };
    let x = buffer(x, x.len() / n * (n + 1), usage);
    let parameters = buffer(&bytes(parameters), 4 * parameters.len(), usage);
    let out = buffer(&bytes(y), 4 * y.len() / n * (n + 1), usage);
    let read_back = wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST;
    let read_back = buffer(&[], 4 * y.len(), read_back);
    let mut entries: Vec<_> = [&x, &parameters, &out]
        .iter()
        .map(|buffer| buffer.as_entire_binding())
        .collect();
    entries.push(wgpu::BindingResource::Buffer(context.image_counts()));
    let entries: Vec<_> = (0..)
        .zip(entries)
        .map(|(binding, resource)| wgpu::BindGroupEntry { binding, resource })
        .collect();
    let group = device.create_bind_group(&wgpu::BindGroupDescriptor {
        label: None,
        layout: context.layout(),
        entries: &entries,
    });
    let mut encoder = device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
    let mut pass = encoder.begin_compute_pass(&wgpu::ComputePassDescriptor::default());
    pass.set_pipeline(&context.pipeline(kernel));
    pass.set_bind_group(0, &group, &[image_count_offset(n)]);
    let [workgroups_x, workgroups_y, workgroups_z] = kernel.workgroups.count(n);
    pass.dispatch_workgroups(workgroups_x, workgroups_y, workgroups_z);
    drop(pass);
    encoder.copy_buffer_to_buffer(&out, 0, &read_back, 0, 4 * y.len() as u64);
    context.queue().submit([encoder.finish()]);
    block_on(read(device, &read_back, y.len())).unwrap()
}

/// `x` is `[n, size, size, c_in]`, `weight` `[kernel, kernel, c_in, c_out]`.
fn convolve(shape: &ConvShape, x: &[f32], weight: &[f32], n: usize) -> Vec<f32> {
    let (size_in, size_out, c_in, c_out) = (shape.size_in, shape.size_out(), shape.c_in, shape.c_out);
    let padding = shape.kernel / 2;
    let mut y = vec![0.0f64; n * size_out * size_out * c_out];
    for (i, sums) in y.chunks_exact_mut(c_out).enumerate() {
        let (image, row, column) = (i / (size_out * size_out), i / size_out % size_out, i % size_out);
        for tap in 0..shape.kernel * shape.kernel {
            let row_in = (row * shape.stride + tap / shape.kernel).wrapping_sub(padding);
            let column_in = (column * shape.stride + tap % shape.kernel).wrapping_sub(padding);
            if row_in >= size_in || column_in >= size_in {
                continue;
            }
            let pixel = (image * size_in + row_in) * size_in + column_in;
            for (k, &value) in x[pixel * c_in..][..c_in].iter().enumerate() {
                let weights = &weight[(tap * c_in + k) * c_out..][..c_out];
                sums.iter_mut()
                    .zip(weights)
                    .for_each(|(sum, w)| *sum += f64::from(value) * f64::from(*w));
            }
        }
    }
    y.into_iter().map(|sum| sum as f32).collect()
}

fn normed(x: &[f32], scale: &[f32], shift: &[f32]) -> Vec<f32> {
    let channel = |i: usize| (scale[i % scale.len()], shift[i % scale.len()]);
    let norm = |(i, x): (usize, &f32)| (x * channel(i).0 + channel(i).1).max(0.0);
    x.iter().enumerate().map(norm).collect()
}

/// Runs a convolution as `kernel` makes it, for odd numbers of images.
fn check(context: &GpuContext, shape: ConvShape, kernel: &Kernel, n: usize) {
    let (size_in, size_out, c_in, c_out) = (shape.size_in, shape.size_out(), shape.c_in, shape.c_out);
    let x = values(n * size_in * size_in * c_in, 1);
    let scaling = 1.0 / (shape.kernel * shape.kernel * c_in) as f32;
    let weight: Vec<f32> = values(shape.kernel * shape.kernel * c_in * c_out, 2)
        .iter()
        .map(|w| w * scaling.sqrt())
        .collect();
    let (bias, scale, shift) = (values(c_out, 3), values(c_in, 4), values(c_in, 5));
    let before = values(n * size_out * size_out * c_out, 6);
    let mut parameters = weight.clone();
    if shape.output == ConvOutput::Activated {
        parameters.extend(&bias);
    }
    let input = match shape.input {
        ConvInput::Plain => x.clone(),
        ConvInput::Normed => {
            parameters.extend(scale.iter().chain(&shift));
            normed(&x, &scale, &shift)
        }
    };
    let mut expected = convolve(&shape, &input, &weight, n);
    for (i, value) in expected.iter_mut().enumerate() {
        match shape.output {
            ConvOutput::Plain => {}
            ConvOutput::Activated => *value = (*value + bias[i % c_out]).max(0.0),
            ConvOutput::Added => *value += before[i],
        }
    }
    let found = run(context, kernel, &bytes(&x), &parameters, &before, n);
    assert_relative(&format!("{}, {n} images", kernel.label), &found, &expected, ROUNDING);
}

fn shape(kernel: usize, stride: usize, c_in: usize, c_out: usize, size_in: usize) -> ConvShape {
    ConvShape {
        kernel,
        stride,
        c_in,
        c_out,
        size_in,
        input: ConvInput::Plain,
        output: ConvOutput::Plain,
    }
}

/// Every shape of bottleneck and basic networks.
fn shapes() -> Vec<ConvShape> {
    let mut shapes = Vec::new();
    for (stage, width) in [(0, 16), (1, 32), (2, 64)] {
        let size = 32 >> stage;
        // (c_in, size_in) of the stage's first block, then of the others
        let firsts = |expansion| {
            if stage == 0 {
                (16, 32)
            } else {
                (width / 2 * expansion, 2 * size)
            }
        };
        for (expansion, (c_in, size_in)) in [
            (4, firsts(4)),
            (4, (4 * width, size)),
            (1, firsts(1)),
            (1, (width, size)),
        ] {
            let stride = size_in / size;
            if c_in != expansion * width || stride != 1 {
                shapes.push(shape(1, stride, c_in, expansion * width, size_in));
            }
            let normed = |shape| ConvShape {
                input: ConvInput::Normed,
                output: ConvOutput::Activated,
                ..shape
            };
            let added = |shape| ConvShape {
                output: ConvOutput::Added,
                ..shape
            };
            if expansion == 4 {
                shapes.push(normed(shape(1, 1, c_in, width, size_in)));
                let middle = shape(3, stride, width, width, size_in);
                shapes.push(ConvShape {
                    input: ConvInput::Plain,
                    ..normed(middle)
                });
                shapes.push(added(shape(1, 1, width, 4 * width, size)));
            } else {
                shapes.push(normed(shape(3, stride, c_in, width, size_in)));
                shapes.push(added(shape(3, 1, width, width, size)));
            }
        }
    }
    shapes
}

#[test]
fn tiled_convolutions() {
    let context = context();
    for (i, shape) in shapes().into_iter().enumerate() {
        let kernel = tiled(&shape, ThreadTile::GPU, BatchSize::Any);
        check(&context, shape, &kernel, [1, 3, 7][i % 3]);
    }
}

#[test]
fn stationary_convolutions() {
    let context = context();
    let stationary = shapes()
        .into_iter()
        .filter_map(|shape| Some((shape, stationary(&shape, BatchSize::Any)?)));
    for (i, (shape, kernel)) in stationary.enumerate() {
        check(&context, shape, &kernel, [7, 1, 3][i % 3]);
    }
}

#[test]
fn tiles_of_other_sizes() {
    let context = context();
    let normed = ConvShape {
        input: ConvInput::Normed,
        output: ConvOutput::Added,
        ..shape(3, 2, 16, 32, 16)
    };
    for (pixels, channels) in [(1, 4), (2, 8), (4, 8), (8, 16)] {
        for shape in [normed, shape(1, 1, 16, 48, 8)] {
            check(
                &context,
                shape,
                &tiled(&shape, ThreadTile { pixels, channels }, BatchSize::Any),
                3,
            );
        }
    }
}

#[test]
fn the_stem_pads_after_normalising() {
    let context = context();
    for n in [1, 3, 7] {
        let pixels: Vec<u8> = values(n * 3072, 1).iter().map(|v| ((v + 1.0) * 127.99) as u8).collect();
        let (mean, std) = ([0.4, 0.5, 0.6], [0.2, 0.3, 0.25]);
        let normalised = |(i, v): (usize, &u8)| (f32::from(*v) / 255.0 - mean[i % 3]) / std[i % 3];
        let x: Vec<f32> = pixels.iter().enumerate().map(normalised).collect();
        let weight: Vec<f32> = values(9 * 3 * 16, 2).iter().map(|w| w * 0.2).collect();
        let mut parameters = weight.clone();
        parameters.extend((0..4).map(|i| if i < 3 { 1.0 / std[i] } else { 0.0 }));
        parameters.extend((0..4).map(|i| if i < 3 { -mean[i] / std[i] } else { 0.0 }));
        let found = run(&context, &stem(), &pixels, &parameters, &vec![0.0; n * 1024 * 16], n);
        let expected = convolve(&shape(3, 1, 3, 16, 32), &x, &weight, n);
        assert_relative(&format!("{n} images"), &found, &expected, ROUNDING);
    }
}

#[test]
fn pooling_and_the_classifier() {
    let context = context();
    for (n, channels, classes) in [(1, 64, 10), (3, 256, 100), (7, 64, 3)] {
        let x = values(n * 64 * channels, 1);
        let (scale, shift) = (values(channels, 2), values(channels, 3));
        let active = normed(&x, &scale, &shift);
        let mean = |i: usize| {
            let pixels = (0..64).map(|p| f64::from(active[(i / channels * 64 + p) * channels + i % channels]));
            (pixels.sum::<f64>() / 64.0) as f32
        };
        let pooled: Vec<f32> = (0..n * channels).map(mean).collect();
        let parameters: Vec<f32> = scale.iter().chain(&shift).copied().collect();
        let found = run(
            &context,
            &pool(64, channels),
            &bytes(&x),
            &parameters,
            &vec![0.0; n * channels],
            n,
        );
        assert_relative("pool", &found, &pooled, ROUNDING);

        let (weight, bias) = (values(channels * classes, 4), values(classes, 5));
        let logit = |i: usize| {
            let products = (0..channels)
                .map(|k| f64::from(pooled[i / classes * channels + k]) * f64::from(weight[k * classes + i % classes]));
            (products.sum::<f64>() + f64::from(bias[i % classes])) as f32
        };
        let expected: Vec<f32> = (0..n * classes).map(logit).collect();
        let parameters: Vec<f32> = weight.iter().chain(&bias).copied().collect();
        let kernel = linear(channels, classes);
        let found = run(
            &context,
            &kernel,
            &bytes(&pooled),
            &parameters,
            &vec![0.0; n * classes],
            n,
        );
        assert_relative("linear", &found, &expected, ROUNDING);
    }
}
