//! The kernels from the residual stream to logits.

use super::kernel::{Kernel, WORKGROUP, Workgroups};
use super::text::fill;

/// norm, ReLU and mean: `[n, n_pixels, channels]` -> `[n, channels]`
pub fn pool(n_pixels: usize, channels: usize) -> Kernel {
    let source = fill(
        include_str!("../wgsl/pool.wgsl"),
        &[
            ("$WORKGROUP", WORKGROUP.to_string()),
            ("$PIXELS", n_pixels.to_string()),
            ("$CHANNELS", (channels / 4).to_string()),
        ],
    );
    Kernel {
        label: format!("pool {channels}"),
        source,
        workgroups: Workgroups::Invocations(channels / 4),
    }
}

/// `[n, features]` -> `[n, classes]`
pub fn linear(features: usize, classes: usize) -> Kernel {
    let source = fill(
        include_str!("../wgsl/linear.wgsl"),
        &[
            ("$WORKGROUP", WORKGROUP.to_string()),
            ("$FEATURES", (features / 4).to_string()),
            ("$CLASSES", classes.to_string()),
        ],
    );
    Kernel {
        label: format!("linear {features} -> {classes}"),
        source,
        workgroups: Workgroups::Invocations(classes),
    }
}
