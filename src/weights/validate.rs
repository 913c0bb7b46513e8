//! Whether metadata and tensors make a network, and everything that keeps them from it.

use std::collections::{BTreeMap, BTreeSet};

use super::error::Fault;
use super::file::Metadata;
use super::metadata::{ARCHITECTURE, Normalisation};
use super::state::StateDict;
use crate::architecture::{Architecture, TensorKind, TensorSpec};

/// What the metadata say, each where it is there and can be read.
#[derive(Default)]
pub(super) struct Declared {
    depth: Option<usize>,
    n_classes: Option<usize>,
    mean: Option<[f32; 3]>,
    std: Option<[f32; 3]>,
}

impl Declared {
    /// Adds a fault for each key that cannot be read.
    pub fn read(metadata: &Metadata, faults: &mut Vec<Fault>) -> Self {
        let mut wrong = |key: &str, expected: &str| {
            let found = metadata.get(key).cloned().unwrap_or_default();
            faults.push(Fault::Metadata {
                key: key.into(),
                found,
                expected: expected.into(),
            });
        };
        if metadata.get("architecture").is_some_and(|a| a != ARCHITECTURE) {
            wrong("architecture", "only \"preresnet\" can be loaded");
        }
        let mut number = |key| {
            let value = metadata.get(key).map(|text| text.trim().parse::<usize>().ok());
            if value == Some(None) {
                wrong(key, "it must be a whole number");
            }
            value.flatten()
        };
        let (depth, n_classes) = (number("depth"), number("classes"));
        let mut triple = |key, positive: bool| {
            let value = metadata
                .get(key)
                .map(|text| parse_triple(text).filter(|v| !positive || v.iter().all(|&v| v > 0.0)));
            if value == Some(None) {
                let kind = if positive { "positive numbers" } else { "numbers" };
                wrong(key, &format!("it must be three {kind} like \"0.5,0.5,0.5\""));
            }
            value.flatten()
        };
        Self {
            depth,
            n_classes,
            mean: triple("mean", false),
            std: triple("std", true),
        }
    }

    pub fn normalisation(&self, notices: &mut Vec<String>) -> Normalisation {
        let assumed = Normalisation::default();
        let unsaid: Vec<&str> = [("mean", self.mean), ("std", self.std)]
            .iter()
            .filter(|(_, v)| v.is_none())
            .map(|(k, _)| *k)
            .collect();
        if !unsaid.is_empty() {
            let unsaid = unsaid.join(" and ");
            notices.push(format!(
                "The file does not say its normalisation's {unsaid}; 0.5 was assumed, as in the paper."
            ));
        }
        Normalisation {
            mean: self.mean.unwrap_or(assumed.mean),
            std: self.std.unwrap_or(assumed.std),
        }
    }
}

/// Decides which network the file holds, and adds the faults that its tensors then have.
///
/// Metadata and tensors may tell different stories. The one that leaves fewer faults is taken, so that a file with one tensor
/// missing is told of that tensor, and a file with a wrong `depth` is told of the depth instead of two hundred tensors.
pub(super) fn settle(
    declared: &Declared,
    shapes: &[(&str, &[usize])],
    faults: &mut Vec<Fault>,
    notices: &mut Vec<String>,
) -> Option<Architecture> {
    let inferred = Architecture::infer(shapes.iter().copied());
    let depth = declared.depth.or(inferred.as_ref().ok().map(|a| a.depth));
    let n_classes = declared.n_classes.or(inferred.as_ref().ok().map(|a| a.n_classes));
    let stated = depth
        .zip(n_classes)
        .map(|(depth, n_classes)| Architecture::new(depth, n_classes));
    let told = match (stated, inferred) {
        (None, Err(error)) | (Some(Err(error)), Err(_)) => {
            faults.push(Fault::Architecture {
                reason: error.to_string(),
            });
            return None;
        }
        (Some(Ok(stated)), Err(_)) => stated,
        (Some(Ok(stated)), Ok(inferred)) => {
            let contradictions = contradictions(declared, &inferred);
            let n_inferred = shape_faults(&inferred, shapes).len() + contradictions.len();
            if shape_faults(&stated, shapes).len() <= n_inferred {
                stated
            } else {
                faults.extend(contradictions);
                inferred
            }
        }
        (_, Ok(inferred)) => {
            faults.extend(contradictions(declared, &inferred));
            inferred
        }
    };
    faults.extend(shape_faults(&told, shapes));
    if declared.depth.is_none() || declared.n_classes.is_none() {
        notices.push(format!(
            "The file does not say which network it holds; its tensors are those of a {told}."
        ));
    }
    Some(told)
}

