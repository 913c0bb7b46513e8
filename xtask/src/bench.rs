//! `cargo xtask bench`: measures this project beside ONNX Runtime Web and TensorFlow.js, in one headless Chromium or in Node.
//! bench/README.md explains what is measured, and how.

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
use crate::wasm::{Profile, Threaded};

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Part {
    Forward,
    Layers,
    Step,
    Ensemble,
    Evaluate,
    Statistics,
    Memory,
    FirstPrediction,
}

#[derive(Args)]
pub struct Options {
    /// Run only this part; repeatable.
    #[arg(long, value_enum)]
    only: Vec<Part>,
    /// Run fewer rounds and no large batches: at most 10 minutes instead of 60.
    #[arg(long)]
    quick: bool,
    /// Run in Node on Dawn's WebGPU instead of in Chromium, for a graphics card on a machine without a screen.
    #[arg(long)]
    node: bool,
    /// Folder for results.json and report.html; default: xtask/bench in Cargo's target folder.
    #[arg(long)]
    out: Option<PathBuf>,
    /// Write docs/performance.json and docs/performance.md from the results.
    #[arg(long)]
    write_docs: bool,
}

pub fn bench(repo: &Repo, options: &Options) -> Result<()> {
    // This is the page that visitors get, with `pkg` as it is published.
    let page = page::build_all(repo, Profile::Release, Mode::Product, Threaded::Build)?.page;
    let out = options.out.clone().unwrap_or_else(|| repo.work.join("bench"));
    let mut node = Command::new("node");
    node.current_dir(&repo.root)
        .arg("bench/run.mjs")
        .arg("--out")
        .arg(std::path::absolute(out)?);
    if options.quick {
        node.arg("--quick");
    }
    for part in &options.only {
        let part = part.to_possible_value().context("a part has no name")?;
        node.arg("--only").arg(part.get_name());
    }
    if options.write_docs {
        node.args(["--docs", "docs"]);
    }
    if options.node {
        node.arg("--node");
    } else {
        serve(repo, page, &mut node)?;
    }
    run(&mut node).context("benchmark")
}

/// Gives the benchmark a browser, and a server with everything its pages load.
fn serve(repo: &Repo, page: PathBuf, node: &mut Command) -> Result<()> {
    if let Some(chromium) = browser::find(repo)? {
        node.env("FIDELITY_CHROMIUM", chromium);
    }
    // The server uses the same paths as the checkout, where Node finds them too.
    let extra = ["pkg", "tests", "bench", "www", "node_modules"].map(|name| (name, repo.path(name)));
    let site = Site {
        page,
        data: Cache::locate()?.cifar(),
        extra: extra.to_vec(),
    };
    let server = Server::bind(0, site)?;
    node.env("FIDELITY_URL", server.url());
    server.spawn();
    Ok(())
}
