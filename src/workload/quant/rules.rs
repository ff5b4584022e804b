//! What runtimes define between accumulator and output, in their own arithmetic, and the encodings for the output unit.

use super::{ChannelParams, LayerPost, MAX_MULTIPLIER, Rounding, SHIFT_RANGE, SIGNIFICAND_BITS, prove};
use crate::base::diag::{Code, Diagnostic, Result};
use std::ops::RangeInclusive;

/// A rule that turns an accumulator into an output, before zero point and clamp. Every rule is non-decreasing.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Requantizer {
    /// `rne(fl32(fl32(acc) * scale))`, where `fl32` rounds to float32 and `rne` to the nearest integer, ties to even: ONNX
    /// Runtime and XNNPACK, with the scale of [`fp32_scale`].
    Float32 {
        /// Scale of a channel; finite, not negative.
        scale: f32,
    },
    /// The high word of the doubled product, rounded, then a rounding right shift, halves away from zero: TFLite's reference
    /// convolutions and all of TFLite Micro. `multiplier * 2^(exponent - 31)` is the real scale, see [`quantize_multiplier`].
    Gemmlowp {
        /// 31 bits with the highest set, or zero.
        multiplier: u32,
        /// -31 to 30.
        exponent: i32,
    },
    /// `round(double(acc) * scale)`, halves away from zero: TFLite's reference FULLY_CONNECTED.
    HalfAway {
        /// Real scale in float64; finite, not negative.
        scale: f64,
    },
    /// `acc / divisor`, rounded to nearest, halves away from zero: TFLite's AVERAGE_POOL_2D.
    Quotient {
        /// Values that were summed, at least one.
        divisor: u32,
    },
    /// XNNPACK's MEAN, which has the zero points inside a float32 sum: with `sum = acc + count * input_zero_point`,
    /// `rne(fl32(fl32(fl32(sum) * scale) + offset)) - zero_point`.
    Float32Mean {
        /// `fl32(fl32(input_scale / output_scale) * fl32(1 / count))`; finite, not negative.
        scale: f32,
        /// `fl32(zero_point - fl32(fl32(count * input_zero_point) * scale))`.
        offset: f32,
        /// What the accumulator lacks of the plain sum of the inputs.
        zero_sum: i32,
        /// The output's zero point, part of the offset.
        zero_point: i8,
    },
    /// `rne(fl32(fl32(acc * from) / to))`: a value dequantized and quantized again, as ONNX defines the two.
    Ratio {
        /// Scale of the input; finite, positive.
        from: f32,
        /// Scale of the output; finite, positive.
        to: f32,
    },
    /// The same output for every accumulator: what is left of a folded channel.
    Constant {
        /// The output.
        value: i8,
        /// The layer's zero point, which is part of the output.
        zero_point: i8,
    },
    /// `acc / 2^shift`, ties to even: the cheapest hardware.
    Pow2 {
        /// 1 to 31.
        shift: u8,
    },
}

/// Scale of a channel in float32, rounded after the product and after the quotient: `fl32(fl32(input * weight) / output)`.
#[must_use]
pub fn fp32_scale(input: f32, weight: f32, output: f32) -> f32 {
    input * weight / output
}

/// A real scale as `multiplier * 2^(exponent - 31)` with a multiplier of 31 bits, the highest set; zero where the exponent
/// would be below -31. (TFLite's `QuantizeMultiplier`.)
///
/// # Errors
/// `E0102` for a scale that is negative or not finite, `E0103` for one of 2^31 and more.
pub fn quantize_multiplier(scale: f64) -> Result<(u32, i32)> {
    if !scale.is_finite() || scale.is_sign_negative() {
        return Err(bad_scale(scale));
    }
    // Subnormal scales lie far below the smallest exponent.
    let exponent = (scale.to_bits() >> 52) as i32 - 1022;
    if exponent < -32 {
        return Ok((0, 0));
    }
    let significand = scale.to_bits() & ((1 << 52) - 1) | 1 << 52;
    // 53 bits to 31: halves away from zero, which is up.
    let rounded = (significand + (1 << 21)) >> 22;
    let (multiplier, exponent) = if rounded == 1 << 31 {
        (1 << 30, exponent + 1)
    } else {
        (rounded as u32, exponent)
    };
    match exponent {
        ..-31 => Ok((0, 0)),
        -31..=31 => Ok((multiplier, exponent)),
        _ => Err(too_large(scale)),
    }
}

