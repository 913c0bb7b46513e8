//! One error for everything a caller can get wrong or a device can do.

use serde::{Deserialize, Serialize};

/// The closed set of error codes; `README.md` lists what each means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "browser", derive(tsify::Tsify))]
#[serde(rename_all = "snake_case")]
pub enum ErrorCode {
    /// An argument is out of range, of the wrong length or contradicts another.
    BadArgument,
    /// No loaded model has that name.
    UnknownModel,
    /// A model of that name is already loaded.
    NameTaken,
    /// No loaded teacher fits.
    NoTeacher,
    /// Teachers and students differ in their number of classes.
    ClassMismatch,
    /// The safetensors file is not a PreResNet that can be loaded.
    WeightsInvalid,
    /// The bytes are not CIFAR-100 records.
    RecordsInvalid,
    /// The file is not an image that can be read.
    ImageInvalid,
    /// The image has more bytes or pixels than are accepted.
    ImageTooLarge,
    /// The checkpoint does not belong to this run.
    CheckpointInvalid,
    /// The device that was asked for cannot be had.
    DeviceUnavailable,
    /// The GPU device was lost.
    DeviceLost,
    /// The GPU refused work or computed it wrongly.
    GpuError,
    /// Memory ran out.
    OutOfMemory,
    /// The call was aborted before there was anything to return.
    Cancelled,
    /// The lab was disposed.
    Disposed,
    /// A defect of this program.
    Internal,
}

/// What went wrong, as a code for programs and a sentence for people.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct LabError {
    /// For programs.
    pub code: ErrorCode,
    /// What was wrong and what would be right.
    pub message: String,
}

impl LabError {
    /// An error of this code.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
        }
    }

    /// An argument that cannot be taken.
    pub fn bad_argument(message: impl Into<String>) -> Self {
        Self::new(ErrorCode::BadArgument, message)
    }
}

/// A result whose error crosses to the caller.
pub type LabResult<T> = Result<T, LabError>;
