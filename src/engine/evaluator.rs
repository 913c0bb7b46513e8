//! What computes logits: the kernels of this build's device.

use super::compute::ComputeDevice;
use crate::error::{ErrorCode, LabError, LabResult};
use crate::kernels::Plan;
use crate::model::architecture::Architecture;
use crate::weights::{Normalisation, StateDict};

/// A network that is only evaluated.
pub struct Evaluator {
    #[cfg(feature = "cpu")]
    network: std::cell::RefCell<crate::kernels::cpu::CpuNetwork>,
    #[cfg(feature = "webgpu")]
    network: crate::kernels::webgpu::GpuNetwork,
}

impl Evaluator {
    /// Lays out a state dict of the architecture for the device.
    ///
    /// # Errors
    /// `weights_invalid` where a tensor is missing.
    pub fn new(
        architecture: &Architecture,
        state: &StateDict,
        normalisation: &Normalisation,
        device: &ComputeDevice,
    ) -> LabResult<Self> {
        let plan = Plan::from_state(architecture, state, normalisation)
            .map_err(|e| LabError::new(ErrorCode::WeightsInvalid, e.to_string()))?;
        Ok(Self::of(&plan, device))
    }

    #[cfg(feature = "cpu")]
    fn of(plan: &Plan, _device: &ComputeDevice) -> Self {
        let network = crate::kernels::cpu::CpuNetwork::new(plan);
        Self {
            network: network.into(),
        }
    }

    #[cfg(feature = "webgpu")]
    fn of(plan: &Plan, device: &ComputeDevice) -> Self {
        Self {
            network: crate::kernels::webgpu::GpuNetwork::new(&device.kernels, plan),
        }
    }

    /// Logits `[n, classes]` of each of these networks on pixels `[n, 32, 32, 3]`.
    ///
    /// # Errors
    /// What the device reports; the CPU has nothing to report.
    #[cfg(feature = "cpu")]
    pub async fn logits(networks: &[&Self], pixels: &[u8]) -> LabResult<Vec<Vec<f32>>> {
        let logits = |network: &&Self| network.network.borrow_mut().logits(pixels);
        Ok(networks.iter().map(logits).collect())
    }

    /// Logits `[n, classes]` of each of these networks on pixels `[n, 32, 32, 3]`, in as few submits as their length allows.
    ///
    /// # Errors
    /// What the device reports.
    #[cfg(feature = "webgpu")]
    pub async fn logits(networks: &[&Self], pixels: &[u8]) -> LabResult<Vec<Vec<f32>>> {
        let networks: Vec<_> = networks.iter().map(|network| &network.network).collect();
        match networks.first() {
            Some(first) => first.kernels().logits(&networks, pixels).await,
            None => Ok(Vec::new()),
        }
    }

    /// How many of these networks, from the first on, compute `n_images` in one call that is short enough to wait for: on the CPU
    /// one.
    #[cfg(feature = "cpu")]
    pub fn n_a_call(_networks: &[&Self], _n_images: usize) -> usize {
        1
    }

    /// How many of these networks, from the first on, compute `n_images` in one call that is short enough to wait for.
    #[cfg(feature = "webgpu")]
    pub fn n_a_call(networks: &[&Self], n_images: usize) -> usize {
        let networks: Vec<_> = networks.iter().map(|network| &network.network).collect();
        networks
            .first()
            .map_or(1, |first| first.kernels().n_a_call(&networks, n_images))
    }
}

impl std::fmt::Debug for Evaluator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Evaluator").finish_non_exhaustive()
    }
}
