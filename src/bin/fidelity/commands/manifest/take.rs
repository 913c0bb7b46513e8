//! Turns trained networks into entries of the manifest.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use fidelity_lab::data::cifar::Records;
use fidelity_lab::device::native::NativeDevice;
use fidelity_lab::metrics::{Fidelity, Generalisation};
use fidelity_lab::weights::manifest::{Curve, Entry, LogitsFile, Metrics, sha256_hex};
use fidelity_lab::weights::provenance::{Provenance, without_paths};
use fidelity_lab::weights::{Network, Precision, Role};
use serde_json::{Map, Value, json};

use super::store::Store;
use crate::predictions::{self, Predictions};
use crate::stored::{self, N_TEST};
use crate::{networks, output};

/// How much rounding may change the accuracy: 0.1 points.
const MAX_CHANGE: f64 = 0.001;

/// Key of a provenance that holds the test figures of the rounded network.
const TEST_ROUNDED: &str = "test_rounded";

/// A trained network that may become an entry.
pub struct Candidate {
    path: PathBuf,
    /// File name without the folder.
    file: String,
    bytes: Vec<u8>,
    network: Network,
    /// What the network's provenance says, without paths.
    provenance: Provenance,
    curve: Option<Curve>,
}

impl Candidate {
    /// Reads a network with its provenance and the log beside it.
    ///
    /// # Errors
    /// If the file is not a network, or its provenance has no recipe.
    pub fn read(path: &Path) -> Result<Self> {
        let bytes = networks::read_file(path)?;
        let network = Network::from_safetensors(&bytes).with_context(|| path.display().to_string())?;
        let provenance = network.provenance.as_deref().and_then(Provenance::parse);
        let mut provenance = provenance.with_context(|| {
            format!(
                "{} does not say how it was trained; its metadata must have a `provenance`, a JSON object with a `recipe`",
                path.display()
            )
        })?;
        // Teachers may be recorded as paths of their files.
        for teacher in &mut provenance.taught_by {
            let name = without_paths(teacher);
            *teacher = name.strip_suffix(".safetensors").unwrap_or(&name).to_owned();
        }
        let (curve, seconds) = read_log(path)?;
        let recipe = &mut provenance.recipe;
        recipe.seconds = recipe.seconds.or(seconds);
        recipe.policy = recipe.policy.take().map(|policy| without_paths(&policy));
        Ok(Self {
            file: path.file_name().unwrap_or_default().to_string_lossy().into_owned(),
            path: path.to_owned(),
            bytes,
            network,
            curve: curve.filter(|_| !provenance.taught_by.is_empty()),
            provenance,
        })
    }

    fn name(&self) -> &str {
        &self.network.name
    }

    fn is_teacher(&self) -> bool {
        self.provenance.taught_by.is_empty()
    }

    /// Whether the provenance has no paths, and has the test figures of the rounded network.
    fn is_provenance_final(&self) -> bool {
        let text = self.network.provenance.as_deref().unwrap_or_default();
        let fields: Option<Map<String, Value>> = serde_json::from_str(text).ok();
        without_paths(text) == text && fields.is_some_and(|fields| fields.contains_key(TEST_ROUNDED))
    }
}

/// Sorts teachers before their students.
///
/// # Errors
/// If two candidates share a name or a file name, a file name belongs to another network, or the teacher of a student is neither a
/// candidate nor in the manifest.
pub fn in_order(mut candidates: Vec<Candidate>, store: &Store) -> Result<Vec<Candidate>> {
    candidates.sort_by_key(|candidate| !candidate.is_teacher());
    for (i, candidate) in candidates.iter().enumerate() {
        let name = candidate.name();
        if let Some(other) = candidates[..i]
            .iter()
            .find(|other| other.name() == name || other.file == candidate.file)
        {
            bail!(
                "{} and {} share the network name `{name}` or the file name {}; rename one of them",
                other.path.display(),
                candidate.path.display(),
                candidate.file
            );
        }
        if let Some(other) = store.owner_of(&candidate.file).filter(|other| other.name != name) {
            bail!(
                "{} already belongs to `{}`; use --remove {}, or rename the file of `{name}`",
                candidate.file,
                other.name,
                other.name
            );
        }
        let is_known = |teacher: &&String| {
            let is_candidate = |other: &Candidate| other.is_teacher() && other.name() == **teacher;
            candidates.iter().any(is_candidate) || store.find(teacher).is_some_and(|entry| entry.role == Role::Teacher)
        };
        if let Some(missing) = candidate.provenance.taught_by.iter().find(|teacher| !is_known(teacher)) {
            bail!("`{name}` was taught by `{missing}`, which is not in the manifest; import it too, with --take");
        }
    }
    Ok(candidates)
}

