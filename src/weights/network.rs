//! A network as its file says it: architecture, normalisation, tensors, name and provenance.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::authors;
use super::error::WeightsError;
use super::file::{File, Metadata, Storage, write_stored};
use super::metadata::{ARCHITECTURE, Normalisation};
use super::state::{StateDict, Tensor};
use super::validate::{Declared, settle, shape_faults, value_faults};
use crate::architecture::Architecture;

/// A validated network on the host, from which device tensors are made.
#[derive(Clone, Debug, PartialEq)]
pub struct Network {
    pub architecture: Architecture,
    pub normalisation: Normalisation,
    /// The file's name for it, or its family in lower case.
    pub name: String,
    /// The file's own account of where it comes from, usually JSON.
    pub provenance: Option<String>,
    /// Every tensor of the architecture, in its order, and no other.
    pub state: StateDict,
    /// What was assumed because the file does not say it.
    pub notices: Vec<String>,
}

/// What a network is loaded or shipped as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "browser", derive(tsify::Tsify))]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// A member of the ensemble.
    Teacher,
    /// What is compared with the ensemble.
    Student,
}

/// How a network is stored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Precision {
    /// Every value as it is.
    #[default]
    F32,
    /// Convolutions and the head in half precision; BatchNorm's tensors stay f32, being few and of wide range.
    F16,
}

impl Network {
    /// Reads a safetensors file in PyTorch's conventions: metadata `architecture`, `depth`, `classes`, `mean`, `std`, `name`,
    /// `provenance`, all optional; `*.num_batches_tracked` and other metadata are ignored. Tensors may have the names of the code
    /// of the paper's authors (conv1, layer1.0.bn1, layer1.0.conv1, layer2.0.downsample.0, bn, fc).
    ///
    /// # Errors
    /// Where the bytes are no safetensors file, or [`WeightsError::Invalid`] with every fault that the network has.
    pub fn from_safetensors(bytes: &[u8]) -> Result<Self, WeightsError> {
        let mut file = File::parse(bytes)?;
        let is_authors = authors::rename(&mut file.entries);
        let entries = || {
            file.entries
                .iter()
                .filter(|entry| !entry.name.ends_with(".num_batches_tracked"))
        };
        let shapes: Vec<(&str, &[usize])> = entries().map(|e| (e.name.as_str(), e.shape.as_slice())).collect();

        let mut faults = Vec::new();
        let mut notices = Vec::new();
        if is_authors {
            notices.push("The tensors are under the names of the code of the paper's authors.".to_owned());
        }
        let declared = Declared::read(&file.metadata, &mut faults);
        let architecture = settle(&declared, &shapes, &mut faults, &mut notices);
        let normalisation = declared.normalisation(&mut notices);

        let mut tensors = StateDict::default();
        for entry in entries() {
            match file.tensor(entry) {
                Ok(tensor) => tensors.insert(&entry.name, tensor),
                Err(fault) => faults.push(fault),
            }
        }
        faults.extend(
            architecture
                .iter()
                .flat_map(|architecture| value_faults(architecture, &tensors)),
        );
        let Some(architecture) = architecture.filter(|_| faults.is_empty()) else {
            return Err(WeightsError::Invalid { faults });
        };
        let ordered = architecture.tensors().into_iter();
        let state = ordered
            .filter_map(|spec| tensors.get(&spec.name).cloned().map(|tensor| (spec.name, tensor)))
            .collect();
        let name = file.metadata.get("name").filter(|name| !name.is_empty()).cloned();
        Ok(Self {
            name: name.unwrap_or_else(|| architecture.family().to_lowercase()),
            provenance: file.metadata.get("provenance").cloned(),
            architecture,
            normalisation,
            state,
            notices,
        })
    }

    /// A safetensors file that [`Network::from_safetensors`] and PyTorch read. The same network gives the same bytes.
    ///
    /// # Errors
    /// As [`Network::check`], and [`WeightsError::Unwritable`] where a value is too large for half precision or the texts are
    /// too long for a header.
    pub fn to_safetensors(&self, precision: Precision) -> Result<Vec<u8>, WeightsError> {
        self.check()?;
        let specs = self.architecture.tensors();
        let halved: BTreeSet<&str> = match precision {
            Precision::F32 => Default::default(),
            Precision::F16 => specs
                .iter()
                .filter(|spec| !spec.kind.is_norm())
                .map(|spec| spec.name.as_str())
                .collect(),
        };
        let overflows = |tensor: &Tensor| tensor.data.iter().any(|&v| !half::f16::from_f32(v).is_finite());
        if let Some((name, _)) = self
            .state
            .iter()
            .find(|(name, tensor)| halved.contains(name) && overflows(tensor))
        {
            let reason = format!("`{name}` has values beyond half precision's 65504; f32 can hold them");
            return Err(WeightsError::Unwritable { reason });
        }
        write_stored(&self.state, &self.metadata(), |name| {
            if halved.contains(name) {
                Storage::F16
            } else {
                Storage::F32
            }
        })
    }

    /// Whether the tensors are those of the architecture, and finite.
    ///
    /// # Errors
    /// [`WeightsError::Invalid`] with everything that is wrong.
    pub fn check(&self) -> Result<(), WeightsError> {
        let shapes: Vec<(&str, &[usize])> = self.state.iter().map(|(name, t)| (name, t.shape.as_slice())).collect();
        let mut faults = shape_faults(&self.architecture, &shapes);
        faults.extend(value_faults(&self.architecture, &self.state));
        if faults.is_empty() {
            Ok(())
        } else {
            Err(WeightsError::Invalid { faults })
        }
    }

    fn metadata(&self) -> Metadata {
        let triple = |v: [f32; 3]| v.map(|v| v.to_string()).join(",");
        let known = [
            ("format", "pt".into()),
            ("architecture", ARCHITECTURE.into()),
            ("depth", self.architecture.depth.to_string()),
            ("classes", self.architecture.n_classes.to_string()),
            ("mean", triple(self.normalisation.mean)),
            ("std", triple(self.normalisation.std)),
            ("name", self.name.clone()),
        ];
        let provenance = self.provenance.iter().map(|text| ("provenance", text.clone()));
        known
            .into_iter()
            .chain(provenance)
            .map(|(key, value)| (key.into(), value))
            .collect()
    }
}
