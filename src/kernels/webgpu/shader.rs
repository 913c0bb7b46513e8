//! The kernels' WGSL, written for one shape each.
//!
//! Sizes are constants and tiles are written out, because then a driver keeps them in registers: an array with a computed index
//! lands in memory on some, and a software adapter pays for each such access many times over. All kernels share one bind group
//! layout: what is read, parameters, what is written, the number of images.

mod convolution;
mod head;
mod stationary;
mod stem;

pub use convolution::{Convolution, Images, Input, Output, Tile};
pub use head::{linear, pool};
pub(super) use stationary::{LANES, MOST_WORKGROUPS};
pub use stem::{STEM_PIXELS, stem};

/// Invocations a workgroup, for every kernel.
pub(super) const WORKGROUP: usize = 64;

/// A compute shader with the entry point `main` and how to dispatch it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kernel {
    /// For GPU debuggers.
    pub label: String,
    /// WGSL; also what the pipeline is cached by, as it holds everything that tells two kernels apart.
    pub source: String,
    /// How its workgroups are counted.
    pub dispatch: Dispatch,
}

/// How the workgroups of a kernel are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dispatch {
    /// So many invocations an image. The last workgroup may reach beyond the images, which is why buffers end with a spare one.
    Invocations(usize),
    /// Workers that share an image's tiles; the kernel asks for the number of images.
    Workers {
        /// Tiles an image.
        tiles: usize,
        /// Tiles for which another worker is worth while.
        tiles_per_worker: usize,
        /// Most workers.
        most: usize,
        /// Groups of channels, each with its own workers.
        groups: usize,
    },
}

impl Dispatch {
    /// Workgroups for `n` images.
    pub fn workgroups(&self, n: usize) -> [u32; 3] {
        match *self {
            Self::Invocations(invocations) => [(n * invocations).div_ceil(WORKGROUP) as u32, 1, 1],
            Self::Workers {
                tiles,
                tiles_per_worker,
                most,
                groups,
            } => [
                (n * tiles).div_ceil(tiles_per_worker).clamp(1, most) as u32,
                groups as u32,
                1,
            ],
        }
    }
}

/// Lines of `line(0)` to `line(n - 1)`.
pub(super) fn lines(n: usize, line: impl FnMut(usize) -> String) -> String {
    (0..n).map(line).collect::<Vec<_>>().join("\n")
}

/// The component of a vector.
pub(super) fn component(i: usize) -> char {
    ['x', 'y', 'z', 'w'][i % 4]
}

/// A template with its `$NAME`s replaced.
pub(super) fn fill(template: &str, values: &[(&str, String)]) -> String {
    values
        .iter()
        .fold(template.to_owned(), |text, (name, value)| text.replace(name, value))
}
