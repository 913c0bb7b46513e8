//! Pictures reduced as Pillow does, and the labels and record hashes of CIFAR-100's test set.

use fidelity_lab::data::cifar::{HASH_BYTES, RECORD_BYTES, is_test_set, parse_records, record_hash};
use fidelity_lab::data::names::COARSE_OF_FINE;
use fidelity_lab::data::{IMAGE_BYTES, reduce_to_32};

fn read(path: &str) -> Vec<u8> {
    let path = format!("{}/{path}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read(&path).unwrap_or_else(|e| panic!("{path}: {e}"))
}

/// The picture that `make_box.py` reduces.
fn picture(width: usize, height: usize, with_alpha: bool) -> Vec<u8> {
    let value =
        |x: usize, y: usize, channel: usize| ((3 * x * x + 5 * y * y + 7 * x * y + 97 * channel + 11) % 256) as u8;
    let pixels = (0..height).flat_map(|y| (0..width).map(move |x| (x, y)));
    let rgba = |(x, y)| {
        [
            value(x, y, 0),
            value(x, y, 1),
            value(x, y, 2),
            if with_alpha { value(x, y, 3) } else { 255 },
        ]
    };
    pixels.flat_map(rgba).collect()
}

#[test]
fn pictures_are_reduced_as_pillow_does() {
    let index: serde_json::Value = serde_json::from_slice(&read("tests/golden/box.json")).unwrap();
    let cases = index["cases"].as_array().unwrap();
    let expected = read("tests/golden/box.bin");
    assert_eq!(expected.len(), cases.len() * IMAGE_BYTES);
    assert!(cases.len() > 20);
    for (case, expected) in cases.iter().zip(expected.chunks(IMAGE_BYTES)) {
        let (width, height) = (
            case["width"].as_u64().unwrap() as usize,
            case["height"].as_u64().unwrap() as usize,
        );
        let with_alpha = case["alpha"].as_bool().unwrap();
        let found = reduce_to_32(&picture(width, height, with_alpha), width, height).unwrap();
        let worst = found.iter().zip(expected).map(|(a, b)| a.abs_diff(*b)).max().unwrap();
        // Opaque pictures match exactly; compositing on white may round differently.
        assert!(worst <= u8::from(with_alpha), "{width} x {height}: off by {worst}");
    }
}

#[test]
fn the_test_set_s_labels_and_hashes_fit_the_20_images_that_are_here() {
    let (labels, hashes) = (
        read("www/weights/test-labels.bin"),
        read("www/weights/test-records.bin"),
    );
    assert_eq!((labels.len(), hashes.len()), (20_000, 10_000 * HASH_BYTES));
    let (fine, coarse) = labels.split_at(10_000);
    for class in 0..100 {
        assert_eq!(
            fine.iter().filter(|&&label| label == class).count(),
            100,
            "images of class {class}"
        );
    }
    assert!(
        fine.iter()
            .zip(coarse)
            .all(|(&fine, &coarse)| COARSE_OF_FINE[usize::from(fine)] == coarse)
    );
    let mut distinct: Vec<&[u8]> = hashes.chunks(HASH_BYTES).collect();
    distinct.sort_unstable();
    distinct.dedup();
    assert_eq!(distinct.len(), 10_000, "no two records have one hash");

    let bytes = read("tests/golden/golden.safetensors");
    let tensors = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    let images = tensors.tensor("images").unwrap();
    let mut file = Vec::new();
    for (i, image) in images.data().chunks(IMAGE_BYTES).enumerate() {
        let planes = (0..3).flat_map(|channel| image.iter().skip(channel).step_by(3).copied());
        let record: Vec<u8> = [coarse[i], fine[i]].into_iter().chain(planes).collect();
        let hash = record_hash(record.as_slice().try_into().unwrap());
        assert_eq!(hash, hashes[i * HASH_BYTES..(i + 1) * HASH_BYTES], "record {i}");
        file.extend(record);
    }
    let records = parse_records(&file).unwrap();
    assert_eq!(records.pixels, images.data());
    assert_eq!((&records.fine[..], &records.coarse[..]), (&fine[..20], &coarse[..20]));
    assert!(!is_test_set(&file, &hashes).unwrap());
    let backwards: Vec<u8> = file.chunks(RECORD_BYTES).rev().flatten().copied().collect();
    assert!(is_test_set(&backwards, &hashes[..20 * HASH_BYTES]).unwrap());
}
