//! Builds the wasm modules, one per kind of device and one for statistics, with cargo, then wasm-bindgen, then wasm-opt. Each tool
//! runs only if its input changed.
//!
//! cargo gives all modules the same file name, so each is copied away before the next is built. cargo also treats another module's
//! settings as a change of the crate, so it does not run at all if the sources are unchanged.
//!
//! The threaded module shares nothing with the others: threads need a standard library and crates that are compiled with atomics.
//! It is therefore built from std's sources, in its own target folder, and last. Until it is built, or if there are no sources, a
//! stub that refuses to load takes its place, and the single-threaded module is used at run time.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread;

use anyhow::{Context, Result, bail};
use wasm_bindgen_cli_support::Bindgen;

use crate::npm;
use crate::repo::{Repo, copy_if_changed, files_below, write_if_changed};
use crate::stamp::{Stamp, unless_current};
use crate::step::{run, step};
use crate::toolchain::{TARGET, WasmToolchain};

/// The sources of a module.
const SOURCES: [&str; 5] = [
    "Cargo.toml",
    "Cargo.lock",
    ".cargo/config.toml",
    "rust-toolchain.toml",
    "src",
];

/// Features that every browser with WebGPU or wasm SIMD supports.
const WASM_FEATURES: [&str; 7] = [
    "--enable-simd",
    "--enable-bulk-memory",
    "--enable-nontrapping-float-to-int",
    "--enable-sign-ext",
    "--enable-mutable-globals",
    "--enable-reference-types",
    "--enable-multivalue",
];
/// The level that is smallest after compression (brotli, quality 9). A CPU module: -O1 3.08 MB, 0.59 MB with brotli; -O2 2.93 and
/// 0.65 MB; -Os 2.83 and 0.65 MB. The WebGPU module: -O1 13.2 and 1.95 MB; -O2 11.8 and 2.11 MB, in more than twice the time; -Os
/// 11.4 and 2.10 MB.
const OPTIMISATION: &str = "-O1";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Profile {
    /// For visitors: wasm-opt runs, and functions have no names.
    Release,
    /// For development: the same machine code from cargo (a debug build of the arithmetic would be too slow to use), but without
    /// wasm-opt, and with function names in stack traces.
    Dev,
}

impl Profile {
    pub fn name(self) -> &'static str {
        match self {
            Self::Release => "release",
            Self::Dev => "dev",
        }
    }
}

#[derive(Clone, Copy)]
pub struct Module {
    /// The folder in `pkg`.
    pub name: &'static str,
    /// The cargo feature of its backend; `None` if it needs no engine.
    device: Option<&'static str>,
    /// A WebAssembly feature that not every browser has. A browser without it rejects the whole module.
    target_feature: Option<&'static str>,
    /// Whether its memory is shared by threads.
    has_threads: bool,
}

/// Flags that shared memory needs for all code and for the linker. wasm-bindgen reads the exports to give each thread a stack and
/// its own statics. The memory may grow as far as that of the other modules.
const THREADS: [&str; 9] = [
    "-Ctarget-feature=+atomics,+bulk-memory,+mutable-globals",
    "-Clink-arg=--shared-memory",
    "-Clink-arg=--import-memory",
    "-Clink-arg=--max-memory=4294967296",
    "-Clink-arg=--export=__wasm_init_tls",
    "-Clink-arg=--export=__tls_size",
    "-Clink-arg=--export=__tls_align",
    "-Clink-arg=--export=__tls_base",
    "-Clink-arg=--export=__heap_base",
];

/// All modules, in build order.
pub const MODULES: [Module; 5] = [
    Module {
        name: "statistics",
        device: None,
        target_feature: None,
        has_threads: false,
    },
    Module {
        name: "cpu",
        device: Some("cpu"),
        target_feature: None,
        has_threads: false,
    },
    Module {
        name: "cpu_relaxed",
        device: Some("cpu"),
        target_feature: Some("relaxed-simd"),
        has_threads: false,
    },
    Module {
        name: "webgpu",
        device: Some("webgpu"),
        target_feature: None,
        has_threads: false,
    },
    Module {
        name: "cpu_threads",
        device: Some("cpu"),
        target_feature: Some("relaxed-simd"),
        has_threads: true,
    },
];

/// What to do with the threaded module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Threaded {
    /// Build it, or leave it out if there is nothing to build it with.
    Build,
    /// Build it, or fail.
    Require,
    /// Leave it for later, unless it is up to date.
    Later,
}

impl Module {
    /// Arguments that select the module's part of the crate. They suffice for `clippy`, which then shares results between modules:
    /// no code depends on whether atomics are on.
    pub fn crate_arguments(self) -> Vec<String> {
        let threads = if self.has_threads { ",threads" } else { "" };
        let device = self.device.map(|name| format!("{name},")).unwrap_or_default();
        let features = format!("{device}browser{threads}");
        let arguments = [
            "--release",
            "--package",
            "fidelity-lab",
            "--lib",
            "--features",
            &features,
        ];
        arguments.map(str::to_owned).to_vec()
    }

