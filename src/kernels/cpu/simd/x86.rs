//! Eight lanes by AVX2 if compiled for it, else four by SSE2.

// An instruction is unsafe to use if the processor may lack it. Every x86-64 has SSE2; AVX2 and FMA are used only if compiled for.
use register::{Register, add, and, load, max, positive, product_sum, set, store, subtract, zero};

pub use register::LANES;

#[cfg(all(target_feature = "avx2", target_feature = "fma"))]
mod register {
    pub use core::arch::x86_64::{
        __m256 as Register, _mm256_add_ps as add, _mm256_and_ps as and, _mm256_loadu_ps as load, _mm256_max_ps as max,
        _mm256_set1_ps as set, _mm256_setzero_ps as zero, _mm256_storeu_ps as store, _mm256_sub_ps as subtract,
    };
    use core::arch::x86_64::{_CMP_GT_OQ, _mm256_cmp_ps, _mm256_fmadd_ps};

    /// Lanes of a vector.
    pub const LANES: usize = 8;

    /// All bits of the lanes that are above zero.
    #[inline(always)]
    pub unsafe fn positive(x: Register) -> Register {
        // SAFETY: as the module's.
        unsafe { _mm256_cmp_ps::<_CMP_GT_OQ>(x, zero()) }
    }

    /// `sum + a * b`, rounded once.
    #[inline(always)]
    pub unsafe fn product_sum(sum: Register, a: Register, b: Register) -> Register {
        // SAFETY: as the module's.
        unsafe { _mm256_fmadd_ps(a, b, sum) }
    }
}

#[cfg(not(all(target_feature = "avx2", target_feature = "fma")))]
mod register {
    pub use core::arch::x86_64::{
        __m128 as Register, _mm_add_ps as add, _mm_and_ps as and, _mm_loadu_ps as load, _mm_max_ps as max,
        _mm_set1_ps as set, _mm_setzero_ps as zero, _mm_storeu_ps as store, _mm_sub_ps as subtract,
    };
    use core::arch::x86_64::{_mm_cmpgt_ps, _mm_mul_ps};

    /// Lanes of a vector.
    pub const LANES: usize = 4;

    /// All bits of the lanes that are above zero.
    #[inline(always)]
    pub unsafe fn positive(x: Register) -> Register {
        // SAFETY: as the module's.
        unsafe { _mm_cmpgt_ps(x, zero()) }
    }

    /// `sum + a * b`, rounded twice.
    #[inline(always)]
    pub unsafe fn product_sum(sum: Register, a: Register, b: Register) -> Register {
        // SAFETY: as the module's.
        unsafe { add(sum, _mm_mul_ps(a, b)) }
    }
}

/// `LANES` f32 lanes.
#[derive(Clone, Copy, Debug)]
pub struct Vector(Register);

impl Vector {
    #[inline(always)]
    pub fn splat(x: f32) -> Self {
        // SAFETY: see above.
        Self(unsafe { set(x) })
    }

    #[inline(always)]
    pub fn load(from: &[f32; LANES]) -> Self {
        // SAFETY: the reference is to as many readable bytes, and the instruction needs no alignment.
        Self(unsafe { load(from.as_ptr()) })
    }

    #[inline(always)]
    pub fn store(self, to: &mut [f32; LANES]) {
        // SAFETY: the reference is to as many writable bytes, and the instruction needs no alignment.
        unsafe { store(to.as_mut_ptr(), self.0) }
    }

    #[inline(always)]
    pub fn add(self, other: Self) -> Self {
        // SAFETY: see above.
        Self(unsafe { add(self.0, other.0) })
    }

    #[inline(always)]
    pub fn sub(self, other: Self) -> Self {
        // SAFETY: see above.
        Self(unsafe { subtract(self.0, other.0) })
    }

    #[inline(always)]
    pub fn to_array(self) -> [f32; LANES] {
        let mut lanes = [0.0; LANES];
        self.store(&mut lanes);
        lanes
    }

    /// `self` if `condition` is above zero, else zero.
    #[inline(always)]
    pub fn where_positive(self, condition: Self) -> Self {
        // SAFETY: see above.
        Self(unsafe { and(self.0, positive(condition.0)) })
    }

    /// `self + a * b`, rounded once if the processor can.
    #[inline(always)]
    pub fn mul_add(self, a: Self, b: Self) -> Self {
        // SAFETY: see above.
        Self(unsafe { product_sum(self.0, a.0, b.0) })
    }

    /// The larger of `self` and zero; zero for NaN.
    #[inline(always)]
    pub fn relu(self) -> Self {
        // SAFETY: see above.
        Self(unsafe { max(self.0, zero()) })
    }
}
