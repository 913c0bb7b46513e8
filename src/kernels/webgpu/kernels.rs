//! What all networks of a device share.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;

use super::buffers::{Activations, BYTES_PER_IMAGE, Counted, GpuImages, Memory, count};
use super::family::KernelFamily;
use super::network::{GpuNetwork, Until};
use super::pace::Pace;
use super::read::read;
use super::shader::Kernel;
use crate::error::{ErrorCode, LabError, LabResult};

/// Images of one pass through the networks on a GPU: enough to fill it, and 75 MB of activations.
const IMAGES_PER_PASS: usize = 128;
/// On a software adapter more of them only miss the caches.
const IMAGES_PER_PASS_SOFTWARE: usize = 32;

/// Values that are read back together: 16 MB of them.
const VALUES_PER_READ: usize = 4 << 20;

/// WebGPU's default alignment of a binding's offset.
pub(super) const ALIGNMENT: usize = 256;

/// Counts of what was asked of the device since [`Kernels`] were made.
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
    /// The most that `bytes` has been.
    pub peak_bytes: u64,
}

/// A device's pipelines, activations and counts, shared by its networks.
pub struct Kernels {
    device: wgpu::Device,
    queue: wgpu::Queue,
    layout: wgpu::BindGroupLayout,
    pipeline_layout: wgpu::PipelineLayout,
    pipelines: RefCell<HashMap<String, Pipeline>>,
    activations: RefCell<Activations>,
    read_backs: RefCell<Vec<Counted>>,
    memory: Rc<Memory>,
    counts: Counted,
    pace: Pace,
    clock: Option<fn() -> f64>,
    family: KernelFamily,
    dispatches: Cell<u64>,
    submits: Cell<u64>,
    n_read_backs: Cell<u64>,
}

/// A compiled kernel.
struct Pipeline {
    label: String,
    pipeline: wgpu::ComputePipeline,
}