/// Rounds, measures and stores each candidate.
///
/// # Errors
/// If rounding changes an accuracy too much, or the device or the disk fails. Candidates stored before the failure remain.
pub fn take(candidates: Vec<Candidate>, store: &mut Store, images: &Records, device: &NativeDevice) -> Result<()> {
    for candidate in candidates {
        let name = candidate.name().to_owned();
        let compute = |network: &Network| networks::logits(network, &images.pixels, device);
        let mut rounded = Network::from_safetensors(&candidate.network.to_safetensors(Precision::F16)?)?;
        let logits = compute(&rounded)?;
        let (general, _) = figures(&name, &logits, &[])?;
        let before = if rounded.state == candidate.network.state {
            candidate.provenance.accuracy
        } else {
            figures(&name, &compute(&candidate.network)?, &[])?.0.accuracy
        };
        let accuracy = general.accuracy.context("the figures lack an accuracy")?;
        if let Some(before) = before.filter(|before| (accuracy - before).abs() > MAX_CHANGE + 1e-9) {
            bail!(
                "rounding to half precision changes the accuracy of `{name}` from {:.2}% to {:.2}%; at most 0.1 points are allowed",
                100.0 * before,
                100.0 * accuracy
            );
        }
        let mut teachers = Vec::new();
        for teacher in &candidate.provenance.taught_by {
            let entry = store
                .find(teacher)
                .with_context(|| format!("`{teacher}` is not in the manifest"))?;
            // With stored logits, the figures do not depend on when or where the student is imported.
            let logits = match store.logits_path(entry) {
                Some(path) => stored::read(&path)?,
                None => compute(&networks::read(&store.path(entry))?)?,
            };
            teachers.push(Predictions {
                name: teacher.clone(),
                logits,
            });
        }
        let (general, fidelity) = figures(&name, &logits, &teachers)?;
        let metrics = metrics(&general, fidelity.as_ref()).context("the figures lack an accuracy")?;

        let old = store.find(&name);
        let is_old = old.is_some_and(|old| {
            let weights = store.path(old).canonicalize().ok();
            weights.is_some() && weights == candidate.path.canonicalize().ok()
        });
        let is_final = is_old && rounded.state == candidate.network.state && candidate.is_provenance_final();
        let is_teacher = candidate.is_teacher();
        let weights = if is_final {
            candidate.bytes
        } else {
            let provenance = candidate.network.provenance.as_deref().unwrap_or_default();
            rounded.provenance = Some(with_test(&without_paths(provenance), &metrics));
            rounded.to_safetensors(Precision::F16)?
        };
        let Provenance {
            mut recipe,
            taught_by,
            train_agreement,
            ..
        } = candidate.provenance;
        let mut curve = candidate.curve;
        if let Some(old) = old.filter(|_| is_old) {
            recipe.seconds = recipe.seconds.or(old.recipe.as_ref().and_then(|recipe| recipe.seconds));
            curve = curve.or_else(|| old.curve.clone());
        }
        let stem = candidate.file.strip_suffix(".safetensors").unwrap_or(&candidate.file);
        let stored = stored::to_bytes(&name, &logits)?;
        let entry = Entry {
            role: if is_teacher { Role::Teacher } else { Role::Student },
            family: rounded.architecture.family(),
            name: name.clone(),
            bytes: weights.len() as u64,
            sha256: sha256_hex(&weights),
            depth: rounded.architecture.depth,
            n_classes: rounded.architecture.n_classes,
            taught_by: (!is_teacher).then_some(taught_by),
            normalisation: rounded.normalisation.clone(),
            metrics,
            recipe: Some(recipe),
            train_agreement: train_agreement.filter(|_| !is_teacher).map(rounded_figure),
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

fn figures(name: &str, logits: &[f32], teachers: &[Predictions]) -> Result<(Generalisation, Option<Fidelity>)> {
    let own = Predictions {
        name: name.to_owned(),
        logits: logits.to_vec(),
    };
    let mut report = predictions::measure(teachers, &[own], N_TEST)?;
    let general = report
        .models
        .remove(name)
        .with_context(|| format!("`{name}` has no figures"))?;
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

/// Rounds to six decimals, which is more than devices reproduce.
fn rounded_figure(value: f64) -> f64 {
    (value * 1e6).round() / 1e6
}

/// Adds the figures of the rounded network to a provenance, under the keys that it uses for those of the trained one.
fn with_test(provenance: &str, metrics: &Metrics) -> String {
    let Ok(Value::Object(mut fields)) = serde_json::from_str(provenance) else {
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
    fields.insert(TEST_ROUNDED.to_owned(), test);
    Value::Object(fields).to_string()
}

/// Reads curve and seconds from the log beside the network, if there is one. Each of its lines is a JSON object for one epoch.
fn read_log(network: &Path) -> Result<(Option<Curve>, Option<f64>)> {
    let mut appended = network.as_os_str().to_owned();
    appended.push(".jsonl");
    let Some(path) = [PathBuf::from(appended), network.with_extension("jsonl")]
        .into_iter()
        .find(|path| path.is_file())
    else {
        return Ok((None, None));
    };
    let text = std::fs::read_to_string(&path).with_context(|| format!("could not read {}", path.display()))?;
    let (mut curve, mut seconds) = (Curve::default(), None::<f64>);
    for (i, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let row: Value = serde_json::from_str(line).with_context(|| format!("{}, line {}", path.display(), i + 1))?;
        // `fidelity` logs test figures in an object of their own, and the seconds of each epoch. PyTorch's logs count from the start.
        let of_test = |name: &str| row.get("test").and_then(|test| test.get(name));
        let number = |names: &[&str]| {
            let mut values = names.iter().filter_map(|name| row.get(name).or_else(|| of_test(name)));
            values.find_map(Value::as_f64)
        };
        let to_4_decimals = |value: Option<f64>| value.map(|value| (value * 1e4).round() / 1e4);
        let Some(loss) = to_4_decimals(number(&["loss"])) else {
            continue;
        };
        curve.loss.push(loss);
        curve
            .train_agreement
            .push(to_4_decimals(number(&["train_agreement", "trainAgreement"])));
        curve.agreement.push(to_4_decimals(number(&["agreement"])));
        curve.accuracy.push(to_4_decimals(number(&["acc", "accuracy"])));
        let before = seconds.filter(|_| row.get("imagesPerSecond").is_some());
        seconds = number(&["seconds"])
            .map(|more| before.unwrap_or_default() + more)
            .or(seconds);
    }
    Ok(((!curve.loss.is_empty()).then_some(curve), seconds))
}
