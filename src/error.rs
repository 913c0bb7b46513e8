//! The error type for callers' mistakes and device failures.

use serde::{Deserialize, Serialize};

/// The closed set of error codes; `docs/api.md` lists their meanings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "browser", derive(tsify::Tsify))]
#[serde(rename_all = "snake_case")]
pub enum ErrorCode {
    /// An argument is out of range, has the wrong length or contradicts another.
    BadArgument,
    /// No loaded model has that name.
    UnknownModel,
    /// A model of that name is already loaded.
    NameTaken,
    /// No loaded teacher matches the student.
    NoTeacher,
    /// Teachers and students differ in their number of classes.
    ClassMismatch,
    /// The safetensors file is not a valid PreResNet.
    WeightsInvalid,
    /// The bytes are not CIFAR-100 records.
    RecordsInvalid,
    /// The file is not a supported image, or is damaged.
    ImageInvalid,
    /// The image exceeds the limit of bytes or pixels.
    ImageTooLarge,
    /// The checkpoint does not belong to this run.
    CheckpointInvalid,
    /// The requested device is not available.
    DeviceUnavailable,
    /// The GPU device was lost.
    DeviceLost,
    /// The GPU rejected work, failed its self-test or returned non-finite values.
    GpuError,
    /// Memory ran out.
    OutOfMemory,
    /// The call was aborted before it had a result.
    Cancelled,
    /// The lab was disposed.
    Disposed,
    /// A bug in this program.
    Internal,
}

/// An error with a code for programs and a message for people.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct LabError {
    /// The error's code, for programs.
    pub code: ErrorCode,
    /// The error's message: what is wrong and what would be right.
    pub message: String,
}

impl LabError {
    /// Creates an error with this code.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
        }
    }

    /// Creates a `bad_argument` error.
    pub fn bad_argument(message: impl Into<String>) -> Self {
        Self::new(ErrorCode::BadArgument, message)
    }
}

/// A result whose error is returned to the caller.
pub type LabResult<T> = Result<T, LabError>;
