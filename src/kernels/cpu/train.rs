//! Training on the CPU: a BatchNorm in training mode, a ReLU and a convolution as one layer, forward and backward.
//!
//! Tensors are slices, channels-last, images side by side. An image is worked on at a time, so that what passes between the
//! steps of a layer stays in the caches; only what BatchNorm's gradient needs over the whole batch takes a second pass.
//!
//! Threads share the images. What is summed over them is summed in parts that depend on the batch alone, and these in order,
//! so that a result is the same however many threads there are.

use super::activations::{Activations, View};
use super::conv::Batch;
use super::packed::Packed;
use super::parallel::for_each;
use super::simd::{LANES, Vector};
use super::tile::{CHANNELS, halves};
use super::weight::{WeightGradient, WeightTile};
use super::winograd::WinogradScratch;
use crate::architecture::BATCH_NORM_EPSILON;
use crate::kernels::plan::Conv;

/// Most parts that a batch's gradients are summed in, and so the most threads that share them.
const MAX_PARTS: usize = 16;

/// Floats that are worth another thread if the work on each is small: about 20 us.
const GRAIN_FLOATS: usize = 65_536;

/// Mean and biased variance of each channel over all images and pixels.
#[derive(Clone, Debug, PartialEq)]
pub struct CpuMoments {
    /// `[channels]`
    pub mean: Vec<f32>,
    /// `[channels]`
    pub var: Vec<f32>,
}

/// A BatchNorm that normalises with its batch's own moments.
#[derive(Clone, Copy, Debug)]
pub struct CpuNorm<'a> {
    /// Scale, `[channels]`.
    pub gamma: &'a [f32],
    /// Shift, `[channels]`.
    pub beta: &'a [f32],
    /// Mean, `[channels]`.
    pub mean: &'a [f32],
    /// Biased variance, `[channels]`.
    pub var: &'a [f32],
}

/// Gradients of a layer.
#[derive(Clone, Debug, PartialEq)]
pub struct CpuGradients {
    /// Gradient of the input, in its shape; empty if not requested.
    pub input: Vec<f32>,
    /// `[c_out, c_in, kernel, kernel]`
    pub weight: Vec<f32>,
    /// `[c_in]`; empty without a norm.
    pub gamma: Vec<f32>,
    /// `[c_in]`; empty without a norm.
    pub beta: Vec<f32>,
}

impl CpuMoments {
    /// Measures `[pixels, channels]`. Sums are taken relative to the first image's mean, so that nothing cancels.
    pub fn of(x: &[f32], channels: usize, pixels_per_image: usize) -> Self {
        let n = (x.len() / channels) as f64;
        let image = pixels_per_image * channels;
        let mut shift = vec![0.0f32; channels];
        for pixel in x[..image].chunks_exact(channels) {
            shift.iter_mut().zip(pixel).for_each(|(sum, v)| *sum += v);
        }
        shift.iter_mut().for_each(|sum| *sum /= pixels_per_image as f32);
        let grain = GRAIN_FLOATS.div_ceil(image) * image;
        let mut parts = vec![vec![[0.0f64; 2]; channels]; x.len().div_ceil(grain)];
        without_scratch(x.chunks(grain).zip(&mut parts), |(images, sums)| {
            for image in images.chunks_exact(image) {
                add_sums(sums, channels, |group| {
                    let shift = lanes(&shift, group);
                    let mut sums = [Vector::splat(0.0); 4];
                    for pixel in image.chunks_exact(channels) {
                        let [low, high] = lanes(pixel, group);
                        let (low, high) = (low.sub(shift[0]), high.sub(shift[1]));
                        sums[0] = sums[0].add(low);
                        sums[1] = sums[1].add(high);
                        sums[2] = sums[2].mul_add(low, low);
                        sums[3] = sums[3].mul_add(high, high);
                    }
                    sums
                });
            }
        });
        let sums = add_parts(parts.iter().map(Vec::as_slice));
        let moments = sums.iter().zip(&shift).map(|([sum, squares], shift)| {
            let mean = sum / n;
            let var = (squares / n - mean * mean).max(0.0);
            ((f64::from(*shift) + mean) as f32, var as f32)
        });
        let (mean, var) = moments.unzip();
        Self { mean, var }
    }
}

