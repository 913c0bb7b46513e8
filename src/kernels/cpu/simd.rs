//! A vector of f32 lanes: WebAssembly's four or AVX2's eight where the target has them, an array of four that the compiler
//! vectorises elsewhere.

pub use lanes::{LANES, Vector};

#[cfg(target_feature = "simd128")]
mod lanes {
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
            // SAFETY: the reference is to 16 readable bytes, and the instruction asks for no alignment.
            Self(unsafe { v128_load(from.as_ptr().cast()) })
        }

        #[inline(always)]
        pub fn store(self, to: &mut [f32; 4]) {
            // SAFETY: the reference is to 16 writable bytes, and the instruction asks for no alignment.
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

        /// `self` where `condition` is above zero, else zero.
        #[inline(always)]
        pub fn where_positive(self, condition: Self) -> Self {
            Self(v128_and(self.0, f32x4_gt(condition.0, f32x4_splat(0.0))))
        }

        /// `self + a * b`, with one rounding where the machine has it and two elsewhere.
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

        /// The larger of `self` and zero; zero for what is no number. `pmax` is one instruction on x86, `max` five.
        #[inline(always)]
        pub fn relu(self) -> Self {
            Self(f32x4_pmax(f32x4_splat(0.0), self.0))
        }
    }
}

#[cfg(all(target_arch = "x86_64", target_feature = "avx2", target_feature = "fma"))]
mod lanes {
    // An instruction is unsafe to ask for where the processor may lack it; this module is compiled only for processors that have
    // all of them.
    use core::arch::x86_64::*;

    /// Lanes of a vector.
    pub const LANES: usize = 8;

    /// Eight f32 lanes.
    #[derive(Clone, Copy, Debug)]
    pub struct Vector(__m256);

    impl Vector {
        #[inline(always)]
        pub fn splat(x: f32) -> Self {
            // SAFETY: see above.
            Self(unsafe { _mm256_set1_ps(x) })
        }

        #[inline(always)]
        pub fn load(from: &[f32; 8]) -> Self {
            // SAFETY: the reference is to 32 readable bytes, and the instruction asks for no alignment.
            Self(unsafe { _mm256_loadu_ps(from.as_ptr()) })
        }

        #[inline(always)]
        pub fn store(self, to: &mut [f32; 8]) {
            // SAFETY: the reference is to 32 writable bytes, and the instruction asks for no alignment.
            unsafe { _mm256_storeu_ps(to.as_mut_ptr(), self.0) }
        }

        #[inline(always)]
        pub fn add(self, other: Self) -> Self {
            // SAFETY: see above.
            Self(unsafe { _mm256_add_ps(self.0, other.0) })
        }

        #[inline(always)]
        pub fn sub(self, other: Self) -> Self {
            // SAFETY: see above.
            Self(unsafe { _mm256_sub_ps(self.0, other.0) })
        }

        #[inline(always)]
        pub fn to_array(self) -> [f32; 8] {
            let mut lanes = [0.0; 8];
            self.store(&mut lanes);
            lanes
        }

        /// `self` where `condition` is above zero, else zero.
        #[inline(always)]
        pub fn where_positive(self, condition: Self) -> Self {
            // SAFETY: see above.
            Self(unsafe {
                let mask = _mm256_cmp_ps::<_CMP_GT_OQ>(condition.0, _mm256_setzero_ps());
                _mm256_and_ps(self.0, mask)
            })
        }

        /// `self + a * b`, rounded once.
        #[inline(always)]
        pub fn mul_add(self, a: Self, b: Self) -> Self {
            // SAFETY: see above.
            Self(unsafe { _mm256_fmadd_ps(a.0, b.0, self.0) })
        }

        /// The larger of `self` and zero; zero for what is no number.
        #[inline(always)]
        pub fn relu(self) -> Self {
            // SAFETY: see above.
            Self(unsafe { _mm256_max_ps(self.0, _mm256_setzero_ps()) })
        }
    }
}

#[cfg(not(any(
    target_feature = "simd128",
    all(target_arch = "x86_64", target_feature = "avx2", target_feature = "fma")
)))]
mod lanes {
    /// Lanes of a vector.
    pub const LANES: usize = 4;

    /// Four f32 lanes.
    #[derive(Clone, Copy, Debug)]
    pub struct Vector([f32; 4]);

    impl Vector {
        #[inline(always)]
        pub fn splat(x: f32) -> Self {
            Self([x; 4])
        }

        #[inline(always)]
        pub fn load(from: &[f32; 4]) -> Self {
            Self(*from)
        }

        #[inline(always)]
        pub fn store(self, to: &mut [f32; 4]) {
            *to = self.0;
        }

        #[inline(always)]
        pub fn add(self, other: Self) -> Self {
            Self(core::array::from_fn(|i| self.0[i] + other.0[i]))
        }

        #[inline(always)]
        pub fn sub(self, other: Self) -> Self {
            Self(core::array::from_fn(|i| self.0[i] - other.0[i]))
        }

        #[inline(always)]
        pub fn to_array(self) -> [f32; 4] {
            self.0
        }

        /// `self` where `condition` is above zero, else zero.
        #[inline(always)]
        pub fn where_positive(self, condition: Self) -> Self {
            Self(core::array::from_fn(
                |i| if condition.0[i] > 0.0 { self.0[i] } else { 0.0 },
            ))
        }

        /// `self + a * b`
        #[inline(always)]
        pub fn mul_add(self, a: Self, b: Self) -> Self {
            Self(core::array::from_fn(|i| self.0[i] + a.0[i] * b.0[i]))
        }

        /// The larger of `self` and zero.
        #[inline(always)]
        pub fn relu(self) -> Self {
            Self(self.0.map(|x| if 0.0 < x { x } else { 0.0 }))
        }
    }
}