/// What the metadata say otherwise than the tensors.
fn contradictions(declared: &Declared, tensors: &Architecture) -> Vec<Fault> {
    let pairs = [
        ("depth", declared.depth, tensors.depth),
        ("classes", declared.n_classes, tensors.n_classes),
    ];
    let differing = pairs
        .into_iter()
        .filter_map(|(key, said, is)| said.filter(|&said| said != is).map(|said| (key, said, is)));
    differing
        .map(|(key, said, is)| {
            let expected = format!("the tensors are those of a network with {key} {is}");
            Fault::Metadata {
                key: key.into(),
                found: said.to_string(),
                expected,
            }
        })
        .collect()
}

/// Missing, misshapen and extra tensors.
pub(super) fn shape_faults(architecture: &Architecture, shapes: &[(&str, &[usize])]) -> Vec<Fault> {
    let found: BTreeMap<&str, &[usize]> = shapes.iter().copied().collect();
    let specs = architecture.tensors();
    let known: BTreeSet<&str> = specs.iter().map(|spec| spec.name.as_str()).collect();
    let (mut missing, mut misshapen) = (Vec::new(), Vec::new());
    for TensorSpec { name, shape, .. } in &specs {
        match found.get(name.as_str()) {
            None => missing.push(Fault::Missing {
                name: name.clone(),
                shape: shape.clone(),
            }),
            Some(is) if is != shape => {
                misshapen.push(Fault::Shape {
                    name: name.clone(),
                    found: is.to_vec(),
                    expected: shape.clone(),
                });
            }
            Some(_) => {}
        }
    }
    let extra = shapes.iter().filter(|(name, _)| !known.contains(name));
    let extra = extra.map(|(name, shape)| Fault::Extra {
        name: (*name).into(),
        shape: shape.to_vec(),
    });
    missing.into_iter().chain(misshapen).chain(extra).collect()
}

/// NaN, infinity and negative running variances.
pub(super) fn value_faults(architecture: &Architecture, state: &StateDict) -> Vec<Fault> {
    let mut faults = Vec::new();
    for TensorSpec { name, kind, .. } in architecture.tensors() {
        let data = state
            .get(&name)
            .map(|tensor| tensor.data.as_slice())
            .unwrap_or_default();
        let n_not_finite = data.iter().filter(|v| !v.is_finite()).count();
        let n_negative = data.iter().filter(|&&v| v < 0.0 && v.is_finite()).count();
        if kind == TensorKind::RunningVar && n_negative > 0 {
            faults.push(Fault::NegativeVariance {
                name: name.clone(),
                n_values: n_negative,
            });
        }
        if n_not_finite > 0 {
            faults.push(Fault::NotFinite {
                name,
                n_values: n_not_finite,
            });
        }
    }
    faults
}

fn parse_triple(text: &str) -> Option<[f32; 3]> {
    let values: Vec<f32> = text
        .split(',')
        .map(|part| part.trim().parse().ok())
        .collect::<Option<_>>()?;
    values
        .try_into()
        .ok()
        .filter(|values: &[f32; 3]| values.iter().all(|v| v.is_finite()))
}
