//! A whole network, image by image: the activations of one image stay in the second cache from layer to layer.

use super::activations::{Activations, View};
use super::conv::{PackedAffine, Plain, Relu, Residual};
use super::packed::Packed;
use super::parallel;
use super::winograd::WinogradScratch;
use crate::kernels::plan::{Conv, Head, IMAGE_SIZE, N_STAGES, Plan};

/// Red, green and blue.
const IMAGE_CHANNELS: usize = 3;

/// A network that evaluates on the CPU, with buffers for one image per thread.
#[derive(Clone, Debug)]
pub struct CpuNetwork {
    layers: Layers,
    /// The buffers of each thread that has worked so far.
    buffers: Vec<(Vec<Activations>, WinogradScratch)>,
}

#[derive(Clone, Debug)]
struct Layers {
    /// Pixels per side of an image.
    side: usize,
    /// Normalised value of each byte, for red, green and blue.
    tables: [[f32; 256]; 3],
    steps: Vec<LayerStep>,
    buffer_shapes: BufferShapes,
    /// Index of the buffer that holds the image.
    image: usize,
    /// Index of the buffer that holds what the head reads.
    features: usize,
    stages: [StageEnd; N_STAGES],
    head: Head,
}

/// Where a stage ends.
#[derive(Clone, Copy, Debug, Default)]
struct StageEnd {
    /// Steps up to there.
    n_steps: usize,
    /// Index of the buffer that holds the residual stream.
    stream: usize,
}

/// One convolution and what becomes of it.
#[derive(Clone, Debug)]
struct LayerStep {
    conv: Packed,
    input: usize,
    sink: Sink,
}

/// Indices of buffers that a step writes.
#[derive(Clone, Debug)]
enum Sink {
    /// The sums as they are: a projected shortcut, to which the block is added.
    Plain(usize),
    /// Their positive part: inside a block.
    Relu(usize),
    /// The end of a block, or of the stem if `add` is false.
    Residual {
        stream: usize,
        activated: usize,
        norm: PackedAffine,
        add: bool,
    },
}

/// What a buffer holds; layers that hold the same thing in the same shape share it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Holds {
    Image,
    /// The residual stream.
    Stream,
    /// The stream behind a norm and a ReLU.
    Activated,
    /// What passes between the convolutions of a block.
    Inner,
}

/// The shape of a buffer, `[size + 2 border, size + 2 border, channels]`, and what it is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct BufferShape {
    holds: Holds,
    size: usize,
    border: usize,
    channels: usize,
}

/// Which buffers an image needs.
#[derive(Clone, Debug, Default)]
struct BufferShapes(Vec<BufferShape>);

impl BufferShapes {
    /// The index of a buffer of `[size, size, channels]` whose reader has a kernel of `kernel` pixels.
    fn index(&mut self, holds: Holds, size: usize, channels: usize, kernel: usize) -> usize {
        let shape = BufferShape {
            holds,
            size,
            border: kernel / 2,
            channels,
        };
        self.0.iter().position(|known| *known == shape).unwrap_or_else(|| {
            self.0.push(shape);
            self.0.len() - 1
        })
    }

    fn resize(&mut self, resized: impl Fn(usize) -> usize) {
        self.0.iter_mut().for_each(|shape| shape.size = resized(shape.size));
    }

    /// Empty buffers of these shapes.
    fn make(&self) -> Vec<Activations> {
        let buffer = |shape: &BufferShape| Activations::new(shape.size, shape.border, shape.channels);
        self.0.iter().map(buffer).collect()
    }
}

