//! The operations on burn's WebGPU backend. The WGSL kernels go into burn's own queue, between its kernels.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard};

use burn::backend::tensor::FloatTensor;
use burn::backend::wgpu::{
    CubeBackend, CubeDim, CubeTensor, KernelSource, SourceKernel, SourceTemplate, into_contiguous,
};
use burn::backend::{CubeDevice, DispatchDevice};
use burn::tensor::{DType, Device, Shape};
use cubecl::client::Client;
use cubecl::prelude::{CubeCount, KernelId};
use cubecl::server::{Handle, KernelArguments};

use super::autodiff::{Inputs, LayerGradients, LayerKernels};
use crate::kernels::webgpu::KernelFamily;
use crate::kernels::webgpu::training::{self, GpuLayer, GpuNorm, Launcher, TrainingKernel};

type Values = FloatTensor<CubeBackend>;

/// What the operations know of each of burn's devices. burn calls them with tensors alone, and a tensor's device holds nothing of
/// ours, so this has to be a static; each device has an entry of its own.
static DEVICES: LazyLock<Mutex<HashMap<CubeDevice, Arc<DeviceKernels>>>> = LazyLock::new(Mutex::default);

/// Which kernels train on a device, and which of them have run.
#[derive(Debug)]
struct DeviceKernels {
    family: KernelFamily,
    launched: Mutex<HashSet<TrainingKernel>>,
}

/// Says which kernels train on a device, before its first use.
pub fn register(device: &Device, family: KernelFamily) {
    if let DispatchDevice::Cube(device) = device.as_dispatch() {
        let kernels = DeviceKernels::new(family);
        lock(&DEVICES).insert(device.clone(), Arc::new(kernels));
    }
}

/// Labels of the kernels that have been launched on a device, sorted.
pub fn launched(device: &Device) -> Vec<String> {
    let DispatchDevice::Cube(device) = device.as_dispatch() else {
        return Vec::new();
    };
    let kernels = DeviceKernels::of(device);
    let mut labels: Vec<String> = lock(&kernels.launched).iter().map(TrainingKernel::label).collect();
    labels.sort();
    labels
}

impl DeviceKernels {
    fn new(family: KernelFamily) -> Self {
        Self {
            family,
            launched: Mutex::default(),
        }
    }

    /// Those of a registered device; a device that burn opened by itself runs the kernels for GPUs.
    fn of(device: &CubeDevice) -> Arc<Self> {
        let mut devices = lock(&DEVICES);
        let kernels = devices
            .entry(device.clone())
            .or_insert_with(|| Arc::new(Self::new(KernelFamily::Gpu)));
        kernels.clone()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

impl KernelSource for TrainingKernel {
    fn source(&self) -> SourceTemplate {
        SourceTemplate::new(TrainingKernel::source(self))
    }

    fn id(&self) -> KernelId {
        KernelId::new::<Self>().info(*self)
    }

    fn lang(&self) -> &'static str {
        "wgsl"
    }
}

/// Launches kernels in burn's queue.
struct CubeLauncher<'a> {
    client: &'a Client,
    kernels: Arc<DeviceKernels>,
}

impl<'a> CubeLauncher<'a> {
    /// In the queue of a tensor's device.
    fn of(values: &'a Values) -> Self {
        Self {
            client: &values.client,
            kernels: DeviceKernels::of(&values.device),
        }
    }
}

impl Launcher for CubeLauncher<'_> {
    type Buffer = Handle;

    fn empty(&self, n_values: usize) -> Handle {
        self.client.empty(4 * n_values)
    }

    fn launch(&self, kernel: TrainingKernel, buffers: &[&Handle]) {
        let [x, y, z] = kernel.workgroups();
        let size = CubeDim::new_1d(kernel.workgroup_size() as u32);
        let bindings = buffers.iter().map(|handle| (*handle).clone().binding()).collect();
        lock(&self.kernels.launched).insert(kernel);
        self.client.launch(
            Box::new(SourceKernel::new(kernel, size)),
            CubeCount::Static(x, y, z),
            KernelArguments::new().with_buffers(bindings),
        );
    }
}

