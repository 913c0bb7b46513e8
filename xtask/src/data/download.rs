//! Downloads a large file over HTTP. It resumes where it was cut off, and gives the file its name only after checking it.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufReader, IsTerminal, Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use indicatif::{ProgressBar, ProgressStyle};
use sha2::{Digest, Sha256};
use ureq::http::{Response, StatusCode, header};
use ureq::{Agent, Body};

use crate::stamp::hex;

/// The download fails after this many attempts in a row without progress.
const MAX_IDLE_TRIES: u32 = 4;

pub struct Download<'a> {
    url: &'a str,
    bytes: u64,
    sha256: &'a str,
    pause: Duration,
    agent: Agent,
}

/// Why an attempt did not finish.
enum Cut {
    /// Another attempt may succeed.
    Connection(String),
    /// Another attempt would get the same response.
    Refused(String),
}

impl<'a> Download<'a> {
    /// A download of a file of known length and sha256 (in hex).
    pub fn new(url: &'a str, bytes: u64, sha256: &'a str) -> Self {
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .timeout_connect(Some(Duration::from_secs(20)))
            .timeout_per_read(Some(Duration::from_secs(60)))
            .user_agent(concat!("fidelity-lab-xtask/", env!("CARGO_PKG_VERSION")));
        Self {
            url,
            bytes,
            sha256,
            pause: Duration::from_secs(2),
            agent: config.build().new_agent(),
        }
    }

    /// Downloads to `target`. Continues from what an earlier run left beside it in `.part`.
    pub fn save_as(&self, target: &Path) -> Result<()> {
        if !target.exists() {
            let part = with_suffix(target, "part");
            let tag = with_suffix(target, "etag");
            self.fetch(&part, &tag)?;
            self.check(&part).inspect_err(|_| {
                let _ = fs::remove_file(&part);
                let _ = fs::remove_file(&tag);
            })?;
            fs::rename(&part, target).with_context(|| format!("could not move the file to {}", target.display()))?;
            let _ = fs::remove_file(&tag);
            return Ok(());
        }
        self.check(target).inspect_err(|_| {
            let _ = fs::remove_file(target);
        })
    }

    fn fetch(&self, part: &Path, tag: &Path) -> Result<()> {
        let bar = progress_bar(self.bytes);
        let mut idle = 0;
        loop {
            let before = length(part);
            if before == self.bytes {
                bar.finish_and_clear();
                return Ok(());
            }
            if before > self.bytes {
                fs::remove_file(part).with_context(|| format!("could not remove {}", part.display()))?;
                continue;
            }
            match self.attempt(part, tag, before, &bar) {
                Ok(()) => {}
                Err(Cut::Refused(why)) => bail!("{}: {why}. {}", self.url, self.advice()),
                Err(Cut::Connection(why)) => {
                    let now = length(part);
                    idle = if now > before { 0 } else { idle + 1 };
                    if idle >= MAX_IDLE_TRIES {
                        bail!("{}: {why}. {}{}", self.url, self.how_far(now), self.advice());
                    }
                    bar.suspend(|| println!("  interrupted at {} ({why}); resuming", megabytes(now)));
                    std::thread::sleep(self.pause * (idle + 1));
                }
            }
        }
    }

