//! The folder of the page's networks, with their files and manifests.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use fidelity_lab::weights::manifest::{Entry, Manifest};
use fidelity_lab::weights::{Network, Role};

use crate::networks::read_file;
use crate::output;

const MANIFEST: &str = "manifest.json";
/// Folder of the families that the page does not show yet.
const INCOMPLETE: &str = "incomplete";
/// Least number of teachers of a complete family, and of teachers of one of its students.
const N_TEACHERS: usize = 3;

/// All networks with their files.
pub struct Store {
    folder: PathBuf,
    networks: Vec<StoredNetwork>,
    /// Files of removed entries, which [`Store::write`] deletes.
    removed: Vec<PathBuf>,
}

struct StoredNetwork {
    entry: Entry,
    /// Folder that holds its files now.
    folder: PathBuf,
}

impl Store {
    /// Reads both manifests and checks every file that they list.
    ///
    /// # Errors
    /// If a manifest cannot be read, or a file differs from its entry; the message names the first such file.
    pub fn open(folder: &Path) -> Result<Self> {
        let mut store = Self {
            folder: folder.to_owned(),
            networks: Vec::new(),
            removed: Vec::new(),
        };
        if !folder.is_dir() {
            bail!(
                "{} is not a folder; --weights must name the folder of the page's networks",
                folder.display()
            );
        }
        for folder in [folder.to_owned(), folder.join(INCOMPLETE)] {
            let path = folder.join(MANIFEST);
            if !path.exists() {
                continue;
            }
            let text = String::from_utf8(read_file(&path)?).with_context(|| path.display().to_string())?;
            let manifest = Manifest::parse(&text).with_context(|| path.display().to_string())?;
            for entry in manifest.networks {
                check(&folder, &entry).with_context(|| path.display().to_string())?;
                if store.find(&entry.name).is_some() {
                    bail!("both manifests of {} list `{}`", store.folder.display(), entry.name);
                }
                let folder = folder.clone();
                store.networks.push(StoredNetwork { entry, folder });
            }
        }
        Ok(store)
    }

    /// Iterates over all entries, those of complete families first.
    pub fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.networks.iter().map(|network| &network.entry)
    }

    pub fn find(&self, name: &str) -> Option<&Entry> {
        self.entries().find(|entry| entry.name == name)
    }

    /// Finds the entry whose network file has this name.
    pub fn owner_of(&self, file: &str) -> Option<&Entry> {
        self.entries().find(|entry| entry.file == file)
    }

    /// Returns the path of an entry's network.
    pub fn path(&self, entry: &Entry) -> PathBuf {
        self.folder_of(&entry.name).join(&entry.file)
    }

    /// Returns the path of an entry's logits, if it has some.
    pub fn logits_path(&self, entry: &Entry) -> Option<PathBuf> {
        entry
            .logits
            .as_ref()
            .map(|logits| self.folder_of(&entry.name).join(&logits.file))
    }

    fn folder_of(&self, name: &str) -> &Path {
        let network = self.networks.iter().find(|network| network.entry.name == name);
        network.map_or(&self.folder, |network| &network.folder)
    }

    /// Removes an entry, and its files with the next [`Store::write`].
    ///
    /// # Errors
    /// If no network has this name.
    pub fn remove(&mut self, name: &str) -> Result<()> {
        let Some(i) = self.networks.iter().position(|network| network.entry.name == name) else {
            let known: Vec<&str> = self.entries().map(|entry| entry.name.as_str()).collect();
            bail!("no network is named `{name}`; the networks are {}", known.join(", "));
        };
        let StoredNetwork { entry, folder } = self.networks.remove(i);
        self.removed.push(folder.join(&entry.file));
        self.removed.extend(entry.logits.map(|logits| folder.join(logits.file)));
        Ok(())
    }

    /// Adds a network with its files, or replaces the one with the same name.
    ///
    /// # Errors
    /// If a file cannot be written.
    pub fn put(&mut self, entry: Entry, weights: &[u8], logits: &[u8]) -> Result<()> {
        let existing = self
            .networks
            .iter()
            .position(|network| network.entry.name == entry.name);
        let folder = match existing {
            Some(i) => self.networks[i].folder.clone(),
            None => self.folder.join(INCOMPLETE),
        };
        fs::create_dir_all(&folder).with_context(|| format!("could not create {}", folder.display()))?;
        output::write(&folder.join(&entry.file), weights)?;
        if let Some(logits_file) = &entry.logits {
            output::write(&folder.join(&logits_file.file), logits)?;
        }
        let network = StoredNetwork { entry, folder };
        match existing {
            Some(i) => self.networks[i] = network,
            None => self.networks.push(network),
        }
        Ok(())
    }

    /// Moves each family to its folder, writes the manifests and deletes the files of removed entries.
    ///
    /// # Errors
    /// If a manifest would contradict itself (a student without its teachers), or a file cannot be moved, written or deleted.
    pub fn write(&mut self) -> Result<()> {
        let complete = self.complete_families();
        let incomplete = self.folder.join(INCOMPLETE);
        let (shown, others): (Vec<_>, Vec<_>) = self.entries().cloned().partition(|e| complete.contains(&e.family));
        // Both are checked before any file is touched.
        let manifests = [
            (
                self.folder.join(MANIFEST),
                shown.is_empty(),
                text_of(Manifest { networks: shown })?,
            ),
            (
                incomplete.join(MANIFEST),
                others.is_empty(),
                text_of(Manifest { networks: others })?,
            ),
        ];
        for network in &mut self.networks {
            let home = if complete.contains(&network.entry.family) {
                &self.folder
            } else {
                &incomplete
            };
            if network.folder == *home {
                continue;
            }
            fs::create_dir_all(home).with_context(|| format!("could not create {}", home.display()))?;
            for file in files(&network.entry) {
                let from = network.folder.join(file);
                fs::rename(&from, home.join(file)).with_context(|| format!("could not move {}", from.display()))?;
            }
            network.folder = home.clone();
        }
        for (path, is_empty, text) in manifests {
            // An empty manifest only replaces an older one.
            if !is_empty || path.exists() {
                output::write(&path, text.as_bytes())?;
            }
        }
        let kept: BTreeSet<PathBuf> = self
            .networks
            .iter()
            .flat_map(|network| files(&network.entry).map(|file| network.folder.join(file)))
            .collect();
        for path in self
            .removed
            .drain(..)
            .filter(|path| !kept.contains(path) && path.exists())
        {
            fs::remove_file(&path).with_context(|| format!("could not remove {}", path.display()))?;
        }
        self.networks.sort_by_key(|network| network.folder != self.folder);
        Ok(())
    }

    /// Counts the networks of complete and of incomplete families.
    pub fn counts(&self) -> [usize; 2] {
        let n_shown = self
            .networks
            .iter()
            .filter(|network| network.folder == self.folder)
            .count();
        [n_shown, self.networks.len() - n_shown]
    }

    /// Returns the families with three teachers and a student that at least three of them taught.
    fn complete_families(&self) -> BTreeSet<String> {
        let families: BTreeSet<&String> = self.entries().map(|entry| &entry.family).collect();
        let is_complete = |family: &&String| {
            let of = |role| {
                self.entries()
                    .filter(move |entry| entry.family == **family && entry.role == role)
            };
            let teachers: BTreeSet<&String> = of(Role::Teacher).map(|entry| &entry.name).collect();
            let taught = |entry: &Entry| {
                let by = entry.taught_by.as_deref().unwrap_or_default();
                by.len() >= N_TEACHERS && by.iter().all(|name| teachers.contains(name))
            };
            teachers.len() >= N_TEACHERS && of(Role::Student).any(taught)
        };
        families.into_iter().filter(is_complete).cloned().collect()
    }
}

