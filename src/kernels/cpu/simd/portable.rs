//! Four lanes as an array, which the compiler vectorises as well as it can.

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

    /// `self` if `condition` is above zero, else zero.
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
