//! Pictures and golden values for the tests of augmentation.

use crate::data::{IMAGE_BYTES, SIDE};
use crate::testing::golden_bytes;

/// Black only where it was brought in.
pub(super) fn picture() -> [u8; IMAGE_BYTES] {
    std::array::from_fn(|i| (i % 251) as u8 + 1)
}

/// A tensor of `tests/golden/augment.safetensors`, which `augment.py` beside it made by PyTorch.
pub(super) fn golden(name: &str) -> Vec<f32> {
    let bytes = golden_bytes("augment.safetensors");
    let tensors = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    let tensor = tensors.tensor(name).unwrap();
    match tensor.dtype() {
        safetensors::Dtype::U8 => tensor.data().iter().map(|v| f32::from(*v)).collect(),
        _ => tensor
            .data()
            .as_chunks()
            .0
            .iter()
            .map(|v| f32::from_le_bytes(*v))
            .collect(),
    }
}

/// The images that the golden values are made of.
pub(super) fn golden_images() -> Vec<[u8; IMAGE_BYTES]> {
    let levels: Vec<u8> = golden("images").into_iter().map(|v| v as u8).collect();
    levels.as_chunks().0.to_vec()
}

/// Rounding to levels takes at most half a level; a thousandth is for other roundings on the way.
pub(super) fn assert_levels(what: &str, found: &[u8], expected: &[f32]) {
    assert_eq!(found.len(), expected.len());
    let differences = found.iter().zip(expected).map(|(a, b)| (f32::from(*a) - b).abs());
    let largest = differences.fold(0.0, f32::max);
    assert!(largest <= 0.501, "{what}: off by {largest} levels");
    assert!(largest > 0.4, "{what}: fractions of a level are expected");
}

pub(super) fn pixel(image: &[u8], row: usize, column: usize) -> &[u8] {
    &image[3 * (row * SIDE + column)..][..3]
}
