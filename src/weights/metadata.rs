//! What the metadata of a file say, as types.

use serde::{Deserialize, Serialize};

/// The value of the metadata key `architecture`.
pub(super) const ARCHITECTURE: &str = "preresnet";

/// The normalisation of pixels to inputs: `(v / 255 - mean) / std` for red, green and blue.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Normalisation {
    pub mean: [f32; 3],
    pub std: [f32; 3],
}

impl Default for Normalisation {
    /// Maps pixels to [-1, 1], as in the paper.
    fn default() -> Self {
        Self {
            mean: [0.5; 3],
            std: [0.5; 3],
        }
    }
}

impl Normalisation {
    /// Lookup tables from the 256 values of red, green and blue to inputs.
    pub fn tables(&self) -> [[f32; 256]; 3] {
        let table = |channel: usize| {
            let (mean, std) = (self.mean[channel], self.std[channel]);
            std::array::from_fn(|v| (v as f32 / 255.0 - mean) / std)
        };
        [table(0), table(1), table(2)]
    }
}
