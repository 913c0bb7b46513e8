//! Reader and writer of the safetensors format: 8 bytes with the header's length (little-endian), a JSON header, then the
//! tensors' bytes without gaps.
//!
//! Users bring the files, so this reader, unlike the reference crate's, reports every faulty tensor and rejects a header above
//! 1 MB before it parses it. The writer's bytes depend only on its input (the reference crate orders metadata by a random hash).
//! Tests compare both with that crate.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::ops::Range;

use serde::de::{self, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use super::error::{Fault, MAX_HEADER_BYTES, WeightsError};
use super::state::{StateDict, Tensor};

/// A file's metadata: text by key.
pub type Metadata = BTreeMap<String, String>;

const METADATA_KEY: &str = "__metadata__";

/// A parsed and checked header, with the bytes that it describes.
#[derive(Debug)]
pub(super) struct File<'a> {
    pub metadata: Metadata,
    /// The tensors, in the order of their bytes.
    pub entries: Vec<Entry>,
    data: &'a [u8],
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Entry {
    pub name: String,
    /// The type as the file spells it, for example "F16".
    pub dtype: String,
    pub shape: Vec<usize>,
    range: Range<usize>,
}

/// The type in which a tensor is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Storage {
    F32,
    F16,
}

impl<'a> File<'a> {
    /// # Errors
    /// Any [`WeightsError`] except `Invalid` and `Unwritable`; `Layout` names all tensors whose offsets are wrong.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, WeightsError> {
        let Some((length, rest)) = bytes.split_first_chunk::<8>() else {
            return Err(match bytes.len() {
                0 => WeightsError::Empty,
                n_bytes => WeightsError::TooShort { n_bytes },
            });
        };
        let n_bytes = u64::from_le_bytes(*length);
        let length = usize::try_from(n_bytes).ok().filter(|&n| n <= MAX_HEADER_BYTES);
        let length = length.ok_or(WeightsError::HeaderTooLarge { n_bytes })?;
        let Some((header, data)) = rest.split_at_checked(length) else {
            return Err(WeightsError::HeaderCutOff {
                expected: 8 + length,
                n_bytes: bytes.len(),
            });
        };
        let header: RawHeader =
            serde_json::from_slice(header).map_err(|e| WeightsError::Header { reason: e.to_string() })?;
        let entries = check_layout(header.entries, data.len())?;
        Ok(Self {
            metadata: header.metadata,
            entries,
            data,
        })
    }

    /// Reads a tensor's values as f32; F16 and BF16 are widened.
    ///
    /// # Errors
    /// [`Fault::Dtype`] for any other type.
    pub fn tensor(&self, entry: &Entry) -> Result<Tensor, Fault> {
        let bytes = self.data.get(entry.range.clone()).unwrap_or_default();
        let halves = |value: fn(u16) -> f32| {
            bytes
                .as_chunks::<2>()
                .0
                .iter()
                .map(|&b| value(u16::from_le_bytes(b)))
                .collect()
        };
        let data = match entry.dtype.as_str() {
            "F32" => bytes
                .as_chunks::<4>()
                .0
                .iter()
                .map(|&b| f32::from_le_bytes(b))
                .collect(),
            "F16" => halves(|bits| half::f16::from_bits(bits).to_f32()),
            "BF16" => halves(|bits| half::bf16::from_bits(bits).to_f32()),
            other => {
                return Err(Fault::Dtype {
                    name: entry.name.clone(),
                    found: other.into(),
                });
            }
        };
        Ok(Tensor {
            shape: entry.shape.clone(),
            data,
        })
    }
}

/// Reads all tensors and the metadata of a safetensors file, without interpreting them.
///
/// # Errors
/// Fails if the file is malformed; [`WeightsError::Invalid`] if a tensor is not F32, F16 or BF16.
pub fn read_tensors(bytes: &[u8]) -> Result<(StateDict, Metadata), WeightsError> {
    let file = File::parse(bytes)?;
    let (mut state, mut faults) = (StateDict::default(), Vec::new());
    for entry in &file.entries {
        match file.tensor(entry) {
            Ok(tensor) => state.insert(&entry.name, tensor),
            Err(fault) => faults.push(fault),
        }
    }
    if faults.is_empty() {
        Ok((state, file.metadata))
    } else {
        Err(WeightsError::Invalid { faults })
    }
}

/// Writes a safetensors file of f32 tensors, in the order of `state`. The same input yields the same bytes.
///
/// # Errors
/// [`WeightsError::Unwritable`] if a shape does not match its data, a name is `__metadata__`, or the header would be too long.
pub fn write_tensors(state: &StateDict, metadata: &Metadata) -> Result<Vec<u8>, WeightsError> {
    write_stored(state, metadata, |_| Storage::F32)
}

