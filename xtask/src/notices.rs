//! Writes THIRD-PARTY-NOTICES.txt: the licences of the crates in the wasm modules and of the npm packages in the page.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde::Deserialize;

use crate::repo::{Repo, cargo};
use crate::step::output;
use crate::toolchain::TARGET;

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
    resolve: Resolve,
}

#[derive(Deserialize)]
struct Package {
    id: String,
    name: String,
    version: String,
    license: Option<String>,
    license_file: Option<PathBuf>,
    authors: Vec<String>,
    manifest_path: PathBuf,
    targets: Vec<Target>,
}

#[derive(Deserialize)]
struct Target {
    kind: Vec<String>,
}

#[derive(Deserialize)]
struct Resolve {
    nodes: Vec<Node>,
}

#[derive(Deserialize)]
struct Node {
    id: String,
    deps: Vec<Dependency>,
}

#[derive(Deserialize)]
struct Dependency {
    pkg: String,
    dep_kinds: Vec<DependencyKind>,
}

#[derive(Deserialize)]
struct DependencyKind {
    /// Null for a linked dependency, otherwise "build" or "dev".
    kind: Option<String>,
}

/// A package in the page, with the licence texts that came with it.
struct Notice {
    name: String,
    licence: String,
    texts: Vec<String>,
}

/// Returns the content of the file.
pub fn collect(repo: &Repo) -> Result<String> {
    let mut notices = crates(repo)?;
    notices.extend(npm_packages(repo)?);
    Ok(render(&notices))
}

fn render(notices: &[Notice]) -> String {
    let mut file =
        "Fidelity Lab contains the following third-party software. Each licence text appears once, after the list.\n\n"
            .to_owned();
    let mut users: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for notice in notices {
        file += &format!("{}: {}\n", notice.name, notice.licence);
        for text in &notice.texts {
            users.entry(text).or_default().push(&notice.name);
        }
    }
    for (text, names) in users {
        file += &format!("\n{}\n{}\n\n{text}\n", "-".repeat(80), names.join(", "));
    }
    file
}

/// Lists the crates that are linked into the modules. Procedural macros and build scripts only run at build time.
fn crates(repo: &Repo) -> Result<Vec<Notice>> {
    let mut command = cargo();
    command.current_dir(&repo.root);
    command.args([
        "metadata",
        "--format-version",
        "1",
        "--features",
        "cpu,threads,webgpu,browser",
        "--filter-platform",
        TARGET,
    ]);
    let metadata: Metadata = serde_json::from_str(&output(&mut command)?).context("cargo metadata")?;
    let packages: HashMap<&str, &Package> = metadata
        .packages
        .iter()
        .map(|package| (package.id.as_str(), package))
        .collect();
    let nodes: HashMap<&str, &Node> = metadata
        .resolve
        .nodes
        .iter()
        .map(|node| (node.id.as_str(), node))
        .collect();
    let root = metadata
        .packages
        .iter()
        .find(|package| package.name == "fidelity-lab")
        .context("the workspace does not contain fidelity-lab")?;

    let mut seen = BTreeSet::from([root.id.as_str()]);
    let mut open = vec![root.id.as_str()];
    while let Some(id) = open.pop() {
        let Some(node) = nodes.get(id) else { continue };
        for dependency in &node.deps {
            let linked = dependency.dep_kinds.iter().any(|kind| kind.kind.is_none());
            let is_macro = packages
                .get(dependency.pkg.as_str())
                .is_some_and(|package| package.is_macro());
            if linked && !is_macro && seen.insert(&dependency.pkg) {
                open.push(&dependency.pkg);
            }
        }
    }
    let mut linked: Vec<&Package> = seen
        .iter()
        .filter(|id| **id != root.id)
        .filter_map(|id| packages.get(id).copied())
        .collect();
    linked.sort_by(|a, b| (&a.name, &a.version).cmp(&(&b.name, &b.version)));
    let mut notices = vec![Notice {
        name: "The Rust standard library".to_owned(),
        licence: "MIT OR Apache-2.0".to_owned(),
        texts: vec![fs::read_to_string(repo.path("LICENSE-APACHE"))?.trim().to_owned()],
    }];
    for package in linked {
        let folder = package
            .manifest_path
            .parent()
            .context("a manifest has no parent folder")?;
        let mut texts = licence_texts(folder)?;
        if let Some(file) = package.license_file.as_ref().filter(|_| texts.is_empty()) {
            texts.push(fs::read_to_string(folder.join(file))?);
        }
        let licence = package.license.clone().unwrap_or_else(|| "see its text".to_owned());
        // Some crates do not package the text; the Apache licence is the same for all.
        if texts.is_empty() && licence.contains("Apache-2.0") {
            texts.push(fs::read_to_string(repo.path("LICENSE-APACHE"))?.trim().to_owned());
        }
        let authors = if texts.is_empty() {
            format!(" (by {})", package.authors.join(", "))
        } else {
            String::new()
        };
        notices.push(Notice {
            name: format!("{} {}", package.name, package.version),
            licence: licence + &authors,
            texts,
        });
    }
    Ok(notices)
}

