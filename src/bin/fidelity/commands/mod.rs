//! The subcommands of `fidelity`, one file each.

pub mod augment;
pub mod bench;
pub mod convert;
pub mod devices;
pub mod distil;
pub mod evaluate;
pub mod inspect;
pub mod logits;
pub mod manifest;
pub mod train;
