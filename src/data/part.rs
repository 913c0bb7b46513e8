//! A part of a set of images, for experiments with held-out images.

use std::fmt;
use std::ops::Range;
use std::str::FromStr;

/// A half-open range of the images in their order, in thousandths of their number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    from: u32,
    to: u32,
}

impl Part {
    /// All images.
    pub const WHOLE: Self = Self { from: 0, to: 1000 };

    /// Indices of the part's images out of `n`.
    pub fn range(self, n: usize) -> Range<usize> {
        let at = |thousandths: u32| (thousandths as u64 * n as u64 / 1000) as usize;
        at(self.from)..at(self.to)
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.from, self.to)
    }
}

impl FromStr for Part {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let numbers = text
            .split_once(':')
            .and_then(|(from, to)| Some((from.parse().ok()?, to.parse().ok()?)));
        match numbers {
            Some((from, to)) if from < to && to <= 1000 => Ok(Self { from, to }),
            _ => Err(format!(
                "`{text}` is not a part; it must be FROM:TO in thousandths, such as 0:500 for the first half"
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_make_a_whole() {
        let range = |text: &str, n| text.parse::<Part>().unwrap().range(n);
        assert_eq!(range("0:500", 50_000), 0..25_000);
        assert_eq!(range("500:1000", 50_000), 25_000..50_000);
        assert_eq!((range("0:333", 10), range("333:1000", 10)), (0..3, 3..10));
        assert_eq!(Part::WHOLE.range(7), 0..7);
        assert_eq!("20:30".parse::<Part>().unwrap().to_string(), "20:30");
    }

    #[test]
    fn what_is_no_part_is_refused() {
        for text in ["", "5", "5:5", "6:5", "0:1001", "-1:5", "a:b"] {
            assert!(text.parse::<Part>().unwrap_err().contains("FROM:TO"), "{text}");
        }
    }
}
