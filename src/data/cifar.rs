//! The binary version of CIFAR-100 (Krizhevsky 2009): `test.bin` with 10,000 and `train.bin` with 50,000 records.
//!
//! A record is the coarse label, the fine label, then 1,024 red, 1,024 green and 1,024 blue values, each row by row. A record's
//! identity is a hash over all of it, because two pairs of test images have equal pixels and different labels.

use sha2::{Digest, Sha256};
use thiserror::Error;

use super::{IMAGE_BYTES, SIDE};

/// Bytes per record: two labels and an image.
pub const RECORD_BYTES: usize = 2 + IMAGE_BYTES;
pub const N_FINE: usize = 100;
pub const N_COARSE: usize = 20;
/// Bytes per record hash.
pub const HASH_BYTES: usize = 8;

const PLANE: usize = SIDE * SIDE;

/// Images with their fine and coarse labels.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Records {
    /// Pixels, `[n, 32, 32, 3]`.
    pub pixels: Vec<u8>,
    /// Fine labels, `[n]`, from 0 to 99.
    pub fine: Vec<u8>,
    /// Coarse labels, `[n]`, from 0 to 19.
    pub coarse: Vec<u8>,
}

/// The parts of a test set that may be redistributed without its images.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TestIndex {
    /// All fine labels, then all coarse labels; the content of `test-labels.bin`.
    pub labels: Vec<u8>,
    /// The [`record_hash`] of each record; the content of `test-records.bin`.
    pub hashes: Vec<u8>,
}

#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum RecordsError {
    #[error("there are no records; CIFAR-100's binary files hold records of {RECORD_BYTES} bytes")]
    Empty,
    #[error(
        "{n_bytes} bytes are not a whole number of {RECORD_BYTES}-byte records: {remainder} are left over, so the file is truncated or not CIFAR-100"
    )]
    Length { n_bytes: usize, remainder: usize },
    #[error(
        "record {record} has the {kind} label {label}, which is out of range; labels are 0 to {max}, so this is not a CIFAR-100 file"
    )]
    Label {
        record: usize,
        kind: &'static str,
        label: u8,
        max: usize,
    },
    #[error("the list of record hashes has {n_bytes} bytes; it must have {HASH_BYTES} for each record")]
    Hashes { n_bytes: usize },
}

/// Splits whole records into pixels and labels. Any number of records is accepted, so a large file can be read in chunks.
///
/// # Errors
/// Fails if there are no records, bytes are left over, or a label is out of range; the error names the first such record.
pub fn parse_records(bytes: &[u8]) -> Result<Records, RecordsError> {
    let records = split_records(bytes)?;
    let mut parsed = Records {
        pixels: Vec::with_capacity(records.len() * IMAGE_BYTES),
        ..Records::default()
    };
    for (i, record) in records.iter().enumerate() {
        let [coarse, fine, planes @ ..] = record;
        check_label(i, "coarse", *coarse, N_COARSE)?;
        check_label(i, "fine", *fine, N_FINE)?;
        parsed.coarse.push(*coarse);
        parsed.fine.push(*fine);
        let (red, rest) = planes.split_at(PLANE);
        let (green, blue) = rest.split_at(PLANE);
        let pixels = red.iter().zip(green).zip(blue);
        parsed.pixels.extend(pixels.flat_map(|((&r, &g), &b)| [r, g, b]));
    }
    Ok(parsed)
}

/// The first 8 bytes of the whole record's SHA-256.
pub fn record_hash(record: &[u8; RECORD_BYTES]) -> [u8; HASH_BYTES] {
    let digest = Sha256::digest(record);
    std::array::from_fn(|i| digest[i])
}

/// Whether the records are exactly those that the hashes list, including duplicates, in any order.
///
/// # Errors
/// Fails if either input is not a whole number of records or hashes.
pub fn is_test_set(records: &[u8], hashes: &[u8]) -> Result<bool, RecordsError> {
    Ok(test_order(records, hashes)?.is_some())
}

/// For each listed hash, the index of its record; the records may be in any order. `None` if they are not those that the hashes
/// list. Equal records keep their relative order.
///
/// # Errors
/// Fails if either input is not a whole number of records or hashes.
pub fn test_order(records: &[u8], hashes: &[u8]) -> Result<Option<Vec<usize>>, RecordsError> {
    let records = split_records(records)?;
    let expected = split_hashes(hashes)?;
    let mut found: Vec<_> = records.iter().map(record_hash).zip(0..).collect();
    let mut expected: Vec<_> = expected.iter().copied().zip(0..).collect();
    found.sort_unstable();
    expected.sort_unstable();
    let hashes = |list: &[([u8; HASH_BYTES], usize)]| list.iter().map(|(hash, _)| *hash).collect::<Vec<_>>();
    if hashes(&found) != hashes(&expected) {
        return Ok(None);
    }
    let mut order: Vec<_> = expected
        .into_iter()
        .zip(found)
        .map(|((_, to), (_, from))| (to, from))
        .collect();
    order.sort_unstable();
    Ok(Some(order.into_iter().map(|(_, from)| from).collect()))
}

