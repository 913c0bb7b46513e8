//! Channels-last activations of one image, with a border of zeros.

use super::tile::CHANNELS;

/// `[size + 2 border, size + 2 border, channels]`. The border is zero from the start and never written, which is a
/// convolution's zero padding.
#[derive(Clone, Debug, Default)]
pub struct Activations {
    values: Vec<f32>,
    size: usize,
    border: usize,
    channels: usize,
}

impl Activations {
    /// All zero.
    pub fn new(size: usize, border: usize, channels: usize) -> Self {
        let side = size + 2 * border;
        Self {
            values: vec![0.0; side * side * channels],
            size,
            border,
            channels,
        }
    }

    /// Everything, the border too.
    pub fn values(&self) -> &[f32] {
        &self.values
    }

    /// Zeros around the image.
    pub fn border(&self) -> usize {
        self.border
    }

    /// Pixels a side, without the border.
    pub fn size(&self) -> usize {
        self.size
    }

    /// Floats a pixel.
    pub fn channels(&self) -> usize {
        self.channels
    }

    /// Floats from a pixel to the one below it.
    pub fn row_len(&self) -> usize {
        (self.size + 2 * self.border) * self.channels
    }

    /// The row `y` of the image without its border, `[size, channels]`.
    pub fn row_mut(&mut self, y: usize) -> &mut [f32] {
        let first = self.index(y, 0);
        &mut self.values[first..][..self.size * self.channels]
    }

    /// The row `y` of the image without its border, `[size, channels]`.
    pub fn row(&self, y: usize) -> &[f32] {
        &self.values[self.index(y, 0)..][..self.size * self.channels]
    }

    /// Eight channels of a pixel.
    #[inline(always)]
    pub fn channels_mut(&mut self, y: usize, x: usize, channel: usize) -> &mut [f32; CHANNELS] {
        let first = self.index(y, x) + channel;
        self.values[first..]
            .first_chunk_mut()
            .expect("a convolution stores within its output")
    }

    #[inline(always)]
    fn index(&self, y: usize, x: usize) -> usize {
        (y + self.border) * self.row_len() + (x + self.border) * self.channels
    }
}
