//! Which tensors a PreResNet has: depth and class count in, names and shapes out.
//!
//! The network is the pre-activation ResNet in its form for 32x32 images (He et al. 2016, "Identity Mappings in Deep Residual
//! Networks"): a 3x3 stem to 16 channels, three stages of equally many blocks with widths 16, 32 and 64, a last BatchNorm and
//! a linear head. As in the code of "Does Knowledge Distillation Really Work?", blocks are basic (two 3x3 convolutions) below
//! depth 44 and bottlenecks (1x1, 3x3, 1x1 to four times the width) from 44 up. The depth counts the convolutions on the main
//! path and the head, so it is 6n+2 or 9n+2 with n blocks a stage.
//!
//! Names are PyTorch's, and the order of [`Architecture::parameters`] is the order of the PyTorch module's `state_dict()`.

use std::collections::BTreeSet;
use std::fmt;

use thiserror::Error;

/// Channels that the stem makes of red, green and blue.
pub const STEM_CHANNELS: usize = 16;
/// Width of the blocks in stages 1, 2 and 3, which see 32, 16 and 8 pixels a side.
pub const STAGE_WIDTHS: [usize; 3] = [16, 32, 64];
/// A bottleneck block puts out this many times its width.
pub const EXPANSION: usize = 4;
/// From this depth up the blocks are bottlenecks.
pub const BOTTLENECK_FROM_DEPTH: usize = 44;
/// Deepest network of the published family; a bound, so that a nonsensical file cannot ask for millions of layers.
pub const MAX_DEPTH: usize = 1001;
/// More classes than any image data set here has; a bound for the same reason.
pub const MAX_CLASSES: usize = 65_536;

/// Depth and class count of a PreResNet; everything else follows. Only valid combinations exist.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Architecture {
    depth: usize,
    n_classes: usize,
}

/// A residual block: its input's, its inner and its output's channels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Block {
    /// 1, 2 or 3.
    pub stage: usize,
    /// Position in the stage, from 0.
    pub index: usize,
    pub c_in: usize,
    pub width: usize,
    pub c_out: usize,
    /// 2 where the stage halves the image, else 1.
    pub stride: usize,
    pub bottleneck: bool,
    /// Whether the block's input is projected by a 1x1 convolution because its shape changes.
    pub has_shortcut: bool,
}

/// A convolution of a block: square kernel, padding `kernel / 2`, no bias.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Convolution {
    pub c_in: usize,
    pub c_out: usize,
    pub kernel: usize,
    pub stride: usize,
}

/// What a tensor is, which decides how it is stored and whether it is trained.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ParameterKind {
    /// `[c_out, c_in, kernel, kernel]`
    Convolution,
    /// `[c]`
    NormWeight,
    /// `[c]`
    NormBias,
    /// `[c]`, a statistic of BatchNorm, not trained.
    RunningMean,
    /// `[c]`, a statistic of BatchNorm, not trained, never negative.
    RunningVar,
    /// `[n_classes, c]`
    HeadWeight,
    /// `[n_classes]`
    HeadBias,
}

/// One tensor that a network of an architecture must have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parameter {
    pub name: String,
    pub shape: Vec<usize>,
    pub kind: ParameterKind,
}

#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ArchitectureError {
    #[error("no PreResNet has depth {depth}: {advice}")]
    Depth { depth: usize, advice: String },
    #[error("a PreResNet here has 2 to {MAX_CLASSES} classes, not {n_classes}")]
    Classes { n_classes: usize },
    #[error("the tensors are not those of a PreResNet: {reason}")]
    Unrecognised { reason: String },
}

impl Architecture {
    /// # Errors
    /// [`ArchitectureError::Depth`], which names the nearest depths that exist, and [`ArchitectureError::Classes`].
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

    pub fn depth(&self) -> usize {
        self.depth
    }

    pub fn n_classes(&self) -> usize {
        self.n_classes
    }

    /// Whether blocks are bottlenecks (three convolutions) rather than basic (two).
    pub fn is_bottleneck(&self) -> bool {
        self.depth >= BOTTLENECK_FROM_DEPTH
    }

    pub fn blocks_per_stage(&self) -> usize {
        (self.depth - 2) / (3 * convolutions_a_block(self.is_bottleneck()))
    }

    /// Channels that the last block puts out and the head reads: 64 or 256.
    pub fn n_features(&self) -> usize {
        channels_out(STAGE_WIDTHS[2], self.is_bottleneck())
    }

    /// What networks of the same depth share, for example "PreResNet-56".
    pub fn family(&self) -> String {
        format!("PreResNet-{}", self.depth)
    }

