//! Locates the checkout and Cargo's target folder, and copies files into them.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use serde::Deserialize;

use crate::step::output;

pub struct Repo {
    /// The checkout.
    pub root: PathBuf,
    /// `xtask` in Cargo's target folder, which CARGO_TARGET_DIR may move.
    pub work: PathBuf,
    /// Cargo's target folder.
    pub target: PathBuf,
    pub version: String,
}

#[derive(Deserialize)]
struct Metadata {
    target_directory: PathBuf,
    workspace_root: PathBuf,
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    version: String,
}

impl Repo {
    /// Asks cargo. Reads the manifest's folder from the environment at run time, because checkouts that share a target folder
    /// share this program.
    pub fn locate() -> Result<Self> {
        let mut metadata = cargo();
        metadata.args(["metadata", "--no-deps", "--format-version", "1"]);
        if let Some(manifest) = std::env::var_os("CARGO_MANIFEST_DIR") {
            metadata.current_dir(manifest);
        }
        let metadata: Metadata = serde_json::from_str(&output(&mut metadata)?).context("cargo metadata")?;
        let version = metadata.packages.iter().find(|package| package.name == "fidelity-lab");
        Ok(Self {
            root: metadata.workspace_root,
            work: metadata.target_directory.join("xtask"),
            target: metadata.target_directory,
            version: version.map_or_else(|| "0.0.0".to_owned(), |package| package.version.clone()),
        })
    }

    pub fn path(&self, relative: &str) -> PathBuf {
        self.root.join(relative)
    }

    /// Keeps a second xtask from building into the same folders until the returned lock is dropped.
    pub fn lock(&self) -> Result<File> {
        fs::create_dir_all(&self.work).with_context(|| format!("could not create {}", self.work.display()))?;
        let lock = File::create(self.work.join("lock"))?;
        if lock.try_lock().is_err() {
            println!(
                "> waiting for another xtask that is building into {}",
                self.work.display()
            );
            lock.lock().context("could not lock the build folder")?;
        }
        Ok(lock)
    }
}

/// Returns the cargo that started this program, in a clean environment. `cargo run` sets variables of the package it runs; build
/// scripts would see them and treat them as changes.
pub fn cargo() -> Command {
    let program = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(program);
    clean(&mut command);
    command
}

pub fn clean(command: &mut Command) {
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if text == "CARGO" || text.starts_with("CARGO_PKG_") || text.starts_with("CARGO_MANIFEST_") {
            command.env_remove(&name);
        }
    }
}

/// Copies a file unless the target already has the same bytes, so that later steps see no change.
pub fn copy_if_changed(from: &Path, to: &Path) -> Result<()> {
    let bytes = fs::read(from).with_context(|| format!("could not read {}", from.display()))?;
    write_if_changed(to, &bytes)
}

pub fn write_if_changed(path: &Path, bytes: &[u8]) -> Result<()> {
    if fs::read(path).is_ok_and(|present| present == bytes) {
        return Ok(());
    }
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)?;
    }
    fs::write(path, bytes).with_context(|| format!("could not write {}", path.display()))
}

/// Returns the sorted paths of all files below a folder, except hidden files and `node_modules`.
pub fn files_below(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        let entries = fs::read_dir(&folder).with_context(|| format!("could not list {}", folder.display()))?;
        for entry in entries {
            let entry = entry?;
            let name = entry.file_name();
            if name.to_string_lossy().starts_with('.') || name == "node_modules" {
                continue;
            }
            if entry.file_type()?.is_dir() {
                folders.push(entry.path());
            } else {
                files.push(entry.path());
            }
        }
    }
    files.sort();
    Ok(files)
}
