//! A network on the device.

use std::cell::RefCell;
use std::ops::Range;
use std::rc::Rc;

use super::activations::{ActivationBuffers, Slot};
use super::context::{ALIGNMENT, GpuContext, image_count_offset};
use super::images::{BYTES_PER_IMAGE, GpuImages};
use super::memory::{Counted, spare};
use super::shader::{BatchSize, ConvInput, ConvOutput, ConvShape, Kernel, convolution, linear, pool, stem};
use crate::error::{LabError, LabResult};
use crate::kernels::Plan;
use crate::kernels::plan::{Affine, Conv, FoldedBlock, N_STAGES};

/// What a dispatch reads or writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Pixels,
    Activations(Slot),
    Logits,
}

/// One dispatch.
struct Dispatch {
    kernel: Kernel,
    pipeline: wgpu::ComputePipeline,
    reads: Place,
    writes: Place,
    /// Bytes of the parameter buffer.
    parameters: Range<u64>,
}

/// A [`Plan`] with its weights on the device.
pub struct GpuNetwork {
    context: Rc<GpuContext>,
    steps: Vec<Dispatch>,
    /// Multiply-adds of each dispatch per image.
    multiply_adds: Vec<f64>,
    /// Values per image in each slot.
    values: [usize; Slot::COUNT],
    parameters: Counted,
    n_classes: usize,
    stages: [StageEnd; N_STAGES],
    bound: RefCell<Option<Rc<Bound>>>,
}

/// Where a stage ends.
#[derive(Clone, Copy, Default)]
struct StageEnd {
    n_steps: usize,
    /// Slot of the residual stream.
    slot: usize,
    /// Values per image.
    n_values: usize,
}

/// How far a pass goes, and so what it computes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Until {
    Logits,
    /// The residual stream at the end of stage 0, 1 or 2.
    Stage(usize),
}

/// Bind groups of all steps but the first, which reads pixels from wherever they are.
struct Bound {
    generation: u64,
    groups: Vec<wgpu::BindGroup>,
    logits: Counted,
    n_classes: usize,
}

/// A pass's bind groups.
pub(super) struct Bindings {
    stem: wgpu::BindGroup,
    rest: Rc<Bound>,
}

/// Logits on the device.
pub struct GpuLogits {
    /// f32 `[n, n_classes]`, with room after them; usages STORAGE and COPY_SRC. The network's next pass overwrites it.
    pub buffer: wgpu::Buffer,
    /// Images.
    pub n: usize,
    /// Classes.
    pub n_classes: usize,
}

impl GpuNetwork {
    /// Uploads the weights and requests the pipelines, which a browser compiles in the background. If the device rejects one, that
    /// is an uncaptured error of the device.
    pub fn new(context: &Rc<GpuContext>, plan: &Plan) -> Self {
        let mut builder = Builder::new(context);
        builder.network(plan);
        let Builder {
            steps,
            multiply_adds,
            values,
            data,
            stages,
            ..
        } = builder;
        let descriptor = wgpu::BufferDescriptor {
            label: Some("parameters"),
            size: 4 * data.len() as u64,
            usage: wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_DST,
            mapped_at_creation: false,
        };
        let parameters = Counted::new(context.device(), context.memory(), &descriptor);
        let bytes: Vec<u8> = data.iter().flat_map(|value| value.to_le_bytes()).collect();
        context.queue().write_buffer(&parameters, 0, &bytes);
        Self {
            context: context.clone(),
            steps,
            multiply_adds,
            values,
            parameters,
            n_classes: plan.n_classes(),
            stages,
            bound: RefCell::default(),
        }
    }

    /// Number of classes.
    pub fn n_classes(&self) -> usize {
        self.n_classes
    }

    /// Dispatches of a pass.
    pub fn n_dispatches(&self) -> usize {
        self.steps.len()
    }

    /// Images that one pass takes.
    pub fn images_per_pass(&self) -> usize {
        self.context.images_per_pass(self.largest_bytes_per_image())
    }

