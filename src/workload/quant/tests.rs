//! Tests of the output unit against float32 arithmetic.

use super::*;
use crate::base::diag::Code;
use crate::base::rng::{Rng, stream};
use rand::{Rng as _, RngExt as _};

fn post(zero_point: i8, lo: i8, hi: i8) -> LayerPost {
    LayerPost {
        channels: Vec::new(),
        zero_point,
        lo,
        hi,
        input_zero_point: 0,
    }
}

fn channel(scale: f32) -> ChannelParams {
    let (multiplier, shift) = encode_scale(scale).unwrap();
    ChannelParams {
        bias: 0,
        multiplier,
        shift,
        rounding: Rounding::Float32,
    }
}

/// The rule, in float32.
fn fp32_reference(acc: i32, scale: f32, post: &LayerPost) -> i8 {
    post.finish(Requantizer::Float32 { scale }.value(acc))
}

fn prove_fp32(range: RangeInclusive<i32>, channel: &ChannelParams, post: &LayerPost, scale: f32) -> Result<u32, i32> {
    prove(range, channel, &Requantizer::Float32 { scale }, post)
}

/// A float32 with a random significand and an exponent of `range`.
fn random_scale(rng: &mut Rng, range: RangeInclusive<i32>) -> f32 {
    let exponent = (rng.random_range(range) + 127) as u32;
    f32::from_bits(exponent << 23 | (rng.next_u32() & 0x7f_ffff))
}

/// An accumulator whose magnitude has a random number of bits.
fn random_acc(rng: &mut Rng, bits: RangeInclusive<u32>) -> i32 {
    let drop = 32 - rng.random_range(bits);
    let magnitude = (rng.next_u32() >> drop) as i32 & i32::MAX;
    if rng.random() { magnitude } else { -magnitude }
}

/// A case of one of the kinds of the module's claim.
fn case(rng: &mut Rng, kind: usize) -> (i32, f32) {
    match kind {
        0 => (random_acc(rng, 1..=22), random_scale(rng, -14..=-6)),
        // An output next to a tie: the accumulator is chosen, and the scale is one of the floats around the tie.
        1 | 2 => {
            let bits = if kind == 1 { 2..=24 } else { 25..=31 };
            let acc = random_acc(rng, bits).max(1);
            let tie = f64::from(rng.random_range(0..140)) + 0.5;
            let scale = (tie / f64::from(acc)) as f32;
            let scale = f32::from_bits(scale.to_bits() + rng.random_range(0..5) - 2);
            let near = acc.saturating_add(rng.random_range(-2..=2));
            (if rng.random() { near } else { -near }, scale)
        }
        // Powers of two make exact ties.
        3 => (
            random_acc(rng, 1..=31),
            f32::from_bits(((rng.random_range(-30..=2) + 127) as u32) << 23),
        ),
        4 => (random_acc(rng, 25..=31), random_scale(rng, -26..=-17)),
        // Everything that a float32 can be.
        5 => (rng.next_u32() as i32, f32::from_bits(rng.random_range(0..0x7f80_0000))),
        _ => {
            let edge = [i32::MIN, -i32::MAX, i32::MAX, 1 << 24, (1 << 24) + 1, -1, 0, 1];
            (edge[rng.random_range(0..edge.len())], random_scale(rng, -45..=30))
        }
    }
}

#[test]
fn output_unit_equals_float32() {
    const SEED: u64 = 20_261;
    const CASES: u64 = 600_000;
    let mut steps = 0u64;
    for kind in 0..7 {
        let mut rng = stream(SEED, &[kind as u64]);
        for i in 0..CASES {
            let (acc, scale) = case(&mut rng, kind);
            let zp = rng.next_u32() as i8;
            let (lo, hi) = if i % 4 == 0 { (zp, 127) } else { (-128, 127) };
            let post = post(zp, lo, hi);
            let have = output_unit(acc, &channel(scale), &post);
            let want = fp32_reference(acc, scale, &post);
            assert_eq!(
                have, want,
                "seed {SEED} kind {kind} case {i}: acc {acc} scale {scale:e} zp {zp}"
            );
            steps += u64::from(have > lo && have < hi);
        }
    }
    assert!(steps > 1_500_000, "only {steps} cases were not saturated");
}

