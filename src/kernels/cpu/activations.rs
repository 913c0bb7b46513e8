//! Channels-last activations of one image, with a border of zeros.

use super::tile::CHANNELS;

/// `[size + 2 border, size + 2 border, channels]`. The border is zero from the start and never written, which is a
/// convolution's zero padding.
#[derive(Clone, Debug, Default)]
pub struct Activations {
    values: Vec<f32>,
    shape: PaddedShape,
}

/// Borrowed activations, as [`Activations`] are.
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    values: &'a [f32],
    shape: PaddedShape,
}

#[derive(Clone, Copy, Debug, Default)]
struct PaddedShape {
    size: usize,
    border: usize,
    channels: usize,
}

impl Activations {
    /// Zeros.
    pub fn new(size: usize, border: usize, channels: usize) -> Self {
        let side = size + 2 * border;
        let shape = PaddedShape { size, border, channels };
        Self {
            values: vec![0.0; side * side * channels],
            shape,
        }
    }

    /// Borrows the values.
    pub fn view(&self) -> View<'_> {
        View {
            values: &self.values,
            shape: self.shape,
        }
    }

    /// The row `y` of the image without its border, `[size, channels]`.
    pub fn row_mut(&mut self, y: usize) -> &mut [f32] {
        let first = self.shape.index(y, 0);
        &mut self.values[first..][..self.shape.size * self.shape.channels]
    }

    /// A tile's channels of a pixel.
    #[inline(always)]
    pub fn channels_mut(&mut self, y: usize, x: usize, channel: usize) -> &mut [f32; CHANNELS] {
        let first = self.shape.index(y, x) + channel;
        self.values[first..]
            .first_chunk_mut()
            .expect("a convolution stores within its output")
    }
}

impl<'a> View<'a> {
    /// `[size, size, channels]` without a border.
    pub fn new(values: &'a [f32], size: usize) -> Self {
        let channels = values.len() / (size * size);
        let border = 0;
        Self {
            values,
            shape: PaddedShape { size, border, channels },
        }
    }

    /// All values, border included.
    pub fn values(&self) -> &'a [f32] {
        self.values
    }

    /// Pixels per side, without the border.
    pub fn size(&self) -> usize {
        self.shape.size
    }

    /// Zeros around the image.
    pub fn border(&self) -> usize {
        self.shape.border
    }

    /// Floats per pixel.
    pub fn channels(&self) -> usize {
        self.shape.channels
    }

    /// Floats from a pixel to the one below it.
    pub fn row_len(&self) -> usize {
        self.shape.row_len()
    }

    /// The row `y` of the image without its border, `[size, channels]`.
    pub fn row(&self, y: usize) -> &'a [f32] {
        &self.values[self.shape.index(y, 0)..][..self.shape.size * self.shape.channels]
    }
}

impl PaddedShape {
    fn row_len(&self) -> usize {
        (self.size + 2 * self.border) * self.channels
    }

    #[inline(always)]
    fn index(&self, y: usize, x: usize) -> usize {
        (y + self.border) * self.row_len() + (x + self.border) * self.channels
    }
}