    /// All blocks from the first of stage 1 to the last of stage 3.
    pub fn blocks(&self) -> Vec<Block> {
        let bottleneck = self.is_bottleneck();
        let mut blocks = Vec::with_capacity(3 * self.blocks_per_stage());
        let mut c_in = STEM_CHANNELS;
        for (stage, width) in (1..).zip(STAGE_WIDTHS) {
            let c_out = channels_out(width, bottleneck);
            for index in 0..self.blocks_per_stage() {
                let stride = if stage > 1 && index == 0 { 2 } else { 1 };
                let has_shortcut = stride != 1 || c_in != c_out;
                blocks.push(Block {
                    stage,
                    index,
                    c_in,
                    width,
                    c_out,
                    stride,
                    bottleneck,
                    has_shortcut,
                });
                c_in = c_out;
            }
        }
        blocks
    }

    /// Every tensor in the order of PyTorch's `state_dict()`, without `num_batches_tracked`.
    pub fn parameters(&self) -> Vec<Parameter> {
        let mut list = vec![convolution("stem", STEM_CHANNELS, 3, 3)];
        for block in self.blocks() {
            let prefix = block.prefix();
            for (i, conv) in (1..).zip(block.convolutions()) {
                push_norm(&mut list, &format!("{prefix}.norm{i}"), conv.c_in);
                list.push(convolution(
                    &format!("{prefix}.conv{i}"),
                    conv.c_out,
                    conv.c_in,
                    conv.kernel,
                ));
            }
            if block.has_shortcut {
                list.push(convolution(
                    &format!("{prefix}.shortcut"),
                    block.c_out,
                    block.c_in,
                    1,
                ));
            }
        }
        push_norm(&mut list, "norm", self.n_features());
        let head = [
            (
                "head.weight",
                vec![self.n_classes, self.n_features()],
                ParameterKind::HeadWeight,
            ),
            ("head.bias", vec![self.n_classes], ParameterKind::HeadBias),
        ];
        list.extend(head.map(|(name, shape, kind)| Parameter {
            name: name.into(),
            shape,
            kind,
        }));
        list
    }

    /// Trainable numbers: running statistics do not count.
    pub fn n_parameters(&self) -> usize {
        self.parameters()
            .iter()
            .filter(|p| p.kind.is_trainable())
            .map(Parameter::n_values)
            .sum()
    }

    /// Depth and class count of the network that these tensors belong to, for files that do not say it.
    ///
    /// Tolerates missing and extra tensors, so that the caller can then name them: blocks are counted in each stage and the
    /// median counts; the kind of block follows from the third convolutions.
    ///
    /// # Errors
    /// [`ArchitectureError::Unrecognised`] where there are no blocks or no head, and [`Architecture::new`]'s.
    pub fn infer<'a>(
        tensors: impl IntoIterator<Item = (&'a str, &'a [usize])>,
    ) -> Result<Self, ArchitectureError> {
        let unrecognised = |reason: &str| {
            Err(ArchitectureError::Unrecognised {
                reason: reason.into(),
            })
        };
        let mut blocks: [BTreeSet<usize>; 3] = Default::default();
        let mut thirds = BTreeSet::new();
        let (mut from_weight, mut from_bias) = (None, None);
        for (name, shape) in tensors {
            if let Some((stage, index, rest)) = split_block_name(name) {
                blocks[stage - 1].insert(index);
                if rest == "conv3.weight" {
                    thirds.insert((stage, index));
                }
            } else if name == "head.weight" {
                from_weight = shape.first().copied();
            } else if name == "head.bias" {
                from_bias = shape.first().copied();
            }
        }
        let Some(n_classes) = from_weight.or(from_bias) else {
            return unrecognised(
                "there is no `head.weight` or `head.bias`, from which the number of classes follows",
            );
        };
        let mut counts: [usize; 3] = std::array::from_fn(|i| blocks[i].len());
        let total: usize = counts.iter().sum();
        if total == 0 {
            return unrecognised("there are no blocks named like `stage1.0.conv1.weight`");
        }
        counts.sort_unstable();
        let n_blocks = if counts[1] == 0 { counts[2] } else { counts[1] };
        let bottleneck = 2 * thirds.len() > total;
        let depth = n_blocks
            .saturating_mul(3 * convolutions_a_block(bottleneck))
            .saturating_add(2);
        if bottleneck != (depth >= BOTTLENECK_FROM_DEPTH) {
            let kind = if bottleneck { "bottleneck" } else { "basic" };
            let rule = format!(
                "blocks are basic below depth {BOTTLENECK_FROM_DEPTH} and bottlenecks from there up"
            );
            return unrecognised(&format!(
                "{n_blocks} {kind} blocks a stage would make depth {depth}, but {rule}"
            ));
        }
        Self::new(depth, n_classes)
    }
}

