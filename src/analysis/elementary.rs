//! exp and ln of whole rows. Free of branches and of conversions that WebAssembly's SIMD lacks, so that compilers vectorise the
//! loops: the libraries' functions, a call a number, take several times as long, and a report takes millions of them.

/// Below it `exp` gives 0 instead of a number near f64's smallest.
const SMALLEST_EXPONENT: f64 = -708.0;
/// Below it a probability's logarithm is better computed from logarithms.
pub(super) const SMALLEST_PROBABILITY: f64 = 1e-300;
/// 1.5 * 2^52: added to a small number, it leaves the number's whole part in the lowest bits.
const SHIFTER: f64 = 6_755_399_441_055_744.0;
/// ln 2 as the sum of two numbers, the first with so few digits that its product with an exponent is exact (fdlibm's e_log.c).
const LN_2_HIGH: f64 = 6.931_471_803_691_238e-1;
const LN_2_LOW: f64 = 1.908_214_929_270_587_7e-10;
/// Bits of the square root of 1/2.
const ROOT_HALF: u64 = 0x3fe6_a09e_667f_3bcd;

/// Replaces each value by its exponential, to about ten units in the last place. Values must be below 709.
pub(super) fn exp_in_place(values: &mut [f64]) {
    values.iter_mut().for_each(|value| *value = exp(*value));
}

/// `exps` becomes the exponentials of `values * factor - shift`, likewise.
pub(super) fn exp_into(values: &[f64], factor: f64, shift: f64, exps: &mut [f64]) {
    let pairs = exps.iter_mut().zip(values);
    pairs.for_each(|(result, &value)| *result = exp(value * factor - shift));
}

/// `logs` becomes the natural logarithms of `values`, to about one unit in the last place. Values must be normal and positive.
pub(super) fn ln_into(values: &[f64], logs: &mut [f64]) {
    logs.iter_mut().zip(values).for_each(|(log, &value)| *log = ln(value));
}

/// exp(x) = 2^k exp(r / 4)^4 with |r| <= ln(2) / 2, and the series of exp(r / 4) as far as (r / 4)^8 / 8!, which is below four units.
#[inline(always)]
fn exp(x: f64) -> f64 {
    let clamped = if x < SMALLEST_EXPONENT { SMALLEST_EXPONENT } else { x };
    let shifted = clamped * std::f64::consts::LOG2_E + SHIFTER;
    let k = shifted - SHIFTER;
    let r = 0.25 * ((clamped - k * LN_2_HIGH) - k * LN_2_LOW);
    let mut series = 1.0 / 40_320.0;
    for inverse in [
        1.0 / 5_040.0,
        1.0 / 720.0,
        1.0 / 120.0,
        1.0 / 24.0,
        1.0 / 6.0,
        0.5,
        1.0,
        1.0,
    ] {
        series = series * r + inverse;
    }
    let power = f64::from_bits(shifted.to_bits().wrapping_add(1023) << 52);
    let square = series * series;
    if x < SMALLEST_EXPONENT {
        0.0
    } else {
        square * square * power
    }
}

/// ln(2^k m) with m in [sqrt(1/2), sqrt(2)), by the polynomial in ((m - 1) / (m + 1))^2 of fdlibm's e_log.c.
#[inline(always)]
fn ln(x: f64) -> f64 {
    let exponent = (x.to_bits().wrapping_sub(ROOT_HALF) as i64) >> 52;
    let m = f64::from_bits(x.to_bits().wrapping_sub((exponent << 52) as u64));
    let k = f64::from_bits(SHIFTER.to_bits().wrapping_add(exponent as u64)) - SHIFTER;
    let f = m - 1.0;
    let s = f / (2.0 + f);
    let z = s * s;
    let mut series = 1.479_819_860_511_658_6e-1;
    for factor in [
        1.531_383_769_920_937_3e-1,
        1.818_357_216_161_805e-1,
        2.222_219_843_214_978_4e-1,
        2.857_142_874_366_239e-1,
        3.999_999_999_940_942e-1,
        6.666_666_666_666_735e-1,
    ] {
        series = series * z + factor;
    }
    let half_square = 0.5 * f * f;
    k * LN_2_HIGH - ((half_square - (s * (half_square + series * z) + k * LN_2_LOW)) - f)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exponentials_are_those_of_std() {
        for i in 0..=1_000_000 {
            let x = -708.0 + f64::from(i) * 7.1e-4;
            let (found, expected) = (exp(x), x.exp());
            assert!(
                (found - expected).abs() <= 4e-15 * expected,
                "exp({x}) = {found}, not {expected}"
            );
        }
        assert_eq!(exp(0.0), 1.0);
        assert_eq!((exp(-708.5), exp(-1e30), exp(f64::NEG_INFINITY)), (0.0, 0.0, 0.0));
    }

    #[test]
    fn logarithms_are_those_of_std() {
        for i in 1..=1_000_000 {
            for x in [f64::from(i) * 1e-6, (-f64::from(i) * 6.9e-4).exp(), f64::from(i)] {
                let (found, expected) = (ln(x), x.ln());
                assert!(
                    (found - expected).abs() <= 4e-16 * expected.abs(),
                    "ln({x}) = {found}, not {expected}"
                );
            }
        }
        assert_eq!(ln(1.0), 0.0);
    }
}
