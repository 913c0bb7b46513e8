//! Convolutions with what stands before and behind them.

use super::stationary::{stationary, stationary_dispatch};
use super::{Dispatch, Kernel, WORKGROUP, component, fill, lines};
use crate::kernels::webgpu::KernelFamily;

/// What a convolution reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Input {
    /// The activations as they are.
    Plain,
    /// `relu(x * scale + shift)`, a scale and a shift a channel; zero padding comes after it.
    Normed,
}

/// What a convolution writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Output {
    /// The sums.
    Plain,
    /// `relu(sum + bias)`
    Activated,
    /// What was there plus the sums: the residual addition, in place.
    Added,
}

/// What one thread makes: neighbouring pixels of a row by output channels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Tile {
    /// Divides 8, the smallest row.
    pub pixels: usize,
    /// 4, 8 or 16.
    pub channels: usize,
}

impl Tile {
    /// As much as a GPU's registers hold.
    pub const GPU: Self = Self { pixels: 4, channels: 8 };
}

/// How a kernel knows the number of images.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Images {
    /// It asks a uniform buffer, or need not know since its buffers end with a spare image.
    Any,
    /// It is a constant, and no buffer has room for more.
    Constant(usize),
}

impl Images {
    /// Declares `images.x`.
    pub(super) fn declaration(self) -> String {
        match self {
            Self::Any => "@group(0) @binding(3) var<uniform> images: vec4u; // n".into(),
            Self::Constant(n) => format!("const images = vec4u({n}u);"),
        }
    }

    /// Ends a thread beyond the last image, in a kernel that needs that.
    fn end(self) -> String {
        match self {
            Self::Any => String::new(),
            Self::Constant(n) => format!("    if (image >= {n}u) {{\n        return;\n    }}\n"),
        }
    }
}

/// A convolution's shape; its parameters lie as weight `[kernel, kernel, c_in, c_out]`, bias `[c_out]` where activated, scale
/// `[c_in]` and shift `[c_in]` where normed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Convolution {
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
    /// What it reads.
    pub input: Input,
    /// What it writes.
    pub output: Output,
}

impl Convolution {
    /// Pixels a side of its output.
    pub fn size_out(&self) -> usize {
        self.size_in / self.stride
    }

    pub(super) fn label(&self) -> String {
        let Self {
            kernel, c_in, c_out, ..
        } = *self;
        let before = if self.input == Input::Normed {
            "norm, ReLU, "
        } else {
            ""
        };
        let behind = match self.output {
            Output::Plain => "",
            Output::Activated => ", bias, ReLU",
            Output::Added => ", added",
        };
        let (size_in, size_out) = (self.size_in, self.size_out());
        format!(
            "{before}{kernel}x{kernel} convolution {c_in} -> {c_out}, {size_in}x{size_in} -> {size_out}x{size_out}{behind}"
        )
    }

    /// The kernel of a family; for sizes that no network has, the software adapter's is the GPU's.
    pub fn kernel(&self, family: KernelFamily, images: Images) -> Kernel {
        let stationary = match family {
            KernelFamily::Gpu => None,
            KernelFamily::SoftwareAdapter => self.stationary(images),
        };
        stationary.unwrap_or_else(|| self.tiled(Tile::GPU, images))
    }

    /// How the workgroups of [`Self::kernel`] are counted.
    pub fn dispatch(&self, family: KernelFamily) -> Dispatch {
        let stationary = match family {
            KernelFamily::Gpu => None,
            KernelFamily::SoftwareAdapter => stationary_dispatch(self),
        };
        stationary.unwrap_or_else(|| self.tiled_dispatch(Tile::GPU))
    }

    /// The kernel for software adapters; `None` for odd sizes that no network has.
    pub fn stationary(&self, images: Images) -> Option<Kernel> {
        stationary(self, images)
    }

    fn tiled_dispatch(&self, tile: Tile) -> Dispatch {
        Dispatch::Invocations(self.size_out() * self.size_out() / tile.pixels * (self.c_out / tile.channels))
    }

