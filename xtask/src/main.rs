//! Builds, serves, tests and measures Fidelity Lab: `cargo xtask --help`.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::{Args, Parser, Subcommand};

use repo::Repo;
use test::Part;
use wasm::Profile;

mod bench;
mod browser;
mod check;
mod data;
mod demo;
mod dist;
mod notices;
mod npm;
mod packages;
mod page;
mod repo;
mod rooms;
mod server;
mod stamp;
mod step;
mod test;
mod toolchain;
mod typescript;
mod vulkan;
mod wasm;

/// Builds, serves, tests and measures Fidelity Lab. Every command installs what it needs, and lists system packages first.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Build the page and serve it on this machine.
    Demo {
        /// Open the page in the default browser.
        #[arg(long)]
        open: bool,
        /// Port on 127.0.0.1.
        #[arg(long, default_value_t = 4173)]
        port: u16,
        #[command(flatten)]
        profile: ProfileArgs,
    },
    /// Run all tests: of this tool, of the crate (native) and of the page in Chromium.
    Test {
        /// Run only this part; repeatable.
        #[arg(long, value_enum)]
        only: Vec<Part>,
        /// Also run the checks that take long to compile: a training step of whole networks on burn's wgpu backend.
        #[arg(long)]
        long: bool,
        /// Filters for the test runners, best with --only.
        filters: Vec<String>,
    },
    /// Make a static folder for any web host.
    Dist {
        /// Output folder; an existing folder is emptied only if this command made it.
        #[arg(long, default_value = "dist")]
        out: PathBuf,
    },
    /// Download CIFAR-100 (169 MB) for the page and the tests, or use a local copy.
    Data {
        /// Local copy: a .tar.gz of any name, its first part, or a folder with the parts or with test.bin.
        #[arg(long, env = "CIFAR100_ARCHIVE")]
        archive: Option<PathBuf>,
        /// Address of the official archive.
        #[arg(long, env = "CIFAR100_URL", default_value = data::OFFICIAL_URL)]
        url: String,
    },
    /// Build the wasm modules, pkg and the page, without serving them.
    Build {
        #[command(flatten)]
        profile: ProfileArgs,
    },
    /// Measure forward passes, steps, evaluations, memory and the first load, beside ONNX Runtime Web and TensorFlow.js.
    Bench {
        #[command(flatten)]
        options: bench::Options,
    },
    /// Check formatting, the rooms of ARCHITECTURE.md, clippy (native and wasm), documentation, TypeScript and CSS.
    Check,
}

#[derive(Args)]
struct ProfileArgs {
    /// Build for visitors, with wasm-opt (the default).
    #[arg(long, conflicts_with = "dev")]
    release: bool,
    /// Build without wasm-opt and with function names; `demo` rebuilds when a source changes.
    #[arg(long)]
    dev: bool,
}

impl ProfileArgs {
    fn profile(&self) -> Profile {
        if self.dev { Profile::Dev } else { Profile::Release }
    }
}

fn main() -> ExitCode {
    match run(Cli::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> Result<()> {
    let repo = Repo::locate()?;
    match command {
        Command::Demo { open, port, profile } => demo::demo(&repo, port, open, profile.profile()),
        Command::Test { only, long, filters } => test::test(&repo, &only, long, &filters),
        Command::Dist { out } => dist::dist(&repo, &out),
        Command::Data { archive, url } => data::data(&repo, archive.filter(|path| !path.as_os_str().is_empty()), &url),
        Command::Build { profile } => demo::build(&repo, profile.profile()),
        Command::Bench { options } => bench::bench(&repo, &options),
        Command::Check => check::check(&repo),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::Cli;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
