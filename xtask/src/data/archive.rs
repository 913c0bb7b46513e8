//! Unpacks test.bin, train.bin and the label names: read as a stream, checked, then moved into place as one.

use std::fs::{self, File};
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use flate2::read::MultiGzDecoder;

use super::source::{Joined, Source};
use super::{NAMES, records};

/// A list of label names is a few hundred bytes.
const MAX_NAMES_BYTES: u64 = 65_536;

/// Replaces `folder` by what the source holds, or leaves it as it was.
pub fn unpack(source: &Source, folder: &Path) -> Result<()> {
    let fresh = folder.with_extension(format!("unpacking-{}", std::process::id()));
    let result = fill(source, &fresh).and_then(|()| put_in_place(&fresh, folder));
    if result.is_err() {
        let _ = fs::remove_dir_all(&fresh);
    }
    result
}

fn fill(source: &Source, folder: &Path) -> Result<()> {
    let _ = fs::remove_dir_all(folder);
    fs::create_dir_all(folder).with_context(|| format!("could not make {}", folder.display()))?;
    match source {
        Source::Archive(files) => from_archive(files, folder).with_context(|| format!("{source}"))?,
        Source::Folder(from) => {
            for name in NAMES {
                let path = from.join(name);
                if path.is_file() {
                    let file = File::open(&path).with_context(|| format!("could not read {}", path.display()))?;
                    let bytes = file.metadata()?.len();
                    keep(name, bytes, file, folder).with_context(|| format!("{source}"))?;
                }
            }
        }
    }
    if !folder.join("test.bin").exists() {
        bail!("{source} holds no test.bin; is it CIFAR-100's binary version?");
    }
    Ok(())
}

fn from_archive(files: &[PathBuf], folder: &Path) -> Result<()> {
    let mut unzipped = MultiGzDecoder::new(BufReader::with_capacity(1 << 16, Joined::new(files)));
    let mut archive = tar::Archive::new(&mut unzipped);
    for entry in archive.entries().map_err(explain)? {
        let entry = entry.map_err(explain)?;
        let path = entry.path().map_err(explain)?.into_owned();
        let Some(name) = wanted(&path) else { continue };
        let bytes = entry.header().size().map_err(explain)?;
        keep(name, bytes, entry, folder)?;
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

/// Copies one file and checks it on the way.
fn keep(name: &str, bytes: u64, from: impl Read, folder: &Path) -> Result<()> {
    let mut to = BufWriter::new(File::create(folder.join(name)).with_context(|| format!("could not write {name}"))?);
    if name.ends_with(".txt") {
        if bytes > MAX_NAMES_BYTES {
            bail!("{name} has {bytes} bytes, which is no list of label names");
        }
        io::copy(&mut from.take(MAX_NAMES_BYTES), &mut to).map_err(explain)?;
    } else {
        records::copy_checked(name, bytes, from, &mut to)?;
    }
    to.flush().with_context(|| format!("could not write {name}"))?;
    Ok(())
}

/// What reading errors of a damaged archive mean.
pub fn explain(error: io::Error) -> anyhow::Error {
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

/// Renames, so that the server never sees half a set.
fn put_in_place(fresh: &Path, folder: &Path) -> Result<()> {
    let old = folder.with_extension(format!("old-{}", std::process::id()));
    let had_one = folder.exists();
    if had_one {
        fs::rename(folder, &old).with_context(|| format!("could not move {} away", folder.display()))?;
    }
    if let Err(error) = fs::rename(fresh, folder) {
        if had_one {
            let _ = fs::rename(&old, folder);
        }
        return Err(error).with_context(|| format!("could not move the data to {}", folder.display()));
    }
    let _ = fs::remove_dir_all(&old);
    Ok(())
}

#[cfg(test)]
mod tests;