#[test]
fn plain_rounding_would_not_do() {
    // Without the window the near-tie cases differ, so the test above can fail.
    let mut rng = stream(1, &[]);
    let mut differ = 0;
    for _ in 0..20_000 {
        let (acc, scale) = case(&mut rng, 1);
        let c = channel(scale);
        let p = i128::from(acc) * i128::from(c.multiplier);
        let q = (p + (1i128 << (c.shift - 1))) >> c.shift;
        let post = post(0, -128, 127);
        differ += u32::from(post.finish(q as i64) != fp32_reference(acc, scale, &post));
    }
    assert!(differ > 100, "{differ}");
}

#[test]
fn proof_agrees_with_exhaustion() {
    let mut rng = stream(7, &[]);
    for _ in 0..40 {
        let scale = random_scale(&mut rng, -12..=-3);
        let post = post(rng.next_u32() as i8, -128, 127);
        let right = channel(scale);
        let start = random_acc(&mut rng, 1..=24);
        let range = start..=start + 40_000;
        let steps = prove_fp32(range.clone(), &right, &post, scale).unwrap();
        let values: std::collections::BTreeSet<i8> =
            range.clone().map(|acc| fp32_reference(acc, scale, &post)).collect();
        assert_eq!(steps as usize, values.len());

        let wrong = ChannelParams {
            multiplier: right.multiplier + 40,
            ..right
        };
        let first = range
            .clone()
            .find(|&acc| output_unit(acc, &wrong, &post) != fp32_reference(acc, scale, &post));
        assert_eq!(prove_fp32(range, &wrong, &post, scale).err(), first, "scale {scale:e}");
    }
}

#[test]
fn proof_over_every_accumulator() {
    let mut rng = stream(8, &[]);
    for _ in 0..300 {
        let scale = random_scale(&mut rng, -45..=25);
        let post = post(rng.next_u32() as i8, -128, 127);
        let steps = prove_fp32(i32::MIN..=i32::MAX, &channel(scale), &post, scale);
        assert!(steps.is_ok_and(|s| s <= 256), "{scale:e}: {steps:?}");
    }
}

#[test]
fn scales_out_of_range() {
    assert_eq!(encode_scale(0.0).unwrap(), (0, 1));
    assert_eq!(encode_scale(f32::from_bits(1)).unwrap(), (0, 1));
    assert_eq!(encode_scale(1.0 / (1_u64 << 39) as f32).unwrap(), (1 << 23, 62));
    assert_eq!(encode_scale(1.0 / (1_u64 << 40) as f32).unwrap(), (0, 1));
    assert_eq!(encode_scale(1.0).unwrap(), (1 << 23, 23));
    assert_eq!(encode_scale(f32::MAX).unwrap().1, 1);
    for bad in [f32::NAN, f32::INFINITY, -1.0] {
        assert_eq!(encode_scale(bad).unwrap_err().code, Code::Malformed);
    }
}

/// Every rule with parameters of some channel, and zero points and clamps of some layer.
fn random_rule(rng: &mut Rng, kind: usize) -> Requantizer {
    let exponent = if rng.random() { -12..=-1 } else { -33..=4 };
    let scale = f64::from(random_scale(rng, exponent)) * (1.0 + f64::from(rng.next_u32()) / 1e17);
    match kind {
        0 => Requantizer::Float32 { scale: scale as f32 },
        1 => {
            let (multiplier, exponent) = quantize_multiplier(scale).unwrap();
            Requantizer::Gemmlowp { multiplier, exponent }
        }
        _ => Requantizer::Pow2 {
            shift: rng.random_range(1..=24),
        },
    }
}

#[test]
fn encodings_that_need_no_search_are_equal_everywhere() {
    let mut rng = stream(21, &[]);
    for case in 0..900 {
        let rule = random_rule(&mut rng, case % 3);
        let post = post(rng.next_u32() as i8, -128, 127);
        let range = i32::MIN..=i32::MAX;
        let channel = rule.encode(0, &range, &post).unwrap();
        let steps = prove(range, &channel, &rule, &post);
        assert!(steps.is_ok_and(|s| s <= 256), "{rule:?} {channel:?}: {steps:?}");
    }
}