    /// Dispatches of a pass that goes this far.
    pub(super) fn n_steps(&self, until: Until) -> usize {
        match until {
            Until::Logits => self.steps.len(),
            Until::Stage(stage) => self.stages[stage].n_steps,
        }
    }

    /// Values per image that such a pass computes.
    pub(super) fn n_values(&self, until: Until) -> usize {
        match until {
            Until::Logits => self.n_classes,
            Until::Stage(stage) => self.stages[stage].n_values,
        }
    }

    /// The buffer that such a pass writes them to.
    pub(super) fn result(&self, bindings: &Bindings, until: Until) -> wgpu::Buffer {
        match until {
            Until::Logits => (*bindings.rest.logits).clone(),
            Until::Stage(stage) => {
                let slot = Slot::Stream(self.stages[stage].slot);
                self.context.activations().borrow().get(slot).clone()
            }
        }
    }

    /// Records a pass over some of the images, for work on the device that uses the logits. Submit the encoder before recording
    /// another pass of this network.
    ///
    /// # Errors
    /// `bad_argument` if the range is empty, beyond the images or longer than [`Self::images_per_pass`].
    pub fn encode(
        &self,
        encoder: &mut wgpu::CommandEncoder,
        images: &GpuImages,
        range: Range<usize>,
    ) -> LabResult<GpuLogits> {
        let n = range.len();
        if n > self.images_per_pass() {
            return Err(LabError::bad_argument(format!("{n} images are too many for one pass")));
        }
        let bindings = self.bind(images, range)?;
        self.encode_steps(encoder, &bindings, 0..self.steps.len(), n);
        Ok(bindings.logits(n))
    }

    /// Multiply-adds of each dispatch per image.
    pub(super) fn multiply_adds(&self) -> &[f64] {
        &self.multiply_adds
    }

    /// Bytes per image of the largest activations.
    fn largest_bytes_per_image(&self) -> u64 {
        let values = self.values.iter().copied().chain([self.n_classes]);
        values.fold(BYTES_PER_IMAGE, |most, values| most.max(4 * values)) as u64
    }

    pub(super) fn bind(&self, images: &GpuImages, range: Range<usize>) -> LabResult<Bindings> {
        if range.is_empty() || range.end > images.len() {
            return Err(LabError::bad_argument(format!(
                "images {range:?} are out of range; there are {}",
                images.len()
            )));
        }
        let rest = self.bound(range.len());
        let Some(step) = self.steps.first() else {
            return Err(LabError::bad_argument("the network has no layers"));
        };
        let pixels = wgpu::BufferBinding {
            buffer: &images.buffer,
            offset: (range.start * BYTES_PER_IMAGE) as u64,
            size: None,
        };
        let activations = self.context.activations().borrow();
        let written = self.buffer(step.writes, &activations, &rest.logits);
        let stem = self.group(step, pixels, written);
        drop(activations);
        Ok(Bindings { stem, rest })
    }

    /// Bind groups for the activations as they are, after making room for `n` images.
    fn bound(&self, n: usize) -> Rc<Bound> {
        let context = &self.context;
        let mut activations = context.activations().borrow_mut();
        activations.ensure(context.device(), context.memory(), &self.values, n);
        let mut bound = self.bound.borrow_mut();
        if let Some(bound) = bound
            .as_ref()
            .filter(|bound| bound.generation == activations.generation)
        {
            return bound.clone();
        }
        let descriptor = wgpu::BufferDescriptor {
            label: Some("logits"),
            size: spare(activations.images(), 4 * self.n_classes),
            usage: wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_SRC,
            mapped_at_creation: false,
        };
        let logits = Counted::new(context.device(), context.memory(), &descriptor);
        let group = |step: &Dispatch| {
            let read = self.buffer(step.reads, &activations, &logits);
            let written = self.buffer(step.writes, &activations, &logits);
            self.group(step, read.as_entire_buffer_binding(), written)
        };
        let groups = self.steps.iter().skip(1).map(group).collect();
        let new = Rc::new(Bound {
            generation: activations.generation,
            groups,
            logits,
            n_classes: self.n_classes,
        });
        *bound = Some(new.clone());
        new
    }

