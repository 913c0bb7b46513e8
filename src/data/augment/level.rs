//! Levels of a channel.

/// The nearest of the 256 levels to a value from 0 to 1.
pub(in crate::data) fn level(value: f32) -> u8 {
    (value * 255.0).round() as u8
}
