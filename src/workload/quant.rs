//! Output-unit encodings: how an int32 accumulator becomes an int8 output with one product, one sum and one shift.
//!
//! The function to meet is `fp32_exact`, the one that ONNX Runtime and XNNPACK compute per output channel:
//! `clamp(rne(fl32(fl32(acc) * s)) + zero_point, lo, hi)` with `s = fl32(fl32(x_scale * w_scale) / y_scale)`, where `fl32`
//! rounds to float32 and `rne` to the nearest integer, ties to even. [`fp32_reference`] is that function in float32;
//! [`output_unit`] is the hardware's form of it in integers.
//!
//! The integer form rests on one observation: rounding the product to 24 significant bits before rounding it to an integer
//! changes the result only for products within half a unit in the last place of a tie, and turns those into ties. So the
//! unit rounds once and treats a narrow window around each tie as a tie.
//!
//! A requantizer is a non-decreasing staircase of at most 255 steps; [`prove_channel`] compares the two forms on every step
//! and thereby on every accumulator that a channel can reach.

use crate::base::diag::{Code, Diagnostic, Result};
use std::ops::RangeInclusive;

/// Bits of a float32 significand; accumulators and products are rounded to as many.
const SIGNIFICAND_BITS: u32 = 24;

/// Smallest and largest shift of an encoding.
pub const SHIFT_RANGE: RangeInclusive<u8> = 1..=62;

/// Output-unit parameters of one output channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ChannelParams {
    /// What a channel's sum starts from: the layer's bias minus `input_zero_point * sum(weights)`, so that the array can
    /// multiply inputs as stored.
    pub bias: i32,
    /// Multiplier: 24 bits with the highest set, or zero for a scale too small to leave zero.
    pub multiplier: u32,
    /// Right shift of the product, within [`SHIFT_RANGE`].
    pub shift: u8,
}

/// Everything between a layer's accumulators and its int8 outputs.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct LayerPost {
    /// One entry per output channel (`K` of a convolution, `N` of a matrix product), in order.
    pub channels: Vec<ChannelParams>,
    /// Added after the shift.
    pub zero_point: i8,
    /// Lower clamp; a folded activation raises it.
    pub lo: i8,
    /// Upper clamp.
    pub hi: i8,
    /// Value that stands for zero in the input, and that padded positions hold.
    pub input_zero_point: i8,
}

/// Scale of a channel in float32, rounded after the product and after the quotient: `fl32(fl32(input * weight) / output)`.
#[must_use]
pub fn fp32_scale(input: f32, weight: f32, output: f32) -> f32 {
    input * weight / output
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
        return Err(Diagnostic::new(Code::Malformed, format!("the output scale is {scale}"))
            .expected("a finite scale that is not negative"));
    }
    let bits = scale.to_bits();
    let exponent = (bits >> 23) as i32;
    // Subnormal scales lie far below the smallest shift, so their missing leading bit does not matter.
    let significand = bits & 0x7f_ffff | 0x80_0000;
    let shift = 127 + 23 - exponent;
    Ok(match u8::try_from(shift.max(1)) {
        Ok(shift) if SHIFT_RANGE.contains(&shift) => (significand, shift),
        _ => (0, 1),
    })
}

/// What [`fp32_exact`] needs to know about a layer; one entry per output channel in `weight_scales` and `biases`.
#[derive(Clone, Debug)]
pub struct Fp32Layer<'a> {
    /// Scale of the input tensor.
    pub input_scale: f32,
    /// Zero point of the input tensor.
    pub input_zero_point: i8,
    /// Scale of each channel's weights; one entry stands for all channels.
    pub weight_scales: &'a [f32],
    /// Weights, the output channel outermost; their zero point is 0.
    pub weights: &'a [i8],
    /// Bias of each channel in units of `input_scale * weight_scale`.
    pub biases: &'a [i32],
    /// Scale of the output tensor.
    pub output_scale: f32,
    /// Zero point of the output tensor.
    pub output_zero_point: i8,
    /// Lower and upper clamp.
    pub clamp: (i8, i8),
}

