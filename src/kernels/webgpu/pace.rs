//! How much work a submit and a call may hold.

use std::cell::Cell;

/// A submit may hold the GPU for about this long: Windows resets a driver after 2 s and a page stutters long before.
const SUBMIT_MS: f64 = 50.0;
/// A call may take about this long before it returns to its caller.
const CALL_MS: f64 = 250.0;
/// Multiply-adds per millisecond before any measurement: a software adapter's, so that the first submits are short.
const FIRST_GUESS: f64 = 1e6;
/// Weight of the newest measurement; a slow one may be due to other work on the GPU.
const SMOOTHING: f64 = 0.5;

/// The adapter's measured speed.
#[derive(Debug)]
pub(super) struct Pace {
    multiply_adds_per_ms: Cell<f64>,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            multiply_adds_per_ms: Cell::new(FIRST_GUESS),
        }
    }
}

impl Pace {
    /// Multiply-adds that fit a submit.
    pub(super) fn submit_budget(&self) -> f64 {
        self.multiply_adds_per_ms.get() * SUBMIT_MS
    }

    /// Multiply-adds that fit a call.
    pub(super) fn call_budget(&self) -> f64 {
        self.multiply_adds_per_ms.get() * CALL_MS
    }

    /// Records how long work took, reading back included.
    pub(super) fn measured(&self, multiply_adds: f64, milliseconds: f64) {
        if milliseconds > 0.0 && multiply_adds > 0.0 {
            let old = self.multiply_adds_per_ms.get();
            let new = multiply_adds / milliseconds;
            self.multiply_adds_per_ms.set(old + SMOOTHING * (new - old));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn follows_what_is_measured_and_ignores_nonsense() {
        let pace = Pace::default();
        for _ in 0..30 {
            pace.measured(4e9, 2.0);
        }
        assert!((pace.submit_budget() / (2e9 * SUBMIT_MS) - 1.0).abs() < 1e-3);
        pace.measured(1.0, 0.0);
        pace.measured(0.0, 1.0);
        assert!(pace.submit_budget().is_finite() && pace.submit_budget() > 1e9);
    }
}
