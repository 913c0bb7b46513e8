//! The files of a training run, all beside its result.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use anyhow::{Result, bail};

/// The paths of a run's files, for the result `NAME.safetensors`.
#[derive(Clone, Debug)]
pub struct Files {
    /// NAME.safetensors: the trained network.
    pub network: PathBuf,
    /// NAME.toml: all settings.
    pub settings: PathBuf,
    /// NAME.jsonl: one line per epoch.
    pub log: PathBuf,
    /// NAME.events: a folder for TensorBoard.
    pub events: PathBuf,
    /// NAME.checkpoint: the state from which the run can resume; removed once the run is complete.
    pub checkpoint: PathBuf,
    /// NAME, which becomes the network's name.
    pub name: String,
}

impl Files {
    /// Derives the paths from that of the network.
    ///
    /// # Errors
    /// If `out` is not named NAME.safetensors.
    pub fn beside(out: &Path) -> Result<Self> {
        let name = out.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
        if name.is_empty() || out.extension().is_none_or(|extension| extension != "safetensors") {
            bail!("--out is {}, but must be a file NAME.safetensors", out.display());
        }
        Ok(Self {
            network: out.to_owned(),
            settings: out.with_extension("toml"),
            log: out.with_extension("jsonl"),
            events: out.with_extension("events"),
            checkpoint: out.with_extension("checkpoint"),
            name: name.to_owned(),
        })
    }

    /// Checks that a run may write these files.
    ///
    /// # Errors
    /// If a new run would overwrite the files of another, or there is no checkpoint to resume from.
    pub fn check(&self, resume: bool) -> Result<()> {
        match (resume, self.checkpoint.exists()) {
            (true, false) => bail!(
                "there is no {} to resume from; omit --resume to start a new run",
                self.checkpoint.display()
            ),
            (false, true) => bail!(
                "{} already exists; use --resume to continue from it, or remove it to start again",
                self.checkpoint.display()
            ),
            (false, false) if self.network.exists() => bail!(
                "{} already exists; remove it or choose another name",
                self.network.display()
            ),
            _ => Ok(()),
        }
    }
}

/// Returns the name of a network's file without folder and extension, as a provenance records it.
pub fn stem(path: &Path) -> String {
    let stem = path.file_stem().map(OsString::from).unwrap_or_default();
    stem.to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_named_after_the_result() {
        let files = Files::beside(Path::new("runs/a.b.safetensors")).unwrap();
        assert_eq!(files.checkpoint, Path::new("runs/a.b.checkpoint"));
        assert_eq!((files.name.as_str(), stem(&files.network)), ("a.b", "a.b".to_owned()));
        assert!(Files::beside(Path::new("runs/a.pt")).is_err() && Files::beside(Path::new(".safetensors")).is_err());
    }

    #[test]
    fn nothing_is_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let files = Files::beside(&folder.path().join("a.safetensors")).unwrap();
        assert!(files.check(false).is_ok() && files.check(true).is_err());
        std::fs::write(&files.checkpoint, b"").unwrap();
        assert!(files.check(true).is_ok() && files.check(false).is_err());
        std::fs::remove_file(&files.checkpoint).unwrap();
        std::fs::write(&files.network, b"").unwrap();
        assert!(files.check(false).unwrap_err().to_string().contains("already exists"));
    }
}
