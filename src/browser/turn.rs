//! One asynchronous call at a time on a value that JavaScript holds.

use std::cell::RefCell;

use crate::error::{ErrorCode, LabError, LabResult};

/// A value that is taken out while a call works on it, so that an overlapping call fails instead of aliasing it.
pub struct Turn<T>(RefCell<Option<T>>);

impl<T> Turn<T> {
    pub fn new(value: T) -> Self {
        Self(RefCell::new(Some(value)))
    }

    /// # Errors
    /// `internal` where another call is still at work or the value was taken for good, and the call's own.
    pub async fn with<R>(&self, work: impl AsyncFnOnce(&mut T) -> LabResult<R>) -> LabResult<R> {
        let mut value = self.take()?;
        let result = work(&mut value).await;
        self.0.replace(Some(value));
        result
    }

    /// # Errors
    /// `internal` as for [`Self::with`].
    pub fn take(&self) -> LabResult<T> {
        self.0
            .take()
            .ok_or_else(|| LabError::new(ErrorCode::Internal, "this run is at work or has ended"))
    }

    /// # Errors
    /// `internal` as for [`Self::with`].
    pub fn peek<R>(&self, look: impl FnOnce(&T) -> R) -> LabResult<R> {
        let value = self.take()?;
        let result = look(&value);
        self.0.replace(Some(value));
        Ok(result)
    }
}
