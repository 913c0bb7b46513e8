//! CIFAR-100 as people have it: a .tar.gz, its parts or a folder. Read as a stream, in one pass, and checked on the way.
//!
//! For native programs, which report errors as text: hence anyhow instead of an error type.

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

/// The files that are taken; `test.bin` is the one that must be there.
pub const NAMES: [&str; 4] = [
    "test.bin",
    "train.bin",
    "fine_label_names.txt",
    "coarse_label_names.txt",
];
/// Length of test.bin.
pub const TEST_BYTES: u64 = 10_000 * RECORD_BYTES as u64;
/// Length of train.bin.
pub const TRAIN_BYTES: u64 = 50_000 * RECORD_BYTES as u64;

/// A list of label names is a few hundred bytes.
const MAX_NAMES_BYTES: u64 = 65_536;
const CHUNK_RECORDS: usize = 1000;

/// One of [`NAMES`] on its way out of a source.
pub struct Member<'a> {
    /// Without its folder.
    pub name: &'static str,
    /// As the container says.
    n_bytes: u64,
    from: &'a mut dyn Read,
}

impl Source {
    /// Hands over each of [`NAMES`] that the source holds, in its order, until `take` breaks off or all are read.
    ///
    /// # Errors
    /// What `take` gives, and where the source cannot be read or is damaged; what is behind a break is not looked at.
    pub fn visit(&self, take: impl FnMut(Member<'_>) -> Result<ControlFlow<()>>) -> Result<()> {
        match self {
            Self::Archive(files) => visit_archive(files, take),
            Self::Folder(folder) => visit_folder(folder, take),
        }
        .with_context(|| format!("{self}"))
    }

    /// The records of `test.bin` or `train.bin`, checked.
    ///
    /// # Errors
    /// Where the source does not hold the file, or as [`Self::visit`].
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
            bail!("{self} holds no {name}; is it CIFAR-100's binary version?")
        } else {
            Ok(records)
        }
    }
}

impl Member<'_> {
    /// Copies it to `to` and checks it on the way: its length, and each record's labels.
    ///
    /// # Errors
    /// Where it is not what it should be, or cannot be read or written.
    pub fn copy_checked(self, to: &mut impl Write) -> Result<()> {
        let Self { name, n_bytes, from } = self;
        let unwritten = || format!("could not write {name}");
        if name.ends_with(".txt") {
            if n_bytes > MAX_NAMES_BYTES {
                bail!("{name} has {n_bytes} bytes, which is no list of label names");
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

/// The name, if it is one of those we take and stands where CIFAR-100 has it.
fn wanted(path: &Path) -> Option<&'static str> {
    let path = path.strip_prefix(".").unwrap_or(path);
    let path = path.strip_prefix("cifar-100-binary").unwrap_or(path);
    NAMES.into_iter().find(|name| path == Path::new(name))
}

/// What reading errors of a damaged archive mean.
fn explain(error: io::Error) -> anyhow::Error {
    let text = error.to_string();
    if error.kind() == io::ErrorKind::UnexpectedEof
        || text.contains("unexpected EOF")
        || text.contains("unexpected end")
    {
        anyhow::anyhow!("the archive is truncated: it ends in the middle. Fetch it again")
    } else if text.contains("gzip") || text.contains("deflate") || text.contains("crc") || text.contains("checksum") {
        anyhow::anyhow!("this is no .tar.gz archive, or a damaged one ({text})")
    } else {
        anyhow::Error::new(error).context("could not read the archive")
    }
}

/// Counts the record from the start of the file.
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