impl Block {
    /// For example "stage2.0".
    pub fn prefix(&self) -> String {
        format!("stage{}.{}", self.stage, self.index)
    }

    /// The convolutions on the main path, in order; convolution i stands behind norm i, over its `c_in` channels.
    pub fn convolutions(&self) -> Vec<Convolution> {
        let conv = |c_in, c_out, kernel, stride| Convolution {
            c_in,
            c_out,
            kernel,
            stride,
        };
        if self.bottleneck {
            vec![
                conv(self.c_in, self.width, 1, 1),
                conv(self.width, self.width, 3, self.stride),
                conv(self.width, self.c_out, 1, 1),
            ]
        } else {
            vec![
                conv(self.c_in, self.width, 3, self.stride),
                conv(self.width, self.c_out, 3, 1),
            ]
        }
    }

    /// The projection of the block's input, where there is one.
    pub fn shortcut(&self) -> Option<Convolution> {
        self.has_shortcut.then_some(Convolution {
            c_in: self.c_in,
            c_out: self.c_out,
            kernel: 1,
            stride: self.stride,
        })
    }
}

impl Parameter {
    pub fn n_values(&self) -> usize {
        self.shape.iter().product()
    }
}

impl ParameterKind {
    /// False for BatchNorm's running statistics.
    pub fn is_trainable(self) -> bool {
        !matches!(self, Self::RunningMean | Self::RunningVar)
    }

    /// Whether the tensor belongs to a BatchNorm. These stay f32 in files of half precision.
    pub fn is_norm(self) -> bool {
        matches!(
            self,
            Self::NormWeight | Self::NormBias | Self::RunningMean | Self::RunningVar
        )
    }
}

impl fmt::Display for Architecture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "PreResNet-{} with {} classes",
            self.depth, self.n_classes
        )
    }
}

fn convolutions_a_block(bottleneck: bool) -> usize {
    if bottleneck { 3 } else { 2 }
}

fn channels_out(width: usize, bottleneck: bool) -> usize {
    if bottleneck { EXPANSION * width } else { width }
}

fn is_depth(depth: usize) -> bool {
    let layers_a_block_each = 3 * convolutions_a_block(depth >= BOTTLENECK_FROM_DEPTH);
    depth <= MAX_DEPTH && depth > 2 && (depth - 2).is_multiple_of(layers_a_block_each)
}

fn advice_on(depth: usize) -> String {
    let below = (1..depth.min(MAX_DEPTH + 1)).rev().find(|&d| is_depth(d));
    let above = (depth.saturating_add(1)..=MAX_DEPTH).find(|&d| is_depth(d));
    let rule = format!(
        "it is 6n+2 below {BOTTLENECK_FROM_DEPTH} and 9n+2 from {BOTTLENECK_FROM_DEPTH} to {MAX_DEPTH}"
    );
    match (below, above) {
        (Some(a), Some(b)) => format!("{rule}, the nearest are {a} and {b}"),
        (Some(nearest), None) | (None, Some(nearest)) => {
            format!("{rule}, the nearest is {nearest}")
        }
        (None, None) => rule,
    }
}

fn convolution(name: &str, c_out: usize, c_in: usize, kernel: usize) -> Parameter {
    Parameter {
        name: format!("{name}.weight"),
        shape: vec![c_out, c_in, kernel, kernel],
        kind: ParameterKind::Convolution,
    }
}

fn push_norm(list: &mut Vec<Parameter>, name: &str, channels: usize) {
    use ParameterKind::{NormBias, NormWeight, RunningMean, RunningVar};
    let parts = [
        ("weight", NormWeight),
        ("bias", NormBias),
        ("running_mean", RunningMean),
        ("running_var", RunningVar),
    ];
    list.extend(parts.map(|(part, kind)| Parameter {
        name: format!("{name}.{part}"),
        shape: vec![channels],
        kind,
    }));
}

