//! A network as its file declares it: architecture, normalisation, tensors, name and provenance.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::authors;
use super::error::WeightsError;
use super::file::{File, Metadata, Storage, write_stored};
use super::metadata::{ARCHITECTURE, Normalisation};
use super::state::{StateDict, Tensor};
use super::validate::{Declared, settle, shape_faults, value_faults};
use crate::architecture::Architecture;

/// A validated network in host memory, from which device tensors are created.
#[derive(Clone, Debug, PartialEq)]
pub struct Network {
    pub architecture: Architecture,
    pub normalisation: Normalisation,
    /// The name that the file declares, or else the family in lower case.
    pub name: String,
    /// The provenance that the file declares, usually JSON.
    pub provenance: Option<String>,
    /// Exactly the tensors of the architecture, in its order.
    pub state: StateDict,
    /// Notices of what was assumed because the file does not declare it.
    pub notices: Vec<String>,
}

/// The role in which a network is loaded or shipped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "browser", derive(tsify::Tsify))]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// A member of the ensemble.
    Teacher,
    /// A network that is compared with the ensemble.
    Student,
}

/// The precision in which a network is stored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Precision {
    /// All tensors in single precision.
    #[default]
    F32,
    /// Convolutions and the head in half precision; BatchNorm's tensors stay f32 because they are small and of wide range.
    F16,
}

impl Network {
    /// Reads a safetensors file in PyTorch's conventions: metadata `architecture`, `depth`, `classes`, `mean`, `std`, `name`,
    /// `provenance`, all optional; `*.num_batches_tracked` and other metadata are ignored. Tensor names may also follow the paper
    /// authors' code (conv1, layer1.0.bn1, layer1.0.conv1, layer2.0.downsample.0, bn, fc).
    ///
    /// # Errors
    /// Fails if the bytes are not a safetensors file; [`WeightsError::Invalid`] with every fault of the network.
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
            notices.push("Tensor names follow the paper authors' code.".to_owned());
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

    /// Writes a safetensors file that [`Network::from_safetensors`] and PyTorch read. The same network yields the same bytes.
    ///
    /// # Errors
    /// Fails as [`Network::check`] does; [`WeightsError::Unwritable`] if a value is too large for half precision or the metadata
    /// are too long for a header.
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
            let reason = format!("`{name}` has values beyond 65504, half precision's largest; store it as f32");
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

    /// Checks that the tensors match the architecture and are finite.
    ///
    /// # Errors
    /// [`WeightsError::Invalid`] with every fault.
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