    /// Arguments for cargo.
    fn cargo_arguments(self) -> Vec<String> {
        let mut arguments = self.crate_arguments();
        if self.has_threads {
            // These apply to all crates and std, unlike `rustc_arguments`.
            let flags = serde_json::json!(THREADS);
            arguments.extend(["--config".to_owned(), format!("target.{TARGET}.rustflags={flags}")]);
        }
        arguments
    }

    /// Finds a toolchain that can build the module.
    fn toolchain(self) -> Result<WasmToolchain> {
        if self.has_threads {
            WasmToolchain::with_std_sources()
        } else {
            WasmToolchain::find()
        }
    }

    /// The folder in which cargo builds it. Crates compiled with other flags need another folder, or each build would replace them.
    fn target_dir(self, repo: &Repo) -> PathBuf {
        if self.has_threads {
            repo.target.join("threads")
        } else {
            repo.target.clone()
        }
    }

    /// Flags for the crate itself; its dependencies are compiled once for all modules of a device.
    pub fn rustc_arguments(self) -> Vec<String> {
        let feature = self.target_feature.iter();
        feature.map(|name| format!("-Ctarget-feature=+{name}")).collect()
    }

    fn out_name(self) -> String {
        format!("fidelity_lab_{}", self.name)
    }
}

/// Brings the modules in `pkg` up to date. Returns whether they include the threaded one.
pub fn build(repo: &Repo, profile: Profile, threaded: Threaded) -> Result<bool> {
    // wasm-opt takes minutes on one core, so it works on one module while cargo compiles the next.
    thread::scope(|scope| {
        let mut generating = Vec::new();
        let mut has_threads = false;
        for module in MODULES {
            let raw = if module.has_threads {
                compile_threaded(repo, module, threaded)?
            } else {
                Some(compile(repo, module, &module.toolchain()?)?)
            };
            let Some(raw) = raw else {
                publish_stub(repo, module)?;
                continue;
            };
            has_threads |= module.has_threads;
            generating.push(scope.spawn(move || publish(repo, module, profile, &raw)));
        }
        let results = generating
            .into_iter()
            .map(|thread| thread.join().unwrap_or_else(|_| bail!("wasm-bindgen panicked")));
        results.collect::<Result<()>>()?;
        Ok(has_threads)
    })
}