fn without_scratch<T: Send>(items: impl ExactSizeIterator<Item = T> + Send, work: impl Fn(T) + Sync) {
    for_each(items, &mut Vec::new(), || (), |(), item| work(item));
}

/// The sums of all parts, in their order.
fn add_parts<'a>(mut parts: impl Iterator<Item = &'a [[f64; 2]]>) -> Vec<[f64; 2]> {
    let mut sums = parts.next().unwrap_or_default().to_vec();
    for part in parts {
        for (sum, part) in sums.iter_mut().zip(part) {
            *sum = [sum[0] + part[0], sum[1] + part[1]];
        }
    }
    sums
}

/// Adds what `sums_of` finds for each group of a tile's channels: the sums of two quantities, `[quantity][vector]`.
fn add_sums(sums: &mut [[f64; 2]], channels: usize, mut sums_of: impl FnMut(usize) -> [Vector; 4]) {
    for group in 0..channels / CHANNELS {
        let group_sums = sums_of(group).map(Vector::to_array);
        let channels = sums[group * CHANNELS..][..CHANNELS].iter_mut().enumerate();
        channels.for_each(|(i, [first, second])| {
            *first += f64::from(group_sums[i / LANES][i % LANES]);
            *second += f64::from(group_sums[2 + i / LANES][i % LANES]);
        });
    }
}

/// The two vectors of a group of channels.
#[inline(always)]
fn lanes(pixel: &[f32], group: usize) -> [Vector; 2] {
    let channels = pixel[group * CHANNELS..]
        .first_chunk()
        .expect("channels are multiples of a tile's");
    halves(channels).map(Vector::load)
}

/// What a layer computes: `conv(relu(norm(x)))`, or `conv(x)` without a norm.
pub struct CpuLayer<'a> {
    conv: Conv,
    norm: Option<BatchAffine<'a>>,
}

/// A norm as `x * scale + shift`.
struct BatchAffine<'a> {
    norm: CpuNorm<'a>,
    /// 1 / sqrt(var + eps)
    inverse_std: Vec<f32>,
    scale: Vec<f32>,
    shift: Vec<f32>,
}

impl<'a> BatchAffine<'a> {
    fn new(norm: CpuNorm<'a>) -> Self {
        let inverse_std = norm
            .var
            .iter()
            .map(|var| (1.0 / (f64::from(*var) + BATCH_NORM_EPSILON).sqrt()) as f32);
        let inverse_std: Vec<f32> = inverse_std.collect();
        let scale: Vec<f32> = norm
            .gamma
            .iter()
            .zip(&inverse_std)
            .map(|(gamma, i)| gamma * i)
            .collect();
        let shift = norm
            .beta
            .iter()
            .zip(norm.mean)
            .zip(&scale)
            .map(|((beta, mean), scale)| beta - mean * scale);
        Self {
            norm,
            shift: shift.collect(),
            inverse_std,
            scale,
        }
    }

    /// relu(x * scale + shift) for a row of pixels.
    fn activate(&self, from: &[f32], to: &mut [f32]) {
        let channels = self.scale.len();
        for (from, to) in from.chunks_exact(channels).zip(to.chunks_exact_mut(channels)) {
            for (((to, x), scale), shift) in to.iter_mut().zip(from).zip(&self.scale).zip(&self.shift) {
                let value = x * scale + shift;
                *to = if value > 0.0 { value } else { 0.0 };
            }
        }
    }
}

impl<'a> CpuLayer<'a> {
    /// `weight` is `[c_out, c_in, kernel, kernel]`; channel counts are multiples of a tile's, but for the stem's input.
    pub fn new(weight: &[f32], shape: [usize; 3], stride: usize, size_in: usize, norm: Option<CpuNorm<'a>>) -> Self {
        Self {
            conv: Conv::from_pytorch(weight, shape, stride, size_in),
            norm: norm.map(BatchAffine::new),
        }
    }

