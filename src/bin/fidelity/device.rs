//! The flags `--device` and `--threads`.

use std::ffi::OsStr;
use std::num::NonZeroUsize;
use std::str::FromStr;
use std::thread::available_parallelism;

use anyhow::{Context, Result};
use clap::builder::{PossibleValue, TypedValueParser};
use clap::{Arg, Args, Command};
use fidelity_lab::device::native::{Kind, NativeDevice};
use fidelity_lab::kernels::cpu::parallel::set_pool;
use pollster::block_on;

/// The flags `--device` and `--threads`.
#[derive(Args)]
pub struct DeviceArguments {
    /// Device that computes the networks; wgpu is Vulkan or Metal. `fidelity devices` lists details.
    #[arg(long, default_value = "cpu", value_name = "DEVICE", value_parser = KindParser)]
    device: Kind,
    /// CPU threads [default: all]. The figures do not depend on this number.
    #[arg(long, value_name = "N")]
    threads: Option<NonZeroUsize>,
}

/// Parses a device by `FromStr`, whose errors name the build feature of a missing one, and lists those of this build in the help.
#[derive(Clone)]
struct KindParser;

impl TypedValueParser for KindParser {
    type Value = Kind;

    fn parse_ref(&self, command: &Command, argument: Option<&Arg>, value: &OsStr) -> Result<Kind, clap::Error> {
        Kind::from_str.parse_ref(command, argument, value)
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        Some(Box::new(Kind::COMPILED.iter().map(|kind| kind.name().into())))
    }
}

impl DeviceArguments {
    /// Opens the device and starts the CPU threads.
    ///
    /// # Errors
    /// If the device is unavailable or fails its self-test.
    pub fn open(&self) -> Result<NativeDevice> {
        let n_threads = self
            .threads
            .or(available_parallelism().ok())
            .map_or(1, NonZeroUsize::get);
        if n_threads > 1 {
            // The calling thread works as well.
            let pool = rayon::ThreadPoolBuilder::new().num_threads(n_threads - 1).build();
            set_pool(Some(pool.context("could not start the threads")?));
        }
        block_on(NativeDevice::open(self.device)).with_context(|| format!("--device {}", self.device))
    }
}