/// Compiles the threaded module, if it can be built and is wanted now.
fn compile_threaded(repo: &Repo, module: Module, threaded: Threaded) -> Result<Option<PathBuf>> {
    if threaded == Threaded::Later {
        let Some(toolchain) = WasmToolchain::present_with_std_sources() else {
            return Ok(None);
        };
        let compiled = Compiled::new(repo, module, &toolchain)?;
        return Ok(compiled.is_current().then_some(compiled.raw));
    }
    match module.toolchain() {
        Ok(toolchain) => compile(repo, module, &toolchain).map(Some),
        Err(error) if threaded == Threaded::Build => {
            println!("The CPU will use one thread, because the multi-threaded module could not be built: {error:#}");
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// Generates a module's files and copies them to `pkg`.
fn publish(repo: &Repo, module: Module, profile: Profile, raw: &Path) -> Result<()> {
    let made = generate(repo, module, profile, raw)?;
    for file in files_below(&made)? {
        let name = file
            .strip_prefix(&made)
            .context("a generated file is outside its folder")?;
        copy_if_changed(&file, &repo.path("pkg").join(module.name).join(name))?;
    }
    Ok(())
}

/// Writes a stub for the threaded module: types for the compiler, files for the bundler, and an error for the loader.
fn publish_stub(repo: &Repo, module: Module) -> Result<()> {
    let folder = repo.path("pkg").join(module.name);
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    let file = |suffix: &str| folder.join(format!("{}{suffix}", module.out_name()));
    let types = "\
export * from \"../cpu/fidelity_lab_cpu.js\";
export default function init(source: { module_or_path: unknown; memory?: WebAssembly.Memory }): Promise<unknown>;
export function sharedModule(): any;
export function sharedMemory(): any;
export function startThreads(n: number): void;
export function stopThreads(): void;
export function runThread(): void;
";
    let script = "\
export default async function init() { throw new Error(\"this build has no threaded module\"); }
export const runThread = () => undefined;
";
    write_if_changed(&file(".d.ts"), types.as_bytes())?;
    write_if_changed(&file(".js"), script.as_bytes())?;
    // This is the smallest valid module.
    write_if_changed(&file("_bg.wasm"), b"\0asm\x01\0\0\0")
}

/// A module from cargo, copied to its own file.
struct Compiled {
    raw: PathBuf,
    record: PathBuf,
    stamp: String,
}

impl Compiled {
    fn new(repo: &Repo, module: Module, toolchain: &WasmToolchain) -> Result<Self> {
        let flags = std::env::var("RUSTFLAGS").unwrap_or_default();
        let (cargo, rustc) = (module.cargo_arguments(), module.rustc_arguments());
        let stamp = Stamp::new("cargo rustc").text(&cargo.join(" ")).text(&rustc.join(" "));
        let stamp = stamp.text(&toolchain.version()?).text(&flags);
        Ok(Self {
            raw: repo.work.join(format!("{}.wasm", module.name)),
            record: repo.work.join(format!("{}.wasm.stamp", module.name)),
            stamp: stamp.paths(&repo.root, &SOURCES)?.finish(),
        })
    }

    fn is_current(&self) -> bool {
        self.raw.exists() && fs::read_to_string(&self.record).is_ok_and(|text| text == self.stamp)
    }
}

fn compile(repo: &Repo, module: Module, toolchain: &WasmToolchain) -> Result<PathBuf> {
    let Compiled { raw, record, stamp } = Compiled::new(repo, module, toolchain)?;
    let (cargo, rustc) = (module.cargo_arguments(), module.rustc_arguments());
    unless_current(&record, &stamp, std::slice::from_ref(&raw), || {
        step(
            &format!("compiling the {} module (the first time takes minutes)", module.name),
            || {
                let mut build = toolchain.command("rustc")?;
                let target = module.target_dir(repo);
                build.current_dir(&repo.root).arg("--target-dir").arg(&target);
                run(build.args(&cargo).args(["--crate-type", "cdylib", "--"]).args(&rustc))?;
                let built = target.join(TARGET).join("release/fidelity_lab.wasm");
                fs::copy(&built, &raw).with_context(|| format!("could not copy {}", built.display()))?;
                Ok(())
            },
        )
    })?;
    Ok(raw)
}

/// Generates wasm-bindgen's JavaScript and types, and runs wasm-opt on the module.
fn generate(repo: &Repo, module: Module, profile: Profile, raw: &Path) -> Result<PathBuf> {
    let name = format!("{}-{}", module.name, profile.name());
    let made = repo.work.join(&name);
    let stamp = Stamp::new("wasm-bindgen")
        .text(OPTIMISATION)
        .text(&WASM_FEATURES.join(" "))
        .text(profile.name());
    let stamp = stamp
        .text(wasm_bindgen_version())
        .paths(&repo.work, &[&format!("{}.wasm", module.name)])?;
    // The lock file contains wasm-opt's version.
    let stamp = stamp.paths(&repo.root, &["package-lock.json"])?.finish();
    let wasm = made.join(format!("{}_bg.wasm", module.out_name()));
    unless_current(
        &repo.work.join(format!("{name}.stamp")),
        &stamp,
        std::slice::from_ref(&wasm),
        || {
            let _ = fs::remove_dir_all(&made);
            step(&format!("wasm-bindgen on the {} module", module.name), || {
                let mut bindgen = Bindgen::new();
                bindgen
                    .input_path(raw)
                    .out_name(&module.out_name())
                    .web(true)?
                    .typescript(true);
                let release = profile == Profile::Release;
                bindgen.remove_name_section(release).remove_producers_section(release);
                bindgen.generate(&made).context(
                "wasm-bindgen could not read the module; if it mentions a schema version, give `wasm-bindgen` in Cargo.lock and \
                 `wasm-bindgen-cli-support` in xtask/Cargo.toml the same version",
            )
            })?;
            if profile == Profile::Dev {
                return Ok(());
            }
            step(
                &format!("wasm-opt {OPTIMISATION} on the {} module", module.name),
                || {
                    let before = fs::metadata(&wasm)?.len();
                    let optimised = wasm.with_extension("wasm.optimised");
                    let mut opt = npm::tool(repo, "wasm-opt");
                    run(opt
                        .arg(OPTIMISATION)
                        .args(WASM_FEATURES)
                        .args(module.target_feature.map(|name| format!("--enable-{name}")))
                        .args(module.has_threads.then_some("--enable-threads"))
                        .arg(&wasm)
                        .arg("-o")
                        .arg(&optimised))?;
                    fs::rename(&optimised, &wasm)?;
                    println!(
                        "  {} MB -> {} MB",
                        megabytes(before),
                        megabytes(fs::metadata(&wasm)?.len())
                    );
                    Ok(())
                },
            )
        },
    )?;
    Ok(made)
}

/// Returns the version that this program is linked with, which its manifest pins.
fn wasm_bindgen_version() -> &'static str {
    let manifest = include_str!("../Cargo.toml");
    let line = manifest
        .lines()
        .find(|line| line.starts_with("wasm-bindgen-cli-support"));
    line.unwrap_or_default()
}

fn megabytes(bytes: u64) -> String {
    format!("{:.2}", bytes as f64 / 1e6)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_generator_has_the_version_of_the_lock_file() {
        let lock = include_str!("../../Cargo.lock");
        let version_of = |name: &str| {
            let mut lines = lock.lines().skip_while(|line| *line != format!("name = \"{name}\""));
            lines
                .nth(1)
                .and_then(|line| line.strip_prefix("version = "))
                .map(str::to_owned)
        };
        assert_eq!(version_of("wasm-bindgen-cli-support"), version_of("wasm-bindgen"));
        let version = version_of("wasm-bindgen").unwrap();
        assert!(wasm_bindgen_version().contains(version.trim_matches('"')), "{version}");
    }
}
