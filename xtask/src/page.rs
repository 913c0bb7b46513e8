//! Builds the JavaScript side: `pkg` (the public API as ES modules with types) and the page, which vite bundles from it.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::npm;
use crate::repo::{Repo, copy_if_changed, files_below, write_if_changed};
use crate::stamp::{Stamp, unless_current};
use crate::step::{run, step};
use crate::wasm::{self, MODULES, Profile, Threaded};

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// The page that visitors get.
    Product,
    /// The page with hooks for the end-to-end tests.
    Test,
}

/// What [`build_all`] made.
pub struct Built {
    /// The page's folder.
    pub page: PathBuf,
    /// Whether it contains the threaded module.
    pub has_threads: bool,
}

/// Builds the modules, `pkg` and the page, each only if it is out of date.
pub fn build_all(repo: &Repo, profile: Profile, mode: Mode, threaded: Threaded) -> Result<Built> {
    let _lock = repo.lock()?;
    npm::install(repo)?;
    let has_threads = wasm::build(repo, profile, threaded)?;
    package(repo)?;
    let page = page(repo, mode)?;
    Ok(Built { page, has_threads })
}

/// Builds `pkg`: the compiled TypeScript, a manifest and the licences, beside the modules.
pub fn package(repo: &Repo) -> Result<()> {
    let pkg = repo.path("pkg");
    let types = MODULES.map(|module| format!("pkg/{0}/fidelity_lab_{0}.d.ts", module.name));
    let types = types.each_ref().map(String::as_str);
    let stamp = Stamp::new("tsc")
        .paths(&repo.root, &["www/api", "package-lock.json"])?
        .paths(&repo.root, &types)?
        .finish();
    let outputs = [pkg.join("fidelity_lab.js"), pkg.join("fidelity_lab.d.ts")];
    unless_current(&pkg.join(".stamp"), &stamp, &outputs, || {
        remove_all_but_modules(&pkg)?;
        step("compiling www/api to pkg", || {
            run(npm::tool(repo, "tsc").args(["-p", "www/api/tsconfig.json"]))
        })
    })?;
    write_if_changed(&pkg.join("package.json"), manifest(&repo.version).as_bytes())?;
    for licence in ["LICENSE-MIT", "LICENSE-APACHE"] {
        copy_if_changed(&repo.path(licence), &pkg.join(licence))?;
    }
    Ok(())
}

/// Removes what an earlier state of `www/api` was compiled to; the modules' generated files stay.
fn remove_all_but_modules(pkg: &Path) -> Result<()> {
    for file in files_below(pkg)? {
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        let is_module = MODULES.iter().any(|module| {
            let folder = pkg.join(module.name);
            file.starts_with(&folder) && (file.parent() != Some(&folder) || name.starts_with("fidelity_lab_"))
        });
        if !is_module {
            fs::remove_file(&file).with_context(|| format!("could not remove {}", file.display()))?;
        }
    }
    Ok(())
}

pub fn page(repo: &Repo, mode: Mode) -> Result<PathBuf> {
    let name = if mode == Mode::Test { "page-test" } else { "page" };
    let out = repo.work.join(name);
    let inputs = [
        "index.html",
        "vite.config.ts",
        "package.json",
        "package-lock.json",
        "tsconfig.json",
        "www",
        "pkg",
    ];
    let stamp = Stamp::new(name).paths(&repo.root, &inputs)?.finish();
    unless_current(
        &repo.work.join(format!("{name}.stamp")),
        &stamp,
        &[out.join("index.html")],
        || {
            step(
                if mode == Mode::Test {
                    "building the page for tests"
                } else {
                    "building the page"
                },
                || {
                    let mut vite = npm::tool(repo, "vite");
                    vite.args(["build", "--emptyOutDir", "--outDir"]).arg(&out);
                    if mode == Mode::Test {
                        vite.args(["--mode", "test"]);
                    }
                    fs::create_dir_all(&out)?;
                    run(&mut vite)
                },
            )
        },
    )?;
    Ok(out)
}

/// Formats the manifest by hand, because order matters: TypeScript takes the first matching condition.
fn manifest(version: &str) -> String {
    format!(
        r#"{{
  "name": "fidelity-lab",
  "version": "{version}",
  "description": "Measures in the browser how faithfully a distilled student predicts as its teacher does",
  "license": "MIT OR Apache-2.0",
  "type": "module",
  "types": "./fidelity_lab.d.ts",
  "exports": {{
    ".": {{
      "types": "./fidelity_lab.d.ts",
      "default": "./fidelity_lab.js"
    }},
    "./*": "./*"
  }}
}}
"#
    )
}

#[cfg(test)]
mod tests {
    use std::fs;

    #[test]
    fn a_file_that_is_no_longer_published_goes_and_modules_stay() {
        let folder = tempfile::tempdir().unwrap();
        let kept = [
            "statistics/fidelity_lab_statistics.js",
            "cpu/snippets/helper.js",
            "cpu/fidelity_lab_cpu_bg.wasm",
        ];
        let stale = ["lab.js", "statistics/old.js", "gone/other.js"];
        for file in kept.iter().chain(&stale) {
            let path = folder.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }
        super::remove_all_but_modules(folder.path()).unwrap();
        assert!(kept.iter().all(|file| folder.path().join(file).exists()));
        assert!(!stale.iter().any(|file| folder.path().join(file).exists()));
    }

    #[test]
    fn the_manifest_is_json_with_the_types_first() {
        let manifest = super::manifest("1.2.3");
        let parsed: serde_json::Value = serde_json::from_str(&manifest).unwrap();
        assert_eq!(parsed["version"], "1.2.3");
        assert!(manifest.find("\"types\": \"./f").unwrap() < manifest.find("\"default\"").unwrap());
    }
}