/// Like [`write_tensors`], with each tensor stored in the type that `storage` returns for its name.
pub(super) fn write_stored(
    state: &StateDict,
    metadata: &Metadata,
    storage: impl Fn(&str) -> Storage,
) -> Result<Vec<u8>, WeightsError> {
    let unwritable = |reason: String| WeightsError::Unwritable { reason };
    // f32 comes before f16, as in the reference implementation, so that every tensor starts at a multiple of its element size.
    let mut order: Vec<(&str, &Tensor, Storage)> = state.iter().map(|(n, tensor)| (n, tensor, storage(n))).collect();
    order.sort_by_key(|(_, _, storage)| *storage == Storage::F16);

    let mut header = BTreeMap::new();
    let mut data = Vec::new();
    if !metadata.is_empty() {
        header.insert(METADATA_KEY, metadata.clone().into_iter().collect());
    }
    for (name, tensor, storage) in order {
        let n_values = n_values(&tensor.shape).filter(|&n| n == tensor.data.len());
        if n_values.is_none() || name == METADATA_KEY {
            let n_data = tensor.data.len();
            return Err(unwritable(format!(
                "`{name}` has the shape {:?}, but {n_data} values",
                tensor.shape
            )));
        }
        let begin = data.len();
        let dtype = match storage {
            Storage::F32 => {
                data.extend(tensor.data.iter().flat_map(|v| v.to_le_bytes()));
                "F32"
            }
            Storage::F16 => {
                data.extend(tensor.data.iter().flat_map(|&v| half::f16::from_f32(v).to_le_bytes()));
                "F16"
            }
        };
        let entry = RawEntry {
            dtype: dtype.into(),
            shape: tensor.shape.clone(),
            data_offsets: [begin, data.len()],
        };
        header.insert(
            name,
            serde_json::to_value(entry).map_err(|e| unwritable(e.to_string()))?,
        );
    }
    let mut text = serde_json::to_string(&header)
        .map_err(|e| unwritable(e.to_string()))?
        .into_bytes();
    text.resize(text.len().next_multiple_of(8), b' ');
    if text.len() > MAX_HEADER_BYTES {
        return Err(unwritable(format!(
            "its header would have {} bytes; at most {MAX_HEADER_BYTES} are allowed",
            text.len()
        )));
    }
    let mut bytes = (text.len() as u64).to_le_bytes().to_vec();
    bytes.extend(text);
    bytes.extend(data);
    Ok(bytes)
}

/// Checks that the tensors fill the data without gaps or overlaps, each with as many bytes as its shape and type need.
fn check_layout(raw: Vec<(String, RawEntry)>, n_data: usize) -> Result<Vec<Entry>, WeightsError> {
    let mut problems = Vec::new();
    let mut entries = Vec::with_capacity(raw.len());
    for (
        name,
        RawEntry {
            dtype,
            shape,
            data_offsets: [begin, end],
        },
    ) in raw
    {
        let span = format!("`{name}` is declared at bytes {begin} to {end}");
        let expected = n_values(&shape)
            .zip(bits(&dtype))
            .and_then(|(n, bits)| n.checked_mul(bits))
            .map(|n| n / 8);
        if begin > end {
            problems.push(format!("{span}, which ends before it starts"));
        } else if end > n_data {
            problems.push(format!("{span}, but only {n_data} follow the header"));
        } else if bits(&dtype).is_none() {
            problems.push(format!("`{name}` has the unknown type {dtype:?}"));
        } else if expected != Some(end - begin) {
            let expected = expected.map_or("more than memory can hold".into(), |n| n.to_string());
            problems.push(format!(
                "{span}, {} in all, but {dtype} {shape:?} needs {expected}",
                end - begin
            ));
        }
        entries.push(Entry {
            name,
            dtype,
            shape,
            range: begin..end,
        });
    }
    if problems.is_empty() {
        entries.sort_by_key(|entry| (entry.range.start, entry.range.end));
        let mut last: (usize, &str) = (0, "the header");
        for entry in &entries {
            let (range, name) = (&entry.range, &entry.name);
            if range.start < last.0 {
                problems.push(format!(
                    "`{name}` overlaps `{}`: it starts at byte {}, before {}",
                    last.1, range.start, last.0
                ));
            } else if range.start > last.0 {
                problems.push(format!("bytes {} to {} belong to no tensor", last.0, range.start));
            }
            last = last.max((range.end, name));
        }
        if last.0 < n_data {
            problems.push(format!("bytes {} to {n_data} belong to no tensor", last.0));
        }
    }
    if problems.is_empty() {
        Ok(entries)
    } else {
        Err(WeightsError::Layout { problems })
    }
}

fn n_values(shape: &[usize]) -> Option<usize> {
    shape.iter().try_fold(1usize, |n, &d| n.checked_mul(d))
}

/// Bits per element of each type in the format.
fn bits(dtype: &str) -> Option<usize> {
    Some(match dtype {
        "BOOL" | "U8" | "I8" | "F8_E5M2" | "F8_E4M3" => 8,
        "U16" | "I16" | "F16" | "BF16" => 16,
        "U32" | "I32" | "F32" => 32,
        "U64" | "I64" | "F64" => 64,
        _ => return None,
    })
}

#[derive(Deserialize, Serialize)]
struct RawEntry {
    dtype: String,
    shape: Vec<usize>,
    data_offsets: [usize; 2],
}

struct RawHeader {
    metadata: Metadata,
    entries: Vec<(String, RawEntry)>,
}

/// Implemented by hand because a JSON map would silently keep the last of two tensors with the same name.
impl<'de> Deserialize<'de> for RawHeader {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct HeaderVisitor;
        impl<'de> Visitor<'de> for HeaderVisitor {
            type Value = RawHeader;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of tensors")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<RawHeader, A::Error> {
                let mut header = RawHeader {
                    metadata: Metadata::new(),
                    entries: Vec::new(),
                };
                let mut seen = BTreeSet::new();
                while let Some(name) = map.next_key::<String>()? {
                    if !seen.insert(name.clone()) {
                        return Err(de::Error::custom(format_args!("`{name}` occurs twice")));
                    }
                    if name == METADATA_KEY {
                        header.metadata = map.next_value()?;
                    } else {
                        let entry = map
                            .next_value()
                            .map_err(|e| de::Error::custom(format_args!("in `{name}`: {e}")))?;
                        header.entries.push((name, entry));
                    }
                }
                Ok(header)
            }
        }
        deserializer.deserialize_map(HeaderVisitor)
    }
}