    fn image_in(&self) -> usize {
        self.conv.size_in * self.conv.size_in * self.conv.c_in
    }

    fn image_out(&self) -> usize {
        self.conv.size_out() * self.conv.size_out() * self.conv.c_out
    }

    /// A buffer for one activated image.
    fn padded(&self) -> Activations {
        Activations::new(self.conv.size_in, self.conv.kernel / 2, self.conv.c_in)
    }

    /// `[n, size_in, size_in, c_in]` -> `[n, size_out, size_out, c_out]`
    pub fn forward(&self, x: &[f32]) -> Vec<f32> {
        let packed = Packed::new(&self.conv);
        let mut y = vec![0.0; x.len() / self.image_in() * self.image_out()];
        let images = x
            .chunks_exact(self.image_in())
            .zip(y.chunks_exact_mut(self.image_out()));
        for_each(
            images,
            &mut Vec::new(),
            || (self.padded(), WinogradScratch::default()),
            |(padded, scratch), (x, y)| {
                let mut batch = Batch {
                    values: y,
                    size: self.conv.size_out(),
                    channels: self.conv.c_out,
                    stride: 1,
                };
                packed.run(self.activated(x, padded), scratch, &mut batch);
            },
        );
        y
    }

    /// The convolution's input: the activated image in `padded`, or the image itself if it is read as it is.
    fn activated<'b>(&self, x: &'b [f32], padded: &'b mut Activations) -> View<'b> {
        let row = self.conv.size_in * self.conv.c_in;
        match &self.norm {
            None if self.conv.kernel == 1 => return View::new(x, self.conv.size_in),
            None => {
                let rows = x.chunks_exact(row).enumerate();
                rows.for_each(|(y, x)| padded.row_mut(y).copy_from_slice(x));
            }
            Some(norm) => {
                let rows = x.chunks_exact(row).enumerate();
                rows.for_each(|(y, x)| norm.activate(x, padded.row_mut(y)));
            }
        }
        padded.view()
    }

    /// Gradients from those of the output, `[n, size_out, size_out, c_out]`.
    pub fn backward(&self, x: &[f32], dy: &[f32], needs_input: bool) -> CpuGradients {
        let (image_in, image_out) = (self.image_in(), self.image_out());
        let n_images = x.len() / image_in;
        let n_each = n_images.div_ceil(MAX_PARTS).max(1);
        let input = (needs_input || self.norm.is_some()).then(|| InputGradient::new(&self.conv));
        let mut dx = vec![0.0; if input.is_some() { x.len() } else { 0 }];
        let mut dxs = dx.chunks_mut(n_each * image_in);
        let mut parts = vec![Part::new(&self.conv, self.norm.is_some()); n_images.div_ceil(n_each)];
        let images = x.chunks(n_each * image_in).zip(dy.chunks(n_each * image_out));
        // Without the input's gradient there is nothing to take from it.
        let images = images.map(|(x, dy)| (x, dy, dxs.next().unwrap_or_default()));
        for_each(
            images.zip(&mut parts),
            &mut Vec::new(),
            || LayerScratch::new(self, input.as_ref()),
            |scratch, ((x, dy, dx), part)| {
                let mut dxs = dx.chunks_exact_mut(image_in);
                for (x, dy) in x.chunks_exact(image_in).zip(dy.chunks_exact(image_out)) {
                    let input_view = self.activated(x, &mut scratch.padded);
                    let dy_view = View::new(dy, self.conv.size_out());
                    scratch.weight.add(input_view, dy_view, &mut part.weight);
                    if let (Some(input), Some(dx)) = (&input, dxs.next()) {
                        input.run(dy, scratch, dx);
                        if let Some(norm) = &self.norm {
                            norm.mask(x, dx, &mut part.sums);
                        }
                    }
                }
            },
        );
        let (gamma, beta) = match &self.norm {
            Some(norm) => norm.finish(x, &mut dx, &add_parts(parts.iter().map(|part| part.sums.as_slice()))),
            None => Default::default(),
        };
        CpuGradients {
            input: dx,
            weight: WeightGradient::finish(&self.conv, parts.into_iter().map(|part| part.weight)),
            gamma,
            beta,
        }
    }
}

