//! Residual additions on the array: `acc = a * ma + b * mb + bias`, then the output unit.
//!
//! Multipliers have two digits of eight bits, since the array multiplies bytes. What a runtime adds has 22 bits or more per
//! operand, but only 65,536 pairs of operands: some of the best rational approximations of the ratio of the two scales, with
//! terms of 15 bits, puts every pair on the right side of every output step. The search tries them in the order of their
//! error; what it returns is right on all pairs, and [`AddUnit::prove`] says so by computing them all.

use super::rules::quantize_multiplier;
use super::{AddParams, AddReference, ChannelParams, LayerPost, Rounding, output_unit};
use crate::base::diag::{Code, Diagnostic, Result};
use std::cmp::Ordering;

/// The largest multiplier: digits of at most 127.
const MAX_TERM: u32 = 127 * 256 + 127;

/// Approximations that are tried.
const CANDIDATES: usize = 64;

/// What a runtime computes of a pair whose zero points are subtracted, before zero point and clamp.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AddRule {
    /// One rounding.
    Single(AddParams),
    /// Three requantizations.
    Reference(AddReference),
}

impl AddRule {
    fn value(&self, a: i32, b: i32) -> i64 {
        match self {
            Self::Single(p) => p.sum(a, b),
            Self::Reference(p) => p.finish(p.scaled_a(a) + p.scaled_b(b)),
        }
    }

    /// Units of the output per unit of each operand.
    fn scales(&self) -> [f64; 2] {
        match self {
            Self::Single(p) => [p.multiplier_a, p.multiplier_b].map(|m| f64::from(m) / (1u64 << p.shift) as f64),
            Self::Reference(p) => {
                let scale = |(multiplier, exponent): (u32, i32)| f64::from(multiplier) * two_to(exponent - 31);
                [p.a, p.b].map(|side| scale(side) * scale(p.sum) * two_to(20))
            }
        }
    }
}

/// A power of two, exactly.
fn two_to(exponent: i32) -> f64 {
    f64::from_bits(((exponent + 1023).clamp(1, 2046) as u64) << 52)
}

/// An addition as the accelerator runs it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AddUnit {
    /// Multiplier of each operand.
    pub multipliers: [u32; 2],
    /// Output-unit parameters; the bias has both zero points folded in.
    pub channel: ChannelParams,
}

/// Zero points of the operands, and the output's zero point and clamp.
#[derive(Clone, Copy, Debug)]
pub struct AddRange<'a> {
    /// Of the first and the second operand.
    pub zero_points: [i8; 2],
    /// Of the output.
    pub post: &'a LayerPost,
}

impl AddRange<'_> {
    /// All pairs of operands.
    fn pairs() -> impl Iterator<Item = [i32; 2]> {
        (-128..128).flat_map(|a| (-128..128).map(move |b| [a, b]))
    }

    fn centred(&self, pair: [i32; 2]) -> [i32; 2] {
        [0, 1].map(|i| pair[i] - i32::from(self.zero_points[i]))
    }

    fn wanted(&self, rule: &AddRule) -> Vec<i8> {
        let value = |pair| {
            let [a, b] = self.centred(pair);
            self.post.finish(rule.value(a, b))
        };
        Self::pairs().map(value).collect()
    }
}

/// The greatest sum with an output of at most `first + i` and the least sum with more.
struct Steps {
    first: i8,
    sides: Vec<[i32; 2]>,
}

impl Steps {
    /// The steps of what is wanted; `None` where sums and outputs are not in the same order.
    fn new(wanted: &[i8], sums: impl Iterator<Item = i32>) -> Option<Self> {
        let (&first, &last) = (wanted.iter().min()?, wanted.iter().max()?);
        // Least and greatest sum of every output.
        let mut reach = vec![[i32::MAX, i32::MIN]; usize::from(last.abs_diff(first)) + 1];
        for (&out, sum) in wanted.iter().zip(sums) {
            let [least, greatest] = &mut reach[usize::from(out.abs_diff(first))];
            (*least, *greatest) = ((*least).min(sum), (*greatest).max(sum));
        }
        let mut sides = Vec::with_capacity(reach.len());
        let mut below = i32::MIN;
        for window in reach.windows(2) {
            below = below.max(window[0][1]);
            sides.push([below, window[1][0]]);
        }
        // Outputs that no pair has leave their step anywhere below the next one.
        let mut above = i32::MAX;
        for (side, after) in sides.iter_mut().zip(reach.iter().skip(1)).rev() {
            above = above.min(after[0]);
            side[1] = above;
        }
        sides
            .iter()
            .all(|[below, above]| below < above)
            .then_some(Self { first, sides })
    }

    /// Whether the output unit makes the same steps.
    fn equal(&self, channel: &ChannelParams, post: &LayerPost) -> bool {
        self.sides.iter().enumerate().all(|(i, &[below, above])| {
            let at_most = i32::from(self.first) + i as i32;
            let out = |sum: i32| i32::from(output_unit(sum.saturating_add(channel.bias), channel, post));
            out(below) <= at_most && out(above) > at_most
        })
    }
}

