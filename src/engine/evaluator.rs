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
    /// The same for images of the last other size that was asked for.
    #[cfg(feature = "cpu")]
    resized: std::cell::RefCell<Option<(usize, crate::kernels::cpu::CpuNetwork)>>,
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
            resized: None.into(),
        }
    }

    #[cfg(feature = "webgpu")]
    fn of(plan: &Plan, device: &ComputeDevice) -> Self {
        Self {
            network: crate::kernels::webgpu::GpuNetwork::new(&device.kernels, plan),
        }
    }

    /// Logits `[n, classes]` of pixels `[n, 32, 32, 3]`.
    ///
    /// # Errors
    /// What the device reports; the CPU has nothing to report.
    #[cfg(feature = "cpu")]
    pub async fn logits(&self, pixels: &[u8]) -> LabResult<Vec<f32>> {
        Ok(self.network.borrow_mut().logits(pixels))
    }

    /// Logits `[n, classes]` of pixels `[n, side, side, 3]`, where `side` is a multiple of 8.
    ///
    /// # Errors
    /// None; the CPU has nothing to report.
    #[cfg(feature = "cpu")]
    pub async fn logits_of_side(&self, pixels: &[u8], side: usize) -> LabResult<Vec<f32>> {
        let mut resized = self.resized.borrow_mut();
        if resized.as_ref().is_none_or(|(known, _)| *known != side) {
            *resized = Some((side, self.network.borrow().resized(side)));
        }
        Ok(resized
            .as_mut()
            .map_or_else(Vec::new, |(_, network)| network.logits(pixels)))
    }

    /// The WebGPU kernels are made for 32 pixels a side.
    ///
    /// # Errors
    /// `bad_argument`.
    #[cfg(feature = "webgpu")]
    pub async fn logits_of_side(&self, _pixels: &[u8], side: usize) -> LabResult<Vec<f32>> {
        Err(LabError::bad_argument(format!(
            "images have {side} pixels a side; on WebGPU they must have 32"
        )))
    }

    /// Logits `[n, classes]` of pixels `[n, 32, 32, 3]`.
    ///
    /// # Errors
    /// What the device reports.
    #[cfg(feature = "webgpu")]
    pub async fn logits(&self, pixels: &[u8]) -> LabResult<Vec<f32>> {
        self.network.logits(pixels).await
    }
}

impl std::fmt::Debug for Evaluator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Evaluator").finish_non_exhaustive()
    }
}
