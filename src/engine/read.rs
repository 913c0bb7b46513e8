//! Reading results back from the device.

use burn::tensor::{ExecutionError, Tensor, Transaction};

use crate::error::{ErrorCode, LabError, LabResult};

/// Reads several tensors in one transfer. Never blocks, since a browser's thread must not.
///
/// # Errors
/// `device_lost` where the device is poisoned, `gpu_error` for anything else.
pub async fn read<const D: usize>(tensors: impl IntoIterator<Item = Tensor<D>>) -> LabResult<Vec<Vec<f32>>> {
    let transaction = tensors.into_iter().fold(Transaction::default(), Transaction::register);
    let data = transaction.execute_async().await.map_err(execution_error)?;
    data.into_iter()
        .map(|data| {
            data.try_into_vec()
                .map_err(|e| LabError::new(ErrorCode::Internal, format!("reading a tensor: {e:?}")))
        })
        .collect()
}

fn execution_error(error: ExecutionError) -> LabError {
    match error {
        ExecutionError::DevicePoisoned { reason } => {
            LabError::new(ErrorCode::DeviceLost, format!("the device was lost: {reason}"))
        }
        other => LabError::new(ErrorCode::GpuError, other.to_string()),
    }
}
