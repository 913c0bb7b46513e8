//! Blocks and tensors of an architecture, with their shapes.

use super::{Architecture, STAGE_WIDTHS, STEM_CHANNELS, channels_out};

/// Shape of a residual block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BlockShape {
    /// Stage of the block: 1, 2 or 3.
    pub stage: usize,
    /// Position in the stage, from 0.
    pub index: usize,
    pub c_in: usize,
    pub width: usize,
    pub c_out: usize,
    /// 2 if the block halves the image, else 1.
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

/// The role of a tensor, which determines how it is stored and whether it is trained.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TensorKind {
    /// `[c_out, c_in, kernel, kernel]`
    Convolution,
    /// `[c]`
    NormWeight,
    /// `[c]`
    NormBias,
    /// `[c]`, a BatchNorm statistic, not trained.
    RunningMean,
    /// `[c]`, a BatchNorm statistic, not trained, never negative.
    RunningVar,
    /// `[n_classes, c]`
    HeadWeight,
    /// `[n_classes]`
    HeadBias,
}

/// A tensor that an architecture requires.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TensorSpec {
    pub name: String,
    pub shape: Vec<usize>,
    pub kind: TensorKind,
}

impl Architecture {
    /// Number of trainable parameters; running statistics do not count.
    pub fn n_parameters(&self) -> usize {
        self.tensors()
            .iter()
            .filter(|p| p.kind.is_trainable())
            .map(TensorSpec::n_values)
            .sum()
    }

    /// All blocks from the first of stage 1 to the last of stage 3.
    pub fn blocks(&self) -> Vec<BlockShape> {
        let bottleneck = self.is_bottleneck();
        let mut blocks = Vec::with_capacity(3 * self.blocks_per_stage());
        let mut c_in = STEM_CHANNELS;
        for (stage, width) in (1..).zip(STAGE_WIDTHS) {
            let c_out = channels_out(width, bottleneck);
            for index in 0..self.blocks_per_stage() {
                let stride = if stage > 1 && index == 0 { 2 } else { 1 };
                let has_shortcut = stride != 1 || c_in != c_out;
                blocks.push(BlockShape {
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
    pub fn tensors(&self) -> Vec<TensorSpec> {
        let mut list = vec![convolution("stem", STEM_CHANNELS, 3, 3)];
        for block in self.blocks() {
            let name = block.name();
            for (i, conv) in (1..).zip(block.convolutions()) {
                push_norm(&mut list, &format!("{name}.norm{i}"), conv.c_in);
                list.push(convolution(
                    &format!("{name}.conv{i}"),
                    conv.c_out,
                    conv.c_in,
                    conv.kernel,
                ));
            }
            if block.has_shortcut {
                list.push(convolution(&format!("{name}.shortcut"), block.c_out, block.c_in, 1));
            }
        }
        push_norm(&mut list, "norm", self.n_features());
        let head = [
            (
                "head.weight",
                vec![self.n_classes, self.n_features()],
                TensorKind::HeadWeight,
            ),
            ("head.bias", vec![self.n_classes], TensorKind::HeadBias),
        ];
        list.extend(head.map(|(name, shape, kind)| TensorSpec {
            name: name.into(),
            shape,
            kind,
        }));
        list
    }
}

impl BlockShape {
    /// The block's name, for example "stage2.0".
    pub fn name(&self) -> String {
        format!("stage{}.{}", self.stage, self.index)
    }

    /// The convolutions on the main path, in order; norm i, over `c_in` channels, precedes convolution i.
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

    /// The projection of the block's input, if there is one.
    pub fn shortcut(&self) -> Option<Convolution> {
        self.has_shortcut.then_some(Convolution {
            c_in: self.c_in,
            c_out: self.c_out,
            kernel: 1,
            stride: self.stride,
        })
    }
}

impl TensorSpec {
    pub fn n_values(&self) -> usize {
        self.shape.iter().product()
    }
}

impl TensorKind {
    /// Whether training updates the tensor; false for BatchNorm's running statistics.
    pub fn is_trainable(self) -> bool {
        !matches!(self, Self::RunningMean | Self::RunningVar)
    }

    /// Whether the tensor belongs to a BatchNorm. Such tensors stay f32 in half-precision files.
    pub fn is_norm(self) -> bool {
        matches!(
            self,
            Self::NormWeight | Self::NormBias | Self::RunningMean | Self::RunningVar
        )
    }
}

fn convolution(name: &str, c_out: usize, c_in: usize, kernel: usize) -> TensorSpec {
    TensorSpec {
        name: format!("{name}.weight"),
        shape: vec![c_out, c_in, kernel, kernel],
        kind: TensorKind::Convolution,
    }
}

fn push_norm(list: &mut Vec<TensorSpec>, name: &str, channels: usize) {
    use TensorKind::{NormBias, NormWeight, RunningMean, RunningVar};
    let parts = [
        ("weight", NormWeight),
        ("bias", NormBias),
        ("running_mean", RunningMean),
        ("running_var", RunningVar),
    ];
    list.extend(parts.map(|(part, kind)| TensorSpec {
        name: format!("{name}.{part}"),
        shape: vec![channels],
        kind,
    }));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_tensors_in_pytorch_order() {
        let list = Architecture::new(8, 10).unwrap().tensors();
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
        let shortcut = list.iter().find(|p| p.name == "stage2.0.shortcut.weight").unwrap();
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
        let expect = |stage, index, c_in, width, c_out, stride, has_shortcut| BlockShape {
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
}
