//! The kernels' WGSL, written for one shape each.
//!
//! Sizes are constants and tiles are written out, because then a driver keeps them in registers: an array with a computed index
//! lands in memory on some, and a software adapter pays for each such access many times over. All kernels share one bind group
//! layout: what is read, parameters, what is written.

mod convolution;
mod head;
mod stem;

pub use convolution::{Convolution, Input, Output, Tile};
pub use head::{linear, pool};
pub use stem::{STEM_PIXELS, stem};

/// Invocations a workgroup, for every kernel.
const WORKGROUP: usize = 64;

/// A compute shader with the entry point `main` and how to dispatch it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kernel {
    /// For GPU debuggers.
    pub label: String,
    /// WGSL; also what the pipeline is cached by, as it holds everything that tells two kernels apart.
    pub source: String,
    /// Invocations an image.
    pub invocations: usize,
    /// Invocations a workgroup.
    pub workgroup: usize,
}

impl Kernel {
    /// Workgroups for `n` images. The last one may reach beyond them, which is why buffers end with a spare image.
    pub fn workgroups(&self, n: usize) -> usize {
        (n * self.invocations).div_ceil(self.workgroup)
    }
}

/// Lines of `line(0)` to `line(n - 1)`.
fn lines(n: usize, line: impl FnMut(usize) -> String) -> String {
    (0..n).map(line).collect::<Vec<_>>().join("\n")
}

/// The component of a vector.
fn component(i: usize) -> char {
    ['x', 'y', 'z', 'w'][i % 4]
}

/// A template with its `$NAME`s replaced.
fn fill(template: &str, values: &[(&str, String)]) -> String {
    values
        .iter()
        .fold(template.to_owned(), |text, (name, value)| text.replace(name, value))
}
