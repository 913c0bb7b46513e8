//! The folder of the page's networks: files and their manifests.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use fidelity_lab::weights::manifest::{Entry, Manifest};
use fidelity_lab::weights::{Network, Role};

use crate::networks::read_file;
use crate::output;

const MANIFEST: &str = "manifest.json";
/// Where the families wait that the page does not show yet.
const INCOMPLETE: &str = "incomplete";
/// Teachers that a complete family has, and that taught its student.
const N_TEACHERS: usize = 3;

/// Networks with their files.
pub struct Store {
    folder: PathBuf,
    held: Vec<Held>,
    /// Files of entries that went.
    gone: Vec<PathBuf>,
}

struct Held {
    entry: Entry,
    /// Where its files are now.
    folder: PathBuf,
}

impl Store {
    /// Reads both manifests and checks every file that they list.
    ///
    /// # Errors
    /// Where a manifest cannot be read, or a file is not the one that it lists; the first such file is named.
    pub fn open(folder: &Path) -> Result<Self> {
        let mut store = Self {
            folder: folder.to_owned(),
            held: Vec::new(),
            gone: Vec::new(),
        };
        if !folder.is_dir() {
            bail!(
                "{} is no folder; --weights names that of the page's networks",
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
                store.held.push(Held { entry, folder });
            }
        }
        Ok(store)
    }

    /// All networks: those of complete families, then the others.
    pub fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.held.iter().map(|held| &held.entry)
    }

    pub fn find(&self, name: &str) -> Option<&Entry> {
        self.entries().find(|entry| entry.name == name)
    }

    /// Whose file has this name.
    pub fn owner_of(&self, file: &str) -> Option<&Entry> {
        self.entries().find(|entry| entry.file == file)
    }

    /// Where an entry's network is.
    pub fn path(&self, entry: &Entry) -> PathBuf {
        self.folder_of(&entry.name).join(&entry.file)
    }

    /// The bytes of an entry's logits, where it has some.
    pub fn logits_path(&self, entry: &Entry) -> Option<PathBuf> {
        entry
            .logits
            .as_ref()
            .map(|logits| self.folder_of(&entry.name).join(&logits.file))
    }

    fn folder_of(&self, name: &str) -> &Path {
        let held = self.held.iter().find(|held| held.entry.name == name);
        held.map_or(&self.folder, |held| &held.folder)
    }

    /// # Errors
    /// Where no network has that name.
    pub fn remove(&mut self, name: &str) -> Result<()> {
        let Some(i) = self.held.iter().position(|held| held.entry.name == name) else {
            let known: Vec<&str> = self.entries().map(|entry| entry.name.as_str()).collect();
            bail!(
                "there is no network `{name}` to remove; there are: {}",
                known.join(", ")
            );
        };
        let Held { entry, folder } = self.held.remove(i);
        self.gone.push(folder.join(&entry.file));
        self.gone.extend(entry.logits.map(|logits| folder.join(logits.file)));
        Ok(())
    }

    /// Adds a network with its files, or replaces the one of that name.
    ///
    /// # Errors
    /// Where a file cannot be written.
    pub fn put(&mut self, entry: Entry, weights: &[u8], logits: &[u8]) -> Result<()> {
        let known = self.held.iter().position(|held| held.entry.name == entry.name);
        let folder = match known {
            Some(i) => self.held[i].folder.clone(),
            None => self.folder.join(INCOMPLETE),
        };
        fs::create_dir_all(&folder).with_context(|| format!("could not make {}", folder.display()))?;
        output::write(&folder.join(&entry.file), weights)?;
        if let Some(listed) = &entry.logits {
            output::write(&folder.join(&listed.file), logits)?;
        }
        let held = Held { entry, folder };
        match known {
            Some(i) => self.held[i] = held,
            None => self.held.push(held),
        }
        Ok(())
    }

    /// Moves each family to where it belongs, and writes the manifests.
    ///
    /// # Errors
    /// Where a manifest would contradict itself (a student without its teachers), or a file cannot be moved or written.
    pub fn write(&mut self) -> Result<()> {
        let complete = self.complete_families();
        let waiting = self.folder.join(INCOMPLETE);
        let (shown, others): (Vec<_>, Vec<_>) = self.entries().cloned().partition(|e| complete.contains(&e.family));
        let texts = [shown, others].map(|networks| text_of(Manifest { networks }));
        let [shown, others] = texts;
        let (shown, others) = (shown?, others?);
        for held in &mut self.held {
            let home = if complete.contains(&held.entry.family) {
                &self.folder
            } else {
                &waiting
            };
            let logits = held.entry.logits.as_ref().map(|logits| &logits.file);
            for file in [&held.entry.file]
                .into_iter()
                .chain(logits)
                .filter(|_| held.folder != *home)
            {
                fs::create_dir_all(home).with_context(|| format!("could not make {}", home.display()))?;
                let from = held.folder.join(file);
                fs::rename(&from, home.join(file)).with_context(|| format!("could not move {}", from.display()))?;
            }
            held.folder = home.clone();
        }
        if complete.is_empty() && shown_nothing(&shown) && !self.folder.join(MANIFEST).exists() {
            // A folder that never showed anything needs no list of nothing.
        } else {
            output::write(&self.folder.join(MANIFEST), shown.as_bytes())?;
        }
        if waiting.join(MANIFEST).exists() || !shown_nothing(&others) {
            output::write(&waiting.join(MANIFEST), others.as_bytes())?;
        }
        let kept: BTreeSet<PathBuf> = self
            .held
            .iter()
            .flat_map(|held| {
                let logits = held.entry.logits.iter().map(|logits| held.folder.join(&logits.file));
                logits.chain([held.folder.join(&held.entry.file)]).collect::<Vec<_>>()
            })
            .collect();
        for path in self.gone.drain(..).filter(|path| !kept.contains(path) && path.exists()) {
            fs::remove_file(&path).with_context(|| format!("could not remove {}", path.display()))?;
        }
        self.held.sort_by_key(|held| held.folder != self.folder);
        Ok(())
    }

    /// Networks that the page shows, and those that wait.
    pub fn counts(&self) -> [usize; 2] {
        let n_shown = self.held.iter().filter(|held| held.folder == self.folder).count();
        [n_shown, self.held.len() - n_shown]
    }

    /// Families with three teachers and a student that three or more of them taught.
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

/// Read again before it is written, so that no manifest contradicts itself.
fn text_of(manifest: Manifest) -> Result<String> {
    // Two-space indentation would make a curve a screen long: entries are indented, and what is in a list of numbers is not.
    let text = serde_json::to_string_pretty(&manifest)?;
    Manifest::parse(&text)?;
    Ok(flat_lists(&text) + "\n")
}

/// Pretty JSON with each list of numbers on one line.
fn flat_lists(pretty: &str) -> String {
    let mut text = String::with_capacity(pretty.len());
    let mut lines = pretty.lines().peekable();
    while let Some(line) = lines.next() {
        let is_value = |next: &str| {
            next.trim().trim_end_matches(',').parse::<f64>().is_ok() || next.trim().trim_end_matches(',') == "null"
        };
        if line.ends_with('[') && lines.peek().is_some_and(|next| is_value(next)) {
            text += line;
            for next in lines.by_ref() {
                let next = next.trim();
                text += next;
                if next.starts_with(']') {
                    break;
                }
                text += if next.ends_with(',') { " " } else { "" };
            }
        } else {
            text += line;
        }
        text.push('\n');
    }
    text.trim_end().to_owned()
}

fn shown_nothing(text: &str) -> bool {
    Manifest::parse(text).is_ok_and(|manifest| manifest.networks.is_empty())
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
