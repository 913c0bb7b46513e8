//! CIFAR-100 in the forms in which people have it: a .tar.gz, its parts or a folder. The source is streamed in one pass and
//! checked while it is read.
//!
//! Only native programs use this module. They report errors as text, so it uses anyhow instead of an error type.

mod source;

use std::fs::File;
use std::io::{self, BufReader, Read, Write};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use flate2::read::MultiGzDecoder;

use super::cifar::{RECORD_BYTES, RecordsError, parse_records};
use source::Joined;

pub use source::Source;

/// The files to extract. Only `test.bin` is required.
pub const NAMES: [&str; 4] = [
    "test.bin",
    "train.bin",
    "fine_label_names.txt",
    "coarse_label_names.txt",
];
/// Length of test.bin in bytes.
pub const TEST_BYTES: u64 = 10_000 * RECORD_BYTES as u64;
/// Length of train.bin in bytes.
pub const TRAIN_BYTES: u64 = 50_000 * RECORD_BYTES as u64;

/// A list of label names is a few hundred bytes.
const MAX_NAMES_BYTES: u64 = 65_536;
const CHUNK_RECORDS: usize = 1000;

/// One of [`NAMES`], while it is read from a source.
pub struct Member<'a> {
    /// File name without its folder.
    pub name: &'static str,
    /// Length that the archive's header or the file system declares.
    n_bytes: u64,
    from: &'a mut dyn Read,
}

impl Source {
    /// Passes each of [`NAMES`] that the source contains to `take`, in the source's order, until `take` breaks or all are read.
    ///
    /// # Errors
    /// Returns `take`'s error, or an error if the source cannot be read or is damaged. Nothing after a break is checked.
    pub fn visit(&self, take: impl FnMut(Member<'_>) -> Result<ControlFlow<()>>) -> Result<()> {
        match self {
            Self::Archive(files) => visit_archive(files, take),
            Self::Folder(folder) => visit_folder(folder, take),
        }
        .with_context(|| format!("{self}"))
    }

    /// Reads and checks the records of `test.bin` or `train.bin`.
    ///
    /// # Errors
    /// Fails if the source does not contain the file, and as [`Self::visit`] does.
    pub fn records(&self, name: &str) -> Result<Vec<u8>> {
        let mut records = Vec::new();
        self.visit(|member| {
            if member.name != name {
                return Ok(ControlFlow::Continue(()));
            }
            member.copy_checked(&mut records)?;
            Ok(ControlFlow::Break(()))
        })?;
        if records.is_empty() {
            bail!("{self} contains no {name}; is it CIFAR-100's binary version?")
        } else {
            Ok(records)
        }
    }
}

impl Member<'_> {
    /// Copies the file to `to` and checks its length and each record's labels while copying.
    ///
    /// # Errors
    /// Fails if the content is not CIFAR-100's, or cannot be read or written.
    pub fn copy_checked(self, to: &mut impl Write) -> Result<()> {
        let Self { name, n_bytes, from } = self;
        let unwritten = || format!("could not write {name}");
        if name.ends_with(".txt") {
            if n_bytes > MAX_NAMES_BYTES {
                bail!("{name} has {n_bytes} bytes, which is too long for a list of label names");
            }
            io::copy(&mut from.take(MAX_NAMES_BYTES), to).map_err(explain)?;
            return to.flush().with_context(unwritten);
        }
        let expected = if name == "test.bin" { TEST_BYTES } else { TRAIN_BYTES };
        if n_bytes != expected {
            bail!("{name} has {n_bytes} bytes; CIFAR-100's has {expected}");
        }
        let mut chunk = vec![0; CHUNK_RECORDS * RECORD_BYTES];
        for i in 0..expected as usize / chunk.len() {
            from.read_exact(&mut chunk).map_err(explain)?;
            parse_records(&chunk)
                .map_err(|error| from_the_start(error, i * CHUNK_RECORDS))
                .context(name)?;
            to.write_all(&chunk).with_context(unwritten)?;
        }
        to.flush().with_context(unwritten)
    }
}

fn visit_folder(folder: &Path, mut take: impl FnMut(Member<'_>) -> Result<ControlFlow<()>>) -> Result<()> {
    for name in NAMES {
        let path = folder.join(name);
        if path.is_file() {
            let mut file = File::open(&path).with_context(|| format!("could not read {}", path.display()))?;
            let n_bytes = file.metadata()?.len();
            let from = &mut file;
            if take(Member { name, n_bytes, from })?.is_break() {
                break;
            }
        }
    }
    Ok(())
}

fn visit_archive(files: &[PathBuf], mut take: impl FnMut(Member<'_>) -> Result<ControlFlow<()>>) -> Result<()> {
    let mut unzipped = MultiGzDecoder::new(BufReader::with_capacity(1 << 16, Joined::new(files)));
    let mut archive = tar::Archive::new(&mut unzipped);
    for entry in archive.entries().map_err(explain)? {
        let mut entry = entry.map_err(explain)?;
        let path = entry.path().map_err(explain)?.into_owned();
        let Some(name) = wanted(&path) else { continue };
        let n_bytes = entry.header().size().map_err(explain)?;
        let from = &mut entry;
        if take(Member { name, n_bytes, from })?.is_break() {
            return Ok(());
        }
    }
    // The end of the stream holds its checksum.
    io::copy(&mut unzipped, &mut io::sink()).map_err(explain)?;
    Ok(())
}

/// The name, if it is one of [`NAMES`] and lies where CIFAR-100's archive has it.
fn wanted(path: &Path) -> Option<&'static str> {
    let path = path.strip_prefix(".").unwrap_or(path);
    let path = path.strip_prefix("cifar-100-binary").unwrap_or(path);
    NAMES.into_iter().find(|name| path == Path::new(name))
}

/// Explains a read error: a damaged archive surfaces as errors of the decompressor or of tar.
fn explain(error: io::Error) -> anyhow::Error {
    let text = error.to_string();
    if error.kind() == io::ErrorKind::UnexpectedEof
        || text.contains("unexpected EOF")
        || text.contains("unexpected end")
    {
        anyhow::anyhow!("the archive is truncated; download it again")
    } else if text.contains("gzip") || text.contains("deflate") || text.contains("crc") || text.contains("checksum") {
        anyhow::anyhow!("not a .tar.gz archive, or a damaged one ({text})")
    } else {
        anyhow::Error::new(error).context("could not read the archive")
    }
}

/// Makes the error's record index relative to the start of the file.
fn from_the_start(error: RecordsError, first: usize) -> RecordsError {
    match error {
        RecordsError::Label {
            record,
            kind,
            label,
            max,
        } => RecordsError::Label {
            record: first + record,
            kind,
            label,
            max,
        },
        other => other,
    }
}
