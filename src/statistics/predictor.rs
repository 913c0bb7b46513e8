//! What a question is about: one network, or the ensemble of several.

use serde::{Deserialize, Serialize};

/// One network by its name, or the ensemble of several.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "browser", derive(tsify::Tsify))]
#[serde(untagged)]
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
