//! The layers of training on WebGPU: which kernels run, in which order, forward and backward.
//!
//! [`GpuLayer`] knows buffers only as what a [`Launcher`] makes: burn's memory in the page, a wgpu device's own in tests.
//! Sums over pixels take two steps, over runs of pixels and then over the runs in a fixed order, so that results are the same each time
//! (WGSL has no atomic addition of floats, and its order would change).

mod gradient_tile;
mod kernel;
mod shape;
#[cfg(all(test, feature = "vulkan"))]
mod tests;
mod weight;
mod weight_software;

pub use kernel::TrainingKernel;
pub use shape::LayerShape;

use super::family::KernelFamily;

/// Makes buffers and runs kernels, in order.
pub trait Launcher {
    /// Values on the device.
    type Buffer: Clone;

    /// A buffer of f32.
    fn empty(&self, n_values: usize) -> Self::Buffer;

    /// Runs a kernel on buffers in the order of its bindings.
    fn launch(&self, kernel: TrainingKernel, buffers: &[&Self::Buffer]);

    /// Runs a kernel on these buffers and a new one that it writes, at this binding.
    fn launch_new(&self, kernel: TrainingKernel, buffers: &[&Self::Buffer], binding: usize) -> Self::Buffer {
        let written = self.empty(kernel.n_written());
        let mut all = buffers.to_vec();
        all.insert(binding, &written);
        self.launch(kernel, &all);
        written
    }
}

/// The tensors of a BatchNorm in training, `[channels]` each.
#[derive(Clone, Debug)]
pub struct GpuNorm<B> {
    /// Trainable scale.
    pub gamma: B,
    /// Trainable shift.
    pub beta: B,
    /// Mean of the batch.
    pub mean: B,
    /// Biased variance of the batch.
    pub variance: B,
}

/// Mean and biased variance of the channels of `[pixels, channels]`, as `[2, channels]`.
pub fn moments<L: Launcher>(
    launcher: &L,
    x: &L::Buffer,
    pixels: usize,
    channels: usize,
    family: KernelFamily,
) -> L::Buffer {
    let chunks = launcher.launch_new(TrainingKernel::Moments { pixels, channels }, &[x], 1);
    let combined = TrainingKernel::MomentsCombined {
        pixels,
        channels,
        family,
    };
    launcher.launch_new(combined, &[&chunks], 1)
}

/// Runs a kernel that reads buffers and writes two more of the same length.
pub fn updated<L: Launcher>(launcher: &L, kernel: TrainingKernel, read: [&L::Buffer; 4]) -> [L::Buffer; 2] {
    let written = [0, 1].map(|_| launcher.empty(kernel.n_written()));
    let buffers: Vec<_> = read.into_iter().chain(&written).collect();
    launcher.launch(kernel, &buffers);
    written
}

/// A convolution with what it read, for its gradients.
#[derive(Clone, Debug)]
pub struct GpuLayer<B> {
    shape: LayerShape,
    x: B,
    /// `[c_out, c_in, kernel, kernel]`
    weight: B,
    norm: Option<GpuNorm<B>>,
    parameters: B,
}

/// Gradients of a layer.
#[derive(Clone, Debug)]
pub struct GpuGradients<B> {
    /// `[n, size_in, size_in, c_in]`; `None` if not requested.
    pub input: Option<B>,
    /// `[c_out, c_in, kernel, kernel]`
    pub weight: B,
    /// Gradients of the norm's scale and shift.
    pub norm: Option<[B; 2]>,
}

impl<B: Clone> GpuLayer<B> {
    /// Runs the layer; returns it with `[n, size_out, size_out, c_out]`.
    pub fn forward<L: Launcher<Buffer = B>>(
        launcher: &L,
        shape: LayerShape,
        x: B,
        weight: B,
        norm: Option<GpuNorm<B>>,
    ) -> (Self, B) {
        let mut read = vec![&weight];
        if let Some(norm) = &norm {
            read.extend([&norm.gamma, &norm.beta, &norm.mean, &norm.variance]);
        }
        let parameters = launcher.launch_new(TrainingKernel::Prepared(shape), &read, 1);
        let y = launcher.launch_new(TrainingKernel::Forward(shape), &[&x, &parameters], 2);
        let layer = Self {
            shape,
            x,
            weight,
            norm,
            parameters,
        };
        (layer, y)
    }

    /// Gradients from those of the output.
    pub fn backward<L: Launcher<Buffer = B>>(&self, launcher: &L, dy: &B, needs_input: bool) -> GpuGradients<B> {
        let needs_input = needs_input || self.norm.is_some();
        let input = needs_input.then(|| self.input_gradient(launcher, dy));
        let (mut norm, shape) = (None, self.shape);
        if let (Some(dx), Some(known)) = (&input, &self.norm) {
            let sums = [&self.x, dx, &self.parameters, &known.mean];
            let sums = launcher.launch_new(TrainingKernel::NormSums(shape), &sums, 4);
            let (gamma, beta) = (launcher.empty(shape.c_in), launcher.empty(shape.c_in));
            let read = [&sums, &self.parameters, &known.mean, &known.variance, &gamma, &beta];
            let coefficients = launcher.launch_new(TrainingKernel::NormGradients(shape), &read, 6);
            let buffers = [&self.x, &self.parameters, &coefficients, dx];
            launcher.launch(TrainingKernel::NormInput(shape), &buffers);
            norm = Some([gamma, beta]);
        }
        GpuGradients {
            input,
            weight: self.weight_gradient(launcher, dy),
            norm,
        }
    }

    /// The input's gradient before the parts of the ReLU and the norm.
    fn input_gradient<L: Launcher<Buffer = B>>(&self, launcher: &L, dy: &B) -> B {
        let shape = self.shape;
        let weight = launcher.launch_new(TrainingKernel::Transposed(shape), &[&self.weight], 1);
        let convolve = |dy: &B| launcher.launch_new(TrainingKernel::Backward(shape), &[dy, &weight], 2);
        let dilate = |values: &B, channels| {
            let (n, size) = (shape.n, shape.size_out());
            launcher.launch_new(TrainingKernel::Dilated { n, size, channels }, &[values], 1)
        };
        match (shape.stride, shape.kernel) {
            (1, _) => convolve(dy),
            (_, 1) => dilate(&convolve(dy), shape.c_in),
            _ => convolve(&dilate(dy, shape.c_out)),
        }
    }

    fn weight_gradient<L: Launcher<Buffer = B>>(&self, launcher: &L, dy: &B) -> B {
        let mut read = vec![&self.x, dy];
        // The norm's scale and shift follow the weight. The kernel for GPUs declares the binding even without a norm.
        let reads_parameters = self.norm.is_some() || self.shape.family == KernelFamily::Gpu;
        read.extend(reads_parameters.then_some(&self.parameters));
        let parts = launcher.launch_new(TrainingKernel::Weight(self.shape), &read, 2);
        launcher.launch_new(TrainingKernel::WeightCombined(self.shape), &[&parts], 1)
    }
}
