//! The kernels of training, their WGSL, and how many workgroups each takes.
//!
//! A [`TrainingKernel`] holds only what tells two kernels apart, so that it can be the key of a cache; the text is written when a
//! pipeline is compiled. Unlike in evaluation, the number of images is a constant: a run has one batch size.

use super::gradient_tile::GradientTile;
use super::shape::LayerShape;
use super::weight;
use crate::architecture::{BATCH_NORM_EPSILON, BATCH_NORM_MOMENTUM};
use crate::kernels::webgpu::family::KernelFamily;
use crate::kernels::webgpu::shader::{
    BatchSize, ConvInput, ConvOutput, ConvShape, Kernel, LANES, WORKGROUP, convolution, convolution_workgroups, fill,
    lines, with_constants,
};

/// Fewest pixels of a run that a thread sums over.
const PIXELS_PER_CHUNK: usize = 64;
/// Most runs.
const MOST_CHUNKS: usize = 256;
/// Pixels per thread of kernels that sum nothing.
const PIXELS_PER_THREAD: usize = 16;

/// A kernel of training; bindings are in the order of its WGSL.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TrainingKernel {
    /// Mean and spread over runs of pixels.
    Moments { pixels: usize, channels: usize },
    /// Mean and variance of all pixels, from those of runs.
    MomentsCombined {
        pixels: usize,
        channels: usize,
        family: KernelFamily,
    },
    /// A norm's running statistics, for a batch of this many pixels.
    Running { pixels: usize, channels: usize },
    /// An optimiser's step of `n` values.
    Sgd { n: usize },
    /// A convolution's parameters in its kernel's order.
    Prepared(LayerShape),
    /// The weight as the input's gradient needs it.
    Transposed(LayerShape),
    /// The convolution.
    Forward(LayerShape),
    /// The convolution of the output's gradient that gives the input's.
    Backward(LayerShape),
    /// Zeros between `[n, size, size, channels]`.
    Dilated { n: usize, size: usize, channels: usize },
    /// Sums for a norm's gradients, over runs of pixels.
    NormSums(LayerShape),
    /// A norm's gradients.
    NormGradients(LayerShape),
    /// The gradient before a norm.
    NormInput(LayerShape),
    /// The weight's gradient, over parts of the pixels.
    Weight(LayerShape),
    /// The weight's gradient.
    WeightCombined(LayerShape),
}

impl TrainingKernel {
    /// Invocations per workgroup. On a software adapter a barrier costs one coroutine per vector register, so a workgroup is one
    /// register.
    pub fn workgroup_size(&self) -> usize {
        let family = match self {
            Self::Weight(shape) | Self::Forward(shape) | Self::Backward(shape) | Self::NormGradients(shape) => {
                shape.family
            }
            Self::MomentsCombined { family, .. } => *family,
            _ => KernelFamily::Gpu,
        };
        match family {
            KernelFamily::Gpu => WORKGROUP,
            KernelFamily::SoftwareAdapter => LANES,
        }
    }

    /// What it computes, and the invocations per workgroup, which distinguish the families.
    pub fn label(&self) -> String {
        let name = match self {
            Self::Forward(shape) => format!("forward: {}", kernel(&forward(shape), shape).label),
            Self::Backward(shape) => format!("backward: {}", kernel(&backward(shape), shape).label),
            other => format!("{other:?}"),
        };
        format!("{name}, workgroups of {}", self.workgroup_size())
    }

    /// Workgroups.
    pub fn workgroups(&self) -> [u32; 3] {
        let cover = |threads: usize| [threads.div_ceil(WORKGROUP) as u32, 1, 1];
        match *self {
            Self::Moments { pixels, channels } => cover(Chunks::new(pixels).n * channels / 4),
            Self::MomentsCombined { channels, .. } => [channels as u32 / 4, 1, 1],
            Self::Running { channels, .. } => cover(channels),
            Self::Sgd { n } => cover(n),
            Self::Prepared(shape) => cover(shape.n_weights() / 4 + shape.c_in / 4),
            Self::Transposed(shape) | Self::WeightCombined(shape) => cover(shape.n_weights() / 4),
            Self::Forward(shape) => convolution_workgroups(&forward(&shape), shape.family).count(shape.n),
            Self::Backward(shape) => convolution_workgroups(&backward(&shape), shape.family).count(shape.n),
            Self::Dilated { n, size, channels } => cover(n * size * size * channels),
            Self::NormSums(shape) => cover(Chunks::new(shape.pixels_in()).n * shape.c_in / 4),
            Self::NormGradients(shape) => [shape.c_in as u32 / 4, 1, 1],
            Self::NormInput(shape) => cover(Chunks::short(shape.pixels_in()).n * shape.c_in / 4),
            Self::Weight(shape) => GradientTile::new(&shape).workgroups(&shape),
        }
    }