/// A layer's buffers, and the tensors whose shapes its gradients have.
#[derive(Clone, Debug)]
pub(super) struct CubeSaved {
    layer: GpuLayer<Handle>,
    x: Values,
    weight: Values,
}

fn like(model: &Values, handle: Handle, shape: Shape) -> Values {
    CubeTensor::new_contiguous(model.client.clone(), model.device.clone(), shape, handle, DType::F32)
}

fn dims(values: &Values) -> [usize; 4] {
    let shape = values.meta.shape();
    [0, 1, 2, 3].map(|i| shape[i])
}

impl LayerKernels for CubeBackend {
    type Saved = CubeSaved;

    fn moments(x: Values) -> Values {
        let x = into_contiguous(x);
        let [n, height, width, channels] = dims(&x);
        let launcher = CubeLauncher::of(&x);
        let family = launcher.kernels.family;
        let moments = training::moments(&launcher, &x.handle, n * height * width, channels, family);
        like(&x, moments, Shape::from([2, channels]))
    }

    fn forward(inputs: Inputs<Self>) -> (CubeSaved, Values) {
        let (x, weight) = (into_contiguous(inputs.x), into_contiguous(inputs.weight));
        let ([n, size_in, _, c_in], [c_out, _, kernel, _]) = (dims(&x), dims(&weight));
        let launcher = CubeLauncher::of(&x);
        let shape = training::LayerShape {
            kernel,
            stride: inputs.stride,
            c_in,
            c_out,
            size_in,
            n,
            normed: inputs.norm.is_some(),
            family: launcher.kernels.family,
        };
        let norm = inputs.norm.map(|norm| {
            let [gamma, beta, mean, variance] = norm.map(|values| into_contiguous(values).handle);
            GpuNorm {
                gamma,
                beta,
                mean,
                variance,
            }
        });
        let (layer, y) = GpuLayer::forward(&launcher, shape, x.handle.clone(), weight.handle.clone(), norm);
        let size = shape.size_out();
        let y = like(&x, y, Shape::from([n, size, size, c_out]));
        (CubeSaved { layer, x, weight }, y)
    }

    fn backward(saved: CubeSaved, dy: Values, needs_input: bool) -> LayerGradients<Self> {
        let CubeSaved { layer, x, weight } = saved;
        let dy = into_contiguous(dy);
        let gradients = layer.backward(&CubeLauncher::of(&x), &dy.handle, needs_input);
        let channels = dims(&x)[3];
        let norm = gradients.norm;
        LayerGradients {
            input: gradients.input.map(|handle| like(&x, handle, x.meta.shape().clone())),
            weight: like(&weight, gradients.weight, weight.meta.shape().clone()),
            norm: norm.map(|norm| norm.map(|handle| like(&x, handle, Shape::from([channels])))),
        }
    }

    fn running(statistics: [Values; 4], n_values: usize) -> [Values; 2] {
        let channels = statistics[0].meta.shape()[0];
        let pixels = n_values;
        updated(TrainingKernel::Running { pixels, channels }, statistics)
    }

    fn sgd(tensors: [Values; 4]) -> [Values; 2] {
        let n = tensors[0].meta.shape()[0];
        updated(TrainingKernel::Sgd { n }, tensors)
    }
}

/// Updates tensors of one dimension; the results are like the first tensor read.
fn updated(kernel: TrainingKernel, read: [Values; 4]) -> [Values; 2] {
    let read = read.map(into_contiguous);
    let model = &read[0];
    let handles = [0, 1, 2, 3].map(|i| &read[i].handle);
    let updated = training::updated(&CubeLauncher::of(model), kernel, handles);
    updated.map(|handle| like(model, handle, model.meta.shape().clone()))
}
