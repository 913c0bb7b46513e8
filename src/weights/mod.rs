//! Network files: reads safetensors in PyTorch's conventions into validated tensors in host memory, and writes them.
//!
//! A file that loads is complete and valid: it has every tensor of its architecture, in the right shape and finite, and metadata
//! that agree with the tensors. A file that does not load yields one [`WeightsError`] that names every fault.

mod authors;
mod contents;
mod error;
mod file;
mod initial;
pub mod manifest;
mod metadata;
mod network;
pub mod provenance;
mod state;
mod validate;

pub use contents::{Contents, TensorInfo};
pub use error::{Fault, MAX_HEADER_BYTES, WeightsError};
pub use file::{Metadata, read_tensors, write_tensors};
pub use initial::initial_state;
pub use metadata::Normalisation;
pub use network::{Network, Precision, Role};
pub use state::{MissingTensor, StateDict, Tensor};
