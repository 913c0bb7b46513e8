//! `www/weights/manifest.json`: the networks that ship with the page, and their metrics.
//!
//! The manifest lets the page list networks before it loads them. The network file is authoritative: an entry that differs from
//! its file is rejected.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use thiserror::Error;

use super::provenance::RecordedRecipe;
use super::{Network, Normalisation, Role};

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Manifest {
    pub networks: Vec<Entry>,
}

/// One shipped network.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Entry {
    pub role: Role,
    /// Architecture family, for example "PreResNet-56".
    pub family: String,
    pub name: String,
    /// Path relative to the manifest.
    pub file: String,
    /// Length of the file in bytes.
    pub bytes: u64,
    /// SHA-256 of the file, 64 lower-case hexadecimal digits.
    pub sha256: String,
    pub depth: usize,
    pub n_classes: usize,
    /// Names of the teachers from whose ensemble a student was distilled; null for a teacher.
    pub taught_by: Option<Vec<String>>,
    pub normalisation: Normalisation,
    pub metrics: Metrics,
    /// The training recipe, from the file's provenance.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recipe: Option<RecordedRecipe>,
    /// Share of the training images on which a student agrees with its teachers' ensemble.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub train_agreement: Option<f64>,
    /// A student's training curve.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub curve: Option<Curve>,
    /// The network's test logits, which are loaded on demand.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub logits: Option<LogitsFile>,
}

/// A training curve, with one element per epoch.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Curve {
    pub loss: Vec<f64>,
    /// Agreement with the teachers on the augmented training images.
    pub train_agreement: Vec<Option<f64>>,
    /// Agreement with the teachers on the test images; null if it was not measured.
    pub agreement: Vec<Option<f64>>,
    /// Accuracy on the test images; null if it was not measured.
    pub accuracy: Vec<Option<f64>>,
}

/// A file of test logits: little-endian f16 `[10000, classes]` in the order of `test-records.bin`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LogitsFile {
    /// Path relative to the manifest.
    pub file: String,
    pub bytes: u64,
    /// SHA-256 of the file, 64 lower-case hexadecimal digits.
    pub sha256: String,
}

/// Metrics on CIFAR-100's 10,000 test images, with the reports' field names.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Metrics {
    pub accuracy: f64,
    pub top5_accuracy: f64,
    /// Negative log-likelihood in nats.
    pub nll: f64,
    pub ece: f64,
    /// A student's agreement with its teachers' ensemble.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agreement: Option<f64>,
    /// KL divergence, in nats, between a student and its teachers' ensemble.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kl: Option<f64>,
}

#[derive(Clone, Debug, PartialEq, Error)]
pub enum ManifestError {
    #[error("the manifest cannot be read: {reason}")]
    Json { reason: String },
    #[error("the manifest contradicts itself: {reason}")]
    Inconsistent { reason: String },
    #[error("`{file}` differs from the manifest: {reason}")]
    File { file: String, reason: String },
    #[error("the manifest's entry for `{name}` says {what} {said}, but the file says {is}; correct the manifest")]
    Differs {
        name: String,
        what: &'static str,
        said: String,
        is: String,
    },
}

impl Manifest {
    /// # Errors
    /// [`ManifestError::Json`]; [`ManifestError::Inconsistent`] if a name occurs twice, a student's teacher is not listed, or
    /// `taughtBy` does not fit the role.
    pub fn parse(json: &str) -> Result<Self, ManifestError> {
        let manifest: Self = serde_json::from_str(json).map_err(|e| ManifestError::Json { reason: e.to_string() })?;
        for (i, entry) in manifest.networks.iter().enumerate() {
            let name = &entry.name;
            let inconsistent = |reason| Err(ManifestError::Inconsistent { reason });
            if manifest.networks[..i].iter().any(|other| other.name == *name) {
                return inconsistent(format!("`{name}` occurs twice"));
            }
            let teachers = || manifest.networks.iter().filter(|other| other.role == Role::Teacher);
            let unlisted = |teacher: &&String| !teachers().any(|other| other.name == **teacher);
            match (entry.role, &entry.taught_by) {
                (Role::Teacher, Some(_)) => {
                    return inconsistent(format!("`{name}` is a teacher, so `taughtBy` must be null"));
                }
                (Role::Student, None) => {
                    return inconsistent(format!("`{name}` is a student, so `taughtBy` must list its teachers"));
                }
                (_, Some(names)) if names.iter().any(|n| unlisted(&n)) => {
                    let unlisted = names.iter().find(unlisted).cloned().unwrap_or_default();
                    return inconsistent(format!(
                        "`{name}` is taught by `{unlisted}`, which is not listed as a teacher"
                    ));
                }
                _ => {}
            }
        }
        Ok(manifest)
    }
}

impl Entry {
    /// Checks a file's bytes against the manifest.
    ///
    /// # Errors
    /// [`ManifestError::File`] if the length or checksum differs.
    pub fn check_bytes(&self, bytes: &[u8]) -> Result<(), ManifestError> {
        check_file(&self.file, self.bytes, &self.sha256, bytes)
    }

