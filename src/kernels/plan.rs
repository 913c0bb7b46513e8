//! What an evaluation computes, with all that can be folded in a trained network folded.
//!
//! A BatchNorm with running statistics is one scale and one shift per channel. The norms behind a convolution (norm2 and norm3 of
//! a block) go into its weights and bias; norm1 reads the residual stream, which the shortcut needs as it is, so it stays an
//! [`Affine`]. Activations are channels-last (NHWC) and so are the weights, because a 1x1 convolution is then a plain matrix
//! product and a 3x3 one three of them.

use crate::architecture::{Architecture, BATCH_NORM_EPSILON, BlockShape, STAGE_WIDTHS};
use crate::weights::{MissingTensor, Network, Normalisation, StateDict, Tensor};

/// Pixels per side of an input image.
pub const IMAGE_SIZE: usize = 32;
/// Stages, runs of blocks of one size.
pub const N_STAGES: usize = STAGE_WIDTHS.len();

/// A network ready for an executor: stem, blocks, last norm, global average pooling, head.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// How pixels become the stem's input; zero padding comes after it.
    pub normalisation: Normalisation,
    /// 3 -> 16 channels, 32x32.
    pub stem: Conv,
    /// In the order of execution.
    pub blocks: Vec<FoldedBlock>,
    /// Between the last block and pooling, with a ReLU.
    pub norm: Affine,
    /// From the pooled features to logits.
    pub head: Head,
}

/// `x + convs(relu(norm(x)))`, or `shortcut(x) + ...`; a ReLU follows each convolution but the last.
#[derive(Clone, Debug, PartialEq)]
pub struct FoldedBlock {
    /// norm1, with a ReLU.
    pub norm: Affine,
    /// Two (basic) or three (bottleneck); all but the last have a bias, from the norm that they took in.
    pub convs: Vec<Conv>,
    /// A bare 1x1 convolution if the shape changes.
    pub shortcut: Option<Conv>,
}

/// A convolution with zero padding of `kernel / 2` pixels.
#[derive(Clone, Debug, PartialEq)]
pub struct Conv {
    /// 1 or 3.
    pub kernel: usize,
    /// 1 or 2.
    pub stride: usize,
    /// Channels read.
    pub c_in: usize,
    /// Channels written; a multiple of 16.
    pub c_out: usize,
    /// Pixels per side of its input.
    pub size_in: usize,
    /// `[kernel, kernel, c_in, c_out]`
    pub weight: Vec<f32>,
    /// `[c_out]`
    pub bias: Option<Vec<f32>>,
}

/// `x * scale + shift`, with one value each per channel.
#[derive(Clone, Debug, PartialEq)]
pub struct Affine {
    /// weight / sqrt(running_var + eps)
    pub scale: Vec<f32>,
    /// bias - running_mean * scale
    pub shift: Vec<f32>,
}

/// `x W + bias`
#[derive(Clone, Debug, PartialEq)]
pub struct Head {
    /// `[features, classes]`
    pub weight: Vec<f32>,
    /// `[classes]`
    pub bias: Vec<f32>,
}

impl Plan {
    /// Folds a network.
    ///
    /// # Errors
    /// Names a tensor that the network lacks; a validated one lacks none.
    pub fn new(network: &Network) -> Result<Self, MissingTensor> {
        Self::from_state(&network.architecture, &network.state, &network.normalisation)
    }

    /// Folds a state dict of the architecture.
    ///
    /// # Errors
    /// Names a tensor that the state dict lacks.
    pub fn from_state(
        architecture: &Architecture,
        state: &StateDict,
        normalisation: &Normalisation,
    ) -> Result<Self, MissingTensor> {
        let mut size = IMAGE_SIZE;
        let blocks = architecture.blocks().into_iter().map(|shape| {
            let block = FoldedBlock::new(state, &shape, size)?;
            size /= shape.stride;
            Ok(block)
        });
        let blocks = blocks.collect::<Result<_, MissingTensor>>()?;
        Ok(Self {
            normalisation: normalisation.clone(),
            stem: Conv::new(state, "stem", 1, IMAGE_SIZE)?,
            blocks,
            norm: Affine::new(state, "norm")?,
            head: Head::new(state, "head")?,
        })
    }

    /// Number of classes.
    pub fn n_classes(&self) -> usize {
        self.head.bias.len()
    }

    /// Channels of the last block, which the head reads.
    pub fn n_features(&self) -> usize {
        self.norm.scale.len()
    }

    /// Number of blocks up to the end of each stage. All stages have the same number.
    pub fn stage_ends(&self) -> [usize; N_STAGES] {
        [1, 2, 3].map(|stage| stage * self.blocks.len() / N_STAGES)
    }

    /// Every convolution.
    pub fn convs(&self) -> impl Iterator<Item = &Conv> {
        let blocks = self
            .blocks
            .iter()
            .flat_map(|block| block.convs.iter().chain(&block.shortcut));
        std::iter::once(&self.stem).chain(blocks)
    }