    /// The kernel that computes it with a tile a thread.
    pub fn tiled(&self, tile: Tile, images: Images) -> Kernel {
        let (pixels, vectors) = (tile.pixels, tile.channels / 4);
        let (c_in, c_out) = (self.c_in / 4, self.c_out / 4);
        let taps = self.kernel * self.kernel;
        let weights = taps * self.c_in * c_out;
        let scale = weights + if self.output == Output::Activated { c_out } else { 0 };
        let constants = [
            ("WORKGROUP", WORKGROUP),
            ("KERNEL", self.kernel),
            ("STRIDE", self.stride),
            ("SIZE_IN", self.size_in),
            ("SIZE_OUT", self.size_out()),
            ("C_IN", c_in),
            ("C_OUT", c_out),
            ("PIXELS", pixels),
            ("CHANNELS", vectors),
            ("GROUPS", c_out / vectors),
            ("TILES_PER_ROW", self.size_out() / pixels),
            ("BIAS", weights),
            ("SCALE", scale),
            ("SHIFT", scale + c_in),
        ];
        let sums = |line: &dyn Fn(usize, usize) -> String| lines(pixels * vectors, |i| line(i / vectors, i % vectors));
        let source = fill(
            include_str!("../wgsl/convolution.wgsl"),
            &[
                ("$TITLE", self.label()),
                ("$PARAMETERS", "bias [C_OUT], scale [C_IN], shift [C_IN]".into()),
                (
                    "$CONSTANTS",
                    lines(constants.len(), |i| {
                        format!("const {} = {}u;", constants[i].0, constants[i].1)
                    }),
                ),
                ("$CLEAR", sums(&|p, v| format!("    var a{p}_{v} = vec4f();"))),
                ("$LOOP", self.rows(pixels, vectors)),
                ("$STORE", sums(&|p, v| self.store(p, v, c_out))),
                ("$END", images.end()),
            ],
        );
        Kernel {
            label: self.label(),
            source,
            dispatch: self.tiled_dispatch(tile),
        }
    }

    /// The sums over rows of the window and input channels.
    fn rows(&self, pixels: usize, vectors: usize) -> String {
        if self.kernel == 1 {
            return format!(
                "    let start = ((image * SIZE_IN + row * STRIDE) * SIZE_IN + column * STRIDE) * C_IN;\n    let weights = channel;\n{}",
                self.channels(pixels, vectors)
            );
        }
        format!(
            "    // Left of the first pixel this wraps around; what is read there is not used.
    let left = (image * SIZE_IN * SIZE_IN + column * STRIDE) * C_IN - C_IN;
    for (var dy = 0u; dy < KERNEL; dy++) {{
    let row_in = i32(row * STRIDE + dy) - 1;
    let inside = row_in >= 0 && row_in < i32(SIZE_IN);
    let start = left + u32(clamp(row_in, 0, i32(SIZE_IN) - 1)) * (SIZE_IN * C_IN);
    let weights = dy * (KERNEL * 4u * C_IN * C_OUT) + channel;
{}
    }}",
            self.channels(pixels, vectors)
        )
    }

    /// The sums over input channels, four at a time, for one row of the window.
    fn channels(&self, pixels: usize, vectors: usize) -> String {
        let (c_in, c_out) = (self.c_in / 4, self.c_out / 4);
        let n_read = (pixels - 1) * self.stride + self.kernel;
        let norm = match self.input {
            Input::Plain => "",
            Input::Normed => "        let scale = parameters[SCALE + k];\n        let shift = parameters[SHIFT + k];\n",
        };
        let reads = (0..n_read).filter(|i| self.kernel == 3 || i % self.stride == 0);
        let reads: Vec<_> = reads.map(|i| self.read(i, n_read, c_in)).collect();
        let products = lines(self.kernel * 4 * vectors, |i| {
            let (dx, j, v) = (i / (4 * vectors), i / vectors % 4, i % vectors);
            let weight = format!(
                "        let w{i} = parameters[weights + k * {}u + {}u];\n",
                4 * c_out,
                dx * 4 * c_in * c_out + j * c_out + v
            );
            let sums = lines(pixels, |p| {
                let x = format!("x{}.{}", p * self.stride + dx, component(j));
                format!("        a{p}_{v} = fma(vec4f({x}), w{i}, a{p}_{v});")
            });
            weight + &sums
        });
        format!(
            "    for (var k = 0u; k < C_IN; k++) {{\n{norm}{}\n{products}\n    }}",
            reads.join("\n")
        )
    }

    /// Reads pixel `i` of the window's row.
    fn read(&self, i: usize, n_read: usize, c_in: usize) -> String {
        let value = format!("x[start + {}u + k]", i * c_in);
        let value = match self.input {
            Input::Plain => value,
            Input::Normed => format!("max(fma({value}, scale, shift), vec4f())"),
        };
        if self.kernel == 1 {
            return format!("        let x{i} = {value};");
        }
        // At stride 2 the window ends with the last pixel's right neighbour, which is inside.
        let condition = match i {
            0 => "inside && column > 0u",
            i if i == n_read - 1 && self.stride == 1 => "inside && column + PIXELS < SIZE_OUT",
            _ => "inside",
        };
        format!("        let x{i} = select(vec4f(), {value}, {condition});")
    }

    fn store(&self, p: usize, v: usize, c_out: usize) -> String {
        let (sum, place) = (format!("a{p}_{v}"), format!("y[out + {}u]", p * c_out + v));
        match self.output {
            Output::Plain => format!("    {place} = {sum};"),
            Output::Activated => format!("    {place} = max({sum} + parameters[BIAS + channel + {v}u], vec4f());"),
            Output::Added => format!("    {place} += {sum};"),
        }
    }
}
