//! `cargo xtask demo`: everything up to a page in the browser.

use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result};

use crate::data::Cache;
use crate::page::{self, Mode};
use crate::repo::Repo;
use crate::server::{Server, Site};
use crate::stamp::Stamp;
use crate::wasm::Profile;

/// What `--dev` watches.
const SOURCES: [&str; 8] = [
    "Cargo.toml",
    "Cargo.lock",
    ".cargo",
    "src",
    "index.html",
    "vite.config.ts",
    "package.json",
    "www",
];
const WATCH_EVERY: Duration = Duration::from_millis(700);

pub fn demo(repo: &Repo, port: u16, open: bool, profile: Profile) -> Result<()> {
    let cache = Cache::locate()?;
    // Before the build, so that a taken port does not cost its minutes.
    let site = Site {
        page: repo.work.join("page"),
        data: cache.cifar(),
        extra: Vec::new(),
    };
    let server = Server::bind(port, site)?;
    page::build_all(repo, profile, Mode::Product)?;
    let url = server.url();
    if !cache.has_test_set() {
        println!(
            "\nCIFAR-100 is not here: the page measures on its samples. `cargo xtask data` fetches the test set for it."
        );
    }
    println!("\nFidelity Lab is at {url}   (Ctrl-C ends it)");
    if open {
        open_in_browser(&url);
    }
    if profile == Profile::Dev {
        server.spawn();
        return watch(repo);
    }
    server.serve()
}

/// Rebuilds when a source changes. A broken build is reported, and the page stays as it was.
fn watch(repo: &Repo) -> Result<()> {
    let state = || Stamp::new("watch").paths(&repo.root, &SOURCES).map(Stamp::finish);
    let mut built = state()?;
    loop {
        std::thread::sleep(WATCH_EVERY);
        // A file may go away while it is read; the next look sees how it stands.
        let Ok(now) = state() else { continue };
        if now == built {
            continue;
        }
        built = now;
        match page::build_all(repo, Profile::Dev, Mode::Product) {
            Ok(_) => println!("Rebuilt; reload the page."),
            Err(error) => eprintln!("error: {error:#}"),
        }
    }
}

fn open_in_browser(url: &str) {
    let mut command = if cfg!(target_os = "macos") {
        Command::new("open")
    } else if cfg!(windows) {
        let mut start = Command::new("cmd");
        start.args(["/C", "start"]);
        start
    } else {
        Command::new("xdg-open")
    };
    if command
        .arg(url)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .is_err()
    {
        println!("No program to open a browser with was found; open the address yourself.");
    }
}

/// `cargo xtask build`.
pub fn build(repo: &Repo, profile: Profile) -> Result<()> {
    let page: PathBuf = page::build_all(repo, profile, Mode::Product)?;
    let modules = ["cpu", "webgpu"].map(|device| repo.path(&format!("pkg/{device}/fidelity_lab_{device}_bg.wasm")));
    for module in modules {
        let bytes = module
            .metadata()
            .with_context(|| format!("{} was not built", module.display()))?
            .len();
        println!("{}: {:.2} MB", module.display(), bytes as f64 / 1e6);
    }
    println!("pkg: {}\npage: {}", repo.path("pkg").display(), page.display());
    Ok(())
}
