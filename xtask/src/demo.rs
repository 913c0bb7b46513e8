//! `cargo xtask demo`: builds everything and serves the page.

use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::data::{self, Cache};
use crate::page::{self, Mode};
use crate::repo::Repo;
use crate::server::{Server, Site};
use crate::stamp::Stamp;
use crate::wasm::{MODULES, Profile, Threaded};

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
    // Before the build, so that a missing archive or a port in use fails at once and not after minutes.
    data::offer(repo, &cache, data::named_archive().as_deref())?;
    let site = Site {
        page: repo.work.join("page"),
        data: cache.cifar(),
        extra: Vec::new(),
    };
    let server = Server::bind(port, site)?;
    let has_threads = page::build_all(repo, profile, Mode::Product, Threaded::Later)?.has_threads;
    let url = server.url();
    if !cache.has_test_set() {
        println!(
            "\nCIFAR-100 is missing, so the page measures on its samples. `cargo xtask data` downloads the test set; \
             CIFAR100_ARCHIVE names a copy."
        );
    }
    println!("\nFidelity Lab is at {url}   (Ctrl-C stops it)");
    if open {
        open_in_browser(&url);
    }
    let serving = server.spawn();
    if !has_threads {
        add_threads(repo, profile);
    }
    if profile == Profile::Dev {
        return watch(repo);
    }
    // The server runs until the program ends.
    serving.join().unwrap_or_else(|_| bail!("the server panicked"))
}

/// Builds the threaded module, which takes several minutes; the page works without it.
fn add_threads(repo: &Repo, profile: Profile) {
    println!("\nThe page uses one thread of the CPU for now, while the multi-threaded module is being built.");
    match page::build_all(repo, profile, Mode::Product, Threaded::Build) {
        Ok(built) if built.has_threads => println!("The multi-threaded module is ready; reload the page to use it."),
        Ok(_) => {}
        Err(error) => eprintln!("error: {error:#}\nThe page keeps using one thread."),
    }
}

/// Rebuilds when a source changes. If a build fails, reports it and leaves the page as it was.
fn watch(repo: &Repo) -> Result<()> {
    let state = || Stamp::new("watch").paths(&repo.root, &SOURCES).map(Stamp::finish);
    let mut built = state()?;
    loop {
        std::thread::sleep(WATCH_EVERY);
        // A file may disappear while it is read; the next iteration sees the new state.
        let Ok(now) = state() else { continue };
        if now == built {
            continue;
        }
        built = now;
        match page::build_all(repo, Profile::Dev, Mode::Product, Threaded::Later) {
            Ok(built) => {
                println!("Rebuilt; reload the page.");
                if !built.has_threads {
                    add_threads(repo, Profile::Dev);
                }
            }
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
        println!("Could not open a browser; open the address yourself.");
    }
}

/// `cargo xtask build`.
pub fn build(repo: &Repo, profile: Profile) -> Result<()> {
    let built = page::build_all(repo, profile, Mode::Product, Threaded::Build)?;
    for module in MODULES.map(|module| repo.path(&format!("pkg/{0}/fidelity_lab_{0}_bg.wasm", module.name))) {
        let bytes = module
            .metadata()
            .with_context(|| format!("{} was not built", module.display()))?
            .len();
        println!("{}: {:.2} MB", module.display(), bytes as f64 / 1e6);
    }
    println!("pkg: {}\npage: {}", repo.path("pkg").display(), built.page.display());
    Ok(())
}
