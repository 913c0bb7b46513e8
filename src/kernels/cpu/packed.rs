//! A convolution by the method that is fastest for it.

use super::activations::View;
use super::conv::{PackedConv, Store};
use super::winograd::{WinogradConv, WinogradScratch};
use crate::kernels::plan::Conv;

/// Winograd's products if they suit the convolution, else sums.
#[derive(Clone, Debug)]
pub enum Packed {
    Sums(PackedConv),
    Winograd(WinogradConv),
}

impl Packed {
    /// Lays out the weights.
    pub fn new(conv: &Conv) -> Self {
        match WinogradConv::new(conv) {
            Some(conv) => Self::Winograd(conv),
            None => Self::Sums(PackedConv::new(conv)),
        }
    }

    /// Pixels per side of its output.
    pub fn size_out(&self) -> usize {
        match self {
            Self::Sums(conv) => conv.size_out(),
            Self::Winograd(conv) => conv.size_out(),
        }
    }

    /// Sets the pixels per side of its output, for images of another size.
    pub fn set_size_out(&mut self, size: usize) {
        match self {
            Self::Sums(conv) => conv.set_size_out(size),
            Self::Winograd(conv) => conv.set_size_out(size),
        }
    }

    /// Computes all pixels and channels and hands them to `store`. `input` has a border of `kernel / 2` zeros or more.
    pub fn run(&self, input: View<'_>, scratch: &mut WinogradScratch, store: &mut impl Store) {
        match self {
            Self::Sums(conv) => conv.run(input, store),
            Self::Winograd(conv) => conv.run(input, scratch, store),
        }
    }
}