impl Kernels {
    /// Kernels on a device that the caller requested; whoever did also watches it for errors and loss.
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
        let counts = counts(&device, &queue, &memory);
        let pipeline_layout = device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
            label: Some("kernels"),
            bind_group_layouts: &[Some(&layout)],
            immediate_size: 0,
        });
        Self {
            device,
            queue,
            layout,
            pipeline_layout,
            pipelines: RefCell::default(),
            activations: RefCell::default(),
            read_backs: RefCell::default(),
            memory,
            counts,
            pace: Pace::default(),
            clock: native_clock(),
            family,
            dispatches: Cell::default(),
            submits: Cell::default(),
            n_read_backs: Cell::default(),
        }
    }

    /// Measures time with this clock, in milliseconds, and so adapts how much work a submit holds. Natively there is one already;
    /// a browser's is not known here.
    pub fn with_clock(self, clock: fn() -> f64) -> Self {
        Self {
            clock: Some(clock),
            ..self
        }
    }

    /// Counts up to now.
    pub fn statistics(&self) -> Statistics {
        Statistics {
            dispatches: self.dispatches.get(),
            submits: self.submits.get(),
            read_backs: self.n_read_backs.get(),
            pipelines: self.pipelines.borrow().len() as u64,
            bytes: self.memory.bytes.get(),
            peak_bytes: self.memory.peak_bytes.get(),
        }
    }

    /// Labels of the pipelines compiled so far, sorted.
    pub fn pipeline_labels(&self) -> Vec<String> {
        let pipelines = self.pipelines.borrow();
        let mut labels: Vec<String> = pipelines.values().map(|pipeline| pipeline.label.clone()).collect();
        labels.sort();
        labels
    }

    /// Logits `[n, classes]` of several networks on the same images, read back together. Pixels are bytes `[n, 32, 32, 3]`.
    ///
    /// # Errors
    /// `bad_argument` where the bytes are not whole images; `device_lost`, `out_of_memory` or `gpu_error`.
    pub async fn logits(&self, networks: &[&GpuNetwork], pixels: &[u8]) -> LabResult<Vec<Vec<f32>>> {
        self.run(networks, pixels, Until::Logits).await
    }

    /// What each network gives, as [`Self::logits`]; one network alone where it is not the logits, since networks share their
    /// activations.
    pub(super) async fn run(&self, networks: &[&GpuNetwork], pixels: &[u8], until: Until) -> LabResult<Vec<Vec<f32>>> {
        let n = count(pixels)?;
        let mut results: Vec<Vec<f32>> = networks
            .iter()
            .map(|network| Vec::with_capacity(n * network.n_values(until)))
            .collect();
        let images_per_pass = self.images_per_pass(networks);
        let values: usize = networks.iter().map(|network| network.n_values(until)).sum();
        let passes = (VALUES_PER_READ / (values * images_per_pass).max(1)).max(1);
        for pixels in pixels.chunks(passes * images_per_pass * BYTES_PER_IMAGE) {
            let packed = self.passes(networks, pixels, until).await?;
            let mut packed = packed.as_slice();
            for pixels in pixels.chunks(images_per_pass * BYTES_PER_IMAGE) {
                for (network, result) in networks.iter().zip(&mut results) {
                    let (own, rest) = packed.split_at(pixels.len() / BYTES_PER_IMAGE * network.n_values(until));
                    result.extend_from_slice(own);
                    packed = rest;
                }
            }
        }
        Ok(results)
    }

    /// Images that one pass of these networks takes.
    pub fn images_per_pass(&self, networks: &[&GpuNetwork]) -> usize {
        let most = match self.family {
            KernelFamily::Gpu => IMAGES_PER_PASS,
            KernelFamily::SoftwareAdapter => IMAGES_PER_PASS_SOFTWARE,
        };
        let limits = self.device.limits();
        let bytes = limits.max_storage_buffer_binding_size.min(limits.max_buffer_size);
        let fits = |network: &&GpuNetwork| (bytes / network.largest_bytes_per_image()).saturating_sub(1) as usize;
        networks.iter().map(fits).fold(most, usize::min).max(1)
    }

    /// How many of these networks, from the first on, are worth one call for `n` images: as many as take about a quarter of a
    /// second at the speed measured so far, after which a caller may want to cancel, and one in any case.
    pub fn networks_per_call(&self, networks: &[&GpuNetwork], n: usize) -> usize {
        let mut rest = self.pace.call_budget();
        let fits = |network: &&&GpuNetwork| {
            rest -= network.multiply_adds().iter().sum::<f64>() * n as f64;
            rest >= 0.0
        };
        networks.iter().take_while(fits).count().max(1)
    }

    /// What the networks give, pass after pass, and in each network after network; read back once.
    async fn passes(&self, networks: &[&GpuNetwork], pixels: &[u8], until: Until) -> LabResult<Vec<f32>> {
        let started = self.clock.map(|clock| clock());
        let invalid = self.device.push_error_scope(wgpu::ErrorFilter::Validation);
        let out_of_memory = self.device.push_error_scope(wgpu::ErrorFilter::OutOfMemory);
        let recorded = self
            .record(networks, pixels, until)
            .map(|(read_back, len, multiply_adds)| {
                let values = read(&self.device, &read_back, len);
                (read_back, values, multiply_adds)
            });
        let (out_of_memory, invalid) = (out_of_memory.pop(), invalid.pop());
        let (read_back, values, multiply_adds) = recorded?;
        let values = values.await;
        if let Some(error) = out_of_memory.await {
            let message = format!("the GPU is out of memory: {error}");
            return Err(LabError::new(ErrorCode::OutOfMemory, message));
        }
        // Results of refused work can still be read; only those of a lost device cannot.
        let values = values?;
        if let Some(error) = invalid.await {
            let message = format!("the GPU refused work: {error}");
            return Err(LabError::new(ErrorCode::GpuError, message));
        }
        self.read_backs.borrow_mut().push(read_back);
        if let (Some(clock), Some(started)) = (self.clock, started) {
            self.pace.measured(multiply_adds, clock() - started);
        }
        Ok(values)
    }

    /// Submits passes and copies of what they give; returns what to read, how many values, and the passes' multiply-adds.
    fn record(&self, networks: &[&GpuNetwork], pixels: &[u8], until: Until) -> LabResult<(Counted, usize, f64)> {
        let values: usize = networks.iter().map(|network| network.n_values(until)).sum();
        let len = pixels.len() / BYTES_PER_IMAGE * values;
        let read_back = self.read_back(len);
        let mut encoder = self.encoder();
        let (mut in_submit, mut total, mut offset) = (0.0, 0.0, 0);
        for pixels in pixels.chunks(self.images_per_pass(networks) * BYTES_PER_IMAGE) {
            let images = GpuImages::new(self, pixels)?;
            let n = images.len();
            let mut made = Vec::with_capacity(networks.len());
            for network in networks {
                let bound = network.bind(&images, 0..n)?;
                let mut from = 0;
                let n_steps = network.n_steps(until);
                for (step, &multiply_adds) in network.multiply_adds()[..n_steps].iter().enumerate() {
                    let multiply_adds = multiply_adds * n as f64;
                    if in_submit > 0.0 && in_submit + multiply_adds > self.pace.submit_budget() {
                        network.encode_steps(&mut encoder, &bound, from..step, n);
                        self.submit(std::mem::replace(&mut encoder, self.encoder()));
                        (from, in_submit) = (step, 0.0);
                    }
                    in_submit += multiply_adds;
                    total += multiply_adds;
                }
                network.encode_steps(&mut encoder, &bound, from..n_steps, n);
                made.push((network.result(&bound, until), n * network.n_values(until)));
            }
            // The next pass overwrites them.
            for (buffer, len) in &made {
                let bytes = 4 * *len as u64;
                encoder.copy_buffer_to_buffer(buffer, 0, &read_back, offset, bytes);
                offset += bytes;
            }
        }
        self.submit(encoder);
        self.n_read_backs.set(self.n_read_backs.get() + 1);
        Ok((read_back, len, total))
    }

    /// A buffer to read `len` values from: one that was used before where it fits.
    fn read_back(&self, len: usize) -> Counted {
        let size = 4 * len as u64;
        let mut idle = self.read_backs.borrow_mut();
        if let Some(i) = idle.iter().position(|buffer| buffer.size() >= size) {
            return idle.swap_remove(i);
        }
        idle.clear();
        let descriptor = wgpu::BufferDescriptor {
            label: Some("read back"),
            size,
            usage: wgpu::BufferUsages::COPY_DST | wgpu::BufferUsages::MAP_READ,
            mapped_at_creation: false,
        };
        Counted::new(&self.device, &self.memory, &descriptor)
    }

    fn encoder(&self) -> wgpu::CommandEncoder {
        let descriptor = wgpu::CommandEncoderDescriptor { label: Some("pass") };
        self.device.create_command_encoder(&descriptor)
    }

    fn submit(&self, encoder: wgpu::CommandEncoder) {
        self.queue.submit([encoder.finish()]);
        self.submits.set(self.submits.get() + 1);
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

    /// The number of images, for the bind group; the dynamic offset is [`count_offset`].
    pub(super) fn counts(&self) -> wgpu::BufferBinding<'_> {
        wgpu::BufferBinding {
            buffer: &self.counts,
            offset: 0,
            size: wgpu::BufferSize::new(16),
        }
    }

    /// Which kernels networks run.
    pub(super) fn family(&self) -> KernelFamily {
        self.family
    }

    pub(super) fn activations(&self) -> &RefCell<Activations> {
        &self.activations
    }

    pub(super) fn count_dispatch(&self) {
        self.dispatches.set(self.dispatches.get() + 1);
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
pub(super) fn count_offset(n: usize) -> u32 {
    (n * ALIGNMENT) as u32
}

/// A table of the numbers that a pass can have of images: a bind group then serves all of them.
fn counts(device: &wgpu::Device, queue: &wgpu::Queue, memory: &Rc<Memory>) -> Counted {
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

/// Milliseconds since some moment, where the platform's clock can be asked directly.
fn native_clock() -> Option<fn() -> f64> {
    #[cfg(not(target_family = "wasm"))]
    {
        use std::sync::OnceLock;
        use std::time::Instant;
        static START: OnceLock<Instant> = OnceLock::new();
        Some(|| START.get_or_init(Instant::now).elapsed().as_secs_f64() * 1e3)
    }
    #[cfg(target_family = "wasm")]
    None
}
