//! Convolutions of one image, channels-last, as matrix products over runs of neighbouring inputs.
//!
//! With the channels innermost, the inputs under one row of a 3x3 kernel lie side by side, so that a 3x3 convolution is three
//! matrix products with inner length 3 * c_in, a 1x1 convolution is one with c_in, and nothing is ever gathered. Zero padding
//! is a border in the input's buffer.

use super::activations::{Activations, View};
use super::simd::Vector;
use super::tile::{self, CHANNELS, PIXELS, Tile};
use crate::kernels::plan::{Affine, Conv};

/// Inputs of a strip of output rows are to stay in the first cache (32 KiB and more) beside a panel of weights.
const STRIP_FLOATS: usize = 4096;

/// A convolution with its weights in panels of a tile's output channels.
#[derive(Clone, Debug)]
pub struct PackedConv {
    kernel: usize,
    stride: usize,
    c_in: usize,
    size_out: usize,
    /// `[c_out / CHANNELS, kernel, kernel * c_in, CHANNELS]`
    weights: Vec<[f32; CHANNELS]>,
    /// `[c_out / CHANNELS, CHANNELS]`
    bias: Vec<[f32; CHANNELS]>,
}

/// Where a finished sum goes.
pub trait Store {
    /// Takes a tile's channels, from `channel` on, of the pixel at `x`, `y`.
    fn store(&mut self, y: usize, x: usize, channel: usize, sums: [Vector; 2]);
}

impl PackedConv {
    /// Lays out the weights.
    pub fn new(conv: &Conv) -> Self {
        let panels = conv.c_out.div_ceil(CHANNELS);
        let n_inputs = conv.kernel * conv.kernel * conv.c_in;
        let mut weights = vec![[0.0; CHANNELS]; panels * n_inputs];
        let mut bias = vec![[0.0; CHANNELS]; panels];
        for (input, outputs) in conv.weight.chunks_exact(conv.c_out).enumerate() {
            for (panel, outputs) in outputs.chunks(CHANNELS).enumerate() {
                weights[panel * n_inputs + input][..outputs.len()].copy_from_slice(outputs);
            }
        }
        for (to, from) in bias
            .iter_mut()
            .zip(conv.bias.iter().flat_map(|bias| bias.chunks(CHANNELS)))
        {
            to[..from.len()].copy_from_slice(from);
        }
        Self {
            kernel: conv.kernel,
            stride: conv.stride,
            c_in: conv.c_in,
            size_out: conv.size_out(),
            weights,
            bias,
        }
    }

    /// Pixels per side of its output.
    pub fn size_out(&self) -> usize {
        self.size_out
    }

    /// Sets the pixels per side of its output; the weights do not depend on them.
    pub fn set_size_out(&mut self, size: usize) {
        self.size_out = size;
    }

    /// Computes all pixels and channels and hands them to `store`. `input` has a border of `kernel / 2` zeros or more.
    pub fn run(&self, input: View<'_>, store: &mut impl Store) {
        let run = self.kernel * self.c_in;
        let border = input.border() - self.kernel / 2;
        let next_pixel = self.stride * self.c_in;
        let next_row = input.row_len();
        let origin = border * (next_row + self.c_in);
        let rows = (STRIP_FLOATS / next_row).clamp(1, self.size_out);
        let values = input.values();
        let tiled_pixels = self.size_out / PIXELS * PIXELS;
        for strip in (0..self.size_out).step_by(rows) {
            let panels = self.weights.chunks_exact(self.kernel * run).zip(&self.bias);
            for (panel, (weights, bias)) in panels.enumerate() {
                for y in strip..(strip + rows).min(self.size_out) {
                    let first_row = origin + y * self.stride * next_row;
                    let tile = |pixels: [usize; PIXELS]| {
                        let first = pixels.map(|x| first_row + x * next_pixel);
                        sums(values, first, next_row, run, weights, bias)
                    };
                    for x in (0..tiled_pixels).step_by(PIXELS) {
                        for (p, sums) in tile([x, x + 1, x + 2, x + 3]).into_iter().enumerate() {
                            store.store(y, x + p, panel * CHANNELS, sums);
                        }
                    }
                    if tiled_pixels < self.size_out {
                        // If fewer pixels than a tile remain, the last is computed several times and stored once.
                        let last = self.size_out - 1;
                        let sums = tile([0, 1, 2, 3].map(|p| (tiled_pixels + p).min(last)));
                        for (p, sums) in sums.into_iter().enumerate().take(PIXELS - 1) {
                            if tiled_pixels + p <= last {
                                store.store(y, tiled_pixels + p, panel * CHANNELS, sums);
                            }
                        }
                    }
                }
            }
        }
    }
}

