//! Handling of Ctrl-C.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use anyhow::{Context, Result};
use signal_hook::consts::SIGINT;
use signal_hook::flag::{register, register_conditional_shutdown};

/// Exit status of a program that SIGINT ended, as shells report it.
const INTERRUPTED: i32 = 128 + SIGINT;

static FLAG: OnceLock<Arc<AtomicBool>> = OnceLock::new();

/// Makes Ctrl-C only set a flag, which [`has_come`] reads; a second Ctrl-C ends the program.
///
/// # Errors
/// If the signal cannot be handled.
pub fn watch() -> Result<()> {
    let flag = FLAG.get_or_init(Arc::default);
    // The order matters: the shutdown must see the flag before the second handler sets it.
    register_conditional_shutdown(SIGINT, INTERRUPTED, flag.clone())
        .and_then(|_| register(SIGINT, flag.clone()))
        .context("could not handle Ctrl-C")?;
    Ok(())
}

/// Whether Ctrl-C was pressed.
pub fn has_come() -> bool {
    FLAG.get().is_some_and(|flag| flag.load(Ordering::Relaxed))
}
