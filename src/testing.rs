//! Helpers of the tests: unit tests use them as `crate::testing`, integration tests by the path of this file.
#![allow(dead_code, reason = "each test program uses some of them")]

use std::path::PathBuf;

use safetensors::SafeTensors;

/// `n` values in [-1, 1) that follow from the seed.
pub fn values(n: usize, seed: u32) -> Vec<f32> {
    let mut state = seed.wrapping_mul(2_654_435_761) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        f64::from(state) / 2_147_483_648.0 - 1.0
    };
    (0..n).map(|_| next() as f32).collect()
}

/// The largest absolute value.
pub fn largest(values: &[f32]) -> f32 {
    values.iter().fold(0.0, |largest, value| largest.max(value.abs()))
}

/// The largest absolute difference; infinite if one is NaN.
pub fn largest_difference(found: &[f32], expected: &[f32]) -> f32 {
    assert_eq!(found.len(), expected.len());
    found.iter().zip(expected).map(difference).fold(0.0, f32::max)
}

fn difference((a, b): (&f32, &f32)) -> f32 {
    let difference = (a - b).abs();
    if difference.is_nan() { f32::INFINITY } else { difference }
}

/// Asserts that no value is further off than `bound`.
#[track_caller]
pub fn assert_close(what: &str, found: &[f32], expected: &[f32], bound: f32) {
    assert_eq!(found.len(), expected.len(), "{what}");
    let mut pairs = found.iter().zip(expected);
    if let Some(i) = pairs.position(|pair| difference(pair) > bound) {
        panic!(
            "{what}: off by up to {}, where {bound} is allowed; at {i}: {}, not {}",
            largest_difference(found, expected),
            found[i],
            expected[i]
        );
    }
}

/// Asserts that no value is further off than `relative` times the largest expected one.
#[track_caller]
pub fn assert_relative(what: &str, found: &[f32], expected: &[f32], relative: f32) {
    let largest = largest(expected);
    assert!(largest > 0.0, "{what}: an expectation of zeros proves nothing");
    assert_close(what, found, expected, relative * largest);
}

/// A file of tests/golden.
pub fn golden_bytes(file: &str) -> Vec<u8> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests/golden")
        .join(file);
    std::fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// The tensors of a safetensors file of tests/golden.
pub struct Golden(Vec<u8>);

impl Golden {
    /// What PyTorch computes from the networks beside it.
    pub fn new() -> Self {
        Self::of("golden.safetensors")
    }

    /// Those of another file.
    pub fn of(file: &str) -> Self {
        Self(golden_bytes(file))
    }

    pub fn names(&self) -> Vec<String> {
        let tensors = self.tensors();
        tensors.names().iter().map(|name| name.to_string()).collect()
    }

    pub fn bytes(&self, name: &str) -> Vec<u8> {
        self.tensors().tensor(name).unwrap().data().to_vec()
    }

    pub fn f32(&self, name: &str) -> Vec<f32> {
        let bytes = self.bytes(name);
        bytes.as_chunks().0.iter().map(|b| f32::from_le_bytes(*b)).collect()
    }

    pub fn f64(&self, name: &str) -> Vec<f64> {
        let bytes = self.bytes(name);
        bytes.as_chunks().0.iter().map(|b| f64::from_le_bytes(*b)).collect()
    }

    /// The first `n` of the 20 images, `[n, 32, 32, 3]`.
    pub fn pixels(&self, n: usize) -> Vec<u8> {
        self.bytes("images")[..n * 3072].to_vec()
    }

    /// The labels of the first `n` images.
    pub fn labels(&self, n: usize) -> Vec<u8> {
        let bytes = self.bytes("labels");
        bytes.as_chunks::<4>().0.iter().map(|b| b[0]).take(n).collect()
    }

    fn tensors(&self) -> SafeTensors<'_> {
        SafeTensors::deserialize(&self.0).unwrap()
    }
}
