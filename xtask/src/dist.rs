//! `cargo xtask dist`: makes a folder of static files for any web host.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};

use crate::notices;
use crate::page::{self, Mode};
use crate::repo::{Repo, files_below};
use crate::server::SECURITY_HEADERS;
use crate::step::{output, step};
use crate::wasm::{Profile, Threaded};

/// Marks a folder as made by this command, which may then empty it.
const MARK: &str = "HEADERS.txt";
const COMPRESSIBLE: [&str; 10] = [
    "html",
    "js",
    "css",
    "json",
    "wasm",
    "svg",
    "txt",
    "map",
    "bin",
    "webmanifest",
];

/// Compresses in Node, which has brotli and gzip in C; crates for it would make every first build of this program slower.
const COMPRESS: &str = r#"
const fs = require("fs"), zlib = require("zlib");
for (const path of JSON.parse(fs.readFileSync(0, "utf8"))) {
  const bytes = fs.readFileSync(path);
  const params = {
    [zlib.constants.BROTLI_PARAM_QUALITY]: 11,
    [zlib.constants.BROTLI_PARAM_LGWIN]: 24,
    [zlib.constants.BROTLI_PARAM_SIZE_HINT]: bytes.length,
  };
  const made = { br: zlib.brotliCompressSync(bytes, { params }), gz: zlib.gzipSync(bytes, { level: 9 }) };
  for (const [suffix, packed] of Object.entries(made)) if (packed.length < bytes.length) fs.writeFileSync(`${path}.${suffix}`, packed);
}
"#;

pub fn dist(repo: &Repo, out: &Path) -> Result<()> {
    let out = repo.root.join(out);
    empty(&out)?;
    let page = page::build_all(repo, Profile::Release, Mode::Product, Threaded::Build)?.page;
    for file in files_below(&page)? {
        let to = out.join(file.strip_prefix(&page)?);
        fs::create_dir_all(to.parent().context("a file has no parent folder")?)?;
        fs::copy(&file, &to).with_context(|| format!("could not write {}", to.display()))?;
    }
    // The page requests this file; a host with its own data sets lists them here.
    fs::create_dir_all(out.join("data"))?;
    fs::write(out.join("data/index.json"), "{\"sets\":[]}\n")?;
    for licence in ["LICENSE-MIT", "LICENSE-APACHE"] {
        fs::copy(repo.path(licence), out.join(licence)).with_context(|| format!("could not copy {licence}"))?;
    }
    step("collecting the licences of the page's dependencies", || {
        Ok(fs::write(out.join("THIRD-PARTY-NOTICES.txt"), notices::collect(repo)?)?)
    })?;
    fs::write(out.join(MARK), headers_note())?;
    step("compressing with brotli and gzip", || compress(&out))?;
    println!("\n{}: {}", out.display(), sizes(&out)?);
    Ok(())
}

/// Creates the folder, or empties one that this command made. Leaves any other folder as it is.
fn empty(out: &Path) -> Result<()> {
    if out.exists() {
        let is_ours = out.join(MARK).exists() && out.join("index.html").exists();
        let is_empty = fs::read_dir(out)
            .with_context(|| format!("{} is not a folder", out.display()))?
            .next()
            .is_none();
        if !is_ours && !is_empty {
            bail!(
                "{} exists and was not made by this command; choose another folder with --out",
                out.display()
            );
        }
        fs::remove_dir_all(out).with_context(|| format!("could not empty {}", out.display()))?;
    }
    fs::create_dir_all(out).with_context(|| format!("could not create {}", out.display()))
}

fn compress(folder: &Path) -> Result<()> {
    let mut files = files_below(folder)?;
    files.retain(|file| {
        let extension = file.extension().unwrap_or_default().to_string_lossy().into_owned();
        COMPRESSIBLE.contains(&extension.as_str()) && fs::metadata(file).is_ok_and(|metadata| metadata.len() > 1000)
    });
    let list = folder.with_extension("files");
    fs::write(&list, serde_json::to_string(&files)?)?;
    let result = output(
        std::process::Command::new("node")
            .args(["-e", COMPRESS])
            .stdin(fs::File::open(&list)?),
    );
    fs::remove_file(&list)?;
    result.map(drop)
}

fn sizes(folder: &Path) -> Result<String> {
    let (mut n_files, mut raw, mut brotli) = (0, 0, 0);
    for file in files_below(folder)? {
        let bytes = fs::metadata(&file)?.len();
        match file.extension().and_then(|extension| extension.to_str()) {
            Some("br" | "gz") => {}
            _ => {
                n_files += 1;
                raw += bytes;
                let mut packed = file.into_os_string();
                packed.push(".br");
                brotli += fs::metadata(packed).map_or(bytes, |metadata| metadata.len());
            }
        }
    }
    Ok(format!(
        "{n_files} files, {:.2} MB, {:.2} MB as sent with brotli",
        raw as f64 / 1e6,
        brotli as f64 / 1e6
    ))
}

fn headers_note() -> String {
    let mut note = "\
Fidelity Lab, static files. Any web host can serve them, under any path. Use https, because browsers offer WebGPU only there.

The page works without special headers. If the host allows it, set these on all files. With the cross-origin opener and
embedder policies the page uses all threads of the CPU; without them it uses one:

"
    .to_owned();
    for (name, value) in SECURITY_HEADERS {
        note += &format!("  {name}: {value}\n");
    }
    note += "
Types: .wasm must be application/wasm, and .js must be text/javascript.
Caching: files in assets/ have a hash of their content in their name (cache-control: public, max-age=31536000, immutable); all
others need no-cache.
Compression: .br and .gz beside a file are the same file compressed, for hosts that serve them (nginx: brotli_static, gzip_static).
Data sets: data/index.json lists none. To offer CIFAR-100, put test.bin and train.bin of its binary version in data/cifar-100/
and list them as {\"sets\":[{\"name\":\"cifar-100-test\",\"file\":\"cifar-100/test.bin\",\"bytes\":30740000},
{\"name\":\"cifar-100-train\",\"file\":\"cifar-100/train.bin\",\"bytes\":153700000}]}.
";
    note
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_folders_of_its_own_are_emptied() {
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("dist");
        empty(&out).unwrap();
        empty(&out).unwrap();
        fs::write(out.join("index.html"), "somebody's page").unwrap();
        let message = empty(&out).unwrap_err().to_string();
        assert!(message.contains("was not made by this command"), "{message}");
        fs::write(out.join(MARK), "").unwrap();
        empty(&out).unwrap();
        assert_eq!(fs::read_dir(&out).unwrap().count(), 0);
    }

    #[test]
    fn compressed_copies_are_smaller_and_come_back_the_same() {
        use std::io::Read;
        let folder = tempfile::tempdir().unwrap();
        let text = "the same line again\n".repeat(500);
        fs::write(folder.path().join("a.txt"), &text).unwrap();
        fs::write(folder.path().join("small.txt"), "small").unwrap();
        compress(folder.path()).unwrap();
        let mut back = String::new();
        flate2::read::GzDecoder::new(fs::File::open(folder.path().join("a.txt.gz")).unwrap())
            .read_to_string(&mut back)
            .unwrap();
        assert_eq!(back, text);
        assert!(fs::metadata(folder.path().join("a.txt.br")).unwrap().len() < 200);
        assert!(!folder.path().join("small.txt.br").exists());
    }
}
