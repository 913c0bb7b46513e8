//! What a question is about: one network, or the ensemble of several.

use serde::{Deserialize, Deserializer, Serialize};

/// One network by name, or the ensemble of several.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "browser", derive(tsify::Tsify))]
#[serde(untagged, expecting = "a network's name or an array of networks' names")]
pub enum Predictor {
    Network(String),
    Ensemble(Vec<String>),
}

impl Predictor {
    pub(super) fn names(&self) -> Vec<String> {
        match self {
            Self::Network(name) => vec![name.clone()],
            Self::Ensemble(names) => names.clone(),
        }
    }
}

/// Reads one name or an array of names.
///
/// # Errors
/// Those of the deserializer.
pub(super) fn one_or_more<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    Predictor::deserialize(deserializer).map(|names| names.names())
}
