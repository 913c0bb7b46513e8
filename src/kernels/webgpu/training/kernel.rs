//! The kernels of training: which there are, their WGSL and how many workgroups each takes.
//!
//! A [`TrainingKernel`] is what tells two of them apart and nothing more, so that it can be the key of a cache; the text is only
//! written when a pipeline is compiled. Unlike in evaluation the number of images is a constant: a run has one batch size.

use super::super::shader::{Convolution, Dispatch, Images, Input, Output, Tile, component, fill, lines};
use crate::model::architecture::{BATCH_NORM_EPSILON, BATCH_NORM_MOMENTUM};

/// Invocations of a workgroup.
pub(super) const WORKGROUP: usize = 64;
/// Lanes of a software adapter's vector registers.
const LANES: usize = 4;
/// Parts of a software adapter's work: it deals a dispatch out to at most so many threads.
const MOST_WORKGROUPS: usize = 16;
/// Pixels of a run over which a thread sums, at least.
const PIXELS_A_CHUNK: usize = 64;
/// Runs, at most.
const MOST_CHUNKS: usize = 256;
/// Pixels that a thread takes where nothing is summed.
const PIXELS_A_THREAD: usize = 16;
/// Threads that fill a GPU: with fewer of them, the gradient of a weight is summed in more parts.
const THREADS: usize = 16_384;
/// Parts of the sum for a weight's gradient, at most.
const MOST_PARTS: usize = 256;

/// Where and how a convolution is trained.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Shape {
    /// 1 or 3.
    pub kernel: usize,
    /// 1 or 2.
    pub stride: usize,
    /// A multiple of 4.
    pub c_in: usize,
    /// A multiple of 16.
    pub c_out: usize,
    /// Pixels a side of its input.
    pub size_in: usize,
    /// Images.
    pub n: usize,
    /// Whether a norm and a ReLU come before it.
    pub normed: bool,
    /// Whether the adapter is a software one.
    pub software: bool,
}

impl Shape {
    /// Pixels a side of its output.
    pub fn size_out(&self) -> usize {
        self.size_in / self.stride
    }

    pub(super) fn taps(&self) -> usize {
        self.kernel * self.kernel
    }

    /// Values of its weight.
    pub fn n_weights(&self) -> usize {
        self.taps() * self.c_in * self.c_out
    }

    pub(super) fn pixels_in(&self) -> usize {
        self.n * self.size_in * self.size_in
    }

    pub(super) fn pixels_out(&self) -> usize {
        self.n * self.size_out() * self.size_out()
    }
}

/// Everything that makes a kernel of training; bindings are in the order of its WGSL.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TrainingKernel {
    /// Mean and spread over runs of pixels.
    Moments { pixels: usize, channels: usize },
    /// Of all pixels, from those of runs.
    MomentsCombined {
        pixels: usize,
        channels: usize,
        software: bool,
    },
    /// A norm's running statistics, given the pixels of a batch.
    Running { pixels: usize, channels: usize },
    /// A step of so many values.
    Sgd { n: usize },
    /// A convolution's parameters in its kernel's order.
    Prepared(Shape),
    /// The weight as the input's gradient needs it.
    Transposed(Shape),
    /// The convolution.
    Forward(Shape),
    /// The convolution of the output's gradient that gives the input's; of the size of its input.
    Backward(Shape),
    /// Zeros between `[n, size, size, channels]`.
    Dilated { n: usize, size: usize, channels: usize },
    /// For a norm's gradients, over runs of pixels.
    NormSums(Shape),
    /// A norm's gradients.
    NormGradients(Shape),
    /// The gradient before a norm.
    NormInput(Shape),
    /// The weight's gradient, over parts of the pixels.
    Weight(Shape),
    /// The weight's gradient.
    WeightCombined(Shape),
}

impl TrainingKernel {
    /// Invocations of a workgroup.
    pub fn workgroup_size(&self) -> usize {
        match self {
            Self::Weight(shape) if shape.software => LANES,
            Self::Forward(shape) | Self::Backward(shape) | Self::NormGradients(shape) if shape.software => LANES,
            Self::MomentsCombined { software: true, .. } => LANES,
            _ => WORKGROUP,
        }
    }

