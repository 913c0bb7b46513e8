//! exp and ln of whole rows. Free of branches and of conversions that WebAssembly's SIMD lacks, so that compilers vectorise the
//! loops: the libraries' functions, a call a number, take several times as long, and a report takes millions of them.
//!
//! Whole rows are never inlined, here and in `row`: a WebAssembly engine optimises a function from its second call or so on, and a loop
//! over all images is called but once a report.

/// Of 2: below it the power is 0 instead of a number near f64's smallest.
const SMALLEST_EXPONENT: f64 = -1021.0;
/// Below it a probability's logarithm is better computed from logarithms.
pub(super) const SMALLEST_PROBABILITY: f64 = 1e-300;
/// 1.5 * 2^52: added to a small number, it leaves the number's whole part in the lowest bits.
const SHIFTER: f64 = 6_755_399_441_055_744.0;
/// ln 2 as the sum of two numbers, the first with so few digits that its product with an exponent is exact (fdlibm's e_log.c).
const LN_2_HIGH: f64 = 6.931_471_803_691_238e-1;
const LN_2_LOW: f64 = 1.908_214_929_270_587_7e-10;
/// Bits of the square root of 1/2.
const ROOT_HALF: u64 = 0x3fe6_a09e_667f_3bcd;
/// What exponents are shifted by to be positive: shifting in the sign takes most machines several instructions.
const BIAS: u64 = 1024;

/// Replaces each value by its exponential, as [`exp_into`].
#[inline(never)]
pub(super) fn exp_in_place(values: &mut [f64]) {
    let to_base_2 = std::f64::consts::LOG2_E;
    values.iter_mut().for_each(|value| *value = exp2(*value * to_base_2));
}

/// `exps` becomes the exponentials of `values * factor - shift`, which must be below 700, and 0 of those below -700. Their relative
/// errors are up to 4e-15, and that of the exponent itself: what is small beside a sum of probabilities need not be exact to all digits.
#[inline(never)]
pub(super) fn exp_into(values: &[f64], factor: f64, shift: f64, exps: &mut [f64]) {
    let (factor, shift) = (factor * std::f64::consts::LOG2_E, shift * std::f64::consts::LOG2_E);
    let pairs = exps.iter_mut().zip(values);
    pairs.for_each(|(result, &value)| *result = exp2(value * factor - shift));
}

/// `logs` becomes the natural logarithms of `values`, to about one unit in the last place. Values must be normal and positive.
#[inline(never)]
pub(super) fn ln_into(values: &[f64], logs: &mut [f64]) {
    logs.iter_mut().zip(values).for_each(|(log, &value)| *log = ln(value));
}

/// 2^x = 2^k (2^(r / 4))^4 with |r| <= 1/2, and the series of 2^(r / 4) as far as (r ln(2) / 4)^8 / 8!.
#[inline(always)]
fn exp2(x: f64) -> f64 {
    let clamped = if x < SMALLEST_EXPONENT { SMALLEST_EXPONENT } else { x };
    let shifted = clamped + SHIFTER;
    let r = clamped - (shifted - SHIFTER);
    // In pairs, so that fewer steps wait for each other.
    let (r2, r4) = (r * r, r * r * (r * r));
    let low = (1.0 + r * 0.173_286_795_139_986_32) + r2 * (0.015_014_156_684_943_793 + r * 0.000_867_251_697_887_837_1);
    let middle = 3.757_081_682_667_374e-05 + r * 1.302_105_287_737_152_5e-06;
    let high = r2 * (3.760_627_537_446_681e-08 + r * 9.309_529_909_704_491e-10) + r4 * 2.016_523_252_890_671_6e-11;
    let series = low + r4 * (middle + high);
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
pub(super) fn ln(x: f64) -> f64 {
    let biased = x.to_bits().wrapping_add((BIAS << 52) - ROOT_HALF) >> 52;
    let m = f64::from_bits(x.to_bits().wrapping_add(BIAS << 52).wrapping_sub(biased << 52));
    let k = f64::from_bits(SHIFTER.to_bits().wrapping_add(biased)) - (SHIFTER + BIAS as f64);
    let f = m - 1.0;
    let s = f / (2.0 + f);
    let z = s * s;
    // Odd and even powers, so that fewer steps wait for each other.
    let w = z * z;
    let odd = 6.666_666_666_666_735e-1
        + w * (2.857_142_874_366_239e-1 + w * (1.818_357_216_161_805e-1 + w * 1.479_819_860_511_658_6e-1));
    let even = w * (3.999_999_999_940_942e-1 + w * (2.222_219_843_214_978_4e-1 + w * 1.531_383_769_920_937_3e-1));
    let half_square = 0.5 * f * f;
    k * LN_2_HIGH - ((half_square - (s * (half_square + (even + z * odd)) + k * LN_2_LOW)) - f)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exponentials_are_those_of_std() {
        let values: Vec<f64> = (0..=1_000_000).map(|i| -700.0 + f64::from(i) * 1.4e-3).collect();
        let mut in_place = values.clone();
        exp_in_place(&mut in_place);
        let mut found = vec![0.0; values.len()];
        let twice: Vec<f64> = values.iter().map(|x| 2.0 * x + 6.0).collect();
        exp_into(&twice, 0.5, 3.0, &mut found);
        for (i, x) in values.iter().enumerate() {
            let bound = (4e-15 + 4e-16 * (x.abs() + 3.0)) * x.exp();
            for found in [in_place[i], found[i]] {
                assert!((found - x.exp()).abs() <= bound, "exp({x}) = {found}, not {}", x.exp());
            }
        }
        let mut far = [0.0, -708.5, -1e30, f64::NEG_INFINITY];
        exp_in_place(&mut far);
        assert_eq!(far, [1.0, 0.0, 0.0, 0.0]);
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
