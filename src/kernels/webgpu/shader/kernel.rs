//! A kernel: its WGSL and how many workgroups it takes.

/// Invocations per workgroup of the kernels for GPUs.
pub const WORKGROUP: usize = 64;

/// A compute shader with the entry point `main`, and how to dispatch it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kernel {
    /// The name of the pipeline, for GPU debuggers and tests.
    pub label: String,
    /// WGSL, also the key of the pipeline's cache, since it holds everything that tells two kernels apart.
    pub source: String,
    /// How its workgroups are counted.
    pub workgroups: Workgroups,
}

/// How the workgroups of a kernel are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Workgroups {
    /// This many invocations per image. The last workgroup may reach beyond the images, so buffers end with a spare image.
    Invocations(usize),
    /// Workers that share the tiles of all images; the kernel reads the number of images.
    Workers {
        /// Tiles per image.
        tiles: usize,
        /// Tiles that are worth another worker.
        tiles_per_worker: usize,
        /// Most workers.
        most: usize,
        /// Groups of channels, each with its own workers.
        groups: usize,
    },
}

impl Workgroups {
    /// Workgroups in x, y and z for `n` images.
    pub fn count(&self, n: usize) -> [u32; 3] {
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
