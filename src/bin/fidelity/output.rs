//! Writes results to standard output and to files.

use std::io::{self, ErrorKind, Write};
use std::path::Path;

use anyhow::{Context, Result};

/// Writes to standard output. If the reader closes it early, as `head` does, that is no error.
pub fn print(text: &str) -> Result<()> {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(error).context("could not write to standard output"),
        _ => Ok(()),
    }
}

/// Replaces a file atomically. Its folder must exist.
pub fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    let mut temporary = path.as_os_str().to_owned();
    temporary.push(".new");
    std::fs::write(&temporary, bytes)
        .and_then(|()| std::fs::rename(&temporary, path))
        .with_context(|| format!("could not write {}", path.display()))
}
