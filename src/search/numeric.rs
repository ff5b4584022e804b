//! Logarithm, exponential and Gaussian draws that give the same bits on every platform.
//!
//! IEEE 754 fixes `+ - * /` and `sqrt`; the platform's mathematics library may differ in the last bit of anything else,
//! and one bit is enough to send a search elsewhere. The functions here use only the fixed five.

use crate::base::rng::Rng;
use rand::Rng as _;
use std::f64::consts::{LN_2, SQRT_2};

/// High part of ln 2: its low 32 mantissa bits are zero, so that multiples by an exponent are exact.
const LN_2_HIGH: f64 = f64::from_bits(0x3fe6_2e42_0000_0000);
/// What [`LN_2_HIGH`] leaves out of ln 2.
const LN_2_LOW: f64 = 4.749_325_039_031_672_6e-7;

/// Natural logarithm; minus infinity for zero, not a number for negative arguments. Error below 2 units in the last place.
#[must_use]
pub fn ln(x: f64) -> f64 {
    if x.is_nan() || x < 0.0 {
        return f64::NAN;
    }
    if x == 0.0 {
        return f64::NEG_INFINITY;
    }
    if x == f64::INFINITY {
        return x;
    }
    // Subnormal numbers are scaled into the normal range first.
    let (x, shift) = if x < f64::MIN_POSITIVE {
        (x * 18_014_398_509_481_984.0, 54)
    } else {
        (x, 0)
    };
    let bits = x.to_bits();
    let mut exponent = i64::try_from(bits >> 52).unwrap_or(0) - 1023 - shift;
    let mut mantissa = f64::from_bits(bits & 0x000f_ffff_ffff_ffff | 1023 << 52);
    if mantissa > SQRT_2 {
        mantissa *= 0.5;
        exponent += 1;
    }
    // ln m = 2 atanh(s) with s = (m - 1) / (m + 1), |s| < 0.172; the twelfth term is below half a unit.
    let s = (mantissa - 1.0) / (mantissa + 1.0);
    let s2 = s * s;
    let mut tail = 0.0;
    for odd in (3..=23u32).rev().step_by(2) {
        tail = tail * s2 + 1.0 / f64::from(odd);
    }
    let e = exponent as f64;
    e * LN_2_HIGH + (e * LN_2_LOW + (2.0 * s * s2 * tail + 2.0 * s))
}

/// `e` to the power `x`; zero below -708, infinity above 709. Error below 2 units in the last place.
#[must_use]
pub fn exp(x: f64) -> f64 {
    if x.is_nan() {
        return x;
    }
    if x > 709.0 {
        return f64::INFINITY;
    }
    if x < -708.0 {
        return 0.0;
    }
    let k = (x / LN_2).round();
    let r = (x - k * LN_2_HIGH) - k * LN_2_LOW;
    // Taylor series on |r| <= ln(2) / 2: the fifteenth term is below half a unit.
    let mut sum = 1.0;
    for i in (1..=14u32).rev() {
        sum = sum * r / f64::from(i) + 1.0;
    }
    let k = k as i64;
    let (a, b) = (k / 2, k - k / 2);
    sum * power_of_two(a) * power_of_two(b)
}

/// `base` to the power `exponent`, for a positive base.
#[must_use]
pub fn pow(base: f64, exponent: f64) -> f64 {
    exp(exponent * ln(base))
}

/// Geometric mean of positive values; one for none.
#[must_use]
pub fn geometric_mean(values: &[f64]) -> f64 {
    if values.is_empty() {
        return 1.0;
    }
    exp(values.iter().map(|&v| ln(v)).sum::<f64>() / values.len() as f64)
}

/// Two to the power `e`, for `e` within the normal exponents.
fn power_of_two(e: i64) -> f64 {
    f64::from_bits(u64::try_from(e + 1023).unwrap_or(0) << 52)
}

/// A uniform draw from `[0, 1)`, a multiple of 2^-53.
pub fn uniform(rng: &mut Rng) -> f64 {
    (rng.next_u64() >> 11) as f64 / 9_007_199_254_740_992.0
}

/// Fills `out` with independent standard normal draws (Marsaglia's polar method, SIAM Review 6, 1964).
pub fn fill_normal(rng: &mut Rng, out: &mut [f64]) {
    for pair in out.chunks_mut(2) {
        let [a, b] = normal_pair(rng);
        pair[0] = a;
        if let Some(second) = pair.get_mut(1) {
            *second = b;
        }
    }
}

fn normal_pair(rng: &mut Rng) -> [f64; 2] {
    loop {
        let u = 2.0 * uniform(rng) - 1.0;
        let v = 2.0 * uniform(rng) - 1.0;
        let s = u * u + v * v;
        if s > 0.0 && s < 1.0 {
            let scale = (-2.0 * ln(s) / s).sqrt();
            return [u * scale, v * scale];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::rng::stream;

    #[test]
    fn the_two_parts_of_ln_2_add_up() {
        assert_eq!(LN_2_HIGH + LN_2_LOW, LN_2);
        assert!(LN_2_HIGH.to_bits().trailing_zeros() >= 32);
    }

    #[test]
    #[allow(
        clippy::disallowed_methods,
        reason = "the platform's functions are the reference here"
    )]
    fn logarithm_and_exponential_agree_with_the_platform() {
        let mut rng = stream(1, &[]);
        for _ in 0..100_000 {
            let x = (uniform(&mut rng) - 0.5) * 1400.0;
            let e = exp(x);
            assert!((e - x.exp()).abs() <= 4e-16 * x.exp(), "exp({x})");
            let y = if e == 0.0 { 1.0 } else { e };
            assert!((ln(y) - y.ln()).abs() <= 4e-16 * y.ln().abs().max(1e-3), "ln({y})");
            let near = 1.0 + (uniform(&mut rng) - 0.5) * 0.5;
            assert!((ln(near) - near.ln()).abs() <= 4e-16 * near.ln().abs(), "ln({near})");
        }
        assert_eq!(
            (ln(1.0), exp(0.0), ln(0.0), exp(-1e4)),
            (0.0, 1.0, f64::NEG_INFINITY, 0.0)
        );
        assert!((ln(5e-324) - 5e-324f64.ln()).abs() < 1e-12);
        assert!(ln(-1.0).is_nan() && exp(1e4).is_infinite());
    }

    #[test]
    fn means() {
        assert!((geometric_mean(&[2.0, 8.0]) - 4.0).abs() < 1e-14);
        assert_eq!(geometric_mean(&[]), 1.0);
        assert!((pow(10.0, 3.0) - 1000.0).abs() < 1e-11);
    }

    #[test]
    fn normal_draws_have_their_moments() {
        let mut z = vec![0.0; 100_001];
        fill_normal(&mut stream(3, &[]), &mut z);
        let n = z.len() as f64;
        let moment = |k: usize| z.iter().map(|&v| (0..k).fold(1.0, |p, _| p * v)).sum::<f64>() / n;
        assert!(moment(1).abs() < 0.01 && moment(3).abs() < 0.04);
        assert!((moment(2) - 1.0).abs() < 0.02 && (moment(4) - 3.0).abs() < 0.1);
    }
}
