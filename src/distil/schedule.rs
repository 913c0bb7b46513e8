//! The learning rate at each step of a run.

use serde::{Deserialize, Serialize};

/// How the learning rate moves over a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "browser", derive(tsify::Tsify))]
#[serde(rename_all = "lowercase")]
pub enum Schedule {
    /// Half a cosine from the base at step 0 towards 0 (Loshchilov and Hutter 2017, without restarts), as in the paper.
    #[default]
    Cosine,
    Constant,
}

impl Schedule {
    /// Learning rate of step `step`, counted from 0. It would be 0 at `total_steps`, so that the last step still moves.
    /// A run of 0 steps, or a step past the end, has no rate that matters: the base, or 0 for the cosine.
    pub fn learning_rate(self, base: f64, step: u32, total_steps: u32) -> f64 {
        match self {
            Self::Constant => base,
            Self::Cosine if total_steps == 0 => base,
            Self::Cosine => {
                let progress = f64::from(step.min(total_steps)) / f64::from(total_steps);
                base * 0.5 * (1.0 + (std::f64::consts::PI * progress).cos())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cosine_falls_from_the_base_towards_zero() {
        let rate = |step| Schedule::Cosine.learning_rate(0.1, step, 300);
        assert_eq!(rate(0), 0.1);
        assert!((rate(100) - 0.075).abs() < 1e-15, "cos 60 degrees is a half");
        assert!((rate(150) - 0.05).abs() < 1e-15);
        assert!(rate(299) > 0.0 && rate(299) < 1e-5);
        assert!(rate(300).abs() < 1e-15 && rate(1000).abs() < 1e-15);
        assert!((0..300).all(|step| rate(step + 1) < rate(step)));
    }

    #[test]
    fn constant_stays_and_no_steps_is_no_division_by_zero() {
        assert_eq!(Schedule::Constant.learning_rate(0.02, 7, 10), 0.02);
        assert_eq!(Schedule::Cosine.learning_rate(0.02, 0, 0), 0.02);
    }

    #[test]
    fn names_are_the_page_s() {
        assert_eq!(serde_json::to_string(&Schedule::Cosine).unwrap(), "\"cosine\"");
        assert_eq!(
            serde_json::from_str::<Schedule>("\"constant\"").unwrap(),
            Schedule::Constant
        );
    }
}
