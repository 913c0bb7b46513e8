//! What computes logits: the executor of this build's device.

#[cfg(feature = "cpu")]
pub use cpu::Evaluator;
#[cfg(feature = "webgpu")]
pub use webgpu::Evaluator;

#[cfg(feature = "cpu")]
mod cpu {
    use std::cell::RefCell;

    use burn::tensor::Device;

    use crate::error::{ErrorCode, LabError, LabResult};
    use crate::kernels::{Plan, cpu::CpuNetwork};
    use crate::model::architecture::Architecture;
    use crate::weights::{Normalisation, StateDict};

    /// A network that is only evaluated.
    #[derive(Debug)]
    pub struct Evaluator(RefCell<CpuNetwork>);

    impl Evaluator {
        /// Makes it from a state dict of the architecture.
        ///
        /// # Errors
        /// `weights_invalid` where a tensor is missing.
        pub fn new(
            architecture: &Architecture,
            state: &StateDict,
            normalisation: &Normalisation,
            _device: &Device,
        ) -> LabResult<Self> {
            let plan = Plan::from_state(architecture, state, normalisation)
                .map_err(|e| LabError::new(ErrorCode::WeightsInvalid, e.to_string()))?;
            Ok(Self(RefCell::new(CpuNetwork::new(&plan))))
        }

        /// Logits `[n, classes]` of pixels `[n, 32, 32, 3]`.
        ///
        /// # Errors
        /// None on the CPU; a GPU can fail.
        pub async fn logits(&self, pixels: &[u8]) -> LabResult<Vec<f32>> {
            Ok(self.0.borrow_mut().logits(pixels))
        }
    }
}

#[cfg(feature = "webgpu")]
mod webgpu {
    use burn::tensor::Device;

    use crate::engine::{read, upload_images};
    use crate::error::{ErrorCode, LabError, LabResult};
    use crate::model::{PreResNet, architecture::Architecture};
    use crate::weights::{Normalisation, StateDict};

    /// A network that is only evaluated.
    #[derive(Debug)]
    pub struct Evaluator {
        net: PreResNet,
        normalisation: Normalisation,
        device: Device,
    }

    impl Evaluator {
        /// Copies a state dict of the architecture to the device.
        ///
        /// # Errors
        /// `weights_invalid` where a tensor is missing.
        pub fn new(
            architecture: &Architecture,
            state: &StateDict,
            normalisation: &Normalisation,
            device: &Device,
        ) -> LabResult<Self> {
            let net = PreResNet::from_state(architecture, state, device)
                .map_err(|e| LabError::new(ErrorCode::WeightsInvalid, e.to_string()))?;
            Ok(Self {
                net,
                normalisation: normalisation.clone(),
                device: device.clone(),
            })
        }

        /// Logits `[n, classes]` of pixels `[n, 32, 32, 3]`.
        ///
        /// # Errors
        /// What the device reports.
        pub async fn logits(&self, pixels: &[u8]) -> LabResult<Vec<f32>> {
            let images = upload_images(pixels, &self.normalisation, &self.device);
            Ok(read([self.net.forward(images)]).await?.remove(0))
        }
    }
}
