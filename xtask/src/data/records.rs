//! Recognises CIFAR-100's test set.

use anyhow::Result;
use fidelity_lab::data::cifar::{HASH_BYTES, RECORD_BYTES, is_test_set, record_hash};

/// Says whether the records are CIFAR-100's test set, in any order, by the list of their hashes.
pub fn compare(test: &[u8], hashes: &[u8]) -> Result<String> {
    if !is_test_set(test, hashes)? {
        return Ok("The test set is NOT CIFAR-100's: its records differ from the list of hashes. Its metrics are not comparable."
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
        "but not in the order"
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
                .contains("is CIFAR-100's, but not in the order of")
        );
        test[5] = 9;
        assert!(compare(&test, &hashes).unwrap().contains("is NOT CIFAR-100's"));
        assert!(compare(&test, &hashes[1..]).is_err());
    }
}