impl Package {
    fn is_macro(&self) -> bool {
        self.targets
            .iter()
            .any(|target| target.kind.iter().any(|kind| kind == "proc-macro"))
    }
}

/// Lists the runtime dependencies of package.json, and theirs.
fn npm_packages(repo: &Repo) -> Result<Vec<Notice>> {
    let mut notices = Vec::new();
    let mut seen = BTreeSet::new();
    let mut open = dependencies(&repo.path("package.json"))?;
    while let Some(name) = open.pop() {
        if !seen.insert(name.clone()) {
            continue;
        }
        let folder = repo.path("node_modules").join(&name);
        let manifest: serde_json::Value = serde_json::from_str(&fs::read_to_string(folder.join("package.json"))?)?;
        open.extend(dependencies(&folder.join("package.json"))?);
        notices.push(Notice {
            name: format!("{name} {} (npm)", manifest["version"].as_str().unwrap_or_default()),
            licence: manifest["license"].as_str().unwrap_or("see its text").to_owned(),
            texts: licence_texts(&folder)?,
        });
    }
    notices.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(notices)
}

fn dependencies(manifest: &Path) -> Result<Vec<String>> {
    let text = fs::read_to_string(manifest).with_context(|| format!("could not read {}", manifest.display()))?;
    let manifest: serde_json::Value = serde_json::from_str(&text)?;
    let names = manifest["dependencies"]
        .as_object()
        .map(|dependencies| dependencies.keys().cloned().collect());
    Ok(names.unwrap_or_default())
}

/// Returns the licence texts beside a package's manifest.
fn licence_texts(folder: &Path) -> Result<Vec<String>> {
    let mut paths: Vec<PathBuf> = Vec::new();
    for entry in fs::read_dir(folder).with_context(|| format!("could not list {}", folder.display()))? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
        let is_licence = ["license", "licence", "copying", "notice", "unlicense", "copyright"]
            .iter()
            .any(|word| name.starts_with(word));
        if is_licence && path.is_file() {
            paths.push(path);
        }
    }
    paths.sort();
    let texts = paths.iter().map(|path| {
        let bytes = fs::read(path).with_context(|| format!("could not read {}", path.display()))?;
        Ok(String::from_utf8_lossy(&bytes).replace("\r\n", "\n").trim().to_owned())
    });
    texts.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_that_two_packages_share_stands_once() {
        let notice = |name: &str, text: &str| Notice {
            name: name.to_owned(),
            licence: "MIT".to_owned(),
            texts: vec![text.to_owned()],
        };
        let file = render(&[
            notice("a 1.0", "the text"),
            notice("b 2.0", "the text"),
            notice("c 3.0", "another"),
        ]);
        assert_eq!(file.matches("the text").count(), 1);
        assert!(
            file.contains("a 1.0, b 2.0\n\nthe text") && file.contains("c 3.0\n\nanother"),
            "{file}"
        );
    }

    #[test]
    fn linked_crates_are_listed_with_their_texts_and_macros_are_not() {
        let repo = Repo::locate().unwrap();
        let notices = crates(&repo).unwrap();
        let find = |name: &str| notices.iter().find(|notice| notice.name.starts_with(name));
        let silent: Vec<&str> = notices
            .iter()
            .filter(|notice| notice.texts.is_empty())
            .map(|notice| notice.name.as_str())
            .collect();
        println!("without a text: {silent:?}");
        assert!(
            find("safetensors ")
                .is_some_and(|notice| notice.licence.contains("Apache-2.0") && !notice.texts.is_empty())
        );
        assert!(find("burn-flex ").is_some() && find("wgpu ").is_some());
        assert!(find("serde_derive ").is_none() && find("clap ").is_none());
    }
}
