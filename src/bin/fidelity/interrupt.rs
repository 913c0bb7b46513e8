//! Ctrl-C.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use anyhow::{Context, Result};
use signal_hook::consts::SIGINT;
use signal_hook::flag;

/// What the shell shows of a program that SIGINT ended.
const INTERRUPTED: i32 = 128 + SIGINT;

static FLAG: OnceLock<Arc<AtomicBool>> = OnceLock::new();

/// From now on Ctrl-C is only noted; a second one ends the program.
///
/// # Errors
/// Where the system has no such signal.
pub fn watch() -> Result<()> {
    let noted = FLAG.get_or_init(Arc::default);
    // In this order: the first looks at the flag before the second sets it.
    flag::register_conditional_shutdown(SIGINT, INTERRUPTED, noted.clone())
        .and_then(|_| flag::register(SIGINT, noted.clone()))
        .context("could not watch for Ctrl-C")?;
    Ok(())
}

/// Whether Ctrl-C has come.
pub fn has_come() -> bool {
    FLAG.get().is_some_and(|noted| noted.load(Ordering::Relaxed))
}
