//! The operations on burn's WebGPU backend, by the WGSL kernels: they go into burn's own queue, among its kernels.

use std::sync::atomic::{AtomicBool, Ordering};

use burn::backend::tensor::FloatTensor;
use burn::backend::wgpu::{
    CubeBackend, CubeDim, CubeTensor, KernelSource, SourceKernel, SourceTemplate, into_contiguous,
};
use burn::tensor::{DType, Shape};
use cubecl::client::Client;
use cubecl::prelude::{CubeCount, KernelId};
use cubecl::server::{Handle, KernelArguments};

use super::autodiff::{Inputs, LayerGradients, LayerKernels};
use crate::kernels::webgpu::training::{self, Launcher, Layer, Norm, TrainingKernel};

type Values = FloatTensor<CubeBackend>;

/// burn's device does not tell what kind of adapter it is on, and a page has one.
static SOFTWARE: AtomicBool = AtomicBool::new(false);

/// Says whether burn's device is on a software adapter, before its first use.
pub fn set_software(software: bool) {
    SOFTWARE.store(software, Ordering::Relaxed);
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

struct Cube<'a>(&'a Client);

impl Launcher for Cube<'_> {
    type Buffer = Handle;

    fn empty(&self, n_values: usize) -> Handle {
        self.0.empty(4 * n_values)
    }

    fn launch(&self, kernel: TrainingKernel, buffers: &[&Handle]) {
        let [x, y, z] = kernel.workgroups();
        let size = CubeDim::new_1d(kernel.workgroup_size() as u32);
        let bindings = buffers.iter().map(|handle| (*handle).clone().binding()).collect();
        self.0.launch(
            Box::new(SourceKernel::new(kernel, size)),
            CubeCount::Static(x, y, z),
            KernelArguments::new().with_buffers(bindings),
        );
    }
}

/// A layer's buffers, and tensors to make others like.
#[derive(Clone, Debug)]
pub(super) struct Saved {
    layer: Layer<Handle>,
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
    type Saved = Saved;

    fn moments(x: Values) -> Values {
        let x = into_contiguous(x);
        let [n, height, width, channels] = dims(&x);
        let found = training::moments(
            &Cube(&x.client),
            &x.handle,
            n * height * width,
            channels,
            SOFTWARE.load(Ordering::Relaxed),
        );
        like(&x, found, Shape::from([2, channels]))
    }

    fn forward(inputs: Inputs<Self>) -> (Saved, Values) {
        let (x, weight) = (into_contiguous(inputs.x), into_contiguous(inputs.weight));
        let ([n, size_in, _, c_in], [c_out, _, kernel, _]) = (dims(&x), dims(&weight));
        let shape = training::Shape {
            kernel,
            stride: inputs.stride,
            c_in,
            c_out,
            size_in,
            n,
            normed: inputs.norm.is_some(),
            software: SOFTWARE.load(Ordering::Relaxed),
        };
        let norm = inputs.norm.map(|norm| {
            let [gamma, beta, mean, variance] = norm.map(|values| into_contiguous(values).handle);
            Norm {
                gamma,
                beta,
                mean,
                variance,
            }
        });
        let launcher = Cube(&x.client);
        let (layer, y) = Layer::forward(&launcher, shape, x.handle.clone(), weight.handle.clone(), norm);
        let size = shape.size_out();
        let y = like(&x, y, Shape::from([n, size, size, c_out]));
        (Saved { layer, x, weight }, y)
    }

    fn backward(saved: Saved, dy: Values, needs_input: bool) -> LayerGradients<Self> {
        let Saved { layer, x, weight } = saved;
        let dy = into_contiguous(dy);
        let found = layer.backward(&Cube(&x.client), &dy.handle, needs_input);
        let channels = dims(&x)[3];
        let norm = found.norm;
        LayerGradients {
            input: found.input.map(|handle| like(&x, handle, x.meta.shape().clone())),
            weight: like(&weight, found.weight, weight.meta.shape().clone()),
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

/// Of one dimension, like the first of what is read.
fn updated(kernel: TrainingKernel, read: [Values; 4]) -> [Values; 2] {
    let read = read.map(into_contiguous);
    let model = &read[0];
    let handles = [0, 1, 2, 3].map(|i| &read[i].handle);
    let made = training::updated(&Cube(&model.client), kernel, handles);
    made.map(|handle| like(model, handle, model.meta.shape().clone()))
}