/// Labels and record hashes of a `test.bin`, in its order, in the formats of `test-labels.bin` and `test-records.bin`.
///
/// # Errors
/// Fails as [`parse_records`] does.
pub fn write_test_index(test_bin: &[u8]) -> Result<TestIndex, RecordsError> {
    let Records { fine, coarse, .. } = parse_records(test_bin)?;
    let hashes = split_records(test_bin)?.iter().flat_map(record_hash).collect();
    Ok(TestIndex {
        labels: [fine, coarse].concat(),
        hashes,
    })
}

fn split_records(bytes: &[u8]) -> Result<&[[u8; RECORD_BYTES]], RecordsError> {
    let (records, rest) = bytes.as_chunks::<RECORD_BYTES>();
    if !rest.is_empty() {
        return Err(RecordsError::Length {
            n_bytes: bytes.len(),
            remainder: rest.len(),
        });
    }
    if records.is_empty() {
        Err(RecordsError::Empty)
    } else {
        Ok(records)
    }
}

fn split_hashes(bytes: &[u8]) -> Result<&[[u8; HASH_BYTES]], RecordsError> {
    match bytes.as_chunks::<HASH_BYTES>() {
        (hashes, []) => Ok(hashes),
        _ => Err(RecordsError::Hashes { n_bytes: bytes.len() }),
    }
}

fn check_label(record: usize, kind: &'static str, label: u8, n_labels: usize) -> Result<(), RecordsError> {
    if usize::from(label) < n_labels {
        Ok(())
    } else {
        Err(RecordsError::Label {
            record,
            kind,
            label,
            max: n_labels - 1,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A record whose red, green and blue planes count from 0, 1 and 2.
    fn record(coarse: u8, fine: u8) -> Vec<u8> {
        let planes = (0..3).flat_map(|channel| (0..PLANE).map(move |i| (i + channel) as u8));
        [coarse, fine].into_iter().chain(planes).collect()
    }

    #[test]
    fn planes_become_pixels() {
        let records = parse_records(&[record(3, 42), record(19, 99)].concat()).unwrap();
        assert_eq!((records.fine, records.coarse), (vec![42, 99], vec![3, 19]));
        assert_eq!(records.pixels.len(), 2 * IMAGE_BYTES);
        assert_eq!(records.pixels[..6], [0, 1, 2, 1, 2, 3]);
        let last_row = IMAGE_BYTES + 31 * SIDE * 3;
        assert_eq!(records.pixels[last_row..last_row + 3], [224, 225, 226]);
    }

    #[test]
    fn wrong_files_are_refused_with_what_is_wrong() {
        assert_eq!(parse_records(&[]), Err(RecordsError::Empty));
        let long = [record(0, 0), vec![0; 5]].concat();
        let message = parse_records(&long).unwrap_err().to_string();
        assert!(
            message.contains("3079 bytes") && message.contains("5 are left over"),
            "{message}"
        );
        let fine = parse_records(&[record(0, 0), record(0, 100)].concat()).unwrap_err();
        assert_eq!(
            fine,
            RecordsError::Label {
                record: 1,
                kind: "fine",
                label: 100,
                max: 99
            }
        );
        let coarse = parse_records(&record(20, 0)).unwrap_err();
        assert!(
            coarse
                .to_string()
                .contains("record 0 has the coarse label 20, which is out of range; labels are 0 to 19"),
            "{coarse}"
        );
    }

    #[test]
    fn a_test_set_is_known_in_any_order() {
        let (a, b, c) = (record(0, 0), record(0, 1), record(1, 1));
        let hashes = write_test_index(&[&a[..], &b, &b].concat()).unwrap().hashes;
        assert_eq!(hashes.len(), 3 * HASH_BYTES);
        let is = |records: &[&[u8]]| is_test_set(&records.concat(), &hashes).unwrap();
        assert!(is(&[&a, &b, &b]) && is(&[&b, &a, &b]));
        assert!(!is(&[&a, &a, &b]), "as often");
        assert!(!is(&[&a, &b]) && !is(&[&a, &b, &c]) && !is(&[&a, &b, &b, &b]));
        assert_eq!(is_test_set(&a, &[0; 9]), Err(RecordsError::Hashes { n_bytes: 9 }));
        assert!(is_test_set(&a[1..], &hashes).is_err());
        let order = |records: &[&[u8]]| test_order(&records.concat(), &hashes).unwrap();
        assert_eq!(order(&[&a, &b, &b]), Some(vec![0, 1, 2]));
        assert_eq!(order(&[&b, &a, &b]), Some(vec![1, 0, 2]));
        assert_eq!(order(&[&b, &b, &a]), Some(vec![2, 0, 1]));
        assert_eq!(order(&[&a, &b, &c]), None);
    }

    #[test]
    fn the_index_has_fine_labels_first() {
        assert_eq!(
            write_test_index(&[record(3, 42), record(4, 43)].concat())
                .unwrap()
                .labels,
            [42, 43, 3, 4]
        );
        // sha256 of 3,074 zero bytes, by sha256sum.
        assert_eq!(record_hash(&[0; RECORD_BYTES]), ZERO_HASH);
    }

    const ZERO_HASH: [u8; 8] = [0xff, 0x61, 0xf3, 0xa8, 0x7b, 0x99, 0x44, 0xd6];
}
