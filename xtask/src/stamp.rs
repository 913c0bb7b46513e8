//! Fingerprints, so that a step with unchanged inputs does not run again.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use sha2::{Digest, Sha256};

use crate::repo::files_below;

/// A hash of a step's inputs.
pub struct Stamp(Sha256);

impl Stamp {
    pub fn new(step: &str) -> Self {
        Self(Sha256::new()).text(step)
    }

    pub fn text(mut self, text: &str) -> Self {
        self.0.update((text.len() as u64).to_le_bytes());
        self.0.update(text);
        self
    }

    /// Adds files and whole folders of `root`; absence also counts. Names are relative to `root`, so that two identical checkouts
    /// share what was built.
    pub fn paths(mut self, root: &Path, relative: &[&str]) -> Result<Self> {
        for name in relative {
            let path = root.join(name);
            if path.is_dir() {
                for file in files_below(&path)? {
                    self = self.file(root, &file)?;
                }
            } else if path.is_file() {
                self = self.file(root, &path)?;
            } else {
                self = self.text(name).text("absent");
            }
        }
        Ok(self)
    }

    fn file(self, root: &Path, path: &Path) -> Result<Self> {
        let bytes = fs::read(path).with_context(|| format!("could not read {}", path.display()))?;
        let name = path
            .strip_prefix(root)
            .unwrap_or(path)
            .to_string_lossy()
            .replace('\\', "/");
        let digest = hex(&Sha256::digest(bytes));
        Ok(self.text(&name).text(&digest))
    }

    pub fn finish(self) -> String {
        hex(&self.0.finalize())
    }
}

/// Runs `work` unless `record` contains this stamp, and then records the stamp. Returns whether `work` ran.
pub fn unless_current(
    record: &Path,
    stamp: &str,
    outputs: &[PathBuf],
    work: impl FnOnce() -> Result<()>,
) -> Result<bool> {
    let recorded = fs::read_to_string(record).is_ok_and(|text| text == stamp);
    if recorded && outputs.iter().all(|path| path.exists()) {
        return Ok(false);
    }
    // An interrupted step must not look finished.
    let _ = fs::remove_file(record);
    work()?;
    if let Some(parent) = record.parent() {
        fs::create_dir_all(parent)?;
    }
    fs::write(record, stamp).with_context(|| format!("could not write {}", record.display()))?;
    Ok(true)
}

pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stamp(root: &Path) -> String {
        Stamp::new("test")
            .paths(root, &["src", "one.txt", "absent"])
            .unwrap()
            .finish()
    }

    #[test]
    fn content_and_names_count_and_hidden_files_do_not() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        fs::create_dir(root.join("src")).unwrap();
        fs::write(root.join("src/a.rs"), "a").unwrap();
        fs::write(root.join("one.txt"), "1").unwrap();
        let first = stamp(root);
        assert_eq!(first, stamp(root));

        fs::write(root.join("src/.hidden"), "x").unwrap();
        assert_eq!(first, stamp(root));
        fs::write(root.join("src/a.rs"), "b").unwrap();
        let second = stamp(root);
        assert_ne!(first, second);
        fs::rename(root.join("src/a.rs"), root.join("src/b.rs")).unwrap();
        let third = stamp(root);
        assert_ne!(second, third);
        fs::write(root.join("absent"), "").unwrap();
        assert_ne!(third, stamp(root));
    }

    #[test]
    fn a_step_runs_again_when_it_failed_or_lost_an_output() {
        let folder = tempfile::tempdir().unwrap();
        let record = folder.path().join("stamps/step");
        let made = folder.path().join("made");
        let outputs = [made.clone()];
        let make = || Ok(fs::write(&made, "made")?);
        assert!(unless_current(&record, "1", &outputs, make).unwrap());
        assert!(!unless_current(&record, "1", &outputs, make).unwrap());
        fs::remove_file(&made).unwrap();
        assert!(unless_current(&record, "1", &outputs, make).unwrap());
        assert!(unless_current(&record, "2", &outputs, || anyhow::bail!("broken")).is_err());
        assert!(unless_current(&record, "1", &outputs, make).unwrap());
    }
}
