//! What can be wrong with a weights file, in words that say what would be right.

use std::fmt;

use thiserror::Error;

/// A file's header may have at most this many bytes. A PreResNet-1001's has about 700,000; safetensors itself allows 100 MB.
pub const MAX_HEADER_BYTES: usize = 1_000_000;

/// How many tensors of one kind of fault a message names before it only counts.
const MAX_NAMED: usize = 12;

/// Why bytes are no network, or no safetensors file at all.
#[derive(Clone, Debug, PartialEq, Error)]
pub enum WeightsError {
    #[error("the file is empty; a safetensors file is expected")]
    Empty,
    #[error("the file ends after {n_bytes} of the 8 bytes that give the length of a safetensors file's header")]
    TooShort { n_bytes: usize },
    #[error(
        "the file claims a header of {n_bytes} bytes; at most {MAX_HEADER_BYTES} are accepted, so this is no safetensors file of a network"
    )]
    HeaderTooLarge { n_bytes: u64 },
    #[error(
        "the file ends within its header: {expected} bytes are needed up to its end, and there are {n_bytes}; it may have been cut off"
    )]
    HeaderCutOff { expected: usize, n_bytes: usize },
    #[error(
        "the header is no safetensors header: {reason}; it must be a JSON object of tensors with `dtype`, `shape` and `data_offsets`"
    )]
    Header { reason: String },
    /// The tensors do not tile the bytes behind the header.
    #[error("the header does not describe the bytes behind it: {}", list(.problems))]
    Layout { problems: Vec<String> },
    /// The file can be read, but it is not the network that it should be. Holds everything that was found.
    #[error("{}", describe(.faults))]
    Invalid { faults: Vec<Fault> },
    /// The network cannot be written.
    #[error("the network cannot be written: {reason}")]
    Unwritable { reason: String },
}

/// One thing that keeps a file from being loaded.
#[derive(Clone, Debug, PartialEq)]
pub enum Fault {
    /// The architecture has a tensor that the file lacks.
    Missing { name: String, shape: Vec<usize> },
    /// The file has a tensor that the architecture lacks.
    Extra { name: String, shape: Vec<usize> },
    Shape {
        name: String,
        found: Vec<usize>,
        expected: Vec<usize>,
    },
    /// Stored as numbers that are not read.
    Dtype { name: String, found: String },
    /// NaN or infinity among the values.
    NotFinite { name: String, n_values: usize },
    /// A running variance below 0.
    NegativeVariance { name: String, n_values: usize },
    /// Metadata that cannot be read, or that the tensors contradict.
    Metadata {
        key: String,
        found: String,
        expected: String,
    },
    /// Nothing says which network this is.
    Architecture { reason: String },
}

impl Fault {
    /// The heading under which faults of one kind are listed.
    fn heading(&self) -> &'static str {
        match self {
            Self::Architecture { .. } => "unknown network",
            Self::Metadata { .. } => "wrong metadata",
            Self::Missing { .. } => "missing tensors",
            Self::Extra { .. } => "tensors that do not belong to it",
            Self::Shape { .. } => "tensors of the wrong shape",
            Self::Dtype { .. } => "tensors that are neither F32, F16 nor BF16",
            Self::NotFinite { .. } => "tensors with NaN or infinity",
            Self::NegativeVariance { .. } => "running variances below 0",
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Architecture { reason } => write!(f, "{reason}"),
            Self::Metadata { key, found, expected } => write!(f, "`{key}` is \"{found}\", but {expected}"),
            Self::Missing { name, shape } | Self::Extra { name, shape } => write!(f, "`{name}` {shape:?}"),
            Self::Shape { name, found, expected } => write!(f, "`{name}` is {found:?} instead of {expected:?}"),
            Self::Dtype { name, found } => write!(f, "`{name}` is {found}"),
            Self::NotFinite { name, n_values } | Self::NegativeVariance { name, n_values } => {
                write!(f, "`{name}` ({n_values} of its values)")
            }
        }
    }
}

/// All faults, grouped by kind in the order in which the kinds first occur.
fn describe(faults: &[Fault]) -> String {
    let mut groups: Vec<(&str, Vec<&Fault>)> = Vec::new();
    for fault in faults {
        match groups.iter_mut().find(|(heading, _)| *heading == fault.heading()) {
            Some((_, group)) => group.push(fault),
            None => groups.push((fault.heading(), vec![fault])),
        }
    }
    let groups = groups
        .iter()
        .map(|(heading, group)| format!("{heading} ({}): {}", group.len(), list(group)));
    format!(
        "this is not a network that can be loaded; {}",
        groups.collect::<Vec<_>>().join("; ")
    )
}

/// The first few, and how many more there are.
fn list(items: &[impl fmt::Display]) -> String {
    let mut named: Vec<String> = items.iter().take(MAX_NAMED).map(|item| item.to_string()).collect();
    if items.len() > MAX_NAMED {
        named.push(format!("and {} more", items.len() - MAX_NAMED));
    }
    named.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_message_groups_and_counts() {
        let missing = (0..15).map(|i| Fault::Missing {
            name: format!("m{i}"),
            shape: vec![i],
        });
        let shape = Fault::Shape {
            name: "head.bias".into(),
            found: vec![10],
            expected: vec![100],
        };
        let error = WeightsError::Invalid {
            faults: [shape].into_iter().chain(missing).collect(),
        };
        let message = error.to_string();
        assert!(
            message.contains("wrong shape (1): `head.bias` is [10] instead of [100]; missing tensors (15): `m0` [0]")
        );
        assert!(message.contains("`m11` [11], and 3 more"), "{message}");
        assert!(!message.contains("m12"));
    }
}
