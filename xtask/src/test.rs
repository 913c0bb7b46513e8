//! `cargo xtask test`: runs native tests, then end-to-end tests of the release modules in a real browser.

use std::process::Command;

use anyhow::{Context, Result};
use clap::ValueEnum;

use crate::browser;
use crate::data::{self, Cache};
use crate::npm;
use crate::page::{self, Mode};
use crate::repo::{Repo, cargo};
use crate::server::{Server, Site};
use crate::step::{Stages, run};
use crate::vulkan;
use crate::wasm::{self, Profile, Threaded};

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Part {
    /// This build tool: its server, download and archives.
    Xtask,
    /// The crate, natively: the CPU, the GPU kernels and the program `fidelity`.
    Native,
    /// The wasm modules and the page in Chromium.
    Browser,
}

const PARTS: [Part; 3] = [Part::Xtask, Part::Native, Part::Browser];

/// Runs the tests, with `long` also those that take long; `filters` are passed to the test runners unchanged.
pub fn test(repo: &Repo, only: &[Part], long: bool, filters: &[String]) -> Result<()> {
    let parts = if only.is_empty() { PARTS.to_vec() } else { only.to_vec() };
    let mut stages = Stages::default();
    if parts.contains(&Part::Xtask) {
        // The profile of this program, so that its dependencies are not compiled again.
        let test = || {
            run(&mut cargo_test(
                repo,
                &["--package", "xtask", "--profile", "dev"],
                filters,
            ))
        };
        stages.run("xtask: cargo test", test);
    }
    if parts.contains(&Part::Native) {
        natively(repo, &mut stages, long, filters);
    }
    if parts.contains(&Part::Browser) {
        in_browser(repo, &mut stages, filters);
    }
    stages.finish()
}

fn cargo_test(repo: &Repo, arguments: &[&str], filters: &[String]) -> Command {
    let mut test = cargo();
    test.current_dir(&repo.root).arg("test").args(arguments);
    test.arg("--").args(filters);
    test
}

/// Runs the native tests with the engine, threads, the GPU kernels and the program `fidelity`, which covers everything that
/// compiles without them. A thread without a pool works as if the feature `threads` were off, so the tests cover both.
fn natively(repo: &Repo, stages: &mut Stages, long: bool, filters: &[String]) {
    const TESTS: &str = "native: cargo test --features cpu,threads,vulkan,cli";
    const TRAINING: &str = "native: training on wgpu (about a quarter of an hour to compile)";
    let adapter = stages.run("native: a GPU adapter", || {
        npm::install(repo)?;
        vulkan::settings(browser::find(repo)?.as_deref())
    });
    let data = stages.run("native: CIFAR-100", || {
        data::require(repo)?;
        Ok(Cache::locate()?.cifar())
    });
    match (adapter, data) {
        (Some(settings), Some(data)) => {
            let arguments = ["--package", "fidelity-lab", "--features", "cpu,threads,vulkan,cli"];
            let mut test = cargo_test(repo, &arguments, filters);
            stages.run(TESTS, || run(test.envs(settings.clone()).env("CIFAR100_ARCHIVE", data)));
            if long {
                // burn on wgpu is much to compile, and every other test does without.
                let arguments = [
                    "--package",
                    "fidelity-lab",
                    "--features",
                    "cpu,threads,native-wgpu",
                    "--test",
                    "webgpu_training",
                ];
                let mut test = cargo_test(repo, &arguments, filters);
                stages.run(TRAINING, || run(test.envs(settings)));
            }
        }
        (None, _) => stages.skip(TESTS, "no GPU adapter is available"),
        (_, None) => stages.skip(TESTS, "CIFAR-100 is missing"),
    }
}

fn in_browser(repo: &Repo, stages: &mut Stages, filters: &[String]) {
    const END_TO_END: &str = "browser: end to end";
    let lock = repo.lock();
    let ready = stages
        .run("browser: npm packages", || npm::install(repo))
        .and_then(|()| {
            let modules = stages.run("browser: wasm modules (release)", || {
                wasm::build(repo, Profile::Release, Threaded::Require).map(drop)
            });
            let page = modules.and_then(|()| {
                stages.run("browser: pkg and page", || {
                    page::package(repo)?;
                    page::page(repo, Mode::Test)
                })
            });
            let data = stages.run("browser: CIFAR-100", || data::require(repo));
            let chromium = stages.run("browser: Chromium", || browser::find(repo));
            Some((page?, data?, chromium?))
        });
    drop(lock);
    let Some((page, (), chromium)) = ready else {
        stages.skip(END_TO_END, "an earlier stage failed");
        return;
    };
    stages.run(END_TO_END, || {
        let extra = vec![
            ("pkg", repo.path("pkg")),
            ("tests", repo.path("tests")),
            ("www", repo.path("www")),
        ];
        let server = Server::bind(
            0,
            Site {
                page,
                data: Cache::locate()?.cifar(),
                extra,
            },
        )?;
        let mut playwright: Command = npm::tool(repo, "playwright");
        playwright.arg("test").args(filters).env("FIDELITY_URL", server.url());
        if let Some(chromium) = &chromium {
            println!("Chromium: {}", chromium.display());
            playwright.env("FIDELITY_CHROMIUM", chromium);
        }
        server.spawn();
        run(&mut playwright).context("end-to-end tests")
    });
}
