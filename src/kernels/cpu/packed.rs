//! A convolution by the method that is fastest for it.

use super::activations::View;
use super::conv::{PackedConv, Store};
use super::winograd::{Scratch, WinogradConv};
use crate::kernels::plan::Conv;

/// Winograd's products where they suit, else sums.
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

    /// Pixels a side of its output, which an evaluation of smaller images changes.
    pub fn size_mut(&mut self) -> &mut usize {
        match self {
            Self::Sums(conv) => conv.size_out_mut(),
            Self::Winograd(conv) => conv.size_mut(),
        }
    }

    /// Computes all pixels and channels and hands them to `store`. `input` has a border of `kernel / 2` zeros or more.
    pub fn run(&self, input: View<'_>, scratch: &mut Scratch, store: &mut impl Store) {
        match self {
            Self::Sums(conv) => conv.run(input, store),
            Self::Winograd(conv) => conv.run(input, scratch, store),
        }
    }
}
