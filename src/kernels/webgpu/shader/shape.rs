//! What a convolution's kernel is written for.

/// What a convolution reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ConvInput {
    /// The activations as they are.
    Plain,
    /// `relu(x * scale + shift)`, with a scale and a shift per channel; zero padding comes after it.
    Normed,
}

/// What a convolution writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ConvOutput {
    /// The sums.
    Plain,
    /// `relu(sum + bias)`
    Activated,
    /// What was there plus the sums: the residual addition, in place.
    Added,
}

/// What one thread computes: neighbouring pixels of a row by output channels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ThreadTile {
    /// Divides 8, the smallest row.
    pub pixels: usize,
    /// 4, 8 or 16.
    pub channels: usize,
}

impl ThreadTile {
    /// As much as a GPU's registers hold.
    pub const GPU: Self = Self { pixels: 4, channels: 8 };
}

/// How a kernel knows the number of images.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BatchSize {
    /// It reads a uniform buffer, or need not know, since its buffers end with a spare image.
    Any,
    /// The number is a constant, and no buffer has room for more images.
    Constant(usize),
}

impl BatchSize {
    /// Declares `images.x`.
    pub fn declaration(self) -> String {
        match self {
            Self::Any => "@group(0) @binding(3) var<uniform> images: vec4u; // n".into(),
            Self::Constant(n) => format!("const images = vec4u({n}u);"),
        }
    }

    /// Ends a thread beyond the last image, if the buffers have no room for it.
    pub fn end(self) -> String {
        match self {
            Self::Any => String::new(),
            Self::Constant(n) => format!("    if (image >= {n}u) {{\n        return;\n    }}\n"),
        }
    }
}

/// A convolution's shape. Its parameters are weight `[kernel, kernel, c_in, c_out]`, bias `[c_out]` if activated, scale `[c_in]`
/// and shift `[c_in]` if normed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ConvShape {
    /// 1 or 3.
    pub kernel: usize,
    /// 1 or 2.
    pub stride: usize,
    /// A multiple of 4.
    pub c_in: usize,
    /// A multiple of 16.
    pub c_out: usize,
    /// Pixels per side of its input.
    pub size_in: usize,
    /// What it reads.
    pub input: ConvInput,
    /// What it writes.
    pub output: ConvOutput,
}

impl ConvShape {
    /// Pixels per side of its output.
    pub fn size_out(&self) -> usize {
        self.size_in / self.stride
    }

    /// What it computes, in words.
    pub fn label(&self) -> String {
        let Self {
            kernel, c_in, c_out, ..
        } = *self;
        let before = if self.input == ConvInput::Normed {
            "norm, ReLU, "
        } else {
            ""
        };
        let behind = match self.output {
            ConvOutput::Plain => "",
            ConvOutput::Activated => ", bias, ReLU",
            ConvOutput::Added => ", added",
        };
        let (size_in, size_out) = (self.size_in, self.size_out());
        format!(
            "{before}{kernel}x{kernel} convolution {c_in} -> {c_out}, {size_in}x{size_in} -> {size_out}x{size_out}{behind}"
        )
    }
}