    /// Multiply-adds per image, the head's included.
    pub fn multiply_adds(&self) -> usize {
        self.convs().map(Conv::multiply_adds).sum::<usize>() + self.head.weight.len()
    }
}

impl FoldedBlock {
    fn new(state: &StateDict, shape: &BlockShape, size_in: usize) -> Result<Self, MissingTensor> {
        let name = shape.name();
        let convolutions = shape.convolutions();
        let mut size = size_in;
        let convs = (1..).zip(&convolutions).map(|(i, convolution)| {
            let conv = Conv::new(state, &format!("{name}.conv{i}"), convolution.stride, size)?;
            size = conv.size_out();
            if i < convolutions.len() {
                Ok(conv.folding(&Affine::new(state, &format!("{name}.norm{}", i + 1))?))
            } else {
                Ok(conv)
            }
        });
        Ok(Self {
            norm: Affine::new(state, &format!("{name}.norm1"))?,
            convs: convs.collect::<Result<_, MissingTensor>>()?,
            shortcut: shape
                .has_shortcut
                .then(|| Conv::new(state, &format!("{name}.shortcut"), shape.stride, size_in))
                .transpose()?,
        })
    }
}

impl Conv {
    fn new(state: &StateDict, name: &str, stride: usize, size_in: usize) -> Result<Self, MissingTensor> {
        let Tensor { shape, data } = state.require(&format!("{name}.weight"))?;
        Ok(Self::from_pytorch(
            data,
            [shape[0], shape[1], shape[2]],
            stride,
            size_in,
        ))
    }

    /// Without bias, from weights `[c_out, c_in, kernel, kernel]`.
    pub fn from_pytorch(data: &[f32], [c_out, c_in, kernel]: [usize; 3], stride: usize, size_in: usize) -> Self {
        let mut weight = vec![0.0; data.len()];
        let taps = kernel * kernel;
        for (i, values) in data.chunks_exact(taps).enumerate() {
            let (out, channel) = (i / c_in, i % c_in);
            for (tap, value) in values.iter().enumerate() {
                weight[(tap * c_in + channel) * c_out + out] = *value;
            }
        }
        Self {
            kernel,
            stride,
            c_in,
            c_out,
            size_in,
            weight,
            bias: None,
        }
    }

    /// The convolution that takes gradients of the output, spread out by the stride, to gradients of the input.
    pub fn transposed(&self) -> Self {
        let taps = self.kernel * self.kernel;
        let mut weight = vec![0.0; self.weight.len()];
        for (i, values) in self.weight.chunks_exact(self.c_out).enumerate() {
            let (tap, channel) = (i / self.c_in, i % self.c_in);
            let first = (taps - 1 - tap) * self.c_out * self.c_in + channel;
            for (to, value) in weight[first..].iter_mut().step_by(self.c_in).zip(values) {
                *to = *value;
            }
        }
        Self {
            kernel: self.kernel,
            stride: 1,
            c_in: self.c_out,
            c_out: self.c_in,
            size_in: self.size_in,
            weight,
            bias: None,
        }
    }

    /// The convolution and a norm behind it in one.
    fn folding(mut self, norm: &Affine) -> Self {
        for outputs in self.weight.chunks_exact_mut(self.c_out) {
            outputs.iter_mut().zip(&norm.scale).for_each(|(w, scale)| *w *= scale);
        }
        self.bias = Some(norm.shift.clone());
        self
    }

    /// Pixels per side of its output.
    pub fn size_out(&self) -> usize {
        self.size_in / self.stride
    }

    /// Multiply-adds per image.
    pub fn multiply_adds(&self) -> usize {
        self.size_out() * self.size_out() * self.weight.len()
    }
}

impl Affine {
    fn new(state: &StateDict, name: &str) -> Result<Self, MissingTensor> {
        let values = |what: &str| {
            state
                .require(&format!("{name}.{what}"))
                .map(|tensor| tensor.data.as_slice())
        };
        let (weight, variance) = (values("weight")?, values("running_var")?);
        let scale: Vec<f32> = weight
            .iter()
            .zip(variance)
            .map(|(w, var)| (f64::from(*w) / (f64::from(*var) + BATCH_NORM_EPSILON).sqrt()) as f32)
            .collect();
        let shift = values("bias")?.iter().zip(values("running_mean")?).zip(&scale);
        let shift = shift.map(|((bias, mean), scale)| (f64::from(*bias) - f64::from(*mean) * f64::from(*scale)) as f32);
        Ok(Self {
            shift: shift.collect(),
            scale,
        })
    }
}

impl Head {
    fn new(state: &StateDict, name: &str) -> Result<Self, MissingTensor> {
        let Tensor { shape, data } = state.require(&format!("{name}.weight"))?;
        let [classes, features] = [shape[0], shape[1]];
        let weight = (0..data.len()).map(|i| data[i % classes * features + i / classes]);
        Ok(Self {
            weight: weight.collect(),
            bias: state.require(&format!("{name}.bias"))?.data.clone(),
        })
    }
}