    fn buffer<'a>(&self, place: Place, activations: &'a ActivationBuffers, logits: &'a Counted) -> &'a wgpu::Buffer {
        match place {
            Place::Activations(slot) => activations.get(slot),
            // Only the stem reads pixels, and its bind group is made separately.
            Place::Logits | Place::Pixels => logits,
        }
    }

    fn group(&self, step: &Dispatch, read: wgpu::BufferBinding<'_>, written: &wgpu::Buffer) -> wgpu::BindGroup {
        let parameters = wgpu::BufferBinding {
            buffer: &self.parameters,
            offset: step.parameters.start,
            size: std::num::NonZeroU64::new(step.parameters.end - step.parameters.start),
        };
        let resources = [
            wgpu::BindingResource::Buffer(read),
            wgpu::BindingResource::Buffer(parameters),
            written.as_entire_binding(),
            wgpu::BindingResource::Buffer(self.context.image_counts()),
        ];
        let entries: Vec<_> = (0..)
            .zip(resources)
            .map(|(binding, resource)| wgpu::BindGroupEntry { binding, resource })
            .collect();
        self.context.device().create_bind_group(&wgpu::BindGroupDescriptor {
            label: Some(&step.kernel.label),
            layout: self.context.layout(),
            entries: &entries,
        })
    }

    pub(super) fn encode_steps(
        &self,
        encoder: &mut wgpu::CommandEncoder,
        bindings: &Bindings,
        steps: Range<usize>,
        n: usize,
    ) {
        let descriptor = wgpu::ComputePassDescriptor {
            label: Some("layers"),
            timestamp_writes: None,
        };
        let mut pass = encoder.begin_compute_pass(&descriptor);
        let groups = std::iter::once(&bindings.stem).chain(&bindings.rest.groups);
        for (step, group) in self.steps.iter().zip(groups).take(steps.end).skip(steps.start) {
            pass.set_pipeline(&step.pipeline);
            pass.set_bind_group(0, group, &[image_count_offset(n)]);
            let [x, y, z] = step.kernel.workgroups.count(n);
            pass.dispatch_workgroups(x, y, z);
            self.context.count(|statistics| statistics.dispatches += 1);
        }
    }
}

impl Bindings {
    pub(super) fn logits(&self, n: usize) -> GpuLogits {
        GpuLogits {
            buffer: (*self.rest.logits).clone(),
            n,
            n_classes: self.rest.n_classes,
        }
    }
}

/// Lays out the parameters of a network and lines up its dispatches.
struct Builder<'a> {
    context: &'a GpuContext,
    steps: Vec<Dispatch>,
    multiply_adds: Vec<f64>,
    values: [usize; Slot::COUNT],
    data: Vec<f32>,
    stages: [StageEnd; N_STAGES],
}

impl<'a> Builder<'a> {
    fn new(context: &'a GpuContext) -> Self {
        Self {
            context,
            steps: Vec::new(),
            multiply_adds: Vec::new(),
            values: [0; Slot::COUNT],
            data: Vec::new(),
            stages: Default::default(),
        }
    }

    fn network(&mut self, plan: &Plan) {
        let (scale, shift) = normalisation(plan);
        let stem_values = plan.stem.size_out() * plan.stem.size_out() * plan.stem.c_out;
        let stream = self.place(Slot::Stream(0), stem_values);
        self.step(
            stem(),
            (Place::Pixels, stream),
            &[&plan.stem.weight, &scale, &shift],
            plan.stem.multiply_adds(),
        );
        let mut stream = 0;
        let mut size = plan.stem.size_out();
        let ends = plan.stage_ends();
        for (i, block) in (1..).zip(&plan.blocks) {
            stream = self.block(block, stream);
            size = block.convs.iter().fold(size, |size, conv| size / conv.stride);
            if let (Some(stage), Some(conv)) = (ends.iter().position(|end| *end == i), block.convs.last()) {
                self.stages[stage] = StageEnd {
                    n_steps: self.steps.len(),
                    slot: stream,
                    n_values: size * size * conv.c_out,
                };
            }
        }
        let features = plan.n_features();
        let pooled = self.place(Slot::Features, features);
        self.step(
            pool(size * size, features),
            (Place::Activations(Slot::Stream(stream)), pooled),
            &[&plan.norm.scale, &plan.norm.shift],
            size * size * features,
        );
        self.step(
            linear(features, plan.n_classes()),
            (pooled, Place::Logits),
            &[&plan.head.weight, &plan.head.bias],
            plan.head.weight.len(),
        );
    }

