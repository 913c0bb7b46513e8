//! Images and labels as bytes: CIFAR-100's records and names, any picture to the network's 32x32 pixels, augmentation,
//! pictures under change.
//!
//! Pixels are u8 RGB, `[n, 32, 32, 3]`: row by row, three bytes a pixel.

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

/// Pixels of an image's side.
pub const SIDE: usize = 32;
/// Bytes of an image.
pub const IMAGE_BYTES: usize = SIDE * SIDE * 3;
