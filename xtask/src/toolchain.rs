//! Chooses the cargo that builds for wasm32-unknown-unknown, and gives it a standard library.
//!
//! If the toolchain in use has the target's std, or rustup can download it, that cargo builds. If rustup cannot download it,
//! Debian's `rustc-web` builds std from source: its packages contain the matching library sources, and RUSTC_BOOTSTRAP allows
//! `-Zbuild-std` on a stable compiler. That cargo is called by its path, so rustup's state does not change.
//!
//! The threaded module always needs a std built from source: from rustup's component `rust-src`, or else from Debian's packages.

use std::path::Path;
use std::process::Command;

use anyhow::{Result, bail};

use crate::packages;
use crate::repo::{cargo, clean};
use crate::step::{output, run, step};

pub const TARGET: &str = "wasm32-unknown-unknown";
const DEBIAN_PACKAGES: [&str; 4] = ["rustc-web", "cargo-web", "rust-web-src", "lld-22"];
const DEBIAN_CLIPPY: &str = "rust-web-clippy";
const DEBIAN_CARGO: &str = "/usr/bin/cargo";
const DEBIAN_RUSTC: &str = "/usr/bin/rustc";
const DEBIAN_CARGO_CLIPPY: &str = "/usr/bin/cargo-clippy";
/// Path below a toolchain's folder.
const STD_SOURCES: &str = "lib/rustlib/src/rust/library/Cargo.lock";
const BUILD_STD: &str = "-Zbuild-std=std,panic_abort";
/// Minor version of the oldest compiler that builds this workspace (`rust-version`).
const MIN_MINOR: u32 = 95;

pub enum WasmToolchain {
    /// The cargo that runs this program has the target.
    Plain,
    /// The cargo that runs this program, with std from source.
    PlainFromSource,
    /// Debian's cargo, with std from source and this linker.
    Debian { linker: String },
}

impl WasmToolchain {
    /// Finds a toolchain for wasm, and installs what is missing.
    pub fn find() -> Result<Self> {
        if plain_has_target() {
            return Ok(Self::Plain);
        }
        // Try this before rustup: offline, rustup retries for a long time, and a second start should take seconds.
        if let Some(debian) = debian() {
            return Ok(debian);
        }
        step("finding a Rust standard library for wasm", install)
    }

    /// Finds a toolchain that builds std for wasm, and installs what is missing.
    pub fn with_std_sources() -> Result<Self> {
        match Self::present_with_std_sources() {
            Some(toolchain) => Ok(toolchain),
            None => step("finding the sources of Rust's standard library", install_std_sources),
        }
    }

    /// Returns an installed toolchain that builds std for wasm, if there is one.
    pub fn present_with_std_sources() -> Option<Self> {
        if plain_has_sources() {
            Some(Self::PlainFromSource)
        } else {
            debian()
        }
    }

    /// Returns `cargo build`, `cargo clippy` and so on for wasm.
    pub fn command(&self, subcommand: &str) -> Result<Command> {
        let command = match self {
            Self::Plain => {
                let mut command = cargo();
                command.arg(subcommand);
                command
            }
            Self::PlainFromSource => {
                let mut command = cargo();
                command.env("RUSTC_BOOTSTRAP", "1").args([subcommand, BUILD_STD]);
                command
            }
            Self::Debian { linker } => {
                let mut command = if subcommand == "clippy" {
                    if !Path::new(DEBIAN_CARGO_CLIPPY).exists() {
                        packages::install(&[DEBIAN_CLIPPY], "clippy on wasm")?;
                    }
                    Command::new(DEBIAN_CARGO_CLIPPY)
                } else {
                    Command::new(DEBIAN_CARGO)
                };
                clean(&mut command);
                command
                    .env("CARGO", DEBIAN_CARGO)
                    .env("RUSTC", DEBIAN_RUSTC)
                    .env("RUSTC_BOOTSTRAP", "1");
                command.env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", linker);
                command.args([subcommand, BUILD_STD]);
                command
            }
        };
        let mut command = command;
        command.args(["--target", TARGET]);
        Ok(command)
    }

    /// Returns the compiler's full version, which is part of a module's fingerprint.
    pub fn version(&self) -> Result<String> {
        match self {
            Self::Plain | Self::PlainFromSource => output(Command::new("rustc").arg("-vV")),
            Self::Debian { .. } => output(Command::new(DEBIAN_RUSTC).arg("-vV")),
        }
    }
}

fn install() -> Result<WasmToolchain> {
    if rustup_adds(&["target", "add", TARGET], plain_has_target) {
        return Ok(WasmToolchain::Plain);
    }
    if let Some(debian) = install_debian()? {
        return Ok(debian);
    }
    bail!(
        "found no Rust standard library for {TARGET}. With rustup (https://rustup.rs) and a network: run \
         `rustup target add {TARGET}`, then run this again. On Debian without rustup: install the packages {}.",
        DEBIAN_PACKAGES.join(" ")
    )
}

fn install_std_sources() -> Result<WasmToolchain> {
    if rustup_adds(&["component", "add", "rust-src"], plain_has_sources) {
        return Ok(WasmToolchain::PlainFromSource);
    }
    if let Some(debian) = install_debian()? {
        return Ok(debian);
    }
    bail!(
        "found no sources of Rust's standard library. With rustup and a network: run `rustup component add rust-src`. \
         On Debian without rustup: install the packages {}.",
        DEBIAN_PACKAGES.join(" ")
    )
}

