//! How predictions are viewed: at which level of classes and at which temperature.

use serde::{Deserialize, Serialize};

use crate::data::cifar::{N_COARSE, N_FINE};
use crate::data::names::COARSE_OF_FINE;
use crate::error::{LabError, LabResult};

/// 100 fine classes or 20 superclasses. The probability of a superclass is the sum over its classes. "coarse" needs 100 classes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "browser", derive(tsify::Tsify))]
#[serde(rename_all = "snake_case")]
pub enum Level {
    #[default]
    Fine,
    Coarse,
}

/// The level, and the temperature of every network and of the ensemble: softmax(log p / temperature).
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Lens {
    pub level: Level,
    pub temperature: f64,
}

/// The range of temperatures.
pub(super) const TEMPERATURES: std::ops::RangeInclusive<f64> = 0.01..=100.0;

/// # Errors
/// `bad_argument`.
fn check_temperature(temperature: f64) -> LabResult<()> {
    if TEMPERATURES.contains(&temperature) {
        return Ok(());
    }
    Err(LabError::bad_argument(format!(
        "temperature is {temperature}; it must be from {} to {}",
        TEMPERATURES.start(),
        TEMPERATURES.end()
    )))
}

impl Lens {
    /// Shows predictions as they are.
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
    /// `bad_argument` if the temperature is out of range, or if superclasses are requested without 100 classes.
    pub fn check(self, n_classes: usize) -> LabResult<()> {
        check_temperature(self.temperature)?;
        if self.level == Level::Coarse && n_classes != N_FINE {
            return Err(LabError::bad_argument(format!(
                "level is \"coarse\" and there are {n_classes} classes; only the {N_FINE} classes of CIFAR-100 have superclasses, so level must be \"fine\""
            )));
        }
        Ok(())
    }

    pub fn is_plain(self) -> bool {
        self == Self::PLAIN
    }

    /// Returns the lens of fine classes at the same temperature.
    pub fn fine(self) -> Self {
        let level = Level::Fine;
        Self { level, ..self }
    }

    /// Returns the class of this level that a fine class belongs to.
    pub fn class_of(self, fine: u8) -> u8 {
        match self.level {
            Level::Fine => fine,
            Level::Coarse => COARSE_OF_FINE.get(usize::from(fine)).copied().unwrap_or(fine),
        }
    }

    /// Returns the number of classes at this level.
    pub fn n_classes(self, n_fine: usize) -> usize {
        match self.level {
            Level::Fine => n_fine,
            Level::Coarse => N_COARSE,
        }
    }
}