    /// WGSL with the entry point `main`.
    pub fn source(&self) -> String {
        let workgroup = self.workgroup_size();
        match *self {
            Self::Moments { pixels, channels } => with_constants(
                include_str!("../wgsl/training/moments.wgsl"),
                &Chunks::new(pixels).constants(pixels, channels, workgroup),
            ),
            Self::MomentsCombined { pixels, channels, .. } => with_constants(
                include_str!("../wgsl/training/moments_combined.wgsl"),
                &Chunks::new(pixels).constants(pixels, channels, workgroup),
            ),
            Self::Running { pixels, channels } => with_constants(
                &fill(
                    include_str!("../wgsl/training/running.wgsl"),
                    &[("$MOMENTUM", BATCH_NORM_MOMENTUM.to_string())],
                ),
                &[("WORKGROUP", WORKGROUP), ("PIXELS", pixels), ("C", channels)],
            ),
            Self::Sgd { n } => with_constants(
                include_str!("../wgsl/training/sgd.wgsl"),
                &[("WORKGROUP", WORKGROUP), ("N", n)],
            ),
            Self::Prepared(shape) => prepared(&shape),
            Self::Transposed(shape) => with_constants(
                include_str!("../wgsl/training/transposed.wgsl"),
                &[
                    ("WORKGROUP", WORKGROUP),
                    ("TAPS", shape.taps()),
                    ("C_IN", shape.c_in / 4),
                    ("C_OUT", shape.c_out),
                    ("WEIGHTS", shape.n_weights() / 4),
                ],
            ),
            Self::Forward(shape) => kernel(&forward(&shape), &shape).source,
            Self::Backward(shape) => kernel(&backward(&shape), &shape).source,
            Self::Dilated { n, size, channels } => with_constants(
                include_str!("../wgsl/training/dilated.wgsl"),
                &[
                    ("WORKGROUP", WORKGROUP),
                    ("SIZE", size),
                    ("C", channels / 4),
                    ("VALUES", n * size * size * channels),
                ],
            ),
            Self::NormSums(shape) => with_constants(
                include_str!("../wgsl/training/norm_sums.wgsl"),
                &Chunks::new(shape.pixels_in()).norm_constants(&shape, workgroup),
            ),
            Self::NormGradients(shape) => with_constants(
                &with_epsilon(include_str!("../wgsl/training/norm_gradients.wgsl")),
                &Chunks::new(shape.pixels_in()).norm_constants(&shape, workgroup),
            ),
            Self::NormInput(shape) => with_constants(
                include_str!("../wgsl/training/norm_input.wgsl"),
                &Chunks::short(shape.pixels_in()).norm_constants(&shape, workgroup),
            ),
            Self::Weight(shape) => weight::source(&shape),
            Self::WeightCombined(shape) => with_constants(
                include_str!("../wgsl/training/weight_combined.wgsl"),
                &[
                    ("WORKGROUP", WORKGROUP),
                    ("PARTS", GradientTile::new(&shape).parts),
                    ("TAPS", shape.taps()),
                    ("C_IN", shape.c_in),
                    ("C_OUT", shape.c_out / 4),
                    ("WEIGHTS", shape.n_weights() / 4),
                ],
            ),
        }
    }

    /// Values that it writes.
    pub(super) fn n_written(&self) -> usize {
        match *self {
            Self::Moments { pixels, channels } => 2 * Chunks::new(pixels).n * channels,
            Self::MomentsCombined { channels, .. } => 2 * channels,
            Self::Running { channels, .. } => channels,
            Self::Sgd { n } => n,
            Self::Prepared(shape) => shape.n_weights() + if shape.normed { 2 * shape.c_in } else { 0 },
            Self::Transposed(shape) | Self::WeightCombined(shape) => shape.n_weights(),
            Self::Forward(shape) => shape.pixels_out() * shape.c_out,
            // At stride 2 a 1x1 kernel works on the output's pixels, before zeros are put between them.
            Self::Backward(shape) if shape.kernel == 1 => shape.pixels_out() * shape.c_in,
            Self::Backward(shape) | Self::NormInput(shape) => shape.pixels_in() * shape.c_in,
            Self::Dilated { n, size, channels } => 4 * n * size * size * channels,
            Self::NormSums(shape) => 2 * Chunks::new(shape.pixels_in()).n * shape.c_in,
            Self::NormGradients(shape) => 3 * shape.c_in,
            Self::Weight(shape) => GradientTile::new(&shape).parts * shape.n_weights(),
        }
    }
}