impl CpuNetwork {
    /// Packs the weights.
    pub fn new(plan: &Plan) -> Self {
        let mut buffer_shapes = BufferShapes::default();
        let image = buffer_shapes.index(Holds::Image, IMAGE_SIZE, IMAGE_CHANNELS, plan.stem.kernel);
        // Each block's norm is computed with the stream, while the stream's values are still in registers.
        let readers = plan.blocks.iter().map(|block| (&block.norm, block.convs[0].kernel));
        let mut readers = readers.chain([(&plan.norm, 1)]);
        let mut end = |buffer_shapes: &mut BufferShapes, conv: &Conv, add: bool| {
            let (norm, kernel) = readers.next().expect("the stem and each block have a reader");
            let stream = buffer_shapes.index(Holds::Stream, conv.size_out(), conv.c_out, 1);
            let activated = buffer_shapes.index(Holds::Activated, conv.size_out(), conv.c_out, kernel);
            let norm = PackedAffine::new(norm);
            let sink = Sink::Residual {
                stream,
                activated,
                norm,
                add,
            };
            (sink, stream, activated)
        };
        let (sink, mut stream, mut activated) = end(&mut buffer_shapes, &plan.stem, false);
        let mut steps = vec![LayerStep {
            conv: Packed::new(&plan.stem),
            input: image,
            sink,
        }];
        let ends = plan.stage_ends();
        let mut stages = [StageEnd::default(); N_STAGES];
        for (i, block) in (1..).zip(&plan.blocks) {
            let mut input = activated;
            for pair in block.convs.windows(2) {
                let [conv, next] = pair else { continue };
                let output = buffer_shapes.index(Holds::Inner, conv.size_out(), conv.c_out, next.kernel);
                steps.push(LayerStep::new(conv, input, Sink::Relu(output)));
                input = output;
            }
            if let Some(shortcut) = &block.shortcut {
                let output = buffer_shapes.index(Holds::Stream, shortcut.size_out(), shortcut.c_out, 1);
                steps.push(LayerStep::new(shortcut, stream, Sink::Plain(output)));
            }
            let last = &block.convs[block.convs.len() - 1];
            let sink;
            (sink, stream, activated) = end(&mut buffer_shapes, last, true);
            steps.push(LayerStep::new(last, input, sink));
            if let Some(stage) = ends.iter().position(|end| *end == i) {
                stages[stage] = StageEnd {
                    n_steps: steps.len(),
                    stream,
                };
            }
        }
        let layers = Layers {
            side: IMAGE_SIZE,
            tables: plan.normalisation.tables(),
            steps,
            buffer_shapes,
            image,
            features: activated,
            stages,
            head: plan.head.clone(),
        };
        Self {
            layers,
            buffers: Vec::new(),
        }
    }

    /// Logits `[n, classes]` of pixels `[n, 32, 32, 3]`.
    pub fn logits(&mut self, pixels: &[u8]) -> Vec<f32> {
        self.logits_of_side(pixels, IMAGE_SIZE)
    }

    /// Logits `[n, classes]` of pixels `[n, side, side, 3]`, where `side` is a multiple of 8.
    pub fn logits_of_side(&mut self, pixels: &[u8], side: usize) -> Vec<f32> {
        self.set_side(side);
        let n_classes = self.layers.head.bias.len();
        self.for_each_image(pixels, n_classes, |layers, image, buffers, scratch, logits| {
            layers.run(&layers.steps, image, buffers, scratch);
            classify(&layers.head, buffers[layers.features].view(), logits);
        })
    }

    /// The residual stream at the end of stage 0, 1 or 2, `[n, height, width, channels]`, of pixels `[n, 32, 32, 3]`.
    pub fn stage(&mut self, pixels: &[u8], stage: usize) -> Vec<f32> {
        self.set_side(IMAGE_SIZE);
        let StageEnd { n_steps, stream } = self.layers.stages[stage];
        let BufferShape { size, channels, .. } = self.layers.buffer_shapes.0[stream];
        self.for_each_image(
            pixels,
            size * size * channels,
            |layers, image, buffers, scratch, values| {
                layers.run(&layers.steps[..n_steps], image, buffers, scratch);
                // No reader of the stream has a border.
                values.copy_from_slice(buffers[stream].view().values());
            },
        )
    }

    /// `n_values` of each image.
    fn for_each_image(
        &mut self,
        pixels: &[u8],
        n_values: usize,
        work: impl Fn(&Layers, &[u8], &mut [Activations], &mut WinogradScratch, &mut [f32]) + Sync,
    ) -> Vec<f32> {
        let Self { layers, buffers } = self;
        let image_bytes = IMAGE_CHANNELS * layers.side * layers.side;
        let mut values = vec![0.0; pixels.len() / image_bytes * n_values];
        let images = pixels.chunks_exact(image_bytes).zip(values.chunks_exact_mut(n_values));
        parallel::for_each(
            images,
            buffers,
            || (layers.buffer_shapes.make(), WinogradScratch::default()),
            |(buffers, scratch), (image, values)| work(layers, image, buffers, scratch, values),
        );
        values
    }

    fn set_side(&mut self, side: usize) {
        if side != self.layers.side {
            self.layers.resize(side);
            self.buffers.clear();
        }
    }
}