fn too_large(scale: f64) -> Diagnostic {
    Diagnostic::new(Code::Unsupported, format!("an output scale of {scale}")).expected("a scale below 2^30")
}

fn bad_scale(scale: impl std::fmt::Display) -> Diagnostic {
    Diagnostic::new(Code::Malformed, format!("the output scale is {scale}"))
        .expected("a finite scale that is not negative")
}

/// Multiplier and shift such that `scale = multiplier * 2^-shift`, exactly where the shift lies within [`SHIFT_RANGE`].
///
/// A scale of 2^23 or more saturates every non-zero accumulator, and so does its encoding with shift 1. A scale below 2^-39
/// brings every int32 accumulator to zero, and so does multiplier 0.
///
/// # Errors
/// `E0102` for a scale that is negative or not finite.
pub fn encode_scale(scale: f32) -> Result<(u32, u8)> {
    if !scale.is_finite() || scale.is_sign_negative() {
        return Err(bad_scale(scale));
    }
    let bits = scale.to_bits();
    let exponent = (bits >> 23) as i32;
    // Subnormal scales lie far below the smallest shift, so their missing leading bit does not matter.
    let significand = bits & 0x7f_ffff | 0x80_0000;
    let shift = 127 + (SIGNIFICAND_BITS as i32 - 1) - exponent;
    Ok(match u8::try_from(shift.max(1)) {
        Ok(shift) if SHIFT_RANGE.contains(&shift) => (significand, shift),
        _ => (0, 1),
    })
}

impl Requantizer {
    /// Checks what every use relies on.
    ///
    /// # Errors
    /// `E0102` for a scale that is negative or not finite, `E0103` for an exponent out of range.
    pub fn check(&self) -> Result<()> {
        let scale = match *self {
            Self::Float32 { scale } | Self::Float32Mean { scale, .. } => f64::from(scale),
            Self::HalfAway { scale } => scale,
            Self::Ratio { from, to } => f64::from(from) / f64::from(to),
            Self::Gemmlowp { exponent: 31.., .. } => return Err(too_large(f64::from(1u32 << 31))),
            Self::Gemmlowp { .. } | Self::Quotient { .. } | Self::Constant { .. } | Self::Pow2 { .. } => return Ok(()),
        };
        if scale.is_finite() && scale.is_sign_positive() {
            return Ok(());
        }
        Err(bad_scale(scale))
    }

    /// The rule itself.
    #[must_use]
    pub fn value(&self, acc: i32) -> i64 {
        match *self {
            Self::Float32 { scale } => i64::from((acc as f32 * scale).round_ties_even() as i32),
            Self::Gemmlowp { multiplier, exponent } => gemmlowp(acc.into(), multiplier, exponent),
            Self::HalfAway { scale } => (f64::from(acc) * scale).round() as i64,
            Self::Ratio { from, to } => i64::from((acc as f32 * from / to).round_ties_even() as i32),
            Self::Quotient { divisor } => {
                let (sum, count) = (i64::from(acc), i64::from(divisor.max(1)));
                let half = count / 2;
                (if sum > 0 { sum + half } else { sum - half }) / count
            }
            Self::Float32Mean {
                scale,
                offset,
                zero_sum,
                zero_point,
            } => {
                let product = acc.saturating_add(zero_sum) as f32 * scale;
                i64::from((product + offset).round_ties_even() as i32) - i64::from(zero_point)
            }
            Self::Constant { value, zero_point } => i64::from(value) - i64::from(zero_point),
            Self::Pow2 { shift } => {
                let (acc, shift) = (i64::from(acc), shift.clamp(1, 31));
                let (floor, rest, half) = (acc >> shift, acc & ((1 << shift) - 1), 1 << (shift - 1));
                floor + i64::from(rest > half || (rest == half && floor & 1 == 1))
            }
        }
    }

