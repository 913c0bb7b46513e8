//! Installs system packages, and lists them first.

use std::io::{IsTerminal, Write, stdin, stdout};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::step::{output, run};

/// Tells whether apt is available and knows a package of this name.
pub fn available(package: &str) -> bool {
    let known = || {
        let show = Command::new("apt-cache")
            .args(["show", package])
            .stderr(Stdio::null())
            .output();
        show.is_ok_and(|show| show.status.success() && !show.stdout.is_empty())
    };
    // On a fresh machine apt's lists may be missing.
    known() || (is_root() && run(Command::new("apt-get").args(["update", "-qq"])).is_ok() && known())
}

/// Installs Debian packages. Asks first, unless this runs as root or without a terminal.
pub fn install(packages: &[&str], purpose: &str) -> Result<()> {
    println!("  Debian packages for {purpose}: {}", packages.join(" "));
    let root = is_root();
    if !root && stdin().is_terminal() && stdout().is_terminal() {
        print!("  Install them with sudo apt-get? [Y/n] ");
        stdout().flush()?;
        let mut answer = String::new();
        stdin().read_line(&mut answer).context("could not read the answer")?;
        if !matches!(answer.trim().to_lowercase().as_str(), "" | "y" | "yes") {
            bail!(
                "not installed, as you asked; to install them yourself: sudo apt-get install --no-install-recommends {}",
                packages.join(" ")
            );
        }
    }
    let install = || {
        let mut install = apt(root);
        install
            .args(["install", "-y", "-qq", "--no-install-recommends"])
            .args(packages);
        run(&mut install)
    };
    if install().is_ok() {
        return Ok(());
    }
    println!("  The installation failed; updating the package lists and trying again.");
    run(apt(root).args(["update", "-qq"]))?;
    install()
}

fn apt(root: bool) -> Command {
    if root {
        let mut apt = Command::new("apt-get");
        apt.env("DEBIAN_FRONTEND", "noninteractive");
        apt
    } else {
        let mut sudo = Command::new("sudo");
        // Without a terminal nobody can type a password, so fail instead of waiting.
        if !stdin().is_terminal() {
            sudo.arg("-n");
        }
        sudo.args(["DEBIAN_FRONTEND=noninteractive", "apt-get"]);
        sudo
    }
}

fn is_root() -> bool {
    output(Command::new("id").arg("-u")).is_ok_and(|id| id.trim() == "0")
}