/// Runs of pixels over which threads sum.
struct Chunks {
    n: usize,
    pixels: usize,
}

impl Chunks {
    fn new(pixels: usize) -> Self {
        let a_chunk = pixels.div_ceil(MOST_CHUNKS).max(PIXELS_PER_CHUNK);
        Self {
            n: pixels.div_ceil(a_chunk),
            pixels: a_chunk,
        }
    }

    /// Runs of kernels that sum nothing.
    fn short(pixels: usize) -> Self {
        Self {
            n: pixels.div_ceil(PIXELS_PER_THREAD),
            pixels: PIXELS_PER_THREAD,
        }
    }

    /// Constants of a kernel that reads a norm's scale and shift after the weight.
    fn norm_constants(&self, shape: &LayerShape, workgroup: usize) -> Vec<(&'static str, usize)> {
        let mut constants = self.constants(shape.pixels_in(), shape.c_in, workgroup);
        constants.push(("SCALE", shape.n_weights() / 4));
        constants
    }

    fn constants(&self, pixels: usize, channels: usize, workgroup: usize) -> Vec<(&'static str, usize)> {
        vec![
            ("WORKGROUP", workgroup),
            ("PIXELS", pixels),
            ("C", channels / 4),
            ("CHUNKS", self.n),
            ("CHUNK", self.pixels),
        ]
    }
}

fn with_epsilon(template: &str) -> String {
    fill(
        template,
        &[("$EPSILON", format!("const EPSILON = {BATCH_NORM_EPSILON:e}f;"))],
    )
}

fn prepared(shape: &LayerShape) -> String {
    let norm = "    else if (id.x < WEIGHTS + C_IN / 4u) {
        let channel = id.x - WEIGHTS;
        let scale = gamma[channel] / sqrt(variance[channel] + EPSILON);
        y[id.x] = scale;
        y[id.x + C_IN / 4u] = beta[channel] - mean[channel] * scale;
    }";
    let bindings = ["gamma", "beta", "mean", "variance"];
    let bindings = lines(bindings.len(), |i| {
        format!(
            "@group(0) @binding({}) var<storage, read> {}: array<vec4f>; // [C_IN]",
            i + 2,
            bindings[i]
        )
    });
    let [norm_parameters, bindings, norm] = if shape.normed {
        [
            ", scale [C_IN], shift [C_IN]".to_owned(),
            bindings,
            norm.trim_start().to_owned(),
        ]
    } else {
        Default::default()
    };
    let source = fill(
        include_str!("../wgsl/training/prepared.wgsl"),
        &[
            ("$NORM_PARAMETERS", norm_parameters),
            ("$NORM_BINDINGS", bindings),
            ("$NORM", norm),
        ],
    );
    with_constants(
        &with_epsilon(&source),
        &[
            ("WORKGROUP", WORKGROUP),
            ("TAPS", shape.taps()),
            ("C_IN", shape.c_in),
            ("C_OUT", shape.c_out / 4),
            ("WEIGHTS", shape.n_weights() / 4),
        ],
    )
}

fn forward(shape: &LayerShape) -> ConvShape {
    let LayerShape {
        kernel,
        stride,
        c_in,
        c_out,
        size_in,
        normed,
        ..
    } = *shape;
    ConvShape {
        kernel,
        stride,
        c_in,
        c_out,
        size_in,
        input: if normed { ConvInput::Normed } else { ConvInput::Plain },
        output: ConvOutput::Plain,
    }
}

/// The convolution of the output's gradient, with zeros between its pixels if the stride is 2 and the kernel 3x3.
fn backward(shape: &LayerShape) -> ConvShape {
    ConvShape {
        stride: 1,
        c_in: shape.c_out,
        c_out: shape.c_in,
        size_in: if shape.kernel == 1 {
            shape.size_out()
        } else {
            shape.size_in
        },
        input: ConvInput::Plain,
        ..forward(shape)
    }
}

fn kernel(shape: &ConvShape, layer: &LayerShape) -> Kernel {
    convolution(shape, layer.family, BatchSize::Constant(layer.n))
}
