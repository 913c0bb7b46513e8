//! Images to the device, and results back from it.

use burn::tensor::{Device, ExecutionError, Tensor, TensorData, Transaction};

use crate::error::{ErrorCode, LabError, LabResult};
use crate::weights::Normalisation;

/// u8 pixels `[n, side, side, 3]` -> normalised values of the same shape on the device: (v / 255 - mean) / std.
pub fn upload_images(pixels: &[u8], side: usize, normalisation: &Normalisation, device: &Device) -> Tensor<4> {
    let tables = normalisation.tables();
    let values = pixels.chunks_exact(3).flat_map(|pixel| {
        let channels = pixel.iter().zip(&tables);
        channels.map(|(v, table)| table[usize::from(*v)])
    });
    let values: Vec<f32> = values.collect();
    let shape = [pixels.len() / (3 * side * side), side, side, 3];
    Tensor::from_data(TensorData::new(values, shape), device)
}

/// Reads several tensors in one transfer, without blocking: a browser's thread must not block.
///
/// # Errors
/// `device_lost` if the device is poisoned, `gpu_error` for anything else.
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
