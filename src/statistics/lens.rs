//! How answers are looked at: the level of classes and the temperature.

use serde::{Deserialize, Serialize};

use crate::data::cifar::{N_COARSE, N_FINE};
use crate::data::names::COARSE_OF_FINE;
use crate::error::{LabError, LabResult};

/// 100 fine classes or 20 superclasses; the probability of a superclass is the sum of its classes'. Only for 100 classes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "browser", derive(tsify::Tsify))]
#[serde(rename_all = "snake_case")]
pub enum Level {
    #[default]
    Fine,
    Coarse,
}

/// Level, and the temperature of every network and of the ensemble: softmax(log p / temperature).
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Lens {
    pub level: Level,
    pub temperature: f64,
}

/// Temperatures that can be asked for.
pub(super) const TEMPERATURES: std::ops::RangeInclusive<f64> = 0.01..=100.0;

/// # Errors
/// `bad_argument`.
fn check_temperature(temperature: f64) -> LabResult<()> {
    if TEMPERATURES.contains(&temperature) {
        return Ok(());
    }
    Err(LabError::bad_argument(format!(
        "the temperature is {temperature}; it must be from {} to {}",
        TEMPERATURES.start(),
        TEMPERATURES.end()
    )))
}

impl Lens {
    /// StoredLogits as they are.
    pub const PLAIN: Self = Self {
        level: Level::Fine,
        temperature: 1.0,
    };

    pub fn new(level: Option<Level>, temperature: Option<f64>) -> Self {
        Self {
            level: level.unwrap_or_default(),
            temperature: temperature.unwrap_or(1.0),
        }
    }

    /// # Errors
    /// `bad_argument` for a temperature out of range, and for superclasses where there are not 100 classes.
    pub fn check(self, n_classes: usize) -> LabResult<()> {
        check_temperature(self.temperature)?;
        if self.level == Level::Coarse && n_classes != N_FINE {
            return Err(LabError::bad_argument(format!(
                "there are {n_classes} classes; superclasses are known for CIFAR-100's {N_FINE} alone, so level must be \"fine\""
            )));
        }
        Ok(())
    }

    pub fn is_plain(self) -> bool {
        self == Self::PLAIN
    }

    /// Of fine classes, at the same temperature.
    pub fn fine(self) -> Self {
        let level = Level::Fine;
        Self { level, ..self }
    }

    /// What a fine class is at this level.
    pub fn class_of(self, fine: u8) -> u8 {
        match self.level {
            Level::Fine => fine,
            Level::Coarse => COARSE_OF_FINE.get(usize::from(fine)).copied().unwrap_or(fine),
        }
    }

    /// Classes at this level.
    pub fn n_classes(self, n_fine: usize) -> usize {
        match self.level {
            Level::Fine => n_fine,
            Level::Coarse => N_COARSE,
        }
    }
}
