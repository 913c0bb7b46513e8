//! `cargo xtask check`: checks formatting, the rooms of ARCHITECTURE.md, clippy for every build, the
//! documentation, and TypeScript and CSS.

use std::process::Command;

use anyhow::Result;

use crate::npm;
use crate::page;
use crate::repo::{Repo, cargo};
use crate::rooms;
use crate::step::{Stages, run};
use crate::toolchain::WasmToolchain;
use crate::typescript;
use crate::wasm::{self, MODULES, Profile, Threaded};

/// Folders with a tsconfig.json.
const TYPESCRIPT: [&str; 3] = ["www/api", "www/page", "tests/browser"];

pub fn check(repo: &Repo) -> Result<()> {
    let _lock = repo.lock()?;
    let mut stages = Stages::default();
    stages.run("rustfmt", || {
        run(cargo().current_dir(&repo.root).args(["fmt", "--all", "--check"]))
    });
    stages.run("rooms of ARCHITECTURE.md (Rust)", || rooms::check(repo));
    stages.run("clippy: native, no engine", || {
        run(&mut clippy(repo, &["--workspace", "--all-targets"]))
    });
    stages.run("clippy: native, cpu with threads, GPU kernels, fidelity", || {
        run(&mut clippy(
            repo,
            &[
                "--package",
                "fidelity-lab",
                "--all-targets",
                "--features",
                "cpu,threads,vulkan,cli",
            ],
        ))
    });
    stages.run("clippy: native, fidelity with burn on every device", || {
        let mut clippy = clippy(
            repo,
            &[
                "--package",
                "fidelity-lab",
                "--lib",
                "--bins",
                "--test",
                "webgpu_training",
                "--features",
                "cli,native-wgpu,cuda",
            ],
        );
        // Otherwise burn's CUDA backend downloads an LLVM of 100 MB and more, which only linking needs.
        run(clippy.env("DOCS_RS", "1"))
    });
    stages.run("cargo doc", || {
        let mut doc = cargo();
        doc.current_dir(&repo.root).env("RUSTDOCFLAGS", "-D warnings");
        run(doc.args(["doc", "--no-deps", "--package", "fidelity-lab", "--features", "cli"]))
    });
    let toolchain = stages.run("wasm toolchain", WasmToolchain::find);
    for module in MODULES {
        let name = format!("clippy: wasm, {}", module.name);
        match &toolchain {
            // Release, so that clippy uses the std that the modules are built with.
            Some(toolchain) => stages.run(&name, || {
                let mut clippy = toolchain.command("clippy")?;
                clippy.current_dir(&repo.root).args(module.crate_arguments());
                run(clippy.args(["--", "-D", "warnings"]).args(module.rustc_arguments()))
            }),
            None => {
                stages.skip(&name, "no wasm toolchain is available");
                None
            }
        };
    }
    let npm = stages.run("npm packages", || npm::install(repo));
    if npm.is_some() {
        stages.run("Biome: formatting, CSS, circles", || typescript::biome(repo));
        stages.run("oxlint: rooms of ARCHITECTURE.md", || typescript::rooms(repo));
    }
    // The modules' types are generated, and the page's come from the compiled www/api.
    let modules = npm
        .and_then(|()| {
            stages.run("wasm modules", || {
                wasm::build(repo, Profile::Release, Threaded::Build).map(drop)
            })
        })
        .and_then(|()| stages.run("pkg", || page::package(repo)));
    if modules.is_none() {
        stages.skip("tsc", "the modules' types are missing");
    }
    for folder in TYPESCRIPT
        .iter()
        .filter(|folder| modules.is_some() && repo.path(folder).join("tsconfig.json").exists())
    {
        let project = format!("{folder}/tsconfig.json");
        stages.run(&format!("tsc: {folder}"), || {
            run(npm::tool(repo, "tsc").args(["--noEmit", "-p", &project]))
        });
    }
    // oxlint's rules about types need those of `pkg`.
    if modules.is_some() {
        stages.run("oxlint", || typescript::lint(repo));
    }
    stages.finish()
}

fn clippy(repo: &Repo, arguments: &[&str]) -> Command {
    let mut clippy = cargo();
    clippy.current_dir(&repo.root).arg("clippy").args(arguments);
    clippy.args(["--", "-D", "warnings"]);
    clippy
}
