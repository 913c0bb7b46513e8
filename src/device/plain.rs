//! A network in burn's own operations, for devices without hand-written kernels.

use burn::tensor::Device;

use super::transfer::{read, upload_images};
use crate::architecture::Architecture;
use crate::data::SIDE;
use crate::error::LabResult;
use crate::model::PreResNet;
use crate::weights::{MissingTensor, Normalisation, StateDict};

/// Images per pass: about 400 MB of a PreResNet-56's largest activations.
const IMAGES_PER_PASS: usize = 512;

/// A network that is only evaluated, layer by layer.
pub(super) struct PlainNetwork {
    network: PreResNet,
    normalisation: Normalisation,
    device: Device,
}

impl PlainNetwork {
    /// # Errors
    /// Names a tensor that the state dict lacks.
    pub fn new(
        architecture: &Architecture,
        state: &StateDict,
        normalisation: &Normalisation,
        device: &Device,
    ) -> Result<Self, MissingTensor> {
        Ok(Self {
            network: PreResNet::from_state(architecture, state, device)?,
            normalisation: normalisation.clone(),
            device: device.clone(),
        })
    }

    /// Logits `[n, classes]` of pixels `[n, side, side, 3]`.
    ///
    /// # Errors
    /// What the device reports.
    pub async fn logits_of_side(&self, pixels: &[u8], side: usize) -> LabResult<Vec<f32>> {
        let mut logits = Vec::new();
        for pixels in pixels.chunks(IMAGES_PER_PASS * 3 * side * side) {
            let images = upload_images(pixels, side, &self.normalisation, &self.device);
            logits.extend(read([self.network.forward(images)]).await?.concat());
        }
        Ok(logits)
    }

    /// The residual stream at the end of stage 0, 1 or 2, `[n, height, width, channels]`, of pixels `[n, 32, 32, 3]`.
    ///
    /// # Errors
    /// What the device reports.
    pub async fn stage(&self, pixels: &[u8], stage: usize) -> LabResult<Vec<f32>> {
        let images = upload_images(pixels, SIDE, &self.normalisation, &self.device);
        let values = self.network.stages(images)[stage].clone();
        let n_values = values.shape().num_elements();
        Ok(read([values.reshape([1, n_values])]).await?.concat())
    }
}
