//! `fidelity devices`.

use anyhow::Result;
use clap::Args;
use fidelity_lab::device::native::{Kind, NativeDevice};
use pollster::block_on;

use crate::output;

/// List the devices that this program can use.
///
/// The command opens each device that the program was built with, runs a self-test on it, and gives the reason if the device cannot
/// be used. The device `wgpu` is Vulkan or Metal; the build features `vulkan` (evaluation only) and `native-wgpu` (training too) add
/// it, and the feature `cuda` adds CUDA.
#[derive(Args)]
#[command(after_long_help = "\
Examples:
  fidelity devices
  fidelity evaluate --device wgpu --teacher teacher0.safetensors --student student0.safetensors")]
pub struct Arguments {}

pub fn run(Arguments {}: Arguments) -> Result<()> {
    let mut text = String::new();
    for kind in Kind::COMPILED {
        text += &match block_on(NativeDevice::open(*kind)) {
            Ok(device) => {
                let can = if device.trains() {
                    "trains and evaluates"
                } else {
                    "evaluates"
                };
                format!("{:<5} {:<20}  {}\n", kind.name(), can, device.name)
            }
            Err(error) => format!("{:<5} {:<20}  {error}\n", kind.name(), "cannot be used"),
        };
    }
    output::print(&text)
}