/// "stage2.0.conv1.weight" -> (2, 0, "conv1.weight")
fn split_block_name(name: &str) -> Option<(usize, usize, &str)> {
    let (stage, rest) = name.strip_prefix("stage")?.split_once('.')?;
    let (index, rest) = rest.split_once('.')?;
    let stage = stage.parse().ok().filter(|stage| (1..=3).contains(stage))?;
    Some((stage, index.parse().ok()?, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn infer(parameters: &[Parameter]) -> Result<Architecture, ArchitectureError> {
        Architecture::infer(
            parameters
                .iter()
                .map(|p| (p.name.as_str(), p.shape.as_slice())),
        )
    }

    #[test]
    fn counts_parameters_as_the_paper_does() {
        let count = |depth, n_classes| Architecture::new(depth, n_classes).unwrap().n_parameters();
        assert_eq!(count(56, 100), 613_556);
        // Depth 8 by hand: stem 432; blocks 64 + 2*2304, 96 + 4608 + 9216 + 512, 192 + 18432 + 36864 + 2048; norm 128; head 650.
        assert_eq!(count(8, 10), 432 + 4672 + 14_432 + 57_536 + 128 + 650);
    }

    #[test]
    fn lists_tensors_in_pytorch_order() {
        let list = Architecture::new(8, 10).unwrap().parameters();
        let names: Vec<&str> = list.iter().map(|p| p.name.as_str()).collect();
        assert_eq!(names[0], "stem.weight");
        assert_eq!(
            &names[1..6],
            ["weight", "bias", "running_mean", "running_var"]
                .map(|p| format!("stage1.0.norm1.{p}"))
                .iter()
                .map(String::as_str)
                .chain(["stage1.0.conv1.weight"])
                .collect::<Vec<_>>()
        );
        assert_eq!(names[names.len() - 2..], ["head.weight", "head.bias"]);
        let shortcut = list
            .iter()
            .find(|p| p.name == "stage2.0.shortcut.weight")
            .unwrap();
        assert_eq!(shortcut.shape, [32, 16, 1, 1]);
        assert!(
            !names.contains(&"stage1.0.shortcut.weight"),
            "16 channels stay 16: no projection"
        );
    }

    #[test]
    fn lays_out_bottleneck_blocks() {
        let blocks = Architecture::new(56, 100).unwrap().blocks();
        assert_eq!(blocks.len(), 18);
        let expect = |stage, index, c_in, width, c_out, stride, has_shortcut| Block {
            stage,
            index,
            c_in,
            width,
            c_out,
            stride,
            bottleneck: true,
            has_shortcut,
        };
        assert_eq!(blocks[0], expect(1, 0, 16, 16, 64, 1, true));
        assert_eq!(blocks[1], expect(1, 1, 64, 16, 64, 1, false));
        assert_eq!(blocks[6], expect(2, 0, 64, 32, 128, 2, true));
        assert_eq!(
            blocks[12].convolutions()[1],
            Convolution {
                c_in: 64,
                c_out: 64,
                kernel: 3,
                stride: 2
            }
        );
        assert_eq!(
            blocks[12].shortcut(),
            Some(Convolution {
                c_in: 128,
                c_out: 256,
                kernel: 1,
                stride: 2
            })
        );
    }

    #[test]
    fn refuses_depths_that_do_not_exist_and_names_the_next() {
        for depth in [8, 14, 20, 26, 32, 38, 47, 56, 65, 110, 164, 1001] {
            assert!(Architecture::new(depth, 100).is_ok(), "{depth}");
        }
        let advice = |depth| Architecture::new(depth, 100).unwrap_err().to_string();
        assert!(
            advice(44).contains("the nearest are 38 and 47"),
            "{}",
            advice(44)
        );
        assert!(advice(57).contains("the nearest are 56 and 65"));
        assert!(advice(2).contains("the nearest is 8"));
        assert!(advice(0).contains("the nearest is 8"));
        assert!(advice(usize::MAX).contains("the nearest is 1001"));
        assert_eq!(
            Architecture::new(56, 1),
            Err(ArchitectureError::Classes { n_classes: 1 })
        );
    }

    #[test]
    fn infers_what_it_lists() {
        for (depth, n_classes) in [(8, 10), (20, 100), (38, 2), (47, 7), (56, 100), (110, 1000)] {
            let architecture = Architecture::new(depth, n_classes).unwrap();
            assert_eq!(infer(&architecture.parameters()), Ok(architecture));
        }
    }

    #[test]
    fn infers_in_spite_of_missing_and_extra_tensors() {
        let architecture = Architecture::new(56, 100).unwrap();
        let mut list = architecture.parameters();
        list.retain(|p| !p.name.starts_with("stage2.") && p.name != "head.weight");
        let extra = Parameter {
            name: "stage1.99999999.conv1.weight".into(),
            shape: vec![1],
            kind: ParameterKind::Convolution,
        };
        list.push(extra);
        assert_eq!(infer(&list), Ok(architecture));
        list.retain(|p| !p.name.starts_with("head."));
        assert!(
            infer(&list)
                .unwrap_err()
                .to_string()
                .contains("head.weight")
        );
        assert!(infer(&list[..1]).is_err());
    }

    #[test]
    fn refuses_the_wrong_kind_of_block_for_the_depth() {
        let mut list = Architecture::new(56, 100).unwrap().parameters();
        list.retain(|p| {
            !["2", "3", "4", "5"]
                .iter()
                .any(|i| p.name.split('.').nth(1) == Some(i))
        });
        let message = infer(&list).unwrap_err().to_string();
        assert!(
            message.contains("2 bottleneck blocks a stage would make depth 20"),
            "{message}"
        );
    }
}
