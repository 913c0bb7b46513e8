//! `cargo xtask data`: CIFAR-100 into a cache that the local server offers to the page.

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

/// The data set's public home.
pub const OFFICIAL_URL: &str = "https://www.cs.toronto.edu/~kriz/cifar-100-binary.tar.gz";
const OFFICIAL_BYTES: u64 = 168_513_733;
const OFFICIAL_SHA256: &str = "58a81ae192c23a4be8b1804d68e518ed807d710a4eb253b1f2a199162a40d8ec";

/// The folder that keeps what is large and can be had again.
pub struct Cache {
    root: PathBuf,
}

impl Cache {
    /// `FIDELITY_CACHE`, or the platform's place for caches.
    pub fn locate() -> Result<Self> {
        let root = match std::env::var_os("FIDELITY_CACHE") {
            Some(path) => PathBuf::from(path),
            None => dirs::cache_dir()
                .context("no cache folder is known here; name one in FIDELITY_CACHE")?
                .join("fidelity-lab"),
        };
        Ok(Self { root })
    }

    /// Where test.bin and train.bin are, if they are.
    pub fn cifar(&self) -> PathBuf {
        self.root.join("cifar-100")
    }

    pub fn has_test_set(&self) -> bool {
        has_length(&self.cifar().join("test.bin"), TEST_BYTES)
    }

    fn has_training_set(&self) -> bool {
        has_length(&self.cifar().join("train.bin"), TRAIN_BYTES)
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
    } else if cache.has_test_set() && cache.has_training_set() {
        println!("CIFAR-100 is in {} already.", cache.cifar().display());
        report(repo, &cache)?;
    } else {
        fs::create_dir_all(&cache.root).with_context(|| format!("could not make {}", cache.root.display()))?;
        let archive = cache.archive();
        step(
            &format!("fetching CIFAR-100, {} MB, from {url}", OFFICIAL_BYTES / 1_000_000),
            || Download::new(url, OFFICIAL_BYTES, OFFICIAL_SHA256).save_as(&archive),
        )?;
        take(repo, &cache, &archive)?;
        // Everything in it is unpacked now.
        fs::remove_file(&archive).with_context(|| format!("could not remove {}", archive.display()))?;
    }
    Ok(())
}

/// For `test`: the sets are there, from the cache or from CIFAR100_ARCHIVE.
pub fn require(repo: &Repo) -> Result<()> {
    let cache = Cache::locate()?;
    if cache.has_test_set() && cache.has_training_set() {
        println!("CIFAR-100 is in {}", cache.cifar().display());
        return Ok(());
    }
    match std::env::var_os("CIFAR100_ARCHIVE").filter(|value| !value.is_empty()) {
        Some(archive) => take(repo, &cache, Path::new(&archive)),
        None => bail!(
            "the tests need CIFAR-100: run `cargo xtask data` (it fetches 169 MB), or name an archive, its parts or an unpacked \
             folder in CIFAR100_ARCHIVE"
        ),
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
            "www/weights/test-records.bin is not there, so the test set was not compared with CIFAR-100's.".to_owned()
        }
    };
    println!("  {verdict}");
    if !cache.has_training_set() {
        println!("  There is no train.bin in it: Distil will work on the visitor's own images and the samples.");
    }
    println!("  In {}: `cargo xtask demo` offers it to the page.", folder.display());
    Ok(())
}
