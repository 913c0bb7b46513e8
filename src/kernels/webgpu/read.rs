//! Waiting for the GPU without blocking the thread.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use crate::error::{ErrorCode, LabError, LabResult};

#[derive(Default)]
struct State {
    result: Option<Result<(), wgpu::BufferAsyncError>>,
    waker: Option<Waker>,
}

/// Ready when a buffer is mapped for reading.
struct Mapped {
    state: Arc<Mutex<State>>,
    #[cfg(not(target_family = "wasm"))]
    device: wgpu::Device,
}

impl Future for Mapped {
    type Output = Result<(), wgpu::BufferAsyncError>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        // A browser calls back by itself; a native device does nothing unless it is polled.
        #[cfg(not(target_family = "wasm"))]
        if self.device.poll(wgpu::PollType::wait_indefinitely()).is_err() {
            return Poll::Ready(Err(wgpu::BufferAsyncError));
        }
        let mut state = self.state.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        match state.result.take() {
            Some(result) => Poll::Ready(result),
            None => {
                state.waker = Some(context.waker().clone());
                Poll::Pending
            }
        }
    }
}

/// Reads the first `len` values of a buffer with the usage `MAP_READ` and leaves it unmapped.
///
/// # Errors
/// `device_lost`: nothing else keeps a valid buffer from being mapped.
///
/// The request is made at once, so that an error scope around the call captures its errors; the future waits.
pub(super) fn read(
    device: &wgpu::Device,
    buffer: &wgpu::Buffer,
    len: usize,
) -> impl Future<Output = LabResult<Vec<f32>>> + use<> {
    let buffer = buffer.clone();
    let bytes = 4 * len as u64;
    let state = Arc::new(Mutex::new(State::default()));
    let called_back = state.clone();
    buffer.map_async(wgpu::MapMode::Read, ..bytes, move |result| {
        let mut state = called_back.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        state.result = Some(result);
        if let Some(waker) = state.waker.take() {
            waker.wake();
        }
    });
    let mapped = Mapped {
        state,
        #[cfg(not(target_family = "wasm"))]
        device: device.clone(),
    };
    #[cfg(target_family = "wasm")]
    let _ = device;
    let lost = |what: String| {
        LabError::new(
            ErrorCode::DeviceLost,
            format!("the GPU device was lost; results cannot be read back: {what}"),
        )
    };
    async move {
        mapped.await.map_err(|e| lost(e.to_string()))?;
        let view = buffer.get_mapped_range(..bytes).map_err(|e| lost(e.to_string()))?;
        let values = view
            .chunks_exact(4)
            .map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]))
            .collect();
        drop(view);
        buffer.unmap();
        Ok(values)
    }
}