/// The sums of a tile whose pixels begin at `first` in the first row of their kernel. (As a closure that is called in two places,
/// it might not be inlined.)
#[inline(always)]
fn sums(
    values: &[f32],
    first: [usize; PIXELS],
    next_row: usize,
    run: usize,
    weights: &[[f32; CHANNELS]],
    bias: &[f32; CHANNELS],
) -> Tile {
    let mut sums = tile::start(bias);
    for (row, weights) in weights.chunks_exact(run).enumerate() {
        let inputs = first.map(|first| &values[first + row * next_row..][..run]);
        sums = tile::accumulate(sums, inputs, weights);
    }
    sums
}

/// Keeps the sums as they are.
pub struct Plain<'a>(pub &'a mut Activations);

/// Keeps the sums in `[size, size, channels]` of a batch, at every `stride`-th pixel.
pub struct Batch<'a> {
    /// One image.
    pub values: &'a mut [f32],
    /// Pixels per side.
    pub size: usize,
    /// Floats per pixel.
    pub channels: usize,
    /// 1 to write all pixels.
    pub stride: usize,
}

impl Store for Batch<'_> {
    #[inline(always)]
    fn store(&mut self, y: usize, x: usize, channel: usize, sums: [Vector; 2]) {
        let first = (y * self.size + x) * self.stride * self.channels + channel;
        let to = self.values[first..].first_chunk_mut();
        write(to.expect("a convolution stores within its output"), sums);
    }
}

/// Keeps `relu(sum)`.
pub struct Relu<'a>(pub &'a mut Activations);

/// Adds the sums to a residual stream, or begins one, and keeps what the next layer reads of it: `relu(norm(stream))`.
pub struct Residual<'a, const ADD: bool> {
    /// Read if `ADD`, and written.
    pub stream: &'a mut Activations,
    /// The next layer's input.
    pub activated: &'a mut Activations,
    /// The next layer's norm.
    pub norm: &'a PackedAffine,
}

/// Scale and shift in groups of a tile's channels.
#[derive(Clone, Debug)]
pub struct PackedAffine {
    scale: Vec<[f32; CHANNELS]>,
    shift: Vec<[f32; CHANNELS]>,
}

impl PackedAffine {
    /// Channel counts are multiples of a tile's.
    pub fn new(affine: &Affine) -> Self {
        Self {
            scale: affine.scale.as_chunks().0.to_vec(),
            shift: affine.shift.as_chunks().0.to_vec(),
        }
    }
}

impl Store for Plain<'_> {
    #[inline(always)]
    fn store(&mut self, y: usize, x: usize, channel: usize, sums: [Vector; 2]) {
        write(self.0.channels_mut(y, x, channel), sums);
    }
}

impl Store for Relu<'_> {
    #[inline(always)]
    fn store(&mut self, y: usize, x: usize, channel: usize, sums: [Vector; 2]) {
        write(self.0.channels_mut(y, x, channel), sums.map(Vector::relu));
    }
}

impl<const ADD: bool> Store for Residual<'_, ADD> {
    #[inline(always)]
    fn store(&mut self, y: usize, x: usize, channel: usize, [mut low, mut high]: [Vector; 2]) {
        let stream = self.stream.channels_mut(y, x, channel);
        if ADD {
            let [old_low, old_high] = tile::halves(stream).map(Vector::load);
            (low, high) = (low.add(old_low), high.add(old_high));
        }
        write(stream, [low, high]);
        let [scale_low, scale_high] = tile::halves(&self.norm.scale[channel / CHANNELS]).map(Vector::load);
        let [shift_low, shift_high] = tile::halves(&self.norm.shift[channel / CHANNELS]).map(Vector::load);
        let activated = [shift_low.mul_add(low, scale_low), shift_high.mul_add(high, scale_high)];
        write(self.activated.channels_mut(y, x, channel), activated.map(Vector::relu));
    }
}

#[inline(always)]
fn write(to: &mut [f32; CHANNELS], [low, high]: [Vector; 2]) {
    let [to_low, to_high] = tile::halves_mut(to);
    low.store(to_low);
    high.store(to_high);
}
