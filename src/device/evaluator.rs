//! What computes logits: hand-written kernels if the device has them, else burn's operations.

use super::compute::Executor;
use crate::architecture::Architecture;
use crate::data::SIDE;
use crate::error::{ErrorCode, LabError, LabResult};
#[cfg(any(feature = "cpu", feature = "wgsl"))]
use crate::kernels::Plan;
use crate::weights::{Network, Normalisation, StateDict};

/// A network that is only evaluated.
pub struct Evaluator(DeviceNetwork);

/// A network laid out for its device.
enum DeviceNetwork {
    #[cfg(feature = "cpu")]
    Cpu(Box<std::cell::RefCell<crate::kernels::cpu::CpuNetwork>>),
    #[cfg(feature = "wgsl")]
    Gpu(Box<OnGpu>),
    #[cfg(feature = "cuda")]
    Tensors(Box<super::plain::PlainNetwork>),
}

/// A network of a GPU, with the scheduler that runs it.
#[cfg(feature = "wgsl")]
struct OnGpu {
    network: crate::kernels::webgpu::GpuNetwork,
    scheduler: std::rc::Rc<crate::kernels::webgpu::GpuScheduler>,
}

impl Evaluator {
    /// Lays out a state dict of the architecture for the device.
    ///
    /// # Errors
    /// `weights_invalid` if a tensor is missing.
    pub fn new(
        architecture: &Architecture,
        state: &StateDict,
        normalisation: &Normalisation,
        executor: &Executor,
    ) -> LabResult<Self> {
        let invalid = |e: crate::weights::MissingTensor| LabError::new(ErrorCode::WeightsInvalid, e.to_string());
        #[cfg(any(feature = "cpu", feature = "wgsl"))]
        let plan = || Plan::from_state(architecture, state, normalisation).map_err(invalid);
        Ok(Self(match executor {
            #[cfg(feature = "cpu")]
            Executor::Cpu => DeviceNetwork::Cpu(Box::new(crate::kernels::cpu::CpuNetwork::new(&plan()?).into())),
            #[cfg(feature = "wgsl")]
            Executor::Gpu(scheduler) => DeviceNetwork::Gpu(Box::new(OnGpu {
                network: crate::kernels::webgpu::GpuNetwork::new(scheduler.context(), &plan()?),
                scheduler: scheduler.clone(),
            })),
            #[cfg(feature = "cuda")]
            Executor::Tensors(device) => {
                let network = super::plain::PlainNetwork::new(architecture, state, normalisation, device);
                DeviceNetwork::Tensors(Box::new(network.map_err(invalid)?))
            }
        }))
    }

    /// Lays out a network with its own weights.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn of_network(network: &Network, executor: &Executor) -> LabResult<Self> {
        Self::new(&network.architecture, &network.state, &network.normalisation, executor)
    }

    /// Logits `[n, classes]` of pixels `[n, 32, 32, 3]`.
    ///
    /// # Errors
    /// What the device reports; the CPU has nothing to report.
    pub async fn logits(&self, pixels: &[u8]) -> LabResult<Vec<f32>> {
        self.logits_of_side(pixels, SIDE).await
    }

    /// Logits `[n, classes]` of pixels `[n, side, side, 3]`, where `side` is a multiple of 8.
    ///
    /// # Errors
    /// What the device reports, and `bad_argument` for a side other than 32 on WebGPU, whose kernels are written for 32.
    pub async fn logits_of_side(&self, pixels: &[u8], side: usize) -> LabResult<Vec<f32>> {
        match &self.0 {
            #[cfg(feature = "cpu")]
            DeviceNetwork::Cpu(network) => Ok(network.borrow_mut().logits_of_side(pixels, side)),
            #[cfg(feature = "wgsl")]
            DeviceNetwork::Gpu(on_gpu) if side == SIDE => {
                let mut logits = on_gpu.scheduler.logits(&[&on_gpu.network], pixels).await?;
                Ok(logits.swap_remove(0))
            }
            #[cfg(feature = "wgsl")]
            DeviceNetwork::Gpu(_) => Err(LabError::bad_argument(format!(
                "images are {side} pixels wide and high; on WebGPU they must be {SIDE}"
            ))),
            #[cfg(feature = "cuda")]
            DeviceNetwork::Tensors(network) => network.logits_of_side(pixels, side).await,
        }
    }

    /// The residual stream at the end of stage 0, 1 or 2, `[n, height, width, channels]`, of pixels `[n, 32, 32, 3]`.
    ///
    /// # Errors
    /// What the device reports.
    pub async fn stage(&self, pixels: &[u8], stage: usize) -> LabResult<Vec<f32>> {
        match &self.0 {
            #[cfg(feature = "cpu")]
            DeviceNetwork::Cpu(network) => Ok(network.borrow_mut().stage(pixels, stage)),
            #[cfg(feature = "wgsl")]
            DeviceNetwork::Gpu(on_gpu) => on_gpu.scheduler.stage(&on_gpu.network, pixels, stage).await,
            #[cfg(feature = "cuda")]
            DeviceNetwork::Tensors(network) => network.stage(pixels, stage).await,
        }
    }

    /// Logits of each of these networks of one device on the same pixels; on WebGPU in as few submits as their length allows.
    ///
    /// # Errors
    /// As [`Self::logits_of_side`].
    pub async fn all_logits(networks: &[&Self], pixels: &[u8], side: usize) -> LabResult<Vec<Vec<f32>>> {
        #[cfg(feature = "wgsl")]
        if let (Some((scheduler, networks)), SIDE) = (Self::on_gpu(networks), side) {
            return scheduler.logits(&networks, pixels).await;
        }
        let mut logits = Vec::with_capacity(networks.len());
        for network in networks {
            logits.push(network.logits_of_side(pixels, side).await?);
        }
        Ok(logits)
    }

    /// How many of these networks of one device, from the first on, compute `n_images` in one call that is short enough to wait
    /// for; one if the device computes one at a time.
    #[cfg_attr(
        not(feature = "wgsl"),
        expect(unused_variables, reason = "only a GPU computes several at once")
    )]
    pub fn networks_per_call(networks: &[&Self], n_images: usize) -> usize {
        #[cfg(feature = "wgsl")]
        if let Some((scheduler, networks)) = Self::on_gpu(networks) {
            return scheduler.networks_per_call(&networks, n_images);
        }
        1
    }

    #[cfg(feature = "wgsl")]
    fn on_gpu<'a>(
        networks: &[&'a Self],
    ) -> Option<(
        &'a crate::kernels::webgpu::GpuScheduler,
        Vec<&'a crate::kernels::webgpu::GpuNetwork>,
    )> {
        let on_gpu = |network: &&'a Self| match &network.0 {
            DeviceNetwork::Gpu(on_gpu) => Some(&**on_gpu),
            #[cfg(any(feature = "cpu", feature = "cuda"))]
            _ => None,
        };
        let on_gpu = networks.iter().map(on_gpu).collect::<Option<Vec<_>>>()?;
        let scheduler = &on_gpu.first()?.scheduler;
        Some((scheduler, on_gpu.iter().map(|on_gpu| &on_gpu.network).collect()))
    }
}

impl std::fmt::Debug for Evaluator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Evaluator").finish_non_exhaustive()
    }
}
