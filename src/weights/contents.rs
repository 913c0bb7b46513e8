//! The contents of any safetensors file, without interpretation.

use super::error::WeightsError;
use super::file::{File, Metadata};

/// A file's metadata and its tensors, in the order of their bytes.
#[derive(Clone, Debug, PartialEq)]
pub struct Contents {
    pub metadata: Metadata,
    pub tensors: Vec<TensorInfo>,
}

/// A tensor's name, type and shape.
#[derive(Clone, Debug, PartialEq)]
pub struct TensorInfo {
    pub name: String,
    /// The type as the file spells it, for example "F16".
    pub dtype: String,
    pub shape: Vec<usize>,
}

impl Contents {
    /// # Errors
    /// Fails if the bytes are not a safetensors file.
    pub fn of(bytes: &[u8]) -> Result<Self, WeightsError> {
        let File { metadata, entries, .. } = File::parse(bytes)?;
        let tensors = entries.into_iter().map(|entry| TensorInfo {
            name: entry.name,
            dtype: entry.dtype,
            shape: entry.shape,
        });
        Ok(Self {
            metadata,
            tensors: tensors.collect(),
        })
    }
}
