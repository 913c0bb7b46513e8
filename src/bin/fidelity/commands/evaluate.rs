//! `fidelity evaluate`.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use clap::Args;
use fidelity_lab::data::IMAGE_BYTES;
use fidelity_lab::data::cifar::N_FINE;

use crate::answers::{self, Answers, Source};
use crate::data::DataArguments;
use crate::device::DeviceArguments;
use crate::report::{self, Format};
use crate::stored::{self, N_TEST};
use crate::{networks, output};

/// Report how faithful students are to an ensemble of teachers.
///
/// The teachers form one ensemble, whose probabilities are the mean of theirs. Each network and the ensemble get accuracy,
/// top-5 accuracy, negative log-likelihood (NLL) and expected calibration error (ECE, ten bins); each student its agreement
/// with the ensemble (the share of images with the same first class) and the mean KL divergence from the ensemble, and its
/// agreement where the ensemble is right and where it is wrong. To measure a network alone, name it as a teacher.
///
/// A file is a network (safetensors) or its stored logits (*.logits.f16 of `fidelity logits`). Where all are logits, no images
/// are needed. Logits in half precision differ by up to 0.004, which moves a figure by some hundredths of a percent at most.
#[derive(Args)]
#[command(after_long_help = "\
Examples:
  fidelity evaluate --data cifar-100-binary.tar.gz --teacher t0.safetensors --teacher t1.safetensors --student s.safetensors
  fidelity evaluate --teacher t0.logits.f16 --teacher t1.logits.f16 --student s.logits.f16
  fidelity evaluate --teacher t0.safetensors --student a.safetensors --student b.safetensors --images 1000 --format csv --out s.csv")]
pub struct Arguments {
    /// A member of the ensemble; may be given several times.
    #[arg(long = "teacher", value_name = "FILE")]
    teachers: Vec<PathBuf>,
    /// A network to be compared with the ensemble; may be given several times.
    #[arg(long = "student", value_name = "FILE")]
    students: Vec<PathBuf>,
    /// The first N of the test images instead of all 10,000.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=N_TEST as i64))]
    images: Option<u16>,
    /// How the report is written.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    /// Where to, instead of standard output.
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
        bail!(
            "there is no teacher: name the members of the ensemble with --teacher (and a network to be measured alone, too)"
        );
    }
    let n_images = images.map_or(N_TEST, usize::from);
    let files: Vec<&PathBuf> = teachers.iter().chain(&students).collect();
    let sources: Vec<Source> = files.iter().map(|file| Source::read(file)).collect::<Result<_>>()?;
    // What was named is right before the first network is computed.
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
        all.push(Answers { name, logits });
    }
    let students = all.split_off(teachers.len());
    let report = answers::measure(&all, &students, n_images)?;
    let text = report::write(&report, format)?;
    match out {
        Some(path) => output::write(&path, text.as_bytes()),
        None => output::print(&text),
    }
}

/// Each file's name without its ending; its path where that is another's too.
fn names(files: &[&PathBuf]) -> Result<Vec<String>> {
    let stem = |path: &Path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let stem = name.strip_suffix(stored::SUFFIX).or(name.strip_suffix(".safetensors"));
        stem.unwrap_or(&name).to_owned()
    };
    let mut names: Vec<String> = Vec::with_capacity(files.len());
    for (i, file) in files.iter().enumerate() {
        if files[..i].contains(file) {
            bail!("{} was named twice", file.display());
        }
        let own = stem(file);
        let is_unique = files.iter().filter(|other| stem(other) == own).count() == 1;
        names.push(if is_unique { own } else { file.display().to_string() });
    }
    Ok(names)
}
