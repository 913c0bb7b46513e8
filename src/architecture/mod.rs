//! The tensors of a PreResNet: names and shapes as a function of depth and class count.
//!
//! The network is the pre-activation ResNet in its form for 32x32 images (He et al. 2016, "Identity Mappings in Deep Residual
//! Networks"): a 3x3 stem with 16 output channels, three stages with the same number of blocks and widths 16, 32 and 64, a final
//! BatchNorm and a linear head. As in the code of "Does Knowledge Distillation Really Work?", blocks are basic (two 3x3
//! convolutions) below depth 44 and bottlenecks (1x1, 3x3, 1x1 to four times the width) from 44 up. The depth counts the
//! convolutions on the main path and the head, so it is 6n+2 or 9n+2 with n blocks per stage.
//!
//! Names are PyTorch's, and the order of [`Architecture::tensors`] is the order of the PyTorch module's `state_dict()`.

use std::fmt;

use thiserror::Error;

mod infer;
mod tensors;

pub use tensors::{BlockShape, Convolution, TensorKind, TensorSpec};

/// Output channels of the stem.
pub const STEM_CHANNELS: usize = 16;
/// Width of the blocks in stages 1, 2 and 3, whose images are 32, 16 and 8 pixels wide.
pub const STAGE_WIDTHS: [usize; 3] = [16, 32, 64];
/// Ratio of a bottleneck block's output channels to its width.
pub const EXPANSION: usize = 4;
/// Added to a variance before taking its square root; PyTorch's default for `BatchNorm2d`.
pub const BATCH_NORM_EPSILON: f64 = 1e-5;
/// Weight of a batch's statistics in the running statistics; PyTorch's default for `BatchNorm2d`.
pub const BATCH_NORM_MOMENTUM: f64 = 0.1;
/// Smallest depth whose blocks are bottlenecks.
pub const BOTTLENECK_FROM_DEPTH: usize = 44;
/// Depth of the deepest published network. The bound keeps a malformed file from requesting millions of layers.
pub const MAX_DEPTH: usize = 1001;
/// Largest class count, more than any supported data set has; a bound for the same reason.
pub const MAX_CLASSES: usize = 65_536;

/// Depth and class count of a PreResNet, which determine everything else. [`Architecture::new`] accepts only valid ones.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Architecture {
    /// Number of layers: the convolutions on the main path and the head.
    pub depth: usize,
    pub n_classes: usize,
}

#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ArchitectureError {
    #[error("no PreResNet has depth {depth}: {advice}")]
    Depth { depth: usize, advice: String },
    #[error("{n_classes} classes are out of range; a PreResNet has 2 to {MAX_CLASSES}")]
    Classes { n_classes: usize },
    #[error("these are not a PreResNet's tensors: {reason}")]
    Unrecognised { reason: String },
}

impl Architecture {
    /// # Errors
    /// [`ArchitectureError::Depth`], which names the nearest valid depths, and [`ArchitectureError::Classes`].
    pub fn new(depth: usize, n_classes: usize) -> Result<Self, ArchitectureError> {
        if !is_depth(depth) {
            return Err(ArchitectureError::Depth {
                depth,
                advice: advice_on(depth),
            });
        }
        if !(2..=MAX_CLASSES).contains(&n_classes) {
            return Err(ArchitectureError::Classes { n_classes });
        }
        Ok(Self { depth, n_classes })
    }

    /// Whether blocks are bottlenecks (three convolutions) rather than basic (two).
    pub fn is_bottleneck(&self) -> bool {
        self.depth >= BOTTLENECK_FROM_DEPTH
    }

    pub fn blocks_per_stage(&self) -> usize {
        self.depth.saturating_sub(2) / (3 * convolutions_per_block(self.is_bottleneck()))
    }

    /// Output channels of the last block, which the head reads: 64 or 256.
    pub fn n_features(&self) -> usize {
        channels_out(STAGE_WIDTHS[2], self.is_bottleneck())
    }

    /// The family name that networks of the same depth share, for example "PreResNet-56".
    pub fn family(&self) -> String {
        format!("PreResNet-{}", self.depth)
    }
}

impl fmt::Display for Architecture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PreResNet-{} with {} classes", self.depth, self.n_classes)
    }
}

fn channels_out(width: usize, bottleneck: bool) -> usize {
    if bottleneck { EXPANSION * width } else { width }
}

fn convolutions_per_block(bottleneck: bool) -> usize {
    if bottleneck { 3 } else { 2 }
}

fn is_depth(depth: usize) -> bool {
    let layers_per_block_each = 3 * convolutions_per_block(depth >= BOTTLENECK_FROM_DEPTH);
    depth <= MAX_DEPTH && depth > 2 && (depth - 2).is_multiple_of(layers_per_block_each)
}

fn advice_on(depth: usize) -> String {
    let below = (1..depth.min(MAX_DEPTH + 1)).rev().find(|&d| is_depth(d));
    let above = (depth.saturating_add(1)..=MAX_DEPTH).find(|&d| is_depth(d));
    let rule = format!("it is 6n+2 below {BOTTLENECK_FROM_DEPTH} and 9n+2 from {BOTTLENECK_FROM_DEPTH} to {MAX_DEPTH}");
    match (below, above) {
        (Some(a), Some(b)) => format!("{rule}; the nearest are {a} and {b}"),
        (Some(nearest), None) | (None, Some(nearest)) => {
            format!("{rule}; the nearest is {nearest}")
        }
        (None, None) => rule,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_parameters_as_the_paper_does() {
        let count = |depth, n_classes| Architecture::new(depth, n_classes).unwrap().n_parameters();
        assert_eq!(count(56, 100), 613_556);
        // Depth 8 by hand: stem 432; blocks 64 + 2*2304, 96 + 4608 + 9216 + 512, 192 + 18432 + 36864 + 2048; norm 128; head 650.
        assert_eq!(count(8, 10), 432 + 4672 + 14_432 + 57_536 + 128 + 650);
    }

    #[test]
    fn refuses_depths_that_do_not_exist_and_names_the_next() {
        for depth in [8, 14, 20, 26, 32, 38, 47, 56, 65, 110, 164, 1001] {
            assert!(Architecture::new(depth, 100).is_ok(), "{depth}");
        }
        let advice = |depth| Architecture::new(depth, 100).unwrap_err().to_string();
        assert!(advice(44).contains("the nearest are 38 and 47"), "{}", advice(44));
        assert!(advice(57).contains("the nearest are 56 and 65"));
        assert!(advice(2).contains("the nearest is 8"));
        assert!(advice(0).contains("the nearest is 8"));
        assert!(advice(usize::MAX).contains("the nearest is 1001"));
        assert_eq!(
            Architecture::new(56, 1),
            Err(ArchitectureError::Classes { n_classes: 1 })
        );
    }
}
