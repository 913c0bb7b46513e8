//! `fidelity devices`.

use anyhow::Result;
use clap::Args;
use fidelity_lab::device::native::{Kind, NativeDevice};
use pollster::block_on;

use crate::output;

/// List the devices that this program can use, each with its name.
///
/// Opens each device that the program was built with and asks it for a known answer. One that cannot be had is listed with the
/// reason. Vulkan and Metal are the device `wgpu`; the features `vulkan` (evaluates) and `native-wgpu` (trains too) build it
/// in, and the feature `cuda` builds CUDA in.
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
