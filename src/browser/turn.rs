//! Allows one asynchronous call at a time on a value that JavaScript holds.

use std::cell::RefCell;

use crate::error::{ErrorCode, LabError, LabResult};

/// A value that is taken out while a call works on it, so that an overlapping call fails instead of aliasing the value.
pub struct Turn<T>(RefCell<Option<T>>);

impl<T> Turn<T> {
    pub fn new(value: T) -> Self {
        Self(RefCell::new(Some(value)))
    }

    /// Lets a call work on the value.
    ///
    /// # Errors
    /// `internal` if another call is at work or the value was taken for good; the call's own errors.
    pub async fn with<R>(&self, work: impl AsyncFnOnce(&mut T) -> LabResult<R>) -> LabResult<R> {
        let mut value = self.take()?;
        let result = work(&mut value).await;
        self.0.replace(Some(value));
        result
    }

    /// Takes the value for good.
    ///
    /// # Errors
    /// `internal` as for [`Self::with`].
    pub fn take(&self) -> LabResult<T> {
        self.0.take().ok_or_else(|| {
            LabError::new(
                ErrorCode::Internal,
                "another call of this run is in progress, or the run has ended",
            )
        })
    }

    /// Looks at the value.
    ///
    /// # Errors
    /// `internal` as for [`Self::with`].
    pub fn peek<R>(&self, look: impl FnOnce(&T) -> R) -> LabResult<R> {
        let value = self.take()?;
        let result = look(&value);
        self.0.replace(Some(value));
        Ok(result)
    }
}