    /// Workgroups.
    pub fn workgroups(&self) -> [u32; 3] {
        let of = |threads: usize| [threads.div_ceil(WORKGROUP) as u32, 1, 1];
        match *self {
            Self::Moments { pixels, channels } => of(Chunks::of(pixels).n * channels / 4),
            Self::MomentsCombined { channels, .. } => [channels as u32 / 4, 1, 1],
            Self::Running { channels, .. } => of(channels),
            Self::Sgd { n } => of(n),
            Self::Prepared(shape) => of(shape.n_weights() / 4 + shape.c_in / 4),
            Self::Transposed(shape) | Self::WeightCombined(shape) => of(shape.n_weights() / 4),
            Self::Forward(shape) => dispatch(&forward(&shape), &shape).workgroups(shape.n),
            Self::Backward(shape) => dispatch(&backward(&shape), &shape).workgroups(shape.n),
            Self::Dilated { n, size, channels } => of(4 * n * size * size * channels / 4),
            Self::NormSums(shape) => of(Chunks::of(shape.pixels_in()).n * shape.c_in / 4),
            Self::NormGradients(shape) => [shape.c_in as u32 / 4, 1, 1],
            Self::NormInput(shape) => of(shape.pixels_in().div_ceil(PIXELS_A_THREAD) * shape.c_in / 4),
            Self::Weight(shape) => WeightTile::new(&shape).workgroups(&shape),
        }
    }

    /// WGSL with the entry point `main`.
    pub fn source(&self) -> String {
        match *self {
            Self::Moments { pixels, channels } => with_constants(
                include_str!("../wgsl/training/moments.wgsl"),
                &Chunks::of(pixels).constants(pixels, channels),
            ),
            Self::MomentsCombined {
                pixels,
                channels,
                software,
            } => with_constants(
                include_str!("../wgsl/training/moments_combined.wgsl"),
                &combining(Chunks::of(pixels).constants(pixels, channels), software),
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
            Self::Forward(shape) => convolution(&forward(&shape), &shape),
            Self::Backward(shape) => convolution(&backward(&shape), &shape),
            Self::Dilated { n, size, channels } => with_constants(
                include_str!("../wgsl/training/dilated.wgsl"),
                &[
                    ("WORKGROUP", WORKGROUP),
                    ("SIZE", size),
                    ("C", channels / 4),
                    ("VALUES", 4 * n * size * size * channels / 4),
                ],
            ),
            Self::NormSums(shape) => {
                with_constants(include_str!("../wgsl/training/norm_sums.wgsl"), &norm_constants(&shape))
            }
            Self::NormGradients(shape) => {
                let source = with_constants(
                    include_str!("../wgsl/training/norm_gradients.wgsl"),
                    &combining(norm_constants(&shape), shape.software),
                );
                with_epsilon(&source)
            }
            Self::NormInput(shape) => {
                let chunks = Chunks {
                    n: shape.pixels_in().div_ceil(PIXELS_A_THREAD),
                    pixels: PIXELS_A_THREAD,
                };
                let mut constants = chunks.constants(shape.pixels_in(), shape.c_in);
                constants.push(("SCALE", shape.n_weights() / 4));
                with_constants(include_str!("../wgsl/training/norm_input.wgsl"), &constants)
            }
            Self::Weight(shape) => WeightTile::new(&shape).source(&shape),
            Self::WeightCombined(shape) => with_constants(
                include_str!("../wgsl/training/weight_combined.wgsl"),
                &[
                    ("WORKGROUP", WORKGROUP),
                    ("PARTS", WeightTile::new(&shape).parts),
                    ("TAPS", shape.taps()),
                    ("C_IN", shape.c_in),
                    ("C_OUT", shape.c_out / 4),
                    ("WEIGHTS", shape.n_weights() / 4),
                ],
            ),
        }
    }

    /// Values that it writes, where that does not follow from the tensors' shapes.
    pub(super) fn n_written(&self) -> usize {
        match *self {
            Self::Moments { pixels, channels } => 2 * Chunks::of(pixels).n * channels,
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
            Self::NormSums(shape) => 2 * Chunks::of(shape.pixels_in()).n * shape.c_in,
            Self::NormGradients(shape) => 3 * shape.c_in,
            Self::Weight(shape) => WeightTile::new(&shape).parts * shape.n_weights(),
        }
    }
}

/// Runs of pixels over which threads sum.
struct Chunks {
    n: usize,
    pixels: usize,
}

impl Chunks {
    fn of(pixels: usize) -> Self {
        let a_chunk = pixels.div_ceil(MOST_CHUNKS).max(PIXELS_A_CHUNK);
        Self {
            n: pixels.div_ceil(a_chunk),
            pixels: a_chunk,
        }
    }

