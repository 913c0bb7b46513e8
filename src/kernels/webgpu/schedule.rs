//! Which work goes into which submit, and reading back what it computes.

use std::cell::RefCell;
use std::rc::Rc;

use super::context::GpuContext;
use super::images::{BYTES_PER_IMAGE, GpuImages, count};
use super::memory::Counted;
use super::network::{GpuNetwork, Until};
use super::pace::Pace;
use super::read::read;
use crate::error::{ErrorCode, LabError, LabResult};

/// Values that are read back together: 16 MB of them.
const VALUES_PER_READ: usize = 4 << 20;

/// Runs the networks of a context, in submits that are short enough for the device and its user.
pub struct GpuScheduler {
    context: Rc<GpuContext>,
    pace: Pace,
    clock: Option<fn() -> f64>,
    /// Buffers to read from that no read uses now.
    read_backs: RefCell<Vec<Counted>>,
}

impl GpuScheduler {
    /// A scheduler that knows nothing of the device's speed yet.
    pub fn new(context: GpuContext) -> Self {
        Self {
            context: Rc::new(context),
            pace: Pace::default(),
            clock: native_clock(),
            read_backs: RefCell::default(),
        }
    }

    /// Measures time with this clock, in milliseconds, and so adapts how much work a submit holds. A native build has a clock
    /// already; a browser's is not known here.
    pub fn with_clock(self, clock: fn() -> f64) -> Self {
        Self {
            clock: Some(clock),
            ..self
        }
    }

    /// What the networks share.
    pub fn context(&self) -> &Rc<GpuContext> {
        &self.context
    }

    /// Logits `[n, classes]` of several networks on the same images, read back together. Pixels are bytes `[n, 32, 32, 3]`.
    ///
    /// # Errors
    /// `bad_argument` if the bytes are not whole images; `device_lost`, `out_of_memory` or `gpu_error`.
    pub async fn logits(&self, networks: &[&GpuNetwork], pixels: &[u8]) -> LabResult<Vec<Vec<f32>>> {
        self.run(networks, pixels, Until::Logits).await
    }

    /// The residual stream at the end of stage 0, 1 or 2, `[n, height, width, channels]`, of bytes `[n, 32, 32, 3]`.
    ///
    /// # Errors
    /// As [`Self::logits`].
    pub async fn stage(&self, network: &GpuNetwork, pixels: &[u8], stage: usize) -> LabResult<Vec<f32>> {
        let mut values = self.run(&[network], pixels, Until::Stage(stage)).await?;
        Ok(values.swap_remove(0))
    }

    /// What each network computes, as [`Self::logits`]. Networks share their activations, so only logits can be read of several.
    async fn run(&self, networks: &[&GpuNetwork], pixels: &[u8], until: Until) -> LabResult<Vec<Vec<f32>>> {
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
        networks
            .iter()
            .map(|network| network.images_per_pass())
            .min()
            .unwrap_or(1)
    }

    /// How many of these networks, from the first on, are worth one call for `n` images: as many as take about a quarter of a
    /// second at the speed measured so far, after which a caller may want to cancel, and one in any case.
    pub fn networks_per_call(&self, networks: &[&GpuNetwork], n: usize) -> usize {
        let mut budget = self.pace.call_budget();
        let fits = |network: &&&GpuNetwork| {
            budget -= network.multiply_adds().iter().sum::<f64>() * n as f64;
            budget >= 0.0
        };
        networks.iter().take_while(fits).count().max(1)
    }

    /// What the networks compute, pass by pass and in each pass network by network; read back once.
    async fn passes(&self, networks: &[&GpuNetwork], pixels: &[u8], until: Until) -> LabResult<Vec<f32>> {
        let started = self.clock.map(|clock| clock());
        let invalid = self.context.device().push_error_scope(wgpu::ErrorFilter::Validation);
        let out_of_memory = self.context.device().push_error_scope(wgpu::ErrorFilter::OutOfMemory);
        let recorded = self
            .record(networks, pixels, until)
            .map(|(read_back, len, multiply_adds)| {
                let values = read(self.context.device(), &read_back, len);
                (read_back, values, multiply_adds)
            });
        let (out_of_memory, invalid) = (out_of_memory.pop(), invalid.pop());
        let (read_back, values, multiply_adds) = recorded?;
        let values = values.await;
        if let Some(error) = out_of_memory.await {
            let message = format!("the GPU is out of memory: {error}");
            return Err(LabError::new(ErrorCode::OutOfMemory, message));
        }
        // Results of rejected work can still be read; only those of a lost device cannot.
        let values = values?;
        if let Some(error) = invalid.await {
            let message = format!("the GPU rejected work: {error}");
            return Err(LabError::new(ErrorCode::GpuError, message));
        }
        self.read_backs.borrow_mut().push(read_back);
        if let (Some(clock), Some(started)) = (self.clock, started) {
            self.pace.measured(multiply_adds, clock() - started);
        }
        Ok(values)
    }

    /// Submits passes and copies of their results; returns the buffer to read, its number of values, and the multiply-adds.
    fn record(&self, networks: &[&GpuNetwork], pixels: &[u8], until: Until) -> LabResult<(Counted, usize, f64)> {
        let values: usize = networks.iter().map(|network| network.n_values(until)).sum();
        let len = pixels.len() / BYTES_PER_IMAGE * values;
        let read_back = self.read_back(len);
        let mut encoder = self.encoder();
        let (mut in_submit, mut total, mut offset) = (0.0, 0.0, 0);
        for pixels in pixels.chunks(self.images_per_pass(networks) * BYTES_PER_IMAGE) {
            let images = GpuImages::new(&self.context, pixels)?;
            let n = images.len();
            let mut results = Vec::with_capacity(networks.len());
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
                results.push((network.result(&bound, until), n * network.n_values(until)));
            }
            // The next pass overwrites the results.
            for (buffer, len) in &results {
                let bytes = 4 * *len as u64;
                encoder.copy_buffer_to_buffer(buffer, 0, &read_back, offset, bytes);
                offset += bytes;
            }
        }
        self.submit(encoder);
        self.context.count(|statistics| statistics.read_backs += 1);
        Ok((read_back, len, total))
    }

    /// A buffer to read `len` values from: an earlier one if it fits.
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
        Counted::new(self.context.device(), self.context.memory(), &descriptor)
    }

    fn encoder(&self) -> wgpu::CommandEncoder {
        let descriptor = wgpu::CommandEncoderDescriptor { label: Some("pass") };
        self.context.device().create_command_encoder(&descriptor)
    }

    fn submit(&self, encoder: wgpu::CommandEncoder) {
        self.context.queue().submit([encoder.finish()]);
        self.context.count(|statistics| statistics.submits += 1);
    }
}

/// Milliseconds since some moment, if the platform's clock can be read directly.
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