    /// Returns the slot where the residual stream continues.
    fn block(&mut self, block: &FoldedBlock, stream: usize) -> usize {
        let mut out = stream;
        if let Some(shortcut) = &block.shortcut {
            out = 1 - stream;
            self.convolution(
                shortcut,
                None,
                ConvOutput::Plain,
                Slot::Stream(stream),
                Slot::Stream(out),
            );
        }
        let mut reads = Slot::Stream(stream);
        for (i, conv) in block.convs.iter().enumerate() {
            let norm = (i == 0).then_some(&block.norm);
            let (output, writes) = if i + 1 == block.convs.len() {
                (ConvOutput::Added, Slot::Stream(out))
            } else {
                (ConvOutput::Activated, Slot::Branch(i % 2))
            };
            self.convolution(conv, norm, output, reads, writes);
            reads = writes;
        }
        out
    }

    fn convolution(&mut self, conv: &Conv, norm: Option<&Affine>, output: ConvOutput, reads: Slot, writes: Slot) {
        let shape = ConvShape {
            kernel: conv.kernel,
            stride: conv.stride,
            c_in: conv.c_in,
            c_out: conv.c_out,
            size_in: conv.size_in,
            input: if norm.is_some() {
                ConvInput::Normed
            } else {
                ConvInput::Plain
            },
            output,
        };
        let mut parameters: Vec<&[f32]> = vec![&conv.weight];
        if output == ConvOutput::Activated {
            parameters.extend(conv.bias.as_deref());
        }
        if let Some(norm) = norm {
            parameters.extend([norm.scale.as_slice(), norm.shift.as_slice()]);
        }
        let writes = self.place(writes, conv.size_out() * conv.size_out() * conv.c_out);
        let kernel = convolution(&shape, self.context.family(), BatchSize::Any);
        self.step(
            kernel,
            (Place::Activations(reads), writes),
            &parameters,
            conv.multiply_adds(),
        );
    }

    fn place(&mut self, slot: Slot, values: usize) -> Place {
        let room = &mut self.values[slot.index()];
        *room = values.max(*room);
        Place::Activations(slot)
    }

    fn step(&mut self, kernel: Kernel, (reads, writes): (Place, Place), parameters: &[&[f32]], multiply_adds: usize) {
        let start = 4 * self.data.len() as u64;
        parameters.iter().for_each(|values| self.data.extend_from_slice(values));
        let end = 4 * self.data.len() as u64;
        self.data.resize(self.data.len().next_multiple_of(ALIGNMENT / 4), 0.0);
        self.steps.push(Dispatch {
            pipeline: self.context.pipeline(&kernel),
            kernel,
            reads,
            writes,
            // A binding is read as vectors.
            parameters: start..end.next_multiple_of(16),
        });
        self.multiply_adds.push(multiply_adds as f64);
    }
}

/// The stem's scale and shift of a pixel's `v / 255`, padded to a vector.
fn normalisation(plan: &Plan) -> ([f32; 4], [f32; 4]) {
    let (mut scale, mut shift) = ([0.0; 4], [0.0; 4]);
    for i in 0..3 {
        scale[i] = 1.0 / plan.normalisation.std[i];
        shift[i] = -plan.normalisation.mean[i] / plan.normalisation.std[i];
    }
    (scale, shift)
}
