//! A device with what all of its networks share: pipelines, activations, the layout of bind groups, counts of the work done.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;

use super::activations::ActivationBuffers;
use super::family::KernelFamily;
use super::memory::{Counted, Memory};
use super::shader::Kernel;

/// Images of one pass through the networks on a GPU: enough to fill it, and 75 MB of activations.
const IMAGES_PER_PASS: usize = 128;
/// On a software adapter a larger pass only misses the caches.
const IMAGES_PER_PASS_SOFTWARE: usize = 32;

/// WebGPU's default alignment of a binding's offset.
pub(super) const ALIGNMENT: usize = 256;

/// Counts of the work done on the device since the context was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Statistics {
    /// Kernels recorded.
    pub dispatches: u64,
    /// Submits to the queue.
    pub submits: u64,
    /// Results read back.
    pub read_backs: u64,
    /// Pipelines compiled.
    pub pipelines: u64,
    /// Bytes in buffers now.
    pub bytes: u64,
    /// The largest value of `bytes` so far.
    pub peak_bytes: u64,
}

/// A device, with what its networks share.
pub struct GpuContext {
    device: wgpu::Device,
    queue: wgpu::Queue,
    family: KernelFamily,
    layout: wgpu::BindGroupLayout,
    pipeline_layout: wgpu::PipelineLayout,
    pipelines: RefCell<HashMap<String, Pipeline>>,
    activations: RefCell<ActivationBuffers>,
    memory: Rc<Memory>,
    image_counts: Counted,
    statistics: Cell<Statistics>,
}

/// A compiled kernel.
struct Pipeline {
    label: String,
    pipeline: wgpu::ComputePipeline,
}