    /// Output-unit parameters equal to this rule on every accumulator of `range`, with `bias`; `post` gives zero point and
    /// clamp. Rules whose parameters follow from their definition are not compared here: [`prove`] does that.
    ///
    /// # Errors
    /// `E0102` for a bad scale, `E0103` where no encoding was found.
    pub fn encode(&self, bias: i32, range: &RangeInclusive<i32>, post: &LayerPost) -> Result<ChannelParams> {
        let params = |multiplier: u32, shift: u8, rounding: Rounding| ChannelParams {
            bias,
            multiplier,
            shift,
            rounding,
        };
        Ok(match *self {
            Self::Float32 { scale } => {
                let (multiplier, shift) = encode_scale(scale)?;
                params(multiplier, shift, Rounding::Float32)
            }
            Self::Gemmlowp { multiplier: 0, .. } => params(0, 1, Rounding::HalfUp),
            Self::Gemmlowp { multiplier, exponent } => {
                let rounding = if exponent < 0 {
                    Rounding::Twice
                } else {
                    Rounding::HalfUp
                };
                params(multiplier, (31 - exponent.clamp(-31, 30)) as u8, rounding)
            }
            Self::HalfAway { scale } => {
                let (multiplier, exponent) = quantize_multiplier(scale)?;
                let shift = (31 - exponent) as u8;
                let near = nearest(multiplier, 2).map(|m| params(m, shift, Rounding::HalfAway));
                self.first_proven(near, range, post)?
            }
            Self::Quotient { divisor } => {
                // 17 bits of multiplier suffice for windows of practical size, 31 for all: the proof decides.
                let divisor = divisor.max(1);
                let near = [16, 23, 30].into_iter().flat_map(|bits| {
                    let shift = bits + divisor.ilog2();
                    let multiplier = (1u64 << shift).div_ceil(divisor.into()) as u32;
                    [0, 1].map(|d| params(multiplier - d, shift as u8, Rounding::HalfAway))
                });
                self.first_proven(near, range, post)?
            }
            Self::Float32Mean { scale, .. } => {
                // Seven bits more than float32 has: the float sum behaves as if its scale were slightly off.
                let (significand, shift) = encode_scale(scale)?;
                let near = nearest(significand << 7, 64);
                let near = near.flat_map(|m| {
                    let rounding = [Rounding::HalfUp, Rounding::HalfAway, Rounding::Even];
                    rounding.map(|r| params(m, shift.saturating_add(7), r))
                });
                self.first_proven(near, range, post)?
            }
            Self::Ratio { from, to } => {
                // At most 256 accumulators: of the multipliers next to the ratio several miss no step.
                let (multiplier, exponent) = quantize_multiplier(f64::from(from) / f64::from(to))?;
                let shift = (31 - exponent).clamp(1, 62) as u8;
                let near = nearest(multiplier, 64).flat_map(|m| {
                    let rounding = [Rounding::Even, Rounding::HalfUp, Rounding::HalfAway];
                    rounding.map(|r| params(m, shift, r))
                });
                let float = encode_scale(from / to)?;
                let near = near.chain(std::iter::once(params(float.0, float.1, Rounding::Float32)));
                self.first_proven(near, range, post)?
            }
            // The one accumulator that is left, the bias, passes through.
            Self::Constant { value, zero_point } => ChannelParams {
                bias: i32::from(value) - i32::from(zero_point),
                ..params(2, 1, Rounding::HalfUp)
            },
            Self::Pow2 { shift } => params(1, shift, Rounding::Even),
        })
    }

    /// The first of some candidates that is proven equal to this rule.
    fn first_proven(
        &self,
        mut candidates: impl Iterator<Item = ChannelParams>,
        range: &RangeInclusive<i32>,
        post: &LayerPost,
    ) -> Result<ChannelParams> {
        candidates
            .find(|p| {
                p.multiplier <= MAX_MULTIPLIER
                    && SHIFT_RANGE.contains(&p.shift)
                    && prove(range.clone(), p, self, post).is_ok()
            })
            .ok_or_else(|| {
                Diagnostic::new(
                    Code::Unsupported,
                    "no parameters of the output unit give this requantization",
                )
            })
    }
}

/// `start` and its neighbours on both sides, nearest first.
fn nearest(start: u32, reach: u32) -> impl Iterator<Item = u32> {
    (0..=reach).flat_map(move |d| [start.saturating_add(d), start.saturating_sub(d)])
}

/// The two roundings of gemmlowp as TFLite's reference kernels make them: `SaturatingRoundingDoublingHighMul`, then
/// `RoundingDivideByPOT`.
///
/// The first is round-half-up of the high word; `acc << exponent` does not overflow for scales below one.
pub(super) fn gemmlowp(acc: i64, multiplier: u32, exponent: i32) -> i64 {
    let product = i128::from(acc << exponent.clamp(0, 31)) * i128::from(multiplier);
    let high = ((product + (1 << 30)) >> 31) as i64;
    match -exponent {
        r @ 1..=31 => (high + (1 << (r - 1)) - i64::from(high < 0)) >> r,
        _ => high,
    }
}