    /// Requests the rest of the file, or all of it if the server does not support ranges.
    fn attempt(&self, part: &Path, tag: &Path, have: u64, bar: &ProgressBar) -> Result<(), Cut> {
        let mut request = self.agent.get(self.url).header(header::ACCEPT_ENCODING, "identity");
        if have > 0 {
            request = request.header(header::RANGE, format!("bytes={have}-"));
            // If the file has changed, the server sends the whole new file.
            if let Ok(tag) = fs::read_to_string(tag) {
                request = request.header(header::IF_RANGE, tag);
            }
        }
        let mut response = request
            .call()
            .map_err(|error| Cut::Connection(format!("no connection ({error})")))?;
        let append = match response.status() {
            StatusCode::PARTIAL_CONTENT if range_start(&response) == Some(have) => true,
            StatusCode::OK => false,
            StatusCode::PARTIAL_CONTENT | StatusCode::RANGE_NOT_SATISFIABLE => {
                let _ = fs::remove_file(part);
                return Err(Cut::Connection(
                    "the server sent a range other than the requested one".to_owned(),
                ));
            }
            status if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS => {
                return Err(Cut::Connection(format!("the server responded {status}")));
            }
            status => return Err(Cut::Refused(format!("the server responded {status}"))),
        };
        if !append {
            remember_tag(&response, tag);
        }
        let file = OpenOptions::new()
            .create(true)
            .write(true)
            .append(append)
            .truncate(!append)
            .open(part);
        let mut file = file.map_err(|error| Cut::Refused(format!("could not write {}: {error}", part.display())))?;
        let mut have = if append { have } else { 0 };
        let mut body = response.body_mut().as_reader();
        let mut buffer = vec![0; 1 << 16];
        let mut told = have * 10 / self.bytes;
        loop {
            bar.set_position(have);
            let n = body
                .read(&mut buffer)
                .map_err(|error| Cut::Connection(error.to_string()))?;
            if n == 0 {
                break;
            }
            file.write_all(&buffer[..n])
                .map_err(|error| Cut::Refused(format!("could not write {}: {error}", part.display())))?;
            have += n as u64;
            if have > self.bytes {
                let _ = fs::remove_file(part);
                return Err(Cut::Refused(format!(
                    "the server sends more than the expected {} bytes, so it is another file",
                    self.bytes
                )));
            }
            // Without a terminal for the bar, print a line every 10 %.
            if bar.is_hidden() && !cfg!(test) && have * 10 / self.bytes > told {
                told = have * 10 / self.bytes;
                println!("  {} of {}", megabytes(have), megabytes(self.bytes));
            }
        }
        if have < self.bytes {
            return Err(Cut::Connection("the connection ended early".to_owned()));
        }
        Ok(())
    }

    fn check(&self, path: &Path) -> Result<()> {
        let found = sha256(path)?;
        if found != self.sha256 {
            bail!(
                "{}: the checksum is wrong (sha256 {found}, expected {}); the file was damaged on the way, or the server has \
                 another file. It was removed, so the next run starts over. {}",
                self.url,
                self.sha256,
                self.advice()
            );
        }
        Ok(())
    }

    fn how_far(&self, have: u64) -> String {
        if have == 0 {
            return String::new();
        }
        let percent = have * 100 / self.bytes;
        let (have, all) = (megabytes(have), megabytes(self.bytes));
        format!("{have} of {all} ({percent} %) is saved; the next run resumes from there. ")
    }

    fn advice(&self) -> String {
        "If you are offline, download the archive on another machine and pass it with `cargo xtask data --archive PATH`"
            .to_owned()
    }
}

fn remember_tag<B>(response: &Response<B>, path: &Path) {
    let tag = response.headers().get(header::ETAG).and_then(|tag| tag.to_str().ok());
    // If-Range must not contain a weak tag (RFC 9110, 13.1.5).
    match tag.filter(|tag| !tag.starts_with("W/")) {
        Some(tag) => drop(fs::write(path, tag)),
        None => drop(fs::remove_file(path)),
    }
}

/// Returns 100 for `Content-Range: bytes 100-199/200`.
fn range_start(response: &Response<Body>) -> Option<u64> {
    let range = response.headers().get(header::CONTENT_RANGE)?.to_str().ok()?;
    range.strip_prefix("bytes ")?.split('-').next()?.parse().ok()
}

fn sha256(path: &Path) -> Result<String> {
    let file = File::open(path).with_context(|| format!("could not read {}", path.display()))?;
    let mut hash = Sha256::new();
    io::copy(&mut BufReader::with_capacity(1 << 20, file), &mut hash)?;
    Ok(hex(&hash.finalize()))
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(suffix);
    name.into()
}

fn length(path: &Path) -> u64 {
    fs::metadata(path).map_or(0, |metadata| metadata.len())
}

fn progress_bar(bytes: u64) -> ProgressBar {
    if !io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("  {bar:40} {bytes} of {total_bytes}, {bytes_per_sec}, {eta} left");
    ProgressBar::new(bytes).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

fn megabytes(bytes: u64) -> String {
    format!("{:.1} MB", bytes as f64 / 1e6)
}

#[cfg(test)]
mod tests;
