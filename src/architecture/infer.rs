//! Inference of depth and class count from the tensors, for files without metadata.

use std::collections::BTreeSet;

use super::{Architecture, ArchitectureError, BOTTLENECK_FROM_DEPTH, convolutions_per_block};

impl Architecture {
    /// Infers depth and class count from a network's tensors, for files that do not declare them.
    ///
    /// Tolerates missing and extra tensors, so that the caller can report them: the depth follows from the median of the stages'
    /// block counts, the kind of block from the number of third convolutions.
    ///
    /// # Errors
    /// [`ArchitectureError::Unrecognised`] if there are no blocks or no head, and the errors of [`Architecture::new`].
    pub fn infer<'a>(tensors: impl IntoIterator<Item = (&'a str, &'a [usize])>) -> Result<Self, ArchitectureError> {
        let unrecognised = |reason: &str| Err(ArchitectureError::Unrecognised { reason: reason.into() });
        let mut blocks: [BTreeSet<usize>; 3] = Default::default();
        let mut thirds = BTreeSet::new();
        let (mut from_weight, mut from_bias) = (None, None);
        for (name, shape) in tensors {
            if let Some((stage, index, rest)) = split_block_name(name) {
                blocks[stage - 1].insert(index);
                if rest == "conv3.weight" {
                    thirds.insert((stage, index));
                }
            } else if name == "head.weight" {
                from_weight = shape.first().copied();
            } else if name == "head.bias" {
                from_bias = shape.first().copied();
            }
        }
        let Some(n_classes) = from_weight.or(from_bias) else {
            return unrecognised("there is no `head.weight` or `head.bias` from which to infer the number of classes");
        };
        let mut counts: [usize; 3] = std::array::from_fn(|i| blocks[i].len());
        let total: usize = counts.iter().sum();
        if total == 0 {
            return unrecognised("there are no blocks named like `stage1.0.conv1.weight`");
        }
        counts.sort_unstable();
        let n_blocks = if counts[1] == 0 { counts[2] } else { counts[1] };
        let bottleneck = 2 * thirds.len() > total;
        let depth = n_blocks
            .saturating_mul(3 * convolutions_per_block(bottleneck))
            .saturating_add(2);
        if bottleneck != (depth >= BOTTLENECK_FROM_DEPTH) {
            let kind = if bottleneck { "bottleneck" } else { "basic" };
            let rule = format!("blocks are basic below depth {BOTTLENECK_FROM_DEPTH} and bottlenecks from there up");
            return unrecognised(&format!(
                "{n_blocks} {kind} blocks per stage would make depth {depth}, but {rule}"
            ));
        }
        Self::new(depth, n_classes)
    }
}

/// Splits "stage2.0.conv1.weight" into (2, 0, "conv1.weight").
fn split_block_name(name: &str) -> Option<(usize, usize, &str)> {
    let (stage, rest) = name.strip_prefix("stage")?.split_once('.')?;
    let (index, rest) = rest.split_once('.')?;
    let stage = stage.parse().ok().filter(|stage| (1..=3).contains(stage))?;
    Some((stage, index.parse().ok()?, rest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::architecture::{TensorKind, TensorSpec};

    fn infer(parameters: &[TensorSpec]) -> Result<Architecture, ArchitectureError> {
        Architecture::infer(parameters.iter().map(|p| (p.name.as_str(), p.shape.as_slice())))
    }

    #[test]
    fn infers_what_it_lists() {
        for (depth, n_classes) in [(8, 10), (20, 100), (38, 2), (47, 7), (56, 100), (110, 1000)] {
            let architecture = Architecture::new(depth, n_classes).unwrap();
            assert_eq!(infer(&architecture.tensors()), Ok(architecture.clone()));
        }
    }

    #[test]
    fn infers_in_spite_of_missing_and_extra_tensors() {
        let architecture = Architecture::new(56, 100).unwrap();
        let mut list = architecture.tensors();
        list.retain(|p| !p.name.starts_with("stage2.") && p.name != "head.weight");
        let extra = TensorSpec {
            name: "stage1.99999999.conv1.weight".into(),
            shape: vec![1],
            kind: TensorKind::Convolution,
        };
        list.push(extra);
        assert_eq!(infer(&list), Ok(architecture.clone()));
        list.retain(|p| !p.name.starts_with("head."));
        assert!(infer(&list).unwrap_err().to_string().contains("head.weight"));
        assert!(infer(&list[..1]).is_err());
    }

    #[test]
    fn refuses_the_wrong_kind_of_block_for_the_depth() {
        let mut list = Architecture::new(56, 100).unwrap().tensors();
        list.retain(|p| !["2", "3", "4", "5"].iter().any(|i| p.name.split('.').nth(1) == Some(i)));
        let message = infer(&list).unwrap_err().to_string();
        assert!(
            message.contains("2 bottleneck blocks per stage would make depth 20"),
            "{message}"
        );
    }
}
