//! Errors of weights files. Each message says what is wrong and what would be right.

use std::fmt;

use thiserror::Error;

/// Largest accepted header in bytes. A PreResNet-1001's header has about 700,000; safetensors itself allows 100 MB.
pub const MAX_HEADER_BYTES: usize = 1_000_000;

/// Largest number of tensors that a message names for each kind of fault; it only counts the rest.
const MAX_NAMED: usize = 12;

/// The reason why bytes are not a valid network or not a safetensors file, or why a network cannot be written.
#[derive(Clone, Debug, PartialEq, Error)]
pub enum WeightsError {
    #[error("the file is empty; a safetensors file is expected")]
    Empty,
    #[error("the file ends after {n_bytes} of the 8 bytes that give the length of a safetensors file's header")]
    TooShort { n_bytes: usize },
    #[error(
        "the file claims a header of {n_bytes} bytes; at most {MAX_HEADER_BYTES} are accepted, so this is not a network's safetensors file"
    )]
    HeaderTooLarge { n_bytes: u64 },
    #[error(
        "the file ends within its header: the header ends at byte {expected}, but the file has {n_bytes} bytes; it may be truncated"
    )]
    HeaderCutOff { expected: usize, n_bytes: usize },
    #[error(
        "not a safetensors header: {reason}; it must be a JSON object of tensors with `dtype`, `shape` and `data_offsets`"
    )]
    Header { reason: String },
    /// The tensors do not tile the bytes after the header.
    #[error("the header does not describe the bytes after it: {}", list(.problems))]
    Layout { problems: Vec<String> },
    /// The file can be read, but it is not a valid network. Contains every fault that was found.
    #[error("{}", describe(.faults))]
    Invalid { faults: Vec<Fault> },
    /// The network cannot be written.
    #[error("the network cannot be written: {reason}")]
    Unwritable { reason: String },
}

/// One reason why a file cannot be loaded.
#[derive(Clone, Debug, PartialEq)]
pub enum Fault {
    /// The file lacks a tensor of the architecture.
    Missing { name: String, shape: Vec<usize> },
    /// The file has a tensor that is not in the architecture.
    Extra { name: String, shape: Vec<usize> },
    Shape {
        name: String,
        found: Vec<usize>,
        expected: Vec<usize>,
    },
    /// The tensor's type is not supported.
    Dtype { name: String, found: String },
    /// Some values are NaN or infinite.
    NotFinite { name: String, n_values: usize },
    /// Some running variances are below 0.
    NegativeVariance { name: String, n_values: usize },
    /// A metadata value is malformed or contradicts the tensors.
    Metadata {
        key: String,
        found: String,
        expected: String,
    },
    /// Neither metadata nor tensors determine the architecture.
    Architecture { reason: String },
}

impl Fault {
    /// The heading under which faults of one kind are listed.
    fn heading(&self) -> &'static str {
        match self {
            Self::Architecture { .. } => "unknown network",
            Self::Metadata { .. } => "wrong metadata",
            Self::Missing { .. } => "missing tensors",
            Self::Extra { .. } => "unexpected tensors",
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

/// Describes all faults, grouped by kind in the order of first occurrence.
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
    format!("not a valid network; {}", groups.collect::<Vec<_>>().join("; "))
}

/// Lists the first few items and counts the rest.
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
