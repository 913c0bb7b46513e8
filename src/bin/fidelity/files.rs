//! The files of a training, all beside its result.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use anyhow::{Result, bail};

/// Paths by what is there, for a result `NAME.safetensors`.
#[derive(Clone, Debug)]
pub struct Files {
    /// The network.
    pub network: PathBuf,
    /// NAME.toml: all settings.
    pub settings: PathBuf,
    /// NAME.jsonl: a line an epoch.
    pub log: PathBuf,
    /// NAME.events: a folder for TensorBoard.
    pub events: PathBuf,
    /// NAME.checkpoint: what a run goes on from; gone once it is complete.
    pub checkpoint: PathBuf,
    /// NAME.
    pub name: String,
}

impl Files {
    /// # Errors
    /// Where `out` has no name ending in .safetensors.
    pub fn beside(out: &Path) -> Result<Self> {
        let name = out.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
        if name.is_empty() || out.extension().is_none_or(|extension| extension != "safetensors") {
            bail!("--out is {}; it must be a file NAME.safetensors", out.display());
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

    /// Whether a run may write them: afresh, or going on from its checkpoint.
    ///
    /// # Errors
    /// Where a fresh run would write over another's files, or there is nothing to go on from.
    pub fn check(&self, resume: bool) -> Result<()> {
        match (resume, self.checkpoint.exists()) {
            (true, false) => bail!(
                "there is no {} to go on from; without --resume a run begins",
                self.checkpoint.display()
            ),
            (false, true) => bail!(
                "{} is there: --resume goes on from it; remove it to begin anew",
                self.checkpoint.display()
            ),
            (false, false) if self.network.exists() => bail!(
                "{} is there already; remove it or choose another name",
                self.network.display()
            ),
            _ => Ok(()),
        }
    }
}

/// The stem of a network's file, which says in a provenance where it came from without saying where that is.
pub fn stem(path: &Path) -> String {
    let stem = path.file_stem().map(OsString::from).unwrap_or_default();
    stem.to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_the_result_s() {
        let files = Files::beside(Path::new("runs/a.b.safetensors")).unwrap();
        assert_eq!(files.checkpoint, Path::new("runs/a.b.checkpoint"));
        assert_eq!((files.name.as_str(), stem(&files.network)), ("a.b", "a.b".to_owned()));
        assert!(Files::beside(Path::new("runs/a.pt")).is_err() && Files::beside(Path::new(".safetensors")).is_err());
    }

    #[test]
    fn nothing_is_written_over() {
        let folder = tempfile::tempdir().unwrap();
        let files = Files::beside(&folder.path().join("a.safetensors")).unwrap();
        assert!(files.check(false).is_ok() && files.check(true).is_err());
        std::fs::write(&files.checkpoint, b"").unwrap();
        assert!(files.check(true).is_ok() && files.check(false).is_err());
        std::fs::remove_file(&files.checkpoint).unwrap();
        std::fs::write(&files.network, b"").unwrap();
        assert!(files.check(false).unwrap_err().to_string().contains("there already"));
    }
}
