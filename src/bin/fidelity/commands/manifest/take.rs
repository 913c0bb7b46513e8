//! From a trained network to an entry of the manifest.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use fidelity_lab::data::cifar::Records;
use fidelity_lab::device::native::NativeDevice;
use fidelity_lab::metrics::{Fidelity, Generalisation};
use fidelity_lab::weights::manifest::{Curve, Entry, LogitsFile, Metrics, sha256_hex};
use fidelity_lab::weights::provenance::{Provenance, without_paths};
use fidelity_lab::weights::{Network, Precision, Role};
use serde_json::{Value, json};

use super::store::Store;
use crate::answers::{self, Answers};
use crate::stored::{self, N_TEST};
use crate::{networks, output};

/// How far rounding may move the accuracy: 0.1 points.
const MAX_MOVE: f64 = 0.001;

/// A trained network that may become an entry.
pub struct Candidate {
    path: PathBuf,
    /// Without its folder.
    file: String,
    bytes: Vec<u8>,
    network: Network,
    said: Provenance,
    curve: Option<Curve>,
}

impl Candidate {
    /// # Errors
    /// Where the file is no network, or does not say how it was trained.
    pub fn read(path: &Path) -> Result<Self> {
        let bytes = networks::read_file(path)?;
        let network = Network::from_safetensors(&bytes).with_context(|| path.display().to_string())?;
        let said = network.provenance.as_deref().and_then(Provenance::parse);
        let mut said = said.with_context(|| {
            format!(
                "{} does not say how it was trained: its metadata need a `provenance`, JSON with a `recipe`",
                path.display()
            )
        })?;
        // Their names, whatever folder they were in.
        for teacher in &mut said.taught_by {
            let name = without_paths(teacher);
            *teacher = name.strip_suffix(".safetensors").unwrap_or(&name).to_owned();
        }
        let (curve, seconds) = read_log(path)?;
        said.recipe.seconds = said.recipe.seconds.or(seconds);
        said.recipe.policy = said.recipe.policy.map(|policy| without_paths(&policy));
        Ok(Self {
            file: path.file_name().unwrap_or_default().to_string_lossy().into_owned(),
            path: path.to_owned(),
            bytes,
            network,
            curve: curve.filter(|_| !said.taught_by.is_empty()),
            said,
        })
    }

    fn name(&self) -> &str {
        &self.network.name
    }
}

/// The candidates, teachers before their students.
///
/// # Errors
/// Where two have one name or one file, a file is another network's, or a student's teacher is neither here nor in the manifest.
pub fn in_order(mut candidates: Vec<Candidate>, store: &Store) -> Result<Vec<Candidate>> {
    candidates.sort_by_key(|candidate| !candidate.said.taught_by.is_empty());
    for (i, candidate) in candidates.iter().enumerate() {
        let name = candidate.name();
        if let Some(other) = candidates[..i]
            .iter()
            .find(|other| other.name() == name || other.file == candidate.file)
        {
            bail!(
                "{} and {} have the same name, `{name}` or {}",
                other.path.display(),
                candidate.path.display(),
                candidate.file
            );
        }
        if let Some(other) = store.owner_of(&candidate.file).filter(|other| other.name != name) {
            bail!(
                "{} is the file of `{}`, so `{name}` cannot have it: --remove {} first, or rename the file",
                candidate.file,
                other.name,
                other.name
            );
        }
        let is_known = |teacher: &&String| {
            let is_teacher = |found: Option<&Candidate>| found.is_some_and(|found| found.said.taught_by.is_empty());
            is_teacher(candidates.iter().find(|other| other.name() == **teacher))
                || store.find(teacher).is_some_and(|entry| entry.role == Role::Teacher)
        };
        if let Some(missing) = candidate.said.taught_by.iter().find(|teacher| !is_known(teacher)) {
            bail!("`{name}` was taught by `{missing}`, which is not in the manifest; --take it too");
        }
    }
    Ok(candidates)
}

