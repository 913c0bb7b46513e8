//! test.bin and train.bin: lengths, labels, and whose records they are.

use std::io::{Read, Write};

use anyhow::{Context, Result, bail};
use fidelity_lab::data::cifar::{HASH_BYTES, RECORD_BYTES, RecordsError, is_test_set, parse_records, record_hash};

use super::archive::explain;

pub const TEST_BYTES: u64 = 10_000 * RECORD_BYTES as u64;
pub const TRAIN_BYTES: u64 = 50_000 * RECORD_BYTES as u64;
const CHUNK_RECORDS: usize = 1000;

/// Copies a file of records of which the container says that it has `bytes` bytes, and checks it on the way.
pub fn copy_checked(name: &str, bytes: u64, mut from: impl Read, to: &mut impl Write) -> Result<()> {
    let expected = if name == "test.bin" { TEST_BYTES } else { TRAIN_BYTES };
    if bytes != expected {
        bail!("{name} has {bytes} bytes; CIFAR-100's has {expected}");
    }
    let mut chunk = vec![0; CHUNK_RECORDS * RECORD_BYTES];
    for i in 0..expected as usize / chunk.len() {
        from.read_exact(&mut chunk).map_err(explain)?;
        parse_records(&chunk)
            .map_err(|error| from_the_start(error, i * CHUNK_RECORDS))
            .context(name.to_owned())?;
        to.write_all(&chunk)
            .with_context(|| format!("could not write {name}"))?;
    }
    Ok(())
}

/// Counts the record from the start of the file.
fn from_the_start(error: RecordsError, first: usize) -> RecordsError {
    match error {
        RecordsError::Label {
            record,
            kind,
            label,
            max,
        } => RecordsError::Label {
            record: first + record,
            kind,
            label,
            max,
        },
        other => other,
    }
}

/// Says whether the records are CIFAR-100's test set, by the list of their hashes, in whatever order.
pub fn compare(test: &[u8], hashes: &[u8]) -> Result<String> {
    if !is_test_set(test, hashes)? {
        return Ok("The test set is NOT CIFAR-100's: its records differ from the list of hashes. Figures on it compare with nothing."
            .to_owned());
    }
    let (records, (hashes, _)) = (test.as_chunks::<RECORD_BYTES>().0, hashes.as_chunks::<HASH_BYTES>());
    let same_order = records
        .iter()
        .zip(hashes)
        .all(|(record, hash)| record_hash(record) == *hash);
    let order = if same_order {
        "in the order"
    } else {
        "in another order than that"
    };
    Ok(format!("The test set is CIFAR-100's, {order} of this project's lists."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_of_the_records_does_not_matter() {
        let mut test = vec![0; 3 * RECORD_BYTES];
        test[RECORD_BYTES + 1] = 1;
        test[2 * RECORD_BYTES + 1] = 2;
        let hashes: Vec<u8> = test.as_chunks().0.iter().flat_map(record_hash).collect();
        assert!(
            compare(&test, &hashes)
                .unwrap()
                .contains("is CIFAR-100's, in the order of")
        );
        test.rotate_left(RECORD_BYTES);
        assert!(
            compare(&test, &hashes)
                .unwrap()
                .contains("is CIFAR-100's, in another order than that of")
        );
        test[5] = 9;
        assert!(compare(&test, &hashes).unwrap().contains("is NOT CIFAR-100's"));
        assert!(compare(&test, &hashes[1..]).is_err());
    }
}
