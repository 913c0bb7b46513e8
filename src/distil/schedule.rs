//! The learning rate at each step of a run.

use serde::{Deserialize, Serialize};

/// How the learning rate moves after the warm-up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "browser", derive(tsify::Tsify))]
#[cfg_attr(feature = "cli", derive(clap::ValueEnum))]
#[serde(rename_all = "lowercase")]
pub enum Schedule {
    /// Half a cosine from the peak to the final learning rate, without restarts (Loshchilov and Hutter 2017), as in the paper
    #[default]
    Cosine,
    /// The peak learning rate throughout
    Constant,
}

/// The rates between which a schedule moves, and its length.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Course {
    /// Peak learning rate: the rate of the first step after the warm-up.
    pub base: f64,
    /// Final learning rate, which the cosine would reach at `total_steps`.
    pub last: f64,
    /// Length of the warm-up, in which the rate rises linearly from `base / warm_up_steps` to the base (Goyal et al. 2017).
    pub warm_up_steps: u32,
    /// Length of the run.
    pub total_steps: u32,
}

impl Schedule {
    /// Returns the learning rate of a step, counted from 0. The cosine would reach the final rate at `total_steps`, so the last step
    /// still moves if the final rate is 0. A run of 0 steps has the base rate; a step past the end has the base rate, or with the
    /// cosine the final one.
    pub fn learning_rate(self, course: &Course, step: u32) -> f64 {
        let Course {
            base,
            last,
            warm_up_steps,
            total_steps,
        } = *course;
        if step < warm_up_steps {
            return base * (f64::from(step) + 1.0) / f64::from(warm_up_steps);
        }
        match self {
            Self::Constant => base,
            Self::Cosine if total_steps == 0 => base,
            Self::Cosine => {
                let falling = total_steps.saturating_sub(warm_up_steps).max(1);
                let progress = f64::from((step - warm_up_steps).min(falling)) / f64::from(falling);
                last + (base - last) * 0.5 * (1.0 + (std::f64::consts::PI * progress).cos())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: Course = Course {
        base: 0.1,
        last: 0.0,
        warm_up_steps: 0,
        total_steps: 300,
    };

    #[test]
    fn cosine_falls_from_the_base_towards_zero() {
        let rate = |step| Schedule::Cosine.learning_rate(&PLAIN, step);
        assert_eq!(rate(0), 0.1);
        assert!((rate(100) - 0.075).abs() < 1e-15, "cos 60 degrees is a half");
        assert!((rate(150) - 0.05).abs() < 1e-15);
        assert!(rate(299) > 0.0 && rate(299) < 1e-5);
        assert!(rate(300).abs() < 1e-15 && rate(1000).abs() < 1e-15);
        assert!((0..300).all(|step| rate(step + 1) < rate(step)));
    }

    /// The rates of the paper's students.
    #[test]
    fn cosine_falls_towards_the_last_rate() {
        let course = Course {
            base: 5e-2,
            last: 1e-6,
            ..PLAIN
        };
        let rate = |step| Schedule::Cosine.learning_rate(&course, step);
        assert_eq!(rate(0), 5e-2);
        assert!((rate(150) - (5e-2 + 1e-6) / 2.0).abs() < 1e-15);
        assert!((rate(300) - 1e-6).abs() < 1e-15 && rate(299) > 1e-6);
    }

    /// Of 12 steps, the 4 of the warm-up have a quarter, a half, three quarters and all of the rate; a cosine follows over the other 8.
    #[test]
    fn it_warms_up_in_equal_parts() {
        let course = Course {
            warm_up_steps: 4,
            total_steps: 12,
            ..PLAIN
        };
        let rate = |step| Schedule::Cosine.learning_rate(&course, step);
        for (step, expected) in [(0, 0.025), (1, 0.05), (3, 0.1), (4, 0.1), (8, 0.05), (12, 0.0)] {
            assert!((rate(step) - expected).abs() < 1e-15, "{step}: {}", rate(step));
        }
        assert_eq!(Schedule::Constant.learning_rate(&course, 1), 0.05);
        assert_eq!(Schedule::Constant.learning_rate(&course, 11), 0.1);
    }

    #[test]
    fn constant_stays_and_no_steps_is_no_division_by_zero() {
        let course = |total_steps| Course {
            base: 0.02,
            total_steps,
            ..PLAIN
        };
        assert_eq!(Schedule::Constant.learning_rate(&course(10), 7), 0.02);
        assert_eq!(Schedule::Cosine.learning_rate(&course(0), 0), 0.02);
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