/// The share of some images in a batch's gradients.
#[derive(Clone)]
struct Part {
    weight: Vec<WeightTile>,
    /// Sums of the norm's gradients, see [`BatchAffine::mask`].
    sums: Vec<[f64; 2]>,
}

impl Part {
    fn new(conv: &Conv, has_norm: bool) -> Self {
        Self {
            weight: WeightGradient::sums(conv),
            sums: vec![[0.0; 2]; if has_norm { conv.c_in } else { 0 }],
        }
    }
}

/// A thread's buffers for one image.
struct LayerScratch<'a> {
    padded: Activations,
    weight: WeightGradient<'a>,
    spread: Option<Activations>,
    winograd: WinogradScratch,
}

impl<'a> LayerScratch<'a> {
    fn new(layer: &'a CpuLayer<'_>, input: Option<&InputGradient>) -> Self {
        Self {
            padded: layer.padded(),
            weight: WeightGradient::new(&layer.conv),
            spread: input.and_then(InputGradient::spread),
            winograd: WinogradScratch::default(),
        }
    }
}

impl BatchAffine<'_> {
    /// Clears the gradients of inactive ReLUs, and sums them and their products with `x - mean`.
    fn mask(&self, x: &[f32], dx: &mut [f32], sums: &mut [[f64; 2]]) {
        let channels = self.scale.len();
        add_sums(sums, channels, |group| {
            let (scale, shift) = (lanes(&self.scale, group), lanes(&self.shift, group));
            let mean = lanes(self.norm.mean, group);
            let mut sums = [Vector::splat(0.0); 4];
            for (x, dx) in x.chunks_exact(channels).zip(dx.chunks_exact_mut(channels)) {
                let x = lanes(x, group);
                let dx = dx[group * CHANNELS..]
                    .first_chunk_mut()
                    .expect("channels are multiples of a tile's");
                for (half, dx) in super::tile::halves_mut(dx).into_iter().enumerate() {
                    let on = shift[half].mul_add(x[half], scale[half]);
                    let gradient = Vector::load(dx).where_positive(on);
                    gradient.store(dx);
                    sums[half] = sums[half].add(gradient);
                    sums[2 + half] = sums[2 + half].mul_add(gradient, x[half].sub(mean[half]));
                }
            }
            sums
        });
    }

    /// Turns the masked gradients g into those of the norm's input, gamma / std * (g - mean(g) - x^ * mean(g x^)) with the
    /// normalised x^ (Ioffe and Szegedy 2015), and returns those of scale and shift.
    fn finish(&self, x: &[f32], dx: &mut [f32], sums: &[[f64; 2]]) -> (Vec<f32>, Vec<f32>) {
        let channels = self.scale.len();
        let n = (x.len() / channels) as f64;
        let (mut slope, mut offset) = (vec![0.0; channels], vec![0.0; channels]);
        let (mut gamma, mut beta) = (vec![0.0; channels], vec![0.0; channels]);
        for (c, [sum, products]) in sums.iter().enumerate() {
            let (inverse, scale) = (f64::from(self.inverse_std[c]), f64::from(self.scale[c]));
            let by_x = -scale * inverse * inverse * products / n;
            slope[c] = by_x as f32;
            offset[c] = (-scale * sum / n - by_x * f64::from(self.norm.mean[c])) as f32;
            gamma[c] = (products * inverse) as f32;
            beta[c] = *sum as f32;
        }
        let grain = GRAIN_FLOATS.div_ceil(channels) * channels;
        without_scratch(x.chunks(grain).zip(dx.chunks_mut(grain)), |(x, dx)| {
            for (x, dx) in x.chunks_exact(channels).zip(dx.chunks_exact_mut(channels)) {
                let parameters = self.scale.iter().zip(&slope).zip(&offset);
                for ((dx, x), ((scale, slope), offset)) in dx.iter_mut().zip(x).zip(parameters) {
                    *dx = *dx * scale + (x * slope + offset);
                }
            }
        });
        (gamma, beta)
    }
}