/// Runs rustup. Returns whether it added to the toolchain in use what `is_there` looks for.
fn rustup_adds(arguments: &[&str], is_there: fn() -> bool) -> bool {
    let rustup = Command::new("rustup")
        .arg("--version")
        .output()
        .is_ok_and(|output| output.status.success());
    if !rustup {
        return false;
    }
    println!("  rustup {}", arguments.join(" "));
    match run(Command::new("rustup").args(arguments)) {
        Ok(()) if is_there() => return true,
        Ok(()) => println!("  rustup added it to a toolchain that is not in use."),
        Err(error) => println!("  {error}"),
    }
    false
}

/// Installs Debian's toolchain, if its packages are available.
fn install_debian() -> Result<Option<WasmToolchain>> {
    if packages::available(DEBIAN_PACKAGES[0]) {
        packages::install(
            &DEBIAN_PACKAGES,
            "a Rust compiler that builds its own standard library for wasm",
        )?;
        if let Some(debian) = debian() {
            return Ok(Some(debian));
        }
        bail!(
            "the Debian packages are installed, but {DEBIAN_RUSTC} is older than 1.{MIN_MINOR} or its library sources are missing"
        );
    }
    Ok(None)
}

/// Tells whether the toolchain in use contains a compiled std for wasm.
fn plain_has_target() -> bool {
    let libdir = output(Command::new("rustc").args(["--print", "target-libdir", "--target", TARGET]));
    libdir.is_ok_and(|libdir| {
        let entries = std::fs::read_dir(libdir.trim());
        entries.is_ok_and(|mut entries| {
            entries.any(|entry| entry.is_ok_and(|entry| entry.file_name().to_string_lossy().starts_with("libstd-")))
        })
    })
}

/// Tells whether the toolchain in use contains the sources of std.
fn plain_has_sources() -> bool {
    let sysroot = output(Command::new("rustc").args(["--print", "sysroot"]));
    sysroot.is_ok_and(|sysroot| Path::new(sysroot.trim()).join(STD_SOURCES).exists())
}

fn debian() -> Option<WasmToolchain> {
    if !Path::new("/usr").join(STD_SOURCES).exists() || !Path::new(DEBIAN_CARGO).exists() {
        return None;
    }
    let version = output(Command::new(DEBIAN_RUSTC).arg("--version")).ok()?;
    if minor_version(&version)? < MIN_MINOR {
        return None;
    }
    let linker = wasm_linker("/usr/bin")?;
    Some(WasmToolchain::Debian { linker })
}

/// Returns the newest `wasm-ld-NN` in a folder.
fn wasm_linker(folder: &str) -> Option<String> {
    let entries = std::fs::read_dir(folder).ok()?;
    let number = |entry: std::io::Result<std::fs::DirEntry>| -> Option<u32> {
        entry.ok()?.file_name().to_str()?.strip_prefix("wasm-ld-")?.parse().ok()
    };
    let newest = entries.filter_map(number).max()?;
    Some(format!("wasm-ld-{newest}"))
}

/// Returns 96 for `rustc 1.96.0 (…)`.
fn minor_version(version: &str) -> Option<u32> {
    version.split_whitespace().nth(1)?.split('.').nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_minor_version() {
        assert_eq!(
            minor_version("rustc 1.96.0 (ac68faa20 2026-05-25) (built from a source tarball)"),
            Some(96)
        );
        assert_eq!(minor_version("nothing"), None);
    }

    #[test]
    fn takes_the_newest_linker() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["wasm-ld-19", "wasm-ld-22", "wasm-ld-9", "wasm-ld", "ld-30"] {
            std::fs::write(folder.path().join(name), "").unwrap();
        }
        assert_eq!(
            wasm_linker(folder.path().to_str().unwrap()).as_deref(),
            Some("wasm-ld-22")
        );
    }

    #[test]
    fn std_from_source_needs_no_nightly() {
        let command = WasmToolchain::PlainFromSource.command("rustc").unwrap();
        let words: Vec<_> = command.get_args().map(|word| word.to_str().unwrap()).collect();
        assert_eq!(words, ["rustc", BUILD_STD, "--target", TARGET]);
        let bootstrap = command
            .get_envs()
            .find(|(name, _)| *name == "RUSTC_BOOTSTRAP")
            .unwrap()
            .1;
        assert_eq!(bootstrap.unwrap(), "1");
    }

    #[test]
    fn debian_builds_std_and_leaves_rustup_alone() {
        let toolchain = WasmToolchain::Debian {
            linker: "wasm-ld-22".to_owned(),
        };
        let command = toolchain.command("build").unwrap();
        assert_eq!(command.get_program(), DEBIAN_CARGO);
        let words: Vec<_> = command.get_args().map(|word| word.to_str().unwrap()).collect();
        assert_eq!(words, ["build", "-Zbuild-std=std,panic_abort", "--target", TARGET]);
        let rustc = command.get_envs().find(|(name, _)| *name == "RUSTC").unwrap().1;
        assert_eq!(rustc.unwrap(), DEBIAN_RUSTC);
    }
}