impl GpuContext {
    /// A context of a device that the caller requested; whoever did also watches the device for errors and loss.
    pub fn new(device: wgpu::Device, queue: wgpu::Queue, family: KernelFamily) -> Self {
        let entry = |binding, read_only| wgpu::BindGroupLayoutEntry {
            binding,
            visibility: wgpu::ShaderStages::COMPUTE,
            ty: wgpu::BindingType::Buffer {
                ty: wgpu::BufferBindingType::Storage { read_only },
                has_dynamic_offset: false,
                min_binding_size: None,
            },
            count: None,
        };
        let count = wgpu::BindGroupLayoutEntry {
            ty: wgpu::BindingType::Buffer {
                ty: wgpu::BufferBindingType::Uniform,
                has_dynamic_offset: true,
                min_binding_size: None,
            },
            ..entry(3, true)
        };
        let layout = device.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor {
            label: Some("read, parameters, written, number of images"),
            entries: &[entry(0, true), entry(1, true), entry(2, false), count],
        });
        let memory = Rc::default();
        let image_counts = image_counts(&device, &queue, &memory);
        let pipeline_layout = device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
            label: Some("kernels"),
            bind_group_layouts: &[Some(&layout)],
            immediate_size: 0,
        });
        Self {
            device,
            queue,
            family,
            layout,
            pipeline_layout,
            pipelines: RefCell::default(),
            activations: RefCell::default(),
            memory,
            image_counts,
            statistics: Cell::default(),
        }
    }

    /// Counts up to now.
    pub fn statistics(&self) -> Statistics {
        Statistics {
            pipelines: self.pipelines.borrow().len() as u64,
            bytes: self.memory.bytes.get(),
            peak_bytes: self.memory.peak_bytes.get(),
            ..self.statistics.get()
        }
    }

    /// Labels of the pipelines compiled so far, sorted.
    pub fn pipeline_labels(&self) -> Vec<String> {
        let pipelines = self.pipelines.borrow();
        let mut labels: Vec<String> = pipelines.values().map(|pipeline| pipeline.label.clone()).collect();
        labels.sort();
        labels
    }

    /// Which kernels networks run.
    pub fn family(&self) -> KernelFamily {
        self.family
    }

    /// Images that one pass takes through a network whose largest activations hold `bytes_per_image`.
    pub(super) fn images_per_pass(&self, bytes_per_image: u64) -> usize {
        let most = match self.family {
            KernelFamily::Gpu => IMAGES_PER_PASS,
            KernelFamily::SoftwareAdapter => IMAGES_PER_PASS_SOFTWARE,
        };
        let limits = self.device.limits();
        let bytes = limits.max_storage_buffer_binding_size.min(limits.max_buffer_size);
        let fitting = (bytes / bytes_per_image).saturating_sub(1) as usize;
        fitting.clamp(1, most)
    }

    /// Adds to the counts.
    pub(super) fn count(&self, add: impl FnOnce(&mut Statistics)) {
        let mut statistics = self.statistics.get();
        add(&mut statistics);
        self.statistics.set(statistics);
    }

    pub(super) fn device(&self) -> &wgpu::Device {
        &self.device
    }

    pub(super) fn queue(&self) -> &wgpu::Queue {
        &self.queue
    }

    pub(super) fn memory(&self) -> &Rc<Memory> {
        &self.memory
    }

    pub(super) fn layout(&self) -> &wgpu::BindGroupLayout {
        &self.layout
    }

    /// Activations, shared by all networks: work on a queue is done in order.
    pub(super) fn activations(&self) -> &RefCell<ActivationBuffers> {
        &self.activations
    }

    /// The number of images, for the bind group; the dynamic offset is [`image_count_offset`].
    pub(super) fn image_counts(&self) -> wgpu::BufferBinding<'_> {
        wgpu::BufferBinding {
            buffer: &self.image_counts,
            offset: 0,
            size: wgpu::BufferSize::new(16),
        }
    }

    /// The kernel's pipeline, compiled at its first use.
    pub(super) fn pipeline(&self, kernel: &Kernel) -> wgpu::ComputePipeline {
        if let Some(known) = self.pipelines.borrow().get(&kernel.source) {
            return known.pipeline.clone();
        }
        let module = self.device.create_shader_module(wgpu::ShaderModuleDescriptor {
            label: Some(&kernel.label),
            source: wgpu::ShaderSource::Wgsl(kernel.source.as_str().into()),
        });
        let pipeline = self.device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
            label: Some(&kernel.label),
            layout: Some(&self.pipeline_layout),
            module: &module,
            entry_point: Some("main"),
            compilation_options: wgpu::PipelineCompilationOptions {
                // No kernel has workgroup memory.
                zero_initialize_workgroup_memory: false,
                ..Default::default()
            },
            cache: None,
        });
        let compiled = Pipeline {
            label: kernel.label.clone(),
            pipeline: pipeline.clone(),
        };
        self.pipelines.borrow_mut().insert(kernel.source.clone(), compiled);
        pipeline
    }
}

/// Where the number `n` stands in the table of numbers.
pub(super) fn image_count_offset(n: usize) -> u32 {
    (n * ALIGNMENT) as u32
}

/// A table of the numbers that a pass can have of images: a bind group then serves all of them.
fn image_counts(device: &wgpu::Device, queue: &wgpu::Queue, memory: &Rc<Memory>) -> Counted {
    let mut table = vec![0; (IMAGES_PER_PASS + 1) * ALIGNMENT];
    for (n, row) in table.chunks_exact_mut(ALIGNMENT).enumerate() {
        row[..4].copy_from_slice(&(n as u32).to_le_bytes());
    }
    let descriptor = wgpu::BufferDescriptor {
        label: Some("numbers of images"),
        size: table.len() as u64,
        usage: wgpu::BufferUsages::UNIFORM | wgpu::BufferUsages::COPY_DST,
        mapped_at_creation: false,
    };
    let buffer = Counted::new(device, memory, &descriptor);
    queue.write_buffer(&buffer, 0, &table);
    buffer
}