    fn constants(&self, pixels: usize, channels: usize) -> Vec<(&'static str, usize)> {
        vec![
            ("WORKGROUP", WORKGROUP),
            ("PIXELS", pixels),
            ("C", channels / 4),
            ("CHUNKS", self.n),
            ("CHUNK", self.pixels),
        ]
    }
}

fn with_constants(template: &str, constants: &[(&str, usize)]) -> String {
    let constant = |i: usize| format!("const {} = {}u;", constants[i].0, constants[i].1);
    fill(template, &[("$CONSTANTS", lines(constants.len(), constant))])
}

fn norm_constants(shape: &Shape) -> Vec<(&'static str, usize)> {
    let mut constants = Chunks::of(shape.pixels_in()).constants(shape.pixels_in(), shape.c_in);
    constants.push(("SCALE", shape.n_weights() / 4));
    constants
}

/// A software adapter pays for a barrier with a coroutine a vector register, so there one makes do.
fn combining(mut constants: Vec<(&'static str, usize)>, software: bool) -> Vec<(&'static str, usize)> {
    for (name, value) in &mut constants {
        if *name == "WORKGROUP" && software {
            *value = LANES;
        }
    }
    constants
}

/// Behind the other constants.
fn with_epsilon(source: &str) -> String {
    source.replacen(
        "@compute",
        &format!("const EPSILON = {BATCH_NORM_EPSILON:e}f;\n\n@compute"),
        1,
    )
}

fn prepared(shape: &Shape) -> String {
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
    let [norm_parameters, bindings, norm] = match shape.normed {
        true => [
            ", scale [C_IN], shift [C_IN]".to_owned(),
            bindings,
            norm.trim_start().to_owned(),
        ],
        false => Default::default(),
    };
    let source = fill(
        include_str!("../wgsl/training/prepared.wgsl"),
        &[
            ("$NORM_PARAMETERS", norm_parameters),
            ("$NORM_BINDINGS", bindings),
            ("$NORM", norm),
        ],
    );
    let source = with_constants(
        &source,
        &[
            ("WORKGROUP", WORKGROUP),
            ("TAPS", shape.taps()),
            ("C_IN", shape.c_in),
            ("C_OUT", shape.c_out / 4),
            ("WEIGHTS", shape.n_weights() / 4),
        ],
    );
    if shape.normed { with_epsilon(&source) } else { source }
}

fn forward(shape: &Shape) -> Convolution {
    let Shape {
        kernel,
        stride,
        c_in,
        c_out,
        size_in,
        normed,
        ..
    } = *shape;
    Convolution {
        kernel,
        stride,
        c_in,
        c_out,
        size_in,
        input: if normed { Input::Normed } else { Input::Plain },
        output: Output::Plain,
    }
}

/// Of the output's gradient, with zeros between its pixels where the stride is 2 and the kernel 3x3.
fn backward(shape: &Shape) -> Convolution {
    Convolution {
        stride: 1,
        c_in: shape.c_out,
        c_out: shape.c_in,
        size_in: if shape.kernel == 1 {
            shape.size_out()
        } else {
            shape.size_in
        },
        input: Input::Plain,
        ..forward(shape)
    }
}

fn convolution(convolution: &Convolution, shape: &Shape) -> String {
    let images = Images::Constant(shape.n);
    let stationary = shape.software.then(|| convolution.stationary(images)).flatten();
    stationary
        .unwrap_or_else(|| convolution.tiled(Tile::GPU, images))
        .source
}

fn dispatch(convolution: &Convolution, shape: &Shape) -> Dispatch {
    let stationary = shape.software.then(|| convolution.stationary_dispatch()).flatten();
    stationary.unwrap_or_else(|| convolution.tiled_dispatch(Tile::GPU))
}

/// How the gradient of a weight is shared out.
struct WeightTile {
    /// Vectors of input channels of a thread.
    tile_in: usize,
    /// Vectors of output channels of a thread.
    tile_out: usize,
    /// Parts of the sum.
    parts: usize,
    /// Workgroups along the pixels, on a software adapter.
    workers: usize,
}

impl WeightTile {
    fn new(shape: &Shape) -> Self {
        let (c_in, c_out) = (shape.c_in / 4, shape.c_out / 4);
        let most =
            |vectors: usize, most: usize| (1..=most).rev().find(|tile| vectors.is_multiple_of(*tile)).unwrap_or(1);
        if shape.software {
            let (tile_in, tile_out) = match shape.kernel {
                1 => (most(c_in, 16), most(c_out, 4)),
                _ => (most(c_in, 4), most(c_out, 2)),
            };
            let groups = (c_in / tile_in) * (c_out / tile_out);
            let workers = (MOST_WORKGROUPS / groups).clamp(1, shape.n);
            return Self {
                tile_in,
                tile_out,
                parts: LANES * workers,
                workers,
            };
        }
        let (tile_in, tile_out) = match shape.kernel {
            1 => (most(c_in, 2), most(c_out, 2)),
            _ => (1, most(c_out, 2)),
        };
        let tiles = shape.kernel * (c_in / tile_in) * (c_out / tile_out);
        let rows = shape.n * shape.size_out();
        let parts = (THREADS / tiles).clamp(1, MOST_PARTS.min(rows));
        // So many that each but the last has equally many rows.
        let parts = rows.div_ceil(rows.div_ceil(parts));
        Self {
            tile_in,
            tile_out,
            parts,
            workers: 0,
        }
    }

    fn workgroups(&self, shape: &Shape) -> [u32; 3] {
        let tiles = (shape.c_in / 4 / self.tile_in) * (shape.c_out / 4 / self.tile_out);
        match shape.software {
            true => [self.workers as u32, tiles as u32, 1],
            false => [(self.parts * tiles * shape.kernel).div_ceil(WORKGROUP) as u32, 1, 1],
        }
    }

    fn source(&self, shape: &Shape) -> String {
        let rows = shape.n * shape.size_out();
        let constants = [
            ("WORKGROUP", WORKGROUP),
            ("LANES", LANES),
            ("KERNEL", shape.kernel),
            ("STRIDE", shape.stride),
            ("SIZE_IN", shape.size_in),
            ("SIZE_OUT", shape.size_out()),
            ("C_IN", shape.c_in / 4),
            ("C_OUT", shape.c_out / 4),
            ("TILE_IN", self.tile_in),
            ("TILE_OUT", self.tile_out),
            ("PARTS", self.parts),
            ("ROWS", rows),
            ("ROWS_A_PART", rows.div_ceil(self.parts)),
            ("WORKERS", self.workers),
            ("SCALE", shape.n_weights() / 4),
            ("SUMS", shape.taps() * 4 * self.tile_in * self.tile_out),
        ];
        let binding = match shape.normed {
            true => {
                "@group(0) @binding(3) var<storage, read> parameters: array<vec4f>; // at SCALE: scale [C_IN], shift [C_IN]"
            }
            false => "",
        };
        let norm = lines(self.tile_in, |i| {
            format!(
                "    let scale{i} = parameters[SCALE + channel_in + {i}u];\n    let shift{i} = parameters[SCALE + C_IN + channel_in + {i}u];"
            )
        });
        let norm = if shape.normed { norm } else { String::new() };
        let title = format!(
            "{}x{} convolution {} -> {}, {} images of {}x{} pixels",
            shape.kernel, shape.kernel, shape.c_in, shape.c_out, shape.n, shape.size_in, shape.size_in
        );
        let mut values = vec![
            ("$TITLE", title),
            ("$NORM_BINDING", binding.to_owned()),
            ("$NORM", norm),
        ];
        let template = if shape.software {
            values.push((
                "$PIXELS",
                match (shape.kernel, shape.stride) {
                    (1, _) => self.software_pixels(shape),
                    (_, 1) => self.software_rows(shape),
                    _ => self.software_strided_rows(shape),
                },
            ));
            include_str!("../wgsl/training/weight_software.wgsl")
        } else {
            values.extend(self.hardware(shape));
            include_str!("../wgsl/training/weight.wgsl")
        };
        with_constants(&fill(template, &values), &constants)
    }

    /// Reads input channels `i` of this thread at a place, as the convolution sees them.
    fn read(shape: &Shape, place: &str, i: usize) -> String {
        let value = format!("x[{place} + {i}u]");
        match shape.normed {
            true => format!("max(fma({value}, scale{i}, shift{i}), vec4f())"),
            false => value,
        }
    }

    fn hardware(&self, shape: &Shape) -> Vec<(&'static str, String)> {
        let (tile_in, tile_out, taps) = (self.tile_in, self.tile_out, shape.kernel);
        // Sum of tap t of the window's row, input channel j of this thread, vector v of output channels.
        let sums = |line: &dyn Fn(usize, usize, usize) -> String| {
            lines(taps * 4 * tile_in * tile_out, |i| {
                line(i / (4 * tile_in * tile_out), i / tile_out % (4 * tile_in), i % tile_out)
            })
        };
        let variables = |name: &str, how: &dyn Fn(usize) -> String| {
            lines(tile_in, |i| format!("            let {name}{i} = {};", how(i)))
        };
        let read = |place: &'static str| move |i: usize| Self::read(shape, place, i);
        let carried = lines(tile_in, |i| match shape.stride {
            1 => format!(
                "        var left{i} = vec4f();\n        var here{i} = {};",
                Self::read(shape, "start", i)
            ),
            _ => format!("        var left{i} = vec4f();"),
        });
        let mut pixel = lines(tile_out, |v| format!("            let d{v} = dy[there + {v}u];"));
        let mut row = String::new();
        // What each tap of the window's row reads, in its order.
        let mut names: &[&str] = &["here"];
        if taps == 1 {
            pixel += &format!("\n{}", variables("here", &read("place")));
        } else if shape.stride == 1 {
            row = carried;
            names = &["left", "here", "right"];
            let beyond = |i: usize| {
                format!(
                    "select(vec4f(), {}, column + 1u < SIZE_OUT)",
                    Self::read(shape, "place + C_IN", i)
                )
            };
            pixel += &format!("\n{}", variables("right", &beyond));
        } else {
            row = carried;
            names = &["left", "here", "right"];
            // The last pixel's right neighbour is inside.
            pixel += &format!(
                "\n{}\n{}",
                variables("here", &read("place")),
                variables("right", &read("place + C_IN"))
            );
        }
        pixel += "\n";
        pixel += &sums(&|t, j, v| {
            let value = format!("{}{}.{}", names[t], j / 4, component(j));
            format!("            sum{t}_{j}_{v} = fma(vec4f({value}), d{v}, sum{t}_{j}_{v});")
        });
        if taps == 3 {
            pixel += "\n";
            pixel += &lines(tile_in, |i| match shape.stride {
                1 => format!("            left{i} = here{i};\n            here{i} = right{i};"),
                _ => format!("            left{i} = right{i};"),
            });
        }
        vec![
            ("$CLEAR", sums(&|t, j, v| format!("    var sum{t}_{j}_{v} = vec4f();"))),
            ("$ROW", row),
            ("$PIXEL", pixel),
            (
                "$STORE",
                sums(&|t, j, v| format!("    y[first + ({t}u * 4u * C_IN + {j}u) * C_OUT + {v}u] = sum{t}_{j}_{v};")),
            ),
        ]
    }

    /// Adds the products of what was read, named `x{dx}_{i}`, with a gradient to the sums of row `dy` of the window.
    fn products(&self, shape: &Shape, x: &str, row: usize, gradient: &str) -> String {
        let (tile_in, tile_out) = (self.tile_in, self.tile_out);
        lines(shape.kernel * 4 * tile_in * tile_out, |i| {
            let (dx, j, v) = (i / (4 * tile_in * tile_out), i / tile_out % (4 * tile_in), i % tile_out);
            let sum = ((row * shape.kernel + dx) * 4 * tile_in + j) * tile_out + v;
            let value = format!("{x}{dx}_{}.{}", j / 4, component(j));
            format!("            p[{sum}] = fma(vec4f({value}), {gradient}{v}, p[{sum}]);")
        })
    }

    fn gradients(&self, name: &str, place: &str) -> String {
        lines(self.tile_out, |v| {
            format!("            let {name}{v} = dy[{place} + {v}u];")
        })
    }

    fn software_pixels(&self, shape: &Shape) -> String {
        let reads = lines(self.tile_in, |i| {
            format!("            let x0_{i} = {};", Self::read(shape, "place", i))
        });
        format!(
            "    for (var pixel = id.x * LANES + lane.x; pixel < ROWS * SIZE_OUT; pixel += WORKERS * LANES) {{
            let place = ((pixel / SIZE_OUT) * STRIDE * SIZE_IN + pixel % SIZE_OUT * STRIDE) * C_IN + channel_in;
            let there = pixel * C_OUT + channel_out;
{reads}
{}
{}
    }}",
            self.gradients("d", "there"),
            self.products(shape, "x", 0, "d"),
        )
    }

