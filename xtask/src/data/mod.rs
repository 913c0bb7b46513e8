//! `cargo xtask data`: puts CIFAR-100 into a cache that the local server offers to the page.

mod archive;
mod download;
mod records;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use fidelity_lab::data::archive::{Source, TEST_BYTES, TRAIN_BYTES};

use crate::repo::Repo;
use crate::step::step;

pub use download::Download;

/// The data set's official address.
pub const OFFICIAL_URL: &str = "https://www.cs.toronto.edu/~kriz/cifar-100-binary.tar.gz";
const OFFICIAL_BYTES: u64 = 168_513_733;
const OFFICIAL_SHA256: &str = "58a81ae192c23a4be8b1804d68e518ed807d710a4eb253b1f2a199162a40d8ec";

/// The folder for large files that can be downloaded again.
pub struct Cache {
    root: PathBuf,
}

impl Cache {
    /// Finds the folder: `FIDELITY_CACHE`, or else one in the platform's cache folder.
    pub fn locate() -> Result<Self> {
        let root = match std::env::var_os("FIDELITY_CACHE") {
            Some(path) => PathBuf::from(path),
            None => dirs::cache_dir()
                .context("this platform has no known cache folder; set FIDELITY_CACHE to one")?
                .join("fidelity-lab"),
        };
        Ok(Self { root })
    }

    /// Returns the folder for test.bin and train.bin, which may be missing.
    pub fn cifar(&self) -> PathBuf {
        self.root.join("cifar-100")
    }

    pub fn has_test_set(&self) -> bool {
        has_length(&self.cifar().join("test.bin"), TEST_BYTES)
    }

    fn has_training_set(&self) -> bool {
        has_length(&self.cifar().join("train.bin"), TRAIN_BYTES)
    }

    fn is_complete(&self) -> bool {
        self.has_test_set() && self.has_training_set()
    }

    fn archive(&self) -> PathBuf {
        self.root.join("cifar-100-binary.tar.gz")
    }
}

fn has_length(path: &Path, bytes: u64) -> bool {
    fs::metadata(path).is_ok_and(|metadata| metadata.len() == bytes)
}

/// `cargo xtask data`.
pub fn data(repo: &Repo, archive: Option<PathBuf>, url: &str) -> Result<()> {
    let cache = Cache::locate()?;
    if let Some(archive) = archive {
        take(repo, &cache, &archive)?;
    } else if cache.is_complete() {
        println!("CIFAR-100 is already in {}.", cache.cifar().display());
        report(repo, &cache)?;
    } else {
        fs::create_dir_all(&cache.root).with_context(|| format!("could not create {}", cache.root.display()))?;
        let archive = cache.archive();
        step(
            &format!("downloading CIFAR-100, {} MB, from {url}", OFFICIAL_BYTES / 1_000_000),
            || Download::new(url, OFFICIAL_BYTES, OFFICIAL_SHA256).save_as(&archive),
        )?;
        take(repo, &cache, &archive)?;
        // Its content is unpacked, so the archive is no longer needed.
        fs::remove_file(&archive).with_context(|| format!("could not remove {}", archive.display()))?;
    }
    Ok(())
}

/// Returns what CIFAR100_ARCHIVE names; an empty value names nothing.
pub fn named_archive() -> Option<PathBuf> {
    let value = std::env::var_os("CIFAR100_ARCHIVE");
    value.filter(|value| !value.is_empty()).map(PathBuf::from)
}

/// Makes sure that `test` has both sets, from the cache or from CIFAR100_ARCHIVE.
pub fn require(repo: &Repo) -> Result<()> {
    let (cache, archive) = (Cache::locate()?, named_archive());
    if cache.is_complete() {
        println!("CIFAR-100 is in {}", cache.cifar().display());
    } else if archive.is_none() {
        bail!(
            "the tests need CIFAR-100: run `cargo xtask data` (it downloads 169 MB), or set CIFAR100_ARCHIVE to an archive, its \
             first part or an unpacked folder"
        );
    }
    offer(repo, &cache, archive.as_deref())
}

/// Fills the cache for `demo` from the archive, if one is named. The page works without CIFAR-100.
pub fn offer(repo: &Repo, cache: &Cache, archive: Option<&Path>) -> Result<()> {
    match archive {
        Some(archive) if !cache.is_complete() => take(repo, cache, archive),
        _ => Ok(()),
    }
}

fn take(repo: &Repo, cache: &Cache, path: &Path) -> Result<()> {
    let source = Source::find(path)?;
    step(&format!("unpacking {source}"), || {
        archive::unpack(&source, &cache.cifar())
    })?;
    report(repo, cache)
}

fn report(repo: &Repo, cache: &Cache) -> Result<()> {
    let folder = cache.cifar();
    let expected = fs::read(repo.path("www/weights/test-records.bin"));
    let verdict = match expected {
        Ok(hashes) => records::compare(&fs::read(folder.join("test.bin"))?, &hashes)?,
        Err(_) => {
            "www/weights/test-records.bin is missing, so the test set was not compared with CIFAR-100's.".to_owned()
        }
    };
    println!("  {verdict}");
    if !cache.has_training_set() {
        println!("  It contains no train.bin, so Distil will use the visitor's own images and the samples.");
    }
    println!(
        "  It is in {}; `cargo xtask demo` offers it to the page.",
        folder.display()
    );
    Ok(())
}

#[cfg(test)]
mod tests;