impl AddUnit {
    /// Parameters that give `rule` on every pair of operands.
    ///
    /// # Errors
    /// `E0102` for impossible scales, `E0103` where none were found.
    pub fn encode(rule: &AddRule, range: &AddRange) -> Result<Self> {
        let scales = rule.scales();
        if !scales.iter().all(|s| s.is_finite() && *s > 0.0) {
            return Err(Diagnostic::new(Code::Malformed, "an addition of impossible scales"));
        }
        let wanted = range.wanted(rule);
        let swapped = scales[0] > scales[1];
        let [lesser, greater] = if swapped { [scales[1], scales[0]] } else { scales };
        for [p, q] in approximations(lesser / greater) {
            let multipliers = if swapped { [q, p] } else { [p, q] };
            let sum = |pair: [i32; 2]| {
                let [a, b] = range.centred(pair);
                a * multipliers[0] as i32 + b * multipliers[1] as i32
            };
            let Some(steps) = Steps::new(&wanted, AddRange::pairs().map(sum)) else {
                continue;
            };
            let found = channels(greater / f64::from(q))?.find(|c| steps.equal(c, range.post));
            if let Some(mut channel) = found {
                channel.bias -= range
                    .zero_points
                    .iter()
                    .zip(multipliers)
                    .fold(0, |sum, (&z, m)| sum + i32::from(z) * m as i32);
                return Ok(Self { multipliers, channel });
            }
        }
        Err(Diagnostic::new(
            Code::Unsupported,
            "no multipliers of 15 bits give this addition on every pair of operands",
        ))
    }

    /// Weights of one channel: for each operand its two digits, the lower one first.
    #[must_use]
    pub fn weights(&self) -> [i8; 4] {
        let digits = |m: u32| {
            let low = m as u8 as i8;
            [low, ((m as i32 - i32::from(low)) >> 8) as i8]
        };
        let [[a, b], [c, d]] = self.multipliers.map(digits);
        [a, b, c, d]
    }

    /// Compares with `rule` on every pair of operands.
    ///
    /// # Errors
    /// The first pair on which they differ.
    pub fn prove(&self, rule: &AddRule, range: &AddRange) -> std::result::Result<(), [i32; 2]> {
        let [a0, a1, b0, b1] = self.weights().map(i32::from);
        let mut pairs = AddRange::pairs().zip(range.wanted(rule));
        let differs = pairs.find(|&([a, b], wanted)| {
            let sum = self.channel.bias + a * a0 + b * b0 + ((a * a1 + b * b1) << 8);
            output_unit(sum, &self.channel, range.post) != wanted
        });
        differs.map_or(Ok(()), |(pair, _)| Err(pair))
    }
}

/// Fractions near `ratio`, which is at most one, the nearest first and of equals the simplest.
fn approximations(ratio: f64) -> Vec<[u32; 2]> {
    let mut all: Vec<(f64, [u32; 2])> = (1..=MAX_TERM)
        .map(|q| {
            let p = (ratio * f64::from(q)).round();
            ((p / f64::from(q) - ratio).abs(), [p as u32, q])
        })
        .collect();
    let order = |a: &(f64, [u32; 2]), b: &(f64, [u32; 2])| {
        a.0.partial_cmp(&b.0)
            .unwrap_or(Ordering::Equal)
            .then(a.1[1].cmp(&b.1[1]))
    };
    all.select_nth_unstable_by(CANDIDATES, order);
    all.truncate(CANDIDATES);
    all.sort_by(order);
    all.into_iter().map(|(_, terms)| terms).collect()
}

/// Output-unit parameters near a scale: multipliers of 31 bits next to it, and sums moved by a few units.
fn channels(scale: f64) -> Result<impl Iterator<Item = ChannelParams>> {
    let (multiplier, exponent) = quantize_multiplier(scale)?;
    let shift = (31 - exponent).clamp(1, 62) as u8;
    let moved = [0, 1, -1, 2, -2, 3, -3].into_iter();
    Ok(moved.flat_map(move |bias| {
        [0, 1, -1, 2, -2].into_iter().flat_map(move |near: i32| {
            [Rounding::HalfAway, Rounding::HalfUp, Rounding::Even].map(|rounding| ChannelParams {
                bias,
                multiplier: multiplier.saturating_add_signed(near).min(super::MAX_MULTIPLIER),
                shift,
                rounding,
            })
        })
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::rng::stream;
    use rand::RngExt as _;

    /// Scales drawn at random, and powers of two, whose sums hit many ties.
    #[test]
    fn additions_are_found_and_right_on_every_pair() {
        let mut rng = stream(11, &[]);
        let mut refused = 0;
        for case in 0..60 {
            let mut scale = || {
                if case % 4 == 0 {
                    two_to(rng.random_range(-8..-3)) as f32
                } else {
                    rng.random_range(0.004f32..0.2)
                }
            };
            let [a, b, sum] = [scale(), scale(), scale()];
            let post = LayerPost {
                channels: Vec::new(),
                zero_point: rng.random_range(-128..=127),
                lo: -128,
                hi: 127,
                input_zero_point: 0,
            };
            let range = AddRange {
                zero_points: [rng.random(), rng.random()],
                post: &post,
            };
            let rules = [
                AddParams::ort_arm(a, b, sum).map(AddRule::Single),
                AddParams::xnnpack(a, b, sum).map(AddRule::Single),
                AddReference::new(a, b, sum).map(AddRule::Reference),
            ];
            for rule in rules.into_iter().flatten() {
                match AddUnit::encode(&rule, &range) {
                    Ok(unit) => assert_eq!(unit.prove(&rule, &range), Ok(()), "case {case} {rule:?}"),
                    Err(_) => refused += 1,
                }
            }
        }
        assert!(refused <= 2, "{refused} of 180 additions have no parameters");
    }

    #[test]
    fn digits_make_up_their_multiplier() {
        for m in [0, 1, 127, 128, 255, 256, 383, 384, 32_000, MAX_TERM] {
            let channel = channels(1.0).unwrap().next().unwrap();
            let [low, high, ..] = AddUnit {
                multipliers: [m, 0],
                channel,
            }
            .weights()
            .map(i32::from);
            assert_eq!(low + 256 * high, m as i32);
        }
    }
}
