//! Images and labels as bytes: CIFAR-100's records and class names, reduction of any picture to 32x32 pixels, augmentation and
//! picture changes.
//!
//! Pixels are u8 RGB, `[n, 32, 32, 3]`: row by row, three bytes per pixel.

#[cfg(feature = "archive")]
pub mod archive;
pub mod augment;
pub mod change;
pub mod cifar;
pub mod image;
pub mod names;
pub mod part;
pub(crate) mod random;
mod reduce;

pub use reduce::reduce_to_32;

/// Width and height of an image in pixels.
pub const SIDE: usize = 32;
/// Bytes per image.
pub const IMAGE_BYTES: usize = SIDE * SIDE * 3;
