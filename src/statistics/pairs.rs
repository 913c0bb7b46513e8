//! Top-1 agreement of every network with every other one.

use std::rc::Rc;

use serde::{Deserialize, Serialize};

use super::lens::{Lens, Level};
use super::stored_logits::StoredLogits;
use super::view::View;
use crate::error::LabResult;

/// Options of `pairs`.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "browser", derive(tsify::Tsify))]
#[serde(rename_all = "camelCase")]
pub struct PairsArgs {
    /// Default: all networks, by name.
    #[serde(default)]
    pub models: Option<Vec<String>>,
    /// Default "fine".
    #[serde(default)]
    pub level: Option<Level>,
    /// Softens every network and the ensemble: softmax(log p / temperature). Default 1.
    #[serde(default)]
    pub temperature: Option<f64>,
}

/// Top-1 agreement of every network with every other one.
#[derive(Clone, Debug, PartialEq)]
pub struct Pairs {
    pub models: Vec<String>,
    /// `[models, models]`, 1 on the diagonal.
    pub agreement: Vec<f64>,
}

/// # Errors
/// Those of every question to [`StoredLogits`].
pub fn pairs(stored: &StoredLogits, args: &PairsArgs) -> LabResult<Pairs> {
    let by_name = || stored.by_name().into_iter().map(|network| network.name.clone());
    let models = args.models.clone().unwrap_or_else(|| by_name().collect());
    let agreement = agreements(stored, &models, Lens::new(args.level, args.temperature))?;
    Ok(Pairs { models, agreement })
}

/// Returns the agreements `[names, names]`.
pub(super) fn agreements(stored: &StoredLogits, names: &[String], lens: Lens) -> LabResult<Vec<f64>> {
    lens.check(stored.n_classes())?;
    let views = names.iter().map(|name| stored.view_of(name, lens));
    let views = views.collect::<LabResult<Vec<Rc<View>>>>()?;
    let mut agreements = vec![1.0; names.len() * names.len()];
    for i in 1..names.len() {
        for j in 0..i {
            let agreement = agreement(&views[i], &views[j]);
            agreements[i * names.len() + j] = agreement;
            agreements[j * names.len() + i] = agreement;
        }
    }
    Ok(agreements)
}

/// Returns the share of images with the same top-1 class.
pub(super) fn agreement(a: &View, b: &View) -> f64 {
    let (a, b) = (&a.figures.top1, &b.figures.top1);
    a.iter().zip(b).filter(|(a, b)| a == b).count() as f64 / a.len() as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::statistics::NetworkFacts;

    #[test]
    fn every_network_with_every_other_one() {
        let mut stored = StoredLogits::new(vec![0; 4], 2).unwrap();
        let none = pairs(&stored, &PairsArgs::default()).unwrap();
        assert_eq!((none.models.len(), none.agreement.len()), (0, 0));
        for (name, says) in [("a", [0, 0, 0, 0]), ("b", [0, 0, 0, 1]), ("c", [1, 1, 0, 1])] {
            let logits = says.iter().flat_map(|&class| [1.0 - class as f32, class as f32]);
            stored.add(name, logits.collect(), NetworkFacts::default()).unwrap();
        }
        let all = pairs(&stored, &PairsArgs::default()).unwrap();
        assert_eq!(all.models, ["a", "b", "c"]);
        assert_eq!(all.agreement, [1.0, 0.75, 0.25, 0.75, 1.0, 0.5, 0.25, 0.5, 1.0]);
        let args = PairsArgs {
            models: Some(vec!["c".to_owned(), "a".to_owned()]),
            ..Default::default()
        };
        assert_eq!(pairs(&stored, &args).unwrap().agreement, [1.0, 0.25, 0.25, 1.0]);
        let args = PairsArgs {
            models: Some(vec!["d".to_owned()]),
            ..Default::default()
        };
        assert!(pairs(&stored, &args).unwrap_err().message.contains("\"d\""));
    }
}
