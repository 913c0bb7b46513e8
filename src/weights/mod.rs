//! Networks as files: safetensors in PyTorch's conventions to validated tensors on the host, and back.
//!
//! A file that loads is complete and sane: every tensor of its architecture, in its shape, finite, and metadata that agree
//! with the tensors. One that does not load gives one [`WeightsError`] that names all that is wrong.

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