fn check(folder: &Path, entry: &Entry) -> Result<()> {
    let bytes = read_file(&folder.join(&entry.file))?;
    entry.check_bytes(&bytes)?;
    let network = Network::from_safetensors(&bytes).with_context(|| entry.file.clone())?;
    entry.check(&network)?;
    if let Some(logits) = &entry.logits {
        logits.check_bytes(&read_file(&folder.join(&logits.file))?)?;
    }
    Ok(())
}

/// The names of an entry's files.
fn files(entry: &Entry) -> impl Iterator<Item = &String> {
    [&entry.file]
        .into_iter()
        .chain(entry.logits.as_ref().map(|logits| &logits.file))
}

/// Formats a manifest, and parses the result to check that it does not contradict itself.
fn text_of(manifest: Manifest) -> Result<String> {
    let text = serde_json::to_string_pretty(&manifest)?;
    Manifest::parse(&text)?;
    Ok(flat_lists(&text) + "\n")
}

/// Puts each list of numbers in pretty JSON on one line; otherwise a curve would fill a screen. (A formatter of serde_json would not be
/// shorter: it learns too late whether a list holds numbers.)
fn flat_lists(pretty: &str) -> String {
    let mut text = String::with_capacity(pretty.len());
    let mut lines = pretty.lines().peekable();
    let is_number = |line: &str| {
        let value = line.trim().trim_end_matches(',');
        value == "null" || value.parse::<f64>().is_ok()
    };
    while let Some(line) = lines.next() {
        text += line;
        if line.ends_with('[') && lines.peek().is_some_and(|next| is_number(next)) {
            for value in lines.by_ref().map(str::trim) {
                text += value;
                if value.starts_with(']') {
                    break;
                }
                text += if value.ends_with(',') { " " } else { "" };
            }
        }
        text.push('\n');
    }
    text.trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::flat_lists;

    #[test]
    fn lists_of_numbers_take_a_line() {
        let value = serde_json::json!({"a": [1.5, null, 2], "b": [{"c": [null]}], "d": ["x"], "e": []});
        let flat = flat_lists(&serde_json::to_string_pretty(&value).unwrap());
        assert_eq!(serde_json::from_str::<serde_json::Value>(&flat).unwrap(), value);
        assert!(flat.contains("\"a\": [1.5, null, 2],\n"), "{flat}");
        assert!(flat.contains("\"c\": [null]\n"), "{flat}");
    }
}