/// Encodes a layer for the output unit with the semantics `fp32_exact`.
///
/// # Errors
/// `E0102` where lengths do not fit or a scale is not finite, `E0104` where some input could overflow 32-bit sums.
pub fn fp32_exact(layer: &Fp32Layer) -> Result<LayerPost> {
    let count = layer.biases.len();
    let per_channel = layer.weights.len() / count.max(1);
    let scales = layer.weight_scales.len();
    if count == 0 || per_channel * count != layer.weights.len() || (scales != 1 && scales != count) {
        return Err(Diagnostic::new(
            Code::Malformed,
            format!(
                "{} weights, {scales} scales and {count} biases do not fit together",
                layer.weights.len()
            ),
        ));
    }
    let channels = layer
        .weights
        .chunks(per_channel.max(1))
        .zip(layer.biases)
        .zip(layer.weight_scales.iter().cycle())
        .enumerate()
        .map(|(k, ((weights, &bias), &scale))| {
            let scale = fp32_scale(layer.input_scale, scale, layer.output_scale);
            let encoded =
                encode_scale(scale).and_then(|code| Ok((code, fold_bias(bias, layer.input_zero_point, weights)?)));
            let ((multiplier, shift), bias) = encoded.map_err(|e| e.at(format!("output channel {k}")))?;
            Ok(ChannelParams {
                bias,
                multiplier,
                shift,
            })
        })
        .collect::<Result<_>>()?;
    Ok(LayerPost {
        channels,
        zero_point: layer.output_zero_point,
        lo: layer.clamp.0,
        hi: layer.clamp.1,
        input_zero_point: layer.input_zero_point,
    })
}

/// Folds the input's zero point into a bias and checks that no order of summation overflows 32 bits.
fn fold_bias(bias: i32, input_zero_point: i8, weights: &[i8]) -> Result<i32> {
    let sum: i64 = weights.iter().map(|&w| i64::from(w)).sum();
    let magnitude: i64 = weights.iter().map(|&w| i64::from(w.unsigned_abs())).sum();
    let folded = i64::from(bias) - i64::from(input_zero_point) * sum;
    // 255 covers inputs with and without their zero point, so both ways of summing stay within the range.
    let reach = folded
        .abs()
        .max(i64::from(bias).abs())
        .saturating_add(magnitude.saturating_mul(255));
    match i32::try_from(folded) {
        Ok(folded) if reach <= i64::from(i32::MAX) => Ok(folded),
        _ => Err(Diagnostic::new(Code::BadSize, "sums can overflow 32 bits")
            .expected("bias plus 255 times the sum of the absolute weights within 31 bits and a sign")),
    }
}

/// Least and greatest accumulator of a channel over all int8 inputs, `bias` (the folded one) included.
///
/// Both are reached by some input. Exact for weights of which [`fp32_exact`] made the parameters; saturates beyond int32.
#[must_use]
pub fn reachable(bias: i32, weights: &[i8]) -> RangeInclusive<i32> {
    let (mut lo, mut hi) = (i64::from(bias), i64::from(bias));
    for &w in weights {
        let (a, b) = (i64::from(w) * -128, i64::from(w) * 127);
        lo += a.min(b);
        hi += a.max(b);
    }
    let narrow = |v: i64| v.clamp(i32::MIN.into(), i32::MAX.into()) as i32;
    narrow(lo)..=narrow(hi)
}

/// The hardware's output unit: a complete accumulator (bias included) to its int8 output.
///
/// With `a` = `acc` rounded to 24 significant bits (ties to even; a change only from 2^24 on) and `p = a * multiplier`:
/// `T = 2^(bitlen(|p|) - 25)`, or 0 below 25 bits; `q = (p + 2^(shift-1) + T) >> shift`; if the bits shifted out are at most
/// `2T`, `p` counts as a tie and `q`'s lowest bit is cleared; the result is `clamp(q + zero_point, lo, hi)`.
/// All intermediate values fit 64 bits, sign included, for every shift of [`SHIFT_RANGE`].
#[must_use]
pub fn output_unit(acc: i32, channel: &ChannelParams, post: &LayerPost) -> i8 {
    let product = round_significand(acc) * i64::from(channel.multiplier);
    let length = u64::BITS - product.unsigned_abs().leading_zeros();
    let window = match length.checked_sub(SIGNIFICAND_BITS + 1) {
        Some(exponent) => 1i64 << exponent,
        None => 0,
    };
    let shift = channel.shift.clamp(*SHIFT_RANGE.start(), *SHIFT_RANGE.end());
    let sum = product + (1i64 << (shift - 1)) + window;
    let mut q = sum >> shift;
    if sum & ((1i64 << shift) - 1) <= 2 * window {
        q &= !1;
    }
    clamp(q, post)
}

/// Rounds to 24 significant bits, ties to even: the conversion of an int32 to float32.
fn round_significand(acc: i32) -> i64 {
    let magnitude = i64::from(acc.unsigned_abs());
    let length = u64::BITS - magnitude.unsigned_abs().leading_zeros();
    let drop = length.saturating_sub(SIGNIFICAND_BITS);
    let rounded = if drop == 0 {
        magnitude
    } else {
        let odd = magnitude >> drop & 1;
        (magnitude + (1 << (drop - 1)) - 1 + odd) >> drop << drop
    };
    if acc < 0 { -rounded } else { rounded }
}

