//! Checks Node and installs the packages of package-lock.json.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::repo::Repo;
use crate::stamp::{Stamp, unless_current};
use crate::step::{output, run, step};

const MIN_NODE: u32 = 20;

/// Installs the packages of package-lock.json unless they are already installed.
pub fn install(repo: &Repo) -> Result<()> {
    check_node()?;
    let stamp = Stamp::new("npm ci").paths(&repo.root, &["package-lock.json"])?.finish();
    let record = repo.path("node_modules/.fidelity-lab-stamp");
    unless_current(&record, &stamp, &[], || {
        step("installing the npm packages of package-lock.json", || {
            run(program("npm")
                .args(["ci", "--no-audit", "--no-fund"])
                .current_dir(&repo.root))
        })
    })?;
    Ok(())
}

/// Returns a command that runs a tool of an installed npm package in the checkout.
pub fn tool(repo: &Repo, name: &str) -> Command {
    let file = if cfg!(windows) {
        format!("{name}.cmd")
    } else {
        name.to_owned()
    };
    let path: PathBuf = repo.path("node_modules").join(".bin").join(file);
    let mut command = Command::new(path);
    command.current_dir(&repo.root);
    command
}

fn program(name: &str) -> Command {
    Command::new(if cfg!(windows) {
        format!("{name}.cmd")
    } else {
        name.to_owned()
    })
}

fn check_node() -> Result<()> {
    let advice = format!("this project needs Node.js {MIN_NODE} or newer with npm: https://nodejs.org");
    let version = output(Command::new("node").arg("--version")).with_context(|| advice.clone())?;
    match major_version(&version) {
        Some(major) if major >= MIN_NODE => Ok(()),
        _ => bail!("{advice} (`node --version` prints {})", version.trim()),
    }
}

/// Returns 20 for `v20.20.2`.
fn major_version(version: &str) -> Option<u32> {
    version.trim().strip_prefix('v')?.split('.').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::major_version;

    #[test]
    fn reads_the_major_version() {
        assert_eq!(major_version("v20.20.2\n"), Some(20));
        assert_eq!(major_version("20"), None);
    }
}