    /// Checks the entry against the network in its file.
    ///
    /// # Errors
    /// [`ManifestError::Differs`], naming the first difference.
    pub fn check(&self, network: &Network) -> Result<(), ManifestError> {
        let normalisation = |n: &Normalisation| format!("mean {:?}, std {:?}", n.mean, n.std);
        let pairs = [
            ("the name", self.name.clone(), network.name.clone()),
            ("the family", self.family.clone(), network.architecture.family()),
            ("depth", self.depth.to_string(), network.architecture.depth.to_string()),
            (
                "nClasses",
                self.n_classes.to_string(),
                network.architecture.n_classes.to_string(),
            ),
            (
                "normalisation",
                normalisation(&self.normalisation),
                normalisation(&network.normalisation),
            ),
        ];
        match pairs.into_iter().find(|(_, said, is)| said != is) {
            Some((what, said, is)) => Err(ManifestError::Differs {
                name: self.name.clone(),
                what,
                said,
                is,
            }),
            None => Ok(()),
        }
    }
}

impl LogitsFile {
    /// The entry for a file with these bytes.
    pub fn of(file: impl Into<String>, bytes: &[u8]) -> Self {
        Self {
            file: file.into(),
            bytes: bytes.len() as u64,
            sha256: sha256_hex(bytes),
        }
    }

    /// Checks a file's bytes against the manifest.
    ///
    /// # Errors
    /// [`ManifestError::File`] if the length or checksum differs.
    pub fn check_bytes(&self, bytes: &[u8]) -> Result<(), ManifestError> {
        check_file(&self.file, self.bytes, &self.sha256, bytes)
    }
}

fn check_file(file: &str, n_bytes: u64, expected: &str, bytes: &[u8]) -> Result<(), ManifestError> {
    let wrong = |reason| {
        Err(ManifestError::File {
            file: file.to_owned(),
            reason,
        })
    };
    if bytes.len() as u64 != n_bytes {
        return wrong(format!("it has {} bytes instead of {n_bytes}", bytes.len()));
    }
    let sha256 = sha256_hex(bytes);
    if sha256 == expected {
        Ok(())
    } else {
        wrong(format!("its sha256 is {sha256} instead of {expected}"))
    }
}

/// The SHA-256 of the bytes, as 64 lower-case hexadecimal digits.
pub fn sha256_hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const JSON: &str = r#"{"networks": [
        {"role": "teacher", "family": "PreResNet-8", "name": "t", "file": "t.safetensors", "bytes": 3,
         "sha256": "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", "depth": 8, "nClasses": 10, "taughtBy": null,
         "normalisation": {"mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5]},
         "metrics": {"accuracy": 0.5, "top5Accuracy": 0.75, "nll": 1.5, "ece": 0.125}},
        {"role": "student", "family": "PreResNet-8", "name": "s", "file": "s.safetensors", "bytes": 3, "sha256": "", "depth": 8,
         "nClasses": 10, "taughtBy": ["t"], "normalisation": {"mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5]},
         "metrics": {"accuracy": 0.5, "top5Accuracy": 0.75, "nll": 1.5, "ece": 0.125, "agreement": 0.5, "kl": 0.25},
         "recipe": {"trainer": "by hand", "epochs": 2}, "trainAgreement": 0.5,
         "curve": {"loss": [2.0, 1.5], "trainAgreement": [0.25, 0.5], "agreement": [null, 0.5], "accuracy": [null, 0.5]},
         "logits": {"file": "s.logits.f16", "bytes": 3, "sha256": "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"}}]}"#;

    #[test]
    fn reads_and_writes_the_same() {
        let manifest = Manifest::parse(JSON).unwrap();
        assert_eq!(manifest.networks[1].metrics.kl, Some(0.25));
        assert_eq!(manifest.networks[0].taught_by, None);
        let again = serde_json::to_value(&manifest).unwrap();
        assert_eq!(again, serde_json::from_str::<serde_json::Value>(JSON).unwrap());
    }

    #[test]
    fn refuses_what_contradicts_itself() {
        let message = |from: &str, to: &str| Manifest::parse(&JSON.replace(from, to)).unwrap_err().to_string();
        assert!(message("[\"t\"]", "[\"u\"]").contains("`s` is taught by `u`"));
        assert!(message("\"name\": \"s\"", "\"name\": \"t\"").contains("`t` occurs twice"));
        assert!(message("\"taughtBy\": null", "\"taughtBy\": []").contains("must be null"));
        assert!(message("\"depth\": 8, \"nClasses\"", "\"nClasses\"").contains("depth"));
    }

    #[test]
    fn compares_the_bytes() {
        let manifest = Manifest::parse(JSON).unwrap();
        let logits = manifest.networks[1].logits.as_ref().unwrap();
        assert_eq!(logits, &LogitsFile::of("s.logits.f16", b"abc"));
        assert!(logits.check_bytes(b"abc").is_ok() && logits.check_bytes(b"ab").is_err());
        let entry = &manifest.networks[0];
        assert_eq!(entry.check_bytes(b"abc"), Ok(()));
        assert!(
            entry
                .check_bytes(b"abcd")
                .unwrap_err()
                .to_string()
                .contains("4 bytes instead of 3")
        );
        assert!(entry.check_bytes(b"abd").unwrap_err().to_string().contains("sha256"));
    }
}