/// gemmlowp's two functions as its header states them: a truncating division of the doubled product, then a shift with a
/// comparison of the remainder.
fn textbook(acc: i32, multiplier: u32, exponent: i32) -> i64 {
    let product = (i128::from(acc) * i128::from(multiplier)) << exponent.max(0);
    let nudge = if product >= 0 { 1 << 30 } else { 1 - (1 << 30) };
    let high = ((product + nudge) / (1i128 << 31)) as i64;
    let shift = (-exponent).max(0);
    let mask = (1i64 << shift) - 1;
    let threshold = (mask >> 1) + i64::from(high < 0);
    (high >> shift) + i64::from(high & mask > threshold)
}

#[test]
fn gemmlowp_is_the_textbooks() {
    let mut rng = stream(22, &[]);
    for _ in 0..300_000 {
        let multiplier = rng.random_range(1 << 30..1 << 31);
        let exponent = rng.random_range(-31..=2);
        // Half of the cases next to a tie of the second rounding.
        let acc = if rng.random() {
            random_acc(&mut rng, 1..=31)
        } else {
            let half = f64::from(rng.random_range(-300..300)) + 0.5;
            let scale = f64::from(multiplier) / (1u64 << 31) as f64;
            let power = if exponent < 0 { (1u64 << -exponent) as f64 } else { 1.0 };
            ((half * power / scale) as i32).saturating_add(rng.random_range(-1..=1))
        };
        let rule = Requantizer::Gemmlowp { multiplier, exponent };
        assert_eq!(rule.value(acc), textbook(acc, multiplier, exponent), "{acc} {rule:?}");
    }
}

#[test]
fn multipliers_are_frexps() {
    assert_eq!(quantize_multiplier(0.5).unwrap(), (1 << 30, 0));
    assert_eq!(quantize_multiplier(1.0).unwrap(), (1 << 30, 1));
    assert_eq!(quantize_multiplier(0.75).unwrap(), (3 << 29, 0));
    // Rounds up to the next power of two.
    assert_eq!(quantize_multiplier(1.0 - f64::EPSILON / 2.0).unwrap(), (1 << 30, 1));
    let small = 1.0 / (1u64 << 32) as f64;
    assert_eq!(quantize_multiplier(small).unwrap(), (1 << 30, -31));
    assert_eq!(quantize_multiplier(small / 2.0).unwrap(), (0, 0));
    assert_eq!(
        quantize_multiplier(small - small * f64::EPSILON / 2.0).unwrap(),
        (1 << 30, -31)
    );
    assert_eq!(quantize_multiplier(0.0).unwrap(), (0, 0));
    assert_eq!(quantize_multiplier(f64::NAN).unwrap_err().code, Code::Malformed);
    assert_eq!(quantize_multiplier(1e10).unwrap_err().code, Code::Unsupported);
}

#[test]
fn half_away_is_searched_and_proven() {
    // LeNet's first layer: accumulator 171235 lies just above a tie, which its nearest multiplier puts below.
    let scale = 133.500_000_005_6 / 171_235.0;
    let rule = Requantizer::HalfAway { scale };
    let post = post(-128, -128, 127);
    let range = -400_000..=400_000;
    let channel = rule.encode(0, &range, &post).unwrap();
    assert!(prove(range, &channel, &rule, &post).is_ok());
    let mut rng = stream(23, &[]);
    for _ in 0..300 {
        let rule = Requantizer::HalfAway {
            scale: f64::from(random_scale(&mut rng, -14..=-3)) * 1.000_000_013,
        };
        let post = self::post(rng.next_u32() as i8, -128, 127);
        let range = -3_000_000..=3_000_000;
        let channel = rule.encode(5, &range, &post).unwrap();
        assert_eq!((channel.bias, channel.rounding), (5, Rounding::HalfAway));
    }
}

#[test]
fn means_of_windows_are_encoded() {
    for divisor in (1..=260).chain([1024, 3136, 12_544, 50_176]) {
        let rule = Requantizer::Quotient { divisor };
        let count = divisor as i32;
        let range = -128 * count..=127 * count;
        let channel = rule.encode(0, &range, &post(0, -128, 127)).unwrap();
        if divisor < 260 {
            for acc in range {
                // Halves away from zero, in exact fractions.
                let want = (2 * acc.abs() + count) / (2 * count) * acc.signum();
                assert_eq!(i32::from(output_unit(acc, &channel, &post(0, -128, 127))), want);
                assert_eq!(rule.value(acc), i64::from(want));
            }
        }
    }
}

