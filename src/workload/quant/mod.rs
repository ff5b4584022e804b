//! From a 32-bit accumulator to an int8 output: the functions that inference runtimes define, and the one function of the
//! hardware that all of them are encoded for.
//!
//! A *rule* ([`Requantizer`]) is a function as a runtime defines it, in the runtime's own arithmetic. [`output_unit`] is what
//! the hardware computes with a channel's [`ChannelParams`]: one product, one sum, one shift. [`Requantizer::encode`] finds
//! the parameters that make the second equal the first, and [`prove`] compares them on every accumulator that a channel can
//! reach: both are non-decreasing staircases of at most 256 steps, so they are equal if their steps are.
//!
//! Channels whose output never changes are folded ([`Requantizer::Constant`]): their sums may be too large for any encoding,
//! and nothing needs to be multiplied for them.

mod add;
mod add_unit;
mod layer;
mod rules;

pub use add::{AddParams, AddReference};
pub use add_unit::{AddRange, AddRule, AddUnit};
pub use layer::{Fp32Layer, LayerRules, encode_layer, fp32_exact};
pub use rules::{Requantizer, encode_scale, fp32_scale, quantize_multiplier};

use std::ops::RangeInclusive;

/// Bits of a float32 significand.
pub(crate) const SIGNIFICAND_BITS: u32 = 24;

/// Smallest and largest shift of an encoding.
pub const SHIFT_RANGE: RangeInclusive<u8> = 1..=62;

/// The largest multiplier of an encoding: 31 bits.
pub const MAX_MULTIPLIER: u32 = (1 << 31) - 1;

/// Smallest shift with [`Rounding::Twice`]: the first of its two roundings drops 31 bits, the second at least one.
pub const TWICE_MIN_SHIFT: u8 = 32;

/// How the output unit rounds `acc * multiplier / 2^shift` to an integer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rounding {
    /// To nearest, halves up.
    HalfUp,
    /// To nearest, halves away from zero.
    HalfAway,
    /// To a multiple of 2^31 first, halves up, then to an integer, halves away from zero: what gemmlowp does. Needs a shift
    /// of at least [`TWICE_MIN_SHIFT`].
    Twice,
    /// To nearest, halves to even.
    Even,
    /// As float32 arithmetic does: accumulator to 24 significant bits, product to 24 significant bits, integer; each to
    /// nearest, halves to even. The only one that needs the hardware's tie window.
    Float32,
}

/// Output-unit parameters of one output channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ChannelParams {
    /// What a channel's sum starts from: the layer's bias minus `input_zero_point * sum(weights)`, so that the array can
    /// multiply inputs as stored.
    pub bias: i32,
    /// Multiplier, at most [`MAX_MULTIPLIER`]; 24 bits with the highest set, or zero, for [`Rounding::Float32`].
    pub multiplier: u32,
    /// Right shift of the product, within [`SHIFT_RANGE`].
    pub shift: u8,
    /// How the shifted product becomes an integer.
    pub rounding: Rounding,
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

impl LayerPost {
    /// Parameters of a pooling that keeps the greatest input of each window, for so many channels. The array compares inputs
    /// as 0 to 255, 128 more than they are; padding, at the least value, never wins.
    #[must_use]
    pub fn greatest(channels: usize) -> Self {
        let channel = ChannelParams {
            bias: i8::MIN.into(),
            multiplier: 2,
            shift: 1,
            rounding: Rounding::HalfUp,
        };
        Self {
            channels: vec![channel; channels],
            zero_point: 0,
            lo: i8::MIN,
            hi: i8::MAX,
            input_zero_point: i8::MIN,
        }
    }

    /// Whether some channel needs the tie window in the hardware's output unit.
    #[must_use]
    pub fn needs_tie_window(&self) -> bool {
        self.channels.iter().any(|c| c.rounding == Rounding::Float32)
    }

    /// Adds the zero point to a rounded product and clamps.
    #[must_use]
    pub fn finish(&self, rounded: i64) -> i8 {
        // The range of i8 comes first, so that the conversion is exact whatever the layer's own bounds are.
        let wide = rounded
            .saturating_add(self.zero_point.into())
            .clamp(i8::MIN.into(), i8::MAX.into()) as i8;
        wide.max(self.lo).min(self.hi)
    }
}

