//! The sources that can hold CIFAR-100: an archive, its parts, or a folder.

use std::collections::VecDeque;
use std::fmt::{self, Display};
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

/// The location of CIFAR-100's files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// A .tar.gz in one file or in parts, in order.
    Archive(Vec<PathBuf>),
    /// A folder with test.bin.
    Folder(PathBuf),
}

impl Source {
    /// Recognises `path`: an archive of any name, one of its parts, a folder with either, a folder with test.bin, or test.bin.
    ///
    /// # Errors
    /// Fails if `path` cannot be read, holds none or several of these, or a part is missing.
    pub fn find(path: &Path) -> Result<Self> {
        let metadata = fs::metadata(path).with_context(|| format!("{} cannot be read", path.display()))?;
        if metadata.is_dir() {
            return Self::in_folder(path);
        }
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if let Some((stem, _)) = split_part(&name) {
            return parts_of(path.parent().unwrap_or(Path::new(".")), stem).map(Self::Archive);
        }
        if name == "test.bin" {
            return Ok(Self::Folder(path.parent().unwrap_or(Path::new(".")).to_owned()));
        }
        Ok(Self::Archive(vec![path.to_owned()]))
    }

    fn in_folder(folder: &Path) -> Result<Self> {
        for inner in [folder.to_owned(), folder.join("cifar-100-binary")] {
            if inner.join("test.bin").is_file() {
                return Ok(Self::Folder(inner));
            }
        }
        let mut archives = Vec::new();
        let mut stems = Vec::new();
        for entry in fs::read_dir(folder).with_context(|| format!("could not list {}", folder.display()))? {
            let name = entry?.file_name().to_string_lossy().into_owned();
            if let Some((stem, _)) = split_part(&name) {
                stems.push(stem.to_owned());
            } else if name.ends_with(".tar.gz") || name.ends_with(".tgz") {
                archives.push(folder.join(name));
            }
        }
        stems.sort();
        stems.dedup();
        match (archives.as_slice(), stems.as_slice()) {
            ([archive], []) => Ok(Self::Archive(vec![archive.clone()])),
            ([], [stem]) => parts_of(folder, stem).map(Self::Archive),
            ([], []) => bail!(
                "{} does not contain CIFAR-100: expected test.bin, a folder cifar-100-binary, a .tar.gz or parts .tar.gz.part0, .part1, …",
                folder.display()
            ),
            _ => bail!("{} contains several archives; name one of them", folder.display()),
        }
    }
}

impl Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Archive(files) if files.len() > 1 => write!(f, "{} and the parts after it", files[0].display()),
            Self::Archive(files) => files.iter().try_for_each(|file| write!(f, "{}", file.display())),
            Self::Folder(folder) => write!(f, "{}", folder.display()),
        }
    }
}

/// Splits `a.tar.gz.part3` into `("a.tar.gz", 3)`.
fn split_part(name: &str) -> Option<(&str, usize)> {
    let (stem, number) = name.rsplit_once(".part")?;
    Some((stem, number.parse().ok()?))
}

/// The parts of one archive, sorted by number. Fails if one is missing in between.
fn parts_of(folder: &Path, stem: &str) -> Result<Vec<PathBuf>> {
    let mut parts = Vec::new();
    for entry in fs::read_dir(folder).with_context(|| format!("could not list {}", folder.display()))? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if let Some((_, number)) = split_part(&name).filter(|(found, _)| *found == stem) {
            parts.push((number, folder.join(name)));
        }
    }
    parts.sort();
    for (expected, (number, _)) in parts.iter().enumerate() {
        if *number != expected {
            bail!("{}: part {expected} is missing", folder.join(stem).display());
        }
    }
    Ok(parts.into_iter().map(|(_, path)| path).collect())
}

/// A reader over the concatenated bytes of several files.
pub(super) struct Joined {
    rest: VecDeque<PathBuf>,
    current: Option<File>,
}

impl Joined {
    pub(super) fn new(files: &[PathBuf]) -> Self {
        Self {
            rest: files.to_vec().into(),
            current: None,
        }
    }
}

impl Read for Joined {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            if let Some(file) = &mut self.current {
                let n = file.read(buffer)?;
                if n > 0 || buffer.is_empty() {
                    return Ok(n);
                }
            }
            match self.rest.pop_front() {
                Some(path) => self.current = Some(File::open(path)?),
                None => return Ok(0),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(names: &[&str]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for name in names {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, name).unwrap();
        }
        folder
    }

    #[test]
    fn parts_come_in_the_order_of_their_numbers() {
        let names: Vec<String> = (0..11).map(|i| format!("a.tar.gz.part{i}")).collect();
        let folder = folder(&names.iter().map(String::as_str).collect::<Vec<_>>());
        let expected: Vec<PathBuf> = names.iter().map(|name| folder.path().join(name)).collect();
        assert_eq!(Source::find(folder.path()).unwrap(), Source::Archive(expected.clone()));
        assert_eq!(Source::find(&expected[0]).unwrap(), Source::Archive(expected.clone()));
        let mut joined = String::new();
        Joined::new(&expected).read_to_string(&mut joined).unwrap();
        assert_eq!(joined, names.concat());
    }

    #[test]
    fn a_missing_part_is_named() {
        let folder = folder(&["a.tar.gz.part0", "a.tar.gz.part2"]);
        let message = Source::find(folder.path()).unwrap_err().to_string();
        assert!(message.ends_with("a.tar.gz: part 1 is missing"), "{message}");
    }

    #[test]
    fn folders_are_recognised_by_what_they_hold() {
        let unpacked = folder(&["cifar-100-binary/test.bin"]);
        assert_eq!(
            Source::find(unpacked.path()).unwrap(),
            Source::Folder(unpacked.path().join("cifar-100-binary"))
        );
        let inner = unpacked.path().join("cifar-100-binary");
        assert_eq!(Source::find(&inner).unwrap(), Source::Folder(inner.clone()));
        assert_eq!(Source::find(&inner.join("test.bin")).unwrap(), Source::Folder(inner));

        let one = folder(&["any.tgz", "README.md"]);
        assert_eq!(
            Source::find(one.path()).unwrap(),
            Source::Archive(vec![one.path().join("any.tgz")])
        );
        let message = Source::find(folder(&["README.md"]).path()).unwrap_err().to_string();
        assert!(message.contains("does not contain CIFAR-100"), "{message}");
        let message = Source::find(folder(&["a.tgz", "b.tgz"]).path())
            .unwrap_err()
            .to_string();
        assert!(message.contains("several archives"), "{message}");
        assert!(Source::find(Path::new("no/such/file")).is_err());
    }
}
