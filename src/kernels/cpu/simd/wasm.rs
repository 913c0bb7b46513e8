//! Four lanes by WebAssembly's SIMD, relaxed if compiled for it.

use core::arch::wasm32::*;

/// Lanes of a vector.
pub const LANES: usize = 4;

/// Four f32 lanes.
#[derive(Clone, Copy, Debug)]
pub struct Vector(v128);

impl Vector {
    #[inline(always)]
    pub fn splat(x: f32) -> Self {
        Self(f32x4_splat(x))
    }

    #[inline(always)]
    pub fn load(from: &[f32; 4]) -> Self {
        // SAFETY: the reference is to 16 readable bytes, and the instruction needs no alignment.
        Self(unsafe { v128_load(from.as_ptr().cast()) })
    }

    #[inline(always)]
    pub fn store(self, to: &mut [f32; 4]) {
        // SAFETY: the reference is to 16 writable bytes, and the instruction needs no alignment.
        unsafe { v128_store(to.as_mut_ptr().cast(), self.0) }
    }

    #[inline(always)]
    pub fn add(self, other: Self) -> Self {
        Self(f32x4_add(self.0, other.0))
    }

    #[inline(always)]
    pub fn sub(self, other: Self) -> Self {
        Self(f32x4_sub(self.0, other.0))
    }

    #[inline(always)]
    pub fn to_array(self) -> [f32; 4] {
        let mut lanes = [0.0; 4];
        self.store(&mut lanes);
        lanes
    }

    /// `self` if `condition` is above zero, else zero.
    #[inline(always)]
    pub fn where_positive(self, condition: Self) -> Self {
        Self(v128_and(self.0, f32x4_gt(condition.0, f32x4_splat(0.0))))
    }

    /// `self + a * b`, rounded once if the machine can, else twice.
    #[cfg(target_feature = "relaxed-simd")]
    #[inline(always)]
    pub fn mul_add(self, a: Self, b: Self) -> Self {
        Self(f32x4_relaxed_madd(a.0, b.0, self.0))
    }

    /// `self + a * b`, rounded twice.
    #[cfg(not(target_feature = "relaxed-simd"))]
    #[inline(always)]
    pub fn mul_add(self, a: Self, b: Self) -> Self {
        Self(f32x4_add(self.0, f32x4_mul(a.0, b.0)))
    }

    /// The larger of `self` and zero; zero for NaN. `pmax` is one instruction on x86, `max` five.
    #[inline(always)]
    pub fn relu(self) -> Self {
        Self(f32x4_pmax(f32x4_splat(0.0), self.0))
    }
}
