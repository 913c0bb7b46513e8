//! Finds an adapter for the native tests of the GPU kernels.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};

use crate::packages;

/// Folders in which Debian's and Google's packages install Chromium's software adapter.
const FOLDERS: [&str; 3] = ["/usr/lib/chromium", "/opt/google/chrome", "/usr/lib64/chromium-browser"];
const DRIVER: &str = "vk_swiftshader_icd.json";
/// Variables by which the Vulkan loader finds drivers; if one is set, it is respected.
const SETTINGS: [&str; 2] = ["VK_DRIVER_FILES", "VK_ICD_FILENAMES"];

/// Makes sure that Vulkan's loader is installed, and returns variables for it. On Linux they select the software adapter that
/// comes with Chromium, so that every machine uses the same one; elsewhere the system's own graphics are used.
pub fn settings(chromium: Option<&Path>) -> Result<Vec<(&'static str, PathBuf)>> {
    if !cfg!(target_os = "linux") {
        return Ok(Vec::new());
    }
    if !has_loader() {
        if !packages::available("libvulkan1") {
            bail!(
                "the native tests of the GPU kernels need Vulkan's loader, libvulkan.so.1; install it and run this again"
            );
        }
        packages::install(&["libvulkan1"], "the native tests of the GPU kernels")?;
    }
    if SETTINGS.iter().any(|name| std::env::var_os(name).is_some()) {
        return Ok(Vec::new());
    }
    let program = chromium.and_then(|path| path.canonicalize().ok());
    let beside = program.as_deref().and_then(Path::parent).map(Path::to_path_buf);
    let folders = beside.into_iter().chain(FOLDERS.map(PathBuf::from));
    let driver = folders.map(|folder| folder.join(DRIVER)).find(|path| path.exists());
    Ok(driver.into_iter().map(|path| (SETTINGS[1], path)).collect())
}

fn has_loader() -> bool {
    let folders = [
        "/usr/lib",
        "/usr/lib64",
        "/lib/x86_64-linux-gnu",
        "/usr/lib/x86_64-linux-gnu",
        "/usr/lib/aarch64-linux-gnu",
    ];
    folders
        .iter()
        .any(|folder| Path::new(folder).join("libvulkan.so.1").exists())
}