/// Rounds, measures and stores them.
///
/// # Errors
/// Where rounding moves an accuracy too far, and whatever the device or the disk report. What was stored before stays.
pub fn take(candidates: Vec<Candidate>, store: &mut Store, images: &Records, device: &NativeDevice) -> Result<()> {
    for candidate in candidates {
        let name = candidate.name().to_owned();
        let compute = |network: &Network| networks::logits(network, &images.pixels, device);
        let mut rounded = Network::from_safetensors(&candidate.network.to_safetensors(Precision::F16)?)?;
        let logits = compute(&rounded)?;
        let (general, _) = figures(&name, &logits, &[])?;
        let before = if rounded.state == candidate.network.state {
            candidate.said.accuracy
        } else {
            figures(&name, &compute(&candidate.network)?, &[])?.0.accuracy
        };
        let accuracy = general.accuracy.context("the test set has labels")?;
        if let Some(before) = before.filter(|before| (accuracy - before).abs() > MAX_MOVE + 1e-9) {
            bail!(
                "rounded to half precision `{name}` is right on {:.2}% of the test images instead of {:.2}%; 0.1 points are allowed",
                100.0 * accuracy,
                100.0 * before
            );
        }
        let mut teachers = Vec::new();
        for teacher in &candidate.said.taught_by {
            let entry = store
                .find(teacher)
                .with_context(|| format!("`{teacher}` is not in the manifest"))?;
            // What is stored, and so the same whenever the student is taken over.
            let logits = match store.logits_path(entry) {
                Some(path) => stored::read(&path)?,
                None => compute(&networks::read(&store.path(entry))?)?,
            };
            teachers.push(Answers {
                name: teacher.clone(),
                logits,
            });
        }
        let (general, fidelity) = figures(&name, &logits, &teachers)?;
        let metrics = metrics(&general, fidelity.as_ref()).context("the test set has labels")?;

        let old = store.find(&name);
        let is_old = old.is_some_and(|old| {
            let weights = store.path(old).canonicalize().ok();
            weights.is_some() && weights == candidate.path.canonicalize().ok()
        });
        let said = candidate.network.provenance.as_deref().unwrap_or_default();
        let clean = without_paths(said);
        let is_final =
            is_old && rounded.state == candidate.network.state && clean == said && said.contains("\"test_rounded\"");
        let weights = if is_final {
            candidate.bytes
        } else {
            rounded.provenance = Some(with_test(&clean, &metrics));
            rounded.to_safetensors(Precision::F16)?
        };
        let mut recipe = candidate.said.recipe;
        let mut curve = candidate.curve;
        if let Some(old) = old.filter(|_| is_old) {
            recipe.seconds = recipe.seconds.or(old.recipe.as_ref().and_then(|recipe| recipe.seconds));
            curve = curve.or_else(|| old.curve.clone());
        }
        let stem = candidate.file.strip_suffix(".safetensors").unwrap_or(&candidate.file);
        let stored = stored::to_bytes(&name, &logits)?;
        let is_teacher = candidate.said.taught_by.is_empty();
        let entry = Entry {
            role: if is_teacher { Role::Teacher } else { Role::Student },
            family: rounded.architecture.family(),
            name: name.clone(),
            bytes: weights.len() as u64,
            sha256: sha256_hex(&weights),
            depth: rounded.architecture.depth,
            n_classes: rounded.architecture.n_classes,
            taught_by: (!is_teacher).then(|| candidate.said.taught_by.clone()),
            normalisation: rounded.normalisation.clone(),
            metrics,
            recipe: Some(recipe),
            train_agreement: candidate
                .said
                .train_agreement
                .filter(|_| !is_teacher)
                .map(rounded_figure),
            curve,
            logits: Some(LogitsFile::of(format!("{stem}{}", stored::SUFFIX), &stored)),
            file: candidate.file.clone(),
        };
        let figures = &entry.metrics;
        let agreement = figures
            .agreement
            .map_or(String::new(), |share| format!(", agreement {:.2}%", 100.0 * share));
        output::print(&format!(
            "{name}: accuracy {:.2}%{agreement}\n",
            100.0 * figures.accuracy
        ))?;
        store.put(entry, &weights, &stored)?;
    }
    Ok(())
}

