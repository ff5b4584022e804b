//! Residual additions in integers.

use super::rules::{gemmlowp, quantize_multiplier};
use crate::base::diag::{Code, Diagnostic, Result};

/// Parameters of a residual addition with one rounding: `((a-za)*ma + (b-zb)*mb) / 2^shift`, to nearest.
///
/// ONNX Runtime on ARM (its NEON path of `QLinearAdd`) has 22-bit multipliers and rounds halves away from zero; XNNPACK has
/// 21-bit multipliers and rounds halves up. Neither needs floating point at run time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct AddParams {
    /// Multiplier of the first operand, at most 2^22.
    pub multiplier_a: u32,
    /// Multiplier of the second operand, at most 2^22.
    pub multiplier_b: u32,
    /// Right shift, 12 to 31.
    pub shift: u8,
    /// Halves away from zero rather than up.
    pub away: bool,
}

impl AddParams {
    /// ONNX Runtime's integers on ARM, from the scales of the two operands and of the sum.
    ///
    /// # Errors
    /// `E0103` where a ratio of scales lies outside 2^-14..2^8, or the greater one below 2^-10: the form is not defined there.
    pub fn ort_arm(scale_a: f32, scale_b: f32, scale_sum: f32) -> Result<Self> {
        Self::new([scale_a / scale_sum, scale_b / scale_sum], 21, true)
    }

    /// XNNPACK's integers, from the scales of the two operands and of the sum.
    ///
    /// # Errors
    /// As [`AddParams::ort_arm`]; XNNPACK itself refuses the same range.
    pub fn xnnpack(scale_a: f32, scale_b: f32, scale_sum: f32) -> Result<Self> {
        Self::new([scale_a / scale_sum, scale_b / scale_sum], 20, false)
    }

    fn new(ratios: [f32; 2], bits: i32, away: bool) -> Result<Self> {
        let greater = ratios[0].max(ratios[1]);
        let supported = |ratio: f32| (1.0 / 16384.0..256.0).contains(&ratio);
        let exponent = (greater.to_bits() >> 23) as i32 - 127;
        let shift = bits - exponent;
        if !ratios.into_iter().all(supported) || !(12..=31).contains(&shift) {
            return Err(Diagnostic::new(
                Code::Unsupported,
                format!(
                    "operands of an addition with scales {} and {} times the sum's",
                    ratios[0], ratios[1]
                ),
            )
            .expected("ratios from 2^-14 to 2^8, the greater one at least 2^-10"));
        }
        // The power of two is built from bits: it is exact on every platform.
        let unit = f32::from_bits(((shift + 127) as u32) << 23);
        let [multiplier_a, multiplier_b] = ratios.map(|ratio| (ratio * unit).round_ties_even() as u32);
        Ok(Self {
            multiplier_a,
            multiplier_b,
            shift: shift as u8,
            away,
        })
    }

    /// The quotient above for operands whose zero points are subtracted, before zero point and clamp; the shift must be
    /// 1 to 62.
    #[must_use]
    pub fn sum(&self, a: i32, b: i32) -> i64 {
        let total = i64::from(a) * i64::from(self.multiplier_a) + i64::from(b) * i64::from(self.multiplier_b);
        (total + (1i64 << (self.shift - 1)) - i64::from(self.away && total < 0)) >> self.shift
    }
}

/// Parameters of TFLite's reference addition: both operands, shifted left by 20, and then their sum pass the gemmlowp
/// requantizer. Each pair is a multiplier and an exponent as of [`quantize_multiplier`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct AddReference {
    /// First operand.
    pub a: (u32, i32),
    /// Second operand.
    pub b: (u32, i32),
    /// Sum.
    pub sum: (u32, i32),
}

impl AddReference {
    /// Bits by which operands are shifted left.
    const LEFT_SHIFT: u32 = 20;

    /// Derives the integers, in float64, from the scales of the two operands and of the sum.
    ///
    /// # Errors
    /// As [`quantize_multiplier`]; `E0103` where the sum's scale is so small that the sum would have to be shifted left.
    pub fn new(scale_a: f32, scale_b: f32, scale_sum: f32) -> Result<Self> {
        let [a, b, sum] = [scale_a, scale_b, scale_sum].map(f64::from);
        let twice = 2.0 * a.max(b);
        let params = Self {
            a: quantize_multiplier(a / twice)?,
            b: quantize_multiplier(b / twice)?,
            sum: quantize_multiplier(twice / (f64::from(1u32 << Self::LEFT_SHIFT) * sum))?,
        };
        if params.sum.1 > 0 {
            return Err(Diagnostic::new(
                Code::Unsupported,
                format!("operands of an addition with scales {scale_a} and {scale_b} for a sum of scale {scale_sum}"),
            )
            .expected("operands of at most 2^19 times the sum's scale"));
        }
        Ok(params)
    }

    /// The first operand, its zero point subtracted, in units of the sum before its last requantization.
    #[must_use]
    pub fn scaled_a(&self, a: i32) -> i64 {
        gemmlowp(i64::from(a) << Self::LEFT_SHIFT, self.a.0, self.a.1)
    }

    /// As [`AddReference::scaled_a`], for the second operand.
    #[must_use]
    pub fn scaled_b(&self, b: i32) -> i64 {
        gemmlowp(i64::from(b) << Self::LEFT_SHIFT, self.b.0, self.b.1)
    }

    /// The last requantization, before zero point and clamp.
    #[must_use]
    pub fn finish(&self, sum: i64) -> i64 {
        gemmlowp(sum, self.sum.0, self.sum.1)
    }
}