impl Layers {
    /// Weights do not depend on the size of an image.
    fn resize(&mut self, side: usize) {
        let resized = |size: usize| size * side / self.side;
        for step in &mut self.steps {
            step.conv.set_size_out(resized(step.conv.size_out()));
        }
        self.buffer_shapes.resize(resized);
        self.side = side;
    }

    /// Takes one image through these steps.
    fn run(&self, steps: &[LayerStep], pixels: &[u8], buffers: &mut [Activations], scratch: &mut WinogradScratch) {
        let image = &mut buffers[self.image];
        for (y, row) in pixels.chunks_exact(IMAGE_CHANNELS * self.side).enumerate() {
            for (to, from) in image
                .row_mut(y)
                .chunks_exact_mut(IMAGE_CHANNELS)
                .zip(row.chunks_exact(IMAGE_CHANNELS))
            {
                for ((to, from), table) in to.iter_mut().zip(from).zip(&self.tables) {
                    *to = table[usize::from(*from)];
                }
            }
        }
        for step in steps {
            step.run(buffers, scratch);
        }
    }
}

impl LayerStep {
    fn new(conv: &Conv, input: usize, sink: Sink) -> Self {
        Self {
            conv: Packed::new(conv),
            input,
            sink,
        }
    }

    fn run(&self, buffers: &mut [Activations], scratch: &mut WinogradScratch) {
        // Taken out for the time of the step, so that the others can be written.
        let input = std::mem::take(&mut buffers[self.input]);
        match &self.sink {
            Sink::Plain(output) => self.conv.run(input.view(), scratch, &mut Plain(&mut buffers[*output])),
            Sink::Relu(output) => self.conv.run(input.view(), scratch, &mut Relu(&mut buffers[*output])),
            Sink::Residual {
                stream,
                activated,
                norm,
                add,
            } => {
                let [stream, activated] = buffers
                    .get_disjoint_mut([*stream, *activated])
                    .expect("the stream and what is made of it are two buffers");
                if *add {
                    self.conv.run(
                        input.view(),
                        scratch,
                        &mut Residual::<true> {
                            stream,
                            activated,
                            norm,
                        },
                    );
                } else {
                    self.conv.run(
                        input.view(),
                        scratch,
                        &mut Residual::<false> {
                            stream,
                            activated,
                            norm,
                        },
                    );
                }
            }
        }
        buffers[self.input] = input;
    }
}

/// Logits of the mean over all pixels.
fn classify(head: &Head, features: View<'_>, logits: &mut [f32]) {
    let (size, channels) = (features.size(), features.channels());
    let mut mean = vec![0.0; channels];
    for pixel in (0..size).flat_map(|y| features.row(y).chunks_exact(channels)) {
        mean.iter_mut().zip(pixel).for_each(|(sum, value)| *sum += value);
    }
    logits.copy_from_slice(&head.bias);
    for (sum, weights) in mean.iter().zip(head.weight.chunks_exact(logits.len())) {
        let feature = sum / (size * size) as f32;
        logits
            .iter_mut()
            .zip(weights)
            .for_each(|(logit, weight)| *logit += feature * weight);
    }
}

#[cfg(all(test, feature = "cpu", feature = "threads"))]
mod tests {
    use super::super::parallel::tests::with_threads;
    use super::*;
    use crate::data::IMAGE_BYTES;
    use crate::testing::golden_bytes;
    use crate::weights::Network;

    #[test]
    fn threads_share_the_images_and_change_no_logit() {
        let network = Network::from_safetensors(&golden_bytes("arbitrary20.safetensors")).unwrap();
        let plan = Plan::from_state(&network.architecture, &network.state, &network.normalisation).unwrap();
        let pixels: Vec<u8> = (0..9 * IMAGE_BYTES).map(|i| (i * 7919 % 251) as u8).collect();
        let mut cpu = CpuNetwork::new(&plan);
        let results = with_threads(|| cpu.logits(&pixels));
        assert_eq!(results[0].len(), 9 * network.architecture.n_classes);
        assert!(results.iter().all(|logits| *logits == results[0]));
        // Each image by itself, with buffers that others have used.
        let apart: Vec<f32> = pixels.chunks(IMAGE_BYTES).flat_map(|image| cpu.logits(image)).collect();
        assert_eq!(apart, results[0]);
    }
}
