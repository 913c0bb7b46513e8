//! Finds or installs a Chromium for the end-to-end tests.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::npm;
use crate::packages;
use crate::repo::Repo;
use crate::step::{run, step};

const NAMES: [&str; 4] = ["chromium", "chromium-browser", "google-chrome-stable", "google-chrome"];
const MAC: [&str; 2] = [
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
];

/// Returns the browser to test with, and installs one if there is none. `None` means Playwright's own.
pub fn find(repo: &Repo) -> Result<Option<PathBuf>> {
    if let Some(path) = std::env::var_os("CHROMIUM") {
        let path = PathBuf::from(path);
        if !path.exists() {
            bail!("CHROMIUM names {}, which does not exist", path.display());
        }
        return Ok(Some(path));
    }
    if let Some(path) = present() {
        return Ok(Some(path));
    }
    step("installing Chromium for the end-to-end tests", || {
        if is_debian() {
            packages::install(&["chromium"], "the end-to-end tests")?;
            return present()
                .map(Some)
                .context("the package chromium is installed but contains no program of that name");
        }
        println!("  npx playwright install chromium");
        run(npm::tool(repo, "playwright").args(["install", "chromium"]))
            .context("install Chrome or Chromium, set CHROMIUM to the path of its program, and run this again")?;
        Ok(None)
    })
}

fn present() -> Option<PathBuf> {
    let folders: Vec<PathBuf> = std::env::var_os("PATH")
        .map(|path| std::env::split_paths(&path).collect())
        .unwrap_or_default();
    let on_path = NAMES
        .iter()
        .flat_map(|name| folders.iter().map(move |folder| folder.join(name)));
    on_path.chain(MAC.iter().map(PathBuf::from)).find(|path| path.is_file())
}

/// Tells whether this is Debian itself; Ubuntu's package of that name only installs a snap.
fn is_debian() -> bool {
    let release = std::fs::read_to_string("/etc/os-release").unwrap_or_default();
    Path::new("/usr/bin/apt-get").exists() && release.lines().any(|line| line == "ID=debian")
}
