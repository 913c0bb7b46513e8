//! Unpacks test.bin, train.bin and the label names. They are read as a stream, checked, and then moved into place together.

use std::fs::{self, File};
use std::io::BufWriter;
use std::ops::ControlFlow;
use std::path::Path;

use anyhow::{Context, Result, bail};
use fidelity_lab::data::archive::Source;

/// Replaces `folder` with the content of the source. If that fails, the folder stays as it was.
pub fn unpack(source: &Source, folder: &Path) -> Result<()> {
    let fresh = folder.with_extension(format!("unpacking-{}", std::process::id()));
    let result = fill(source, &fresh).and_then(|()| put_in_place(&fresh, folder));
    if result.is_err() {
        let _ = fs::remove_dir_all(&fresh);
    }
    result
}

fn fill(source: &Source, folder: &Path) -> Result<()> {
    let _ = fs::remove_dir_all(folder);
    fs::create_dir_all(folder).with_context(|| format!("could not create {}", folder.display()))?;
    source.visit(|member| {
        let name = member.name;
        let to = File::create(folder.join(name)).with_context(|| format!("could not write {name}"))?;
        member.copy_checked(&mut BufWriter::new(to))?;
        Ok(ControlFlow::Continue(()))
    })?;
    if !folder.join("test.bin").exists() {
        bail!("{source} contains no test.bin; is it CIFAR-100's binary version?");
    }
    Ok(())
}

/// Renames the folder, so that the server never sees half a set.
fn put_in_place(fresh: &Path, folder: &Path) -> Result<()> {
    let old = folder.with_extension(format!("old-{}", std::process::id()));
    let had_one = folder.exists();
    if had_one {
        fs::rename(folder, &old).with_context(|| format!("could not move {} away", folder.display()))?;
    }
    if let Err(error) = fs::rename(fresh, folder) {
        if had_one {
            let _ = fs::rename(&old, folder);
        }
        return Err(error).with_context(|| format!("could not move the data to {}", folder.display()));
    }
    let _ = fs::remove_dir_all(&old);
    Ok(())
}

#[cfg(test)]
mod tests;
