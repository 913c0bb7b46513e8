//! The kernels' WGSL, written for one shape each.
//!
//! Sizes are constants and tiles are written out, because then a driver keeps them in registers: an array with a computed index
//! lands in memory on some, and a software adapter pays for each such access many times over. All kernels of evaluation share one bind
//! group layout: what is read, parameters, what is written, the number of images.

mod convolution;
mod head;
mod kernel;
mod shape;
mod stationary;
mod stem;
mod text;
mod tiled;

pub use convolution::{convolution, convolution_workgroups};
pub use head::{linear, pool};
pub use kernel::{Kernel, WORKGROUP, Workgroups};
pub use shape::{BatchSize, ConvInput, ConvOutput, ConvShape, ThreadTile};
pub use stationary::{LANES, MOST_WORKGROUPS, stationary};
pub use stem::{STEM_PIXELS, stem};
pub(super) use text::{component, fill, lines, with_constants};
pub use tiled::tiled;