#[test]
fn constant_channels_are_folded() {
    let layer = LayerRules {
        biases: &[1 << 30, -70, 3],
        input_zero_point: -128,
        output_zero_point: -5,
        clamp: (-5, 127),
    };
    // Far above the clamp, far below it, alive.
    let mut rules = [Requantizer::Float32 { scale: 0.1 }; 3];
    let mut weights = [1, -1, 0, 0, 50, 50];
    let post = encode_layer(&layer, &mut rules, &mut weights).unwrap();
    assert_eq!(weights, [0, 0, 0, 0, 50, 50]);
    let constant = |value| Requantizer::Constant { value, zero_point: -5 };
    assert_eq!(rules[..2], [constant(127), constant(-5)]);
    for (channel, value) in post.channels.iter().zip([127, -5]) {
        assert_eq!(output_unit(channel.bias, channel, &post), value);
        assert_ne!(channel.rounding, Rounding::Float32);
    }
    assert!(post.needs_tie_window());
}

#[test]
fn zero_point_folds_into_the_bias() {
    let layer = Fp32Layer {
        input_scale: 0.5,
        input_zero_point: -3,
        weight_scales: &[0.25, 0.5],
        biases: &[10, -20],
        output_scale: 2.0,
        output_zero_point: 4,
        clamp: (4, 127),
    };
    let weights = [1, 2, -4, 5, 6, 7];
    let (_, post) = fp32_exact(&layer, &mut weights.clone()).unwrap();
    assert_eq!(post.channels[0].bias, 10 + 3 * (1 + 2 - 4));
    assert_eq!(post.channels[1].bias, -20 + 3 * 18);
    assert_eq!(post.channels[0].shift, post.channels[1].shift + 1);
    assert_eq!((post.zero_point, post.lo, post.hi), (4, 4, 127));
    assert_eq!(reachable(7, &[1, -2]), 7 - 128 - 254..=7 + 127 + 256);

    let code = |layer: &Fp32Layer, weights: &[i8]| fp32_exact(layer, &mut weights.to_vec()).unwrap_err().code;
    let overflow = Fp32Layer {
        biases: &[i32::MAX, 0],
        ..layer.clone()
    };
    assert_eq!(code(&overflow, &weights), Code::BadSize);
    assert_eq!(code(&layer, &weights[..3]), Code::Malformed);
    let none = Fp32Layer { biases: &[], ..layer };
    assert_eq!(code(&none, &[]), Code::Malformed);
}

#[test]
fn addition_rounds_halves_away_from_zero() {
    let p = AddParams::ort_arm(0.5, 0.25, 1.0).unwrap();
    assert_eq!((p.multiplier_a, p.multiplier_b, p.shift), (1 << 21, 1 << 20, 22));
    assert_eq!((p.sum(1, 0), p.sum(-1, 0), p.sum(3, 0), p.sum(-3, 0)), (1, -1, 2, -2));
    assert_eq!(p.sum(1, -1), 0);
    assert_eq!(AddParams::ort_arm(1e-9, 1.0, 1.0).unwrap_err().code, Code::Unsupported);
    assert_eq!(AddParams::ort_arm(300.0, 1.0, 1.0).unwrap_err().code, Code::Unsupported);
}

#[test]
fn xnnpack_adds_with_halves_up() {
    let p = AddParams::xnnpack(0.5, 0.25, 1.0).unwrap();
    assert_eq!((p.multiplier_a, p.multiplier_b, p.shift), (1 << 20, 1 << 19, 21));
    assert_eq!((p.sum(1, 0), p.sum(-1, 0), p.sum(3, 0), p.sum(-3, 0)), (1, 0, 2, -1));
}

#[test]
fn reference_addition_by_one_multiplier() {
    // The operand with the larger scale is only shifted; ties of the other side round away from zero.
    let p = AddReference::new(0.5, 0.25, 1.0).unwrap();
    assert_eq!((p.a, p.b), ((1 << 30, 0), (1 << 30, -1)));
    let sum = |a, b| p.finish(p.scaled_a(a) + p.scaled_b(b));
    assert_eq!(
        (sum(1, 0), sum(-1, 0), sum(0, 1), sum(1, 1), sum(-1, -1)),
        (1, -1, 0, 1, -1)
    );
    assert_eq!(AddReference::new(1e9, 1.0, 1.0).unwrap_err().code, Code::Unsupported);
}