fn figures(name: &str, logits: &[f32], teachers: &[Answers]) -> Result<(Generalisation, Option<Fidelity>)> {
    let own = Answers {
        name: name.to_owned(),
        logits: logits.to_vec(),
    };
    let mut report = answers::measure(teachers, &[own], N_TEST)?;
    let general = report.models.remove(name).context("it was measured")?;
    Ok((general, report.students.remove(name)))
}

fn metrics(general: &Generalisation, fidelity: Option<&Fidelity>) -> Option<Metrics> {
    Some(Metrics {
        accuracy: rounded_figure(general.accuracy?),
        top5_accuracy: rounded_figure(general.top5_accuracy?),
        nll: rounded_figure(general.nll?),
        ece: rounded_figure(general.ece?),
        agreement: fidelity.map(|f| rounded_figure(f.agreement)),
        kl: fidelity.map(|f| rounded_figure(f.kl)),
    })
}

/// To six decimals, more than any device reproduces.
fn rounded_figure(value: f64) -> f64 {
    (value * 1e6).round() / 1e6
}

/// The provenance with the figures of the rounded network, in the words that it has for those of the trained one.
fn with_test(provenance: &str, metrics: &Metrics) -> String {
    let Ok(Value::Object(mut all)) = serde_json::from_str(provenance) else {
        return provenance.to_owned();
    };
    let mut test = json!({
        "acc": metrics.accuracy, "top5": metrics.top5_accuracy, "nll": metrics.nll, "ece": metrics.ece
    });
    for (key, value) in [("agreement", metrics.agreement), ("kl", metrics.kl)] {
        if let Some(value) = value {
            test[key] = json!(value);
        }
    }
    all.insert("test_rounded".to_owned(), test);
    Value::Object(all).to_string()
}

/// The curve and the seconds of a log with a JSON object an epoch, where one lies beside the network.
fn read_log(network: &Path) -> Result<(Option<Curve>, Option<f64>)> {
    let mut beside = network.as_os_str().to_owned();
    beside.push(".jsonl");
    let Some(path) = [PathBuf::from(beside), network.with_extension("jsonl")]
        .into_iter()
        .find(|path| path.is_file())
    else {
        return Ok((None, None));
    };
    let text = std::fs::read_to_string(&path).with_context(|| format!("could not read {}", path.display()))?;
    let (mut curve, mut seconds) = (Curve::default(), None::<f64>);
    for (i, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let row: Value = serde_json::from_str(line).with_context(|| format!("{}, line {}", path.display(), i + 1))?;
        // The program `fidelity` has an object for test figures, and the seconds of each epoch; PyTorch's log those since the beginning.
        let of_test = |name: &str| row.get("test").and_then(|test| test.get(name));
        let number = |names: &[&str]| {
            let mut found = names.iter().filter_map(|name| row.get(name).or_else(|| of_test(name)));
            found.find_map(Value::as_f64)
        };
        let short = |value: Option<f64>| value.map(|value| (value * 1e4).round() / 1e4);
        let Some(loss) = short(number(&["loss"])) else { continue };
        curve.loss.push(loss);
        curve
            .train_agreement
            .push(short(number(&["train_agreement", "trainAgreement"])));
        curve.agreement.push(short(number(&["agreement"])));
        curve.accuracy.push(short(number(&["acc", "accuracy"])));
        let before = seconds.filter(|_| row.get("imagesPerSecond").is_some());
        seconds = number(&["seconds"])
            .map(|more| before.unwrap_or_default() + more)
            .or(seconds);
    }
    Ok(((!curve.loss.is_empty()).then_some(curve), seconds))
}
