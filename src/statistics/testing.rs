//! What the tests of this room share.

use std::rc::Rc;

/// The labels of the images of [`logits`].
pub const LABELS: [u8; 3] = [0, 3, 99];

pub fn close(found: &[f64], expected: &[f64]) {
    assert_eq!(found.len(), expected.len());
    for (found, expected) in found.iter().zip(expected) {
        assert!(
            (found - expected).abs() <= 1e-12 * expected.abs().max(1.0),
            "{found} is not {expected}"
        );
    }
}

/// Logits of three images and 100 classes; some underflow to 0 as probabilities.
pub fn logits(seed: u32) -> Rc<Vec<f32>> {
    let value = |i: u32| (i.wrapping_mul(2_654_435_761).wrapping_add(seed * 97) >> 20) as f32 / 100.0 - 20.0;
    let far = |i: u32| if i % 17 == 3 { -900.0 - seed as f32 } else { value(i) };
    Rc::new((0..300).map(far).collect())
}