/// Least and greatest accumulator of a channel over all int8 inputs, `bias` (the folded one) included.
///
/// Both are reached by some input. Exact for weights of which [`encode_layer`] made the parameters; saturates beyond int32.
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
/// With `p = a * multiplier` and `half = 2^(shift-1)`, `clamp(q + zero_point, lo, hi)` where
///
/// | rounding | a | q |
/// |---|---|---|
/// | `HalfUp` | acc | `(p + half) >> shift` |
/// | `HalfAway` | acc | `(p + half - (acc < 0)) >> shift` |
/// | `Twice` | acc | `(p + half ± 2^30) >> shift`, plus for `acc >= 0`, minus for `acc < 0` |
/// | `Even` | acc | `(p + half) >> shift`, lowest bit cleared if the bits shifted out are zero |
/// | `Float32` | acc rounded to 24 significant bits | `(p + half + T) >> shift`, lowest bit cleared if the bits shifted out are at most `2T`; `T = 2^(bitlen(abs p) - 25)`, or 0 below 25 bits |
///
/// The last row rests on one observation: rounding the product to 24 significant bits before rounding it to an integer
/// changes the result only for products within half a unit in the last place of a tie, and turns those into ties.
/// All intermediate values fit 64 bits, sign included, for every shift of [`SHIFT_RANGE`].
#[must_use]
pub fn output_unit(acc: i32, channel: &ChannelParams, post: &LayerPost) -> i8 {
    let shift = channel.shift.clamp(*SHIFT_RANGE.start(), *SHIFT_RANGE.end());
    let multiplier = i64::from(channel.multiplier.min(MAX_MULTIPLIER));
    let half = 1i64 << (shift - 1);
    let p = i64::from(acc) * multiplier;
    // 2^62 for p and as much for half: a sum may reach 2^63, which a shift by 62 only meets with the largest values.
    let shifted = |constant: i64| p.saturating_add(half + constant) >> shift;
    let rounded = match channel.rounding {
        Rounding::HalfUp => shifted(0),
        Rounding::HalfAway => shifted(-i64::from(acc < 0)),
        Rounding::Twice => shifted(if acc < 0 { -(1 << 30) } else { 1 << 30 }),
        Rounding::Even => to_even(p, 0, shift),
        Rounding::Float32 => {
            let p = round_significand(acc) * multiplier;
            let length = u64::BITS - p.unsigned_abs().leading_zeros();
            let window = match length.checked_sub(SIGNIFICAND_BITS + 1) {
                Some(exponent) => 1i64 << exponent,
                None => 0,
            };
            to_even(p, window, shift)
        }
    };
    post.finish(rounded)
}

/// `p / 2^shift` to nearest; what lies within `window` of a tie counts as one and becomes even.
fn to_even(p: i64, window: i64, shift: u8) -> i64 {
    let sum = p.saturating_add((1i64 << (shift - 1)) + window);
    let q = sum >> shift;
    if sum & ((1i64 << shift) - 1) <= 2 * window {
        q & !1
    } else {
        q
    }
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

/// Proves that a channel's parameters give what its rule gives, on every accumulator of `range`.
///
/// Returns the number of steps of the staircase, or the least accumulator on which the two differ. Both functions do not
/// decrease, so they are equal on a step if they are equal at its two ends; a step's end is found by bisection, which makes
/// about two dozen evaluations a step.
///
/// # Errors
/// The least differing accumulator.
pub fn prove(
    range: RangeInclusive<i32>,
    channel: &ChannelParams,
    rule: &Requantizer,
    post: &LayerPost,
) -> Result<u32, i32> {
    let want = |acc: i32| post.finish(rule.value(acc));
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
        let middle = i64::midpoint(yes, no);
        if holds(middle as i32) {
            yes = middle;
        } else {
            no = middle;
        }
    }
    yes as i32
}

#[cfg(test)]
mod tests;
