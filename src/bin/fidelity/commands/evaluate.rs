//! `fidelity evaluate`.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use clap::Args;
use fidelity_lab::data::IMAGE_BYTES;
use fidelity_lab::data::cifar::N_FINE;

use crate::data::DataArguments;
use crate::device::DeviceArguments;
use crate::predictions::{self, Predictions, Source};
use crate::report::{self, Format};
use crate::stored::{self, N_TEST};
use crate::{networks, output};

/// Report how faithful students are to an ensemble of teachers.
///
/// The teachers form one ensemble, which predicts the mean of their probabilities. The report gives accuracy, top-5 accuracy, negative
/// log-likelihood (NLL) and expected calibration error (ECE, ten bins) of each network and of the ensemble. For each student it adds
/// the agreement with the ensemble (the share of images with the same first class), in all and split by whether the ensemble is
/// right, and the mean KL divergence from the ensemble. To measure a single network, name it as a teacher.
///
/// A file is a network (safetensors) or stored logits (*.logits.f16 from `fidelity logits`). If all files are logits, no images are
/// needed. Half precision changes logits by up to 0.004, and figures by a few hundredths of a percent at most.
#[derive(Args)]
#[command(after_long_help = "\
Examples:
  fidelity evaluate --data cifar-100-binary.tar.gz --teacher t0.safetensors --teacher t1.safetensors --student s.safetensors
  fidelity evaluate --teacher t0.logits.f16 --teacher t1.logits.f16 --student s.logits.f16
  fidelity evaluate --teacher t0.safetensors --student a.safetensors --student b.safetensors --images 1000 --format csv --out s.csv")]
pub struct Arguments {
    /// Member of the ensemble; may be repeated.
    #[arg(long = "teacher", value_name = "FILE")]
    teachers: Vec<PathBuf>,
    /// Network to compare with the ensemble; may be repeated.
    #[arg(long = "student", value_name = "FILE")]
    students: Vec<PathBuf>,
    /// Use only the first N of the 10,000 test images.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=N_TEST as i64))]
    images: Option<u16>,
    /// Format of the report.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    /// File to write instead of standard output.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    #[command(flatten)]
    data: DataArguments,
    #[command(flatten)]
    device: DeviceArguments,
}

pub fn run(arguments: Arguments) -> Result<()> {
    let Arguments {
        teachers,
        students,
        images,
        format,
        out,
        data,
        device,
    } = arguments;
    if teachers.is_empty() {
        bail!("no teachers given; name the members of the ensemble, or a single network to measure, with --teacher");
    }
    let n_images = images.map_or(N_TEST, usize::from);
    let files: Vec<&PathBuf> = teachers.iter().chain(&students).collect();
    let sources: Vec<Source> = files.iter().map(|file| Source::read(file)).collect::<Result<_>>()?;
    // Checking names first reports a wrong one before any network is computed.
    let names = names(&files)?;
    let compute = if sources.iter().any(|source| matches!(source, Source::Network(_))) {
        let mut records = data.test_set()?;
        records.pixels.truncate(n_images * IMAGE_BYTES);
        Some((records.pixels, device.open()?))
    } else {
        None
    };
    let mut all = Vec::new();
    for (source, name) in sources.into_iter().zip(names) {
        let logits = match (source, &compute) {
            (Source::Network(network), Some((pixels, device))) => networks::logits(&network, pixels, device)?,
            (Source::Network(_), None) => bail!("`{name}` was not computed"),
            (Source::Logits(mut logits), _) => {
                logits.truncate(n_images * N_FINE);
                logits
            }
        };
        all.push(Predictions { name, logits });
    }
    let students = all.split_off(teachers.len());
    let report = predictions::measure(&all, &students, n_images)?;
    let text = report::write(&report, format)?;
    match out {
        Some(path) => output::write(&path, text.as_bytes()),
        None => output::print(&text),
    }
}

/// Names each file by its stem, or by its path if another file has the same stem.
fn names(files: &[&PathBuf]) -> Result<Vec<String>> {
    let stem = |path: &Path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let stem = name.strip_suffix(stored::SUFFIX).or(name.strip_suffix(".safetensors"));
        stem.unwrap_or(&name).to_owned()
    };
    let mut names: Vec<String> = Vec::with_capacity(files.len());
    for (i, file) in files.iter().enumerate() {
        if files[..i].contains(file) {
            bail!("{} was given twice", file.display());
        }
        let own = stem(file);
        let is_unique = files.iter().filter(|other| stem(other) == own).count() == 1;
        names.push(if is_unique { own } else { file.display().to_string() });
    }
    Ok(names)
}