    /// Reads a row of the window at the column before `place`.
    fn row(&self, shape: &Shape, name: &str, place: &str, inside: Option<&str>) -> String {
        lines(3 * self.tile_in, |i| {
            let (dx, i) = (i / self.tile_in, i % self.tile_in);
            let value = Self::read(shape, &format!("{place} + {dx}u * C_IN"), i);
            let outside = match (dx, shape.stride) {
                (0, _) => Some("has_left"),
                (2, 1) => Some("has_right"),
                // At stride 2 the last pixel's right neighbour is inside.
                _ => None,
            };
            let condition: Vec<_> = outside.into_iter().chain(inside).collect();
            match condition.is_empty() {
                true => format!("            let {name}{dx}_{i} = {value};"),
                false => format!(
                    "            let {name}{dx}_{i} = select(vec4f(), {value}, {});",
                    condition.join(" && ")
                ),
            }
        })
    }

    /// The loop over columns of pixels, four at a time, around a loop over rows.
    fn strips(before: &str, row: &str) -> String {
        format!(
            "    for (var strip = id.x; strip < ROWS / LANES; strip += WORKERS) {{
        let column = strip % (SIZE_OUT / LANES) * LANES + lane.x;
        let image = strip / (SIZE_OUT / LANES);
        let has_left = column > 0u;
        let has_right = column < SIZE_OUT - 1u;
        // Left of the first pixel this wraps around; what is read there is not used.
        var place = (image * SIZE_IN * SIZE_IN + column * STRIDE - 1u) * C_IN + channel_in;
        var there = (image * SIZE_OUT * SIZE_OUT + column) * C_OUT + channel_out;
{before}
        for (var row = 0u; row < SIZE_OUT; row++) {{
{row}
            place += STRIDE * SIZE_IN * C_IN;
            there += SIZE_OUT * C_OUT;
        }}
    }}"
        )
    }

    /// At stride 1 a row of the input meets the gradients of the rows above it, at it and below it.
    fn software_rows(&self, shape: &Shape) -> String {
        let before = lines(self.tile_out, |v| {
            format!("        var above{v} = vec4f();\n        var here{v} = dy[there + {v}u];")
        });
        let below = lines(self.tile_out, |v| {
            format!(
                "            let below{v} = select(vec4f(), dy[there + SIZE_OUT * C_OUT + {v}u], row + 1u < SIZE_OUT);"
            )
        });
        let carry = lines(self.tile_out, |v| {
            format!("            above{v} = here{v};\n            here{v} = below{v};")
        });
        let row = [
            self.row(shape, "x", "place", None),
            below,
            self.products(shape, "x", 0, "below"),
            self.products(shape, "x", 1, "here"),
            self.products(shape, "x", 2, "above"),
            carry,
        ];
        Self::strips(&before, &row.join("\n"))
    }

    fn software_strided_rows(&self, shape: &Shape) -> String {
        let row = [
            self.gradients("d", "there"),
            self.row(shape, "a", "place - SIZE_IN * C_IN", Some("row > 0u")),
            self.products(shape, "a", 0, "d"),
            self.row(shape, "b", "place", None),
            self.products(shape, "b", 1, "d"),
            self.row(shape, "c", "place + SIZE_IN * C_IN", None),
            self.products(shape, "c", 2, "d"),
        ];
        Self::strips("", &row.join("\n"))
    }
}