/// The gradient of a convolution's input, an image at a time.
struct InputGradient {
    conv: Packed,
    kernel: usize,
    size_in: usize,
    size_out: usize,
    c_in: usize,
    c_out: usize,
    stride: usize,
}

impl InputGradient {
    fn new(conv: &Conv) -> Self {
        let transposed = conv.transposed();
        // A 1x1 kernel skips the pixels between; they have no gradient.
        let pointwise = conv.kernel == 1;
        let size_in = if pointwise { conv.size_out() } else { conv.size_in };
        Self {
            conv: Packed::new(&Conv { size_in, ..transposed }),
            kernel: conv.kernel,
            size_in: conv.size_in,
            size_out: conv.size_out(),
            c_in: conv.c_in,
            c_out: conv.c_out,
            stride: conv.stride,
        }
    }

    /// A buffer for the output's gradient, spread out by the stride, with a border; `None` if it can be read in place.
    fn spread(&self) -> Option<Activations> {
        (self.kernel > 1).then(|| Activations::new(self.size_in, self.kernel / 2, self.c_out))
    }

    fn run(&self, dy: &[f32], scratch: &mut LayerScratch<'_>, dx: &mut [f32]) {
        let mut store = Batch {
            values: dx,
            size: self.size_in,
            channels: self.c_in,
            stride: 1,
        };
        match &mut scratch.spread {
            None => {
                store.stride = self.stride;
                self.conv
                    .run(View::new(dy, self.size_out), &mut scratch.winograd, &mut store);
            }
            Some(spread) => {
                for (y, row) in dy.chunks_exact(self.size_out * self.c_out).enumerate() {
                    let to = spread
                        .row_mut(y * self.stride)
                        .chunks_exact_mut(self.stride * self.c_out);
                    to.zip(row.chunks_exact(self.c_out))
                        .for_each(|(to, from)| to[..self.c_out].copy_from_slice(from));
                }
                self.conv.run(spread.view(), &mut scratch.winograd, &mut store);
            }
        }
    }
}

#[cfg(all(test, feature = "threads"))]
mod tests {
    use super::super::parallel::tests::with_threads;
    use super::*;
    use crate::testing::values;

    /// Bit by bit: a run that is resumed on a machine with more cores goes on as it would have.
    #[test]
    fn a_layer_computes_the_same_with_any_number_of_threads() {
        // [n, size, c_in, c_out, kernel, stride]; more and fewer images than parts and threads, and a last part of one image.
        for [n, size, c_in, c_out, kernel, stride] in [
            [1, 8, 16, 16, 3, 1],
            [5, 32, 16, 64, 1, 1],
            [16, 16, 32, 32, 3, 2],
            [33, 8, 64, 32, 1, 2],
        ] {
            let x = values(n * size * size * c_in, 1);
            let weight = values(c_out * c_in * kernel * kernel, 2);
            let dy = values(n * (size / stride) * (size / stride) * c_out, 3);
            let (gamma, beta) = (values(c_in, 4), values(c_in, 5));
            for has_norm in [true, false] {
                let results = with_threads(|| {
                    let moments = CpuMoments::of(&x, c_in, size * size);
                    let norm = CpuNorm {
                        gamma: &gamma,
                        beta: &beta,
                        mean: &moments.mean,
                        var: &moments.var,
                    };
                    let norm = has_norm.then_some(norm);
                    let layer = CpuLayer::new(&weight, [c_out, c_in, kernel], stride, size, norm);
                    let gradients = [true, false].map(|needs_input| layer.backward(&x, &dy, needs_input));
                    (layer.forward(&x), gradients, moments.clone())
                });
                let what = format!("{n} images of {size} pixels, {c_in} to {c_out}, kernel {kernel}, stride {stride}");
                assert_eq!(results[0].1[1].input.is_empty(), !has_norm);
                assert!(results.iter().all(|result| *result == results[0]), "{what}");
            }
        }
    }
}
