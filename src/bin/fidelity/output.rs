//! Where results go.

use std::io::{self, ErrorKind, Write};
use std::path::Path;

use anyhow::{Context, Result};

/// To standard output. Whoever closes it early, as `head` does, has seen enough.
pub fn print(text: &str) -> Result<()> {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(error).context("could not write to standard output"),
        _ => Ok(()),
    }
}

/// Replaces a file as a whole, so that nobody sees half of it. The folder must be there.
pub fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    let mut fresh = path.as_os_str().to_owned();
    fresh.push(".new");
    std::fs::write(&fresh, bytes)
        .and_then(|()| std::fs::rename(&fresh, path))
        .with_context(|| format!("could not write {}", path.display()))
}