fn clamp(q: i64, post: &LayerPost) -> i8 {
    // The range of i8 comes first, so that the conversion is exact whatever the layer's own bounds are.
    let wide = (q + i64::from(post.zero_point)).clamp(i8::MIN.into(), i8::MAX.into()) as i8;
    wide.max(post.lo).min(post.hi)
}

/// The function that `fp32_exact` names, in float32: what [`output_unit`] must equal.
#[must_use]
pub fn fp32_reference(acc: i32, scale: f32, post: &LayerPost) -> i8 {
    let product = acc as f32 * scale;
    clamp(i64::from(product.round_ties_even() as i32), post)
}

/// Proves that a channel's encoding equals [`fp32_reference`] on every accumulator of `range`.
///
/// Returns the number of steps of the staircase, or the least accumulator on which the two differ. Both functions do not
/// decrease, so they are equal on a step if they are equal at its two ends; a step's end is found by bisection, which makes
/// about two dozen evaluations a step.
///
/// # Errors
/// The least differing accumulator.
pub fn prove_channel(
    range: RangeInclusive<i32>,
    channel: &ChannelParams,
    post: &LayerPost,
    scale: f32,
) -> std::result::Result<u32, i32> {
    let want = |acc: i32| fp32_reference(acc, scale, post);
    let have = |acc: i32| output_unit(acc, channel, post);
    let (mut first, last) = range.into_inner();
    let mut steps = 0;
    while first <= last {
        let value = want(first);
        if have(first) != value {
            return Err(first);
        }
        let end = last_where(first, last, |acc| want(acc) == value);
        if have(end) != value {
            return Err(last_where(first, end, |acc| have(acc) == value) + 1);
        }
        steps += 1;
        match end.checked_add(1) {
            Some(next) => first = next,
            None => break,
        }
    }
    Ok(steps)
}

/// The last of `first..=last` with the property, which holds at `first` and, once lost, stays lost.
fn last_where(first: i32, last: i32, holds: impl Fn(i32) -> bool) -> i32 {
    if holds(last) {
        return last;
    }
    let (mut yes, mut no) = (i64::from(first), i64::from(last));
    while no - yes > 1 {
        let middle = (yes + no) / 2;
        if holds(middle as i32) {
            yes = middle;
        } else {
            no = middle;
        }
    }
    yes as i32
}

/// Parameters of a residual addition in integers: `clamp(((a-za)*ma + (b-zb)*mb) / 2^shift + zero_point)`, the quotient
/// rounded to nearest with halves away from zero.
///
/// The form that ONNX Runtime uses on ARM (its NEON path of `QLinearAdd`): 22-bit multipliers, no floating point at run time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct AddParams {
    /// Multiplier of the first operand, at most 2^22.
    pub multiplier_a: u32,
    /// Multiplier of the second operand, at most 2^22.
    pub multiplier_b: u32,
    /// Right shift, 13 to 31.
    pub shift: u8,
}

impl AddParams {
    /// Derives the integers from the scales of the two operands and of the sum.
    ///
    /// # Errors
    /// `E0103` where a ratio of scales lies outside 2^-14..2^8, or the greater one below 2^-10: the form is not defined there.
    pub fn new(scale_a: f32, scale_b: f32, scale_sum: f32) -> Result<Self> {
        let (ratio_a, ratio_b) = (scale_a / scale_sum, scale_b / scale_sum);
        let greater = ratio_a.max(ratio_b);
        let supported = |ratio: f32| (2f32.powi(-14)..2f32.powi(8)).contains(&ratio);
        let exponent = (greater.to_bits() >> 23) as i32 - 127;
        let shift = 21 - exponent;
        if !supported(ratio_a) || !supported(ratio_b) || !(13..=31).contains(&shift) {
            return Err(Diagnostic::new(
                Code::Unsupported,
                format!("operands of an addition with scales {ratio_a} and {ratio_b} times the sum's"),
            )
            .expected("ratios from 2^-14 to 2^8, the greater one at least 2^-10"));
        }
        // The power of two is built from bits: it is exact on every platform.
        let unit = f32::from_bits(((shift + 127) as u32) << 23);
        Ok(Self {
            multiplier_a: (ratio_a * unit).round_ties_even() as u32,
            multiplier_b: (ratio_b * unit).round_ties_even() as u32,
            shift: shift as u8,
        })
    }

    /// The quotient above for operands whose zero points are subtracted, before zero point and clamp.
    #[must_use]
    pub fn sum(&self, a: i32, b: i32) -> i64 {
        let total = i64::from(a) * i64::from(self.multiplier_a) + i64::from(b) * i64::from(self.multiplier_b);
        (total + (1i64 << (self.shift - 1)) - i64::from(total < 0)) >> self.shift
    }
}

#[cfg(test)]
#[path = "quant_tests.rs"]
mod tests;
