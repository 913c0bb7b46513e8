//! `--device` and `--threads`.

use std::num::NonZeroUsize;
use std::thread::available_parallelism;

use anyhow::{Context, Result};
use clap::Args;
use fidelity_lab::device::native::{Kind, NativeDevice};
use fidelity_lab::kernels::cpu::parallel::set_pool;
use pollster::block_on;

/// What networks are computed on.
#[derive(Args)]
pub struct DeviceArguments {
    /// What networks are computed on: cpu, wgpu (Vulkan or Metal) or cuda, of those that `fidelity devices` lists.
    #[arg(long, default_value = "cpu", value_name = "DEVICE")]
    device: Kind,
    /// Threads of the CPU; all by default. The figures do not depend on it.
    #[arg(long, value_name = "N")]
    threads: Option<NonZeroUsize>,
}

impl DeviceArguments {
    /// Opens the device and starts the threads, for work of the calling thread.
    ///
    /// # Errors
    /// Where the device cannot be had or computes wrongly.
    pub fn open(&self) -> Result<NativeDevice> {
        let n_threads = self
            .threads
            .or(available_parallelism().ok())
            .map_or(1, NonZeroUsize::get);
        if n_threads > 1 {
            // The calling thread works too.
            let pool = rayon::ThreadPoolBuilder::new().num_threads(n_threads - 1).build();
            set_pool(Some(pool.context("could not start the threads")?));
        }
        block_on(NativeDevice::open(self.device)).with_context(|| format!("--device {}", self.device))
    }
}
