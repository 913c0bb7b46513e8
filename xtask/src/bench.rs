//! `cargo xtask bench`: this project against ONNX Runtime Web, in one headless Chromium. What is measured, and how: bench/README.md.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};
use clap::{Args, ValueEnum};

use crate::browser;
use crate::data::Cache;
use crate::page::{self, Mode};
use crate::repo::Repo;
use crate::server::{Server, Site};
use crate::step::run;
use crate::wasm::Profile;

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Part {
    Forward,
    Step,
    FirstPrediction,
}

#[derive(Args)]
pub struct Options {
    /// Only this part; may be given several times.
    #[arg(long, value_enum)]
    only: Vec<Part>,
    /// Fewer rounds, and no batch of 64 on a software WebGPU adapter: at most 10 minutes there.
    #[arg(long)]
    quick: bool,
    /// Where results.json goes; by default xtask/bench in Cargo's target folder.
    #[arg(long)]
    out: Option<PathBuf>,
    /// Write docs/performance.md from the results.
    #[arg(long)]
    write_docs: bool,
}

pub fn bench(repo: &Repo, options: &Options) -> Result<()> {
    // The page that visitors get, from `pkg` as it is published.
    let page = page::build_all(repo, Profile::Release, Mode::Product)?;
    let chromium = browser::find(repo)?;
    let extra = vec![
        ("pkg", repo.path("pkg")),
        ("tests", repo.path("tests")),
        ("bench", repo.path("bench")),
        ("peer", repo.path("node_modules/onnxruntime-web/dist")),
    ];
    let data = Cache::locate()?.cifar();
    let server = Server::bind(0, Site { page, data, extra })?;
    let out = options.out.clone().unwrap_or_else(|| repo.work.join("bench"));
    let mut node = Command::new("node");
    node.current_dir(&repo.root)
        .arg("bench/run.mjs")
        .arg("--out")
        .arg(std::path::absolute(out)?)
        .env("FIDELITY_URL", server.url());
    if options.quick {
        node.arg("--quick");
    }
    for part in &options.only {
        let part = part.to_possible_value().context("a part without a name")?;
        node.arg("--only").arg(part.get_name());
    }
    if options.write_docs {
        node.args(["--docs", "docs/performance.md"]);
    }
    if let Some(chromium) = &chromium {
        node.env("FIDELITY_CHROMIUM", chromium);
    }
    server.spawn();
    run(&mut node).context("benchmark")
}
