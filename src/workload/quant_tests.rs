//! Tests of the output unit against float32 arithmetic.

use super::*;
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
    }
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
        differ += u32::from(clamp(q as i64, &post) != fp32_reference(acc, scale, &post));
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
        let steps = prove_channel(range.clone(), &right, &post, scale).unwrap();
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
        assert_eq!(
            prove_channel(range, &wrong, &post, scale).err(),
            first,
            "scale {scale:e}"
        );
    }
}

#[test]
fn proof_over_every_accumulator() {
    let mut rng = stream(8, &[]);
    for _ in 0..300 {
        let scale = random_scale(&mut rng, -45..=25);
        let post = post(rng.next_u32() as i8, -128, 127);
        let steps = prove_channel(i32::MIN..=i32::MAX, &channel(scale), &post, scale);
        assert!(steps.is_ok_and(|s| s <= 256), "{scale:e}: {steps:?}");
    }
}

#[test]
fn scales_out_of_range() {
    assert_eq!(encode_scale(0.0).unwrap(), (0, 1));
    assert_eq!(encode_scale(f32::from_bits(1)).unwrap(), (0, 1));
    assert_eq!(encode_scale(2f32.powi(-39)).unwrap(), (1 << 23, 62));
    assert_eq!(encode_scale(2f32.powi(-40)).unwrap(), (0, 1));
    assert_eq!(encode_scale(1.0).unwrap(), (1 << 23, 23));
    assert_eq!(encode_scale(f32::MAX).unwrap().1, 1);
    for bad in [f32::NAN, f32::INFINITY, -1.0] {
        assert_eq!(encode_scale(bad).unwrap_err().code, Code::Malformed);
    }
}

#[test]
fn zero_point_folds_into_the_bias() {
    let layer = Fp32Layer {
        input_scale: 0.5,
        input_zero_point: -3,
        weight_scales: &[0.25, 0.5],
        weights: &[1, 2, -4, 5, 6, 7],
        biases: &[10, -20],
        output_scale: 2.0,
        output_zero_point: 4,
        clamp: (4, 127),
    };
    let post = fp32_exact(&layer).unwrap();
    assert_eq!(post.channels[0].bias, 10 + 3 * (1 + 2 - 4));
    assert_eq!(post.channels[1].bias, -20 + 3 * 18);
    assert_eq!(post.channels[0].shift, post.channels[1].shift + 1);
    assert_eq!((post.zero_point, post.lo, post.hi), (4, 4, 127));
    assert_eq!(reachable(7, &[1, -2]), 7 - 128 - 254..=7 + 127 + 256);

    let overflow = Fp32Layer {
        biases: &[i32::MAX, 0],
        ..layer.clone()
    };
    assert_eq!(fp32_exact(&overflow).unwrap_err().code, Code::BadSize);
    let short = Fp32Layer {
        weights: &[1, 2, 3],
        ..layer.clone()
    };
    assert_eq!(fp32_exact(&short).unwrap_err().code, Code::Malformed);
    let none = Fp32Layer {
        biases: &[],
        weights: &[],
        ..layer
    };
    assert_eq!(fp32_exact(&none).unwrap_err().code, Code::Malformed);
}

#[test]
fn addition_rounds_halves_away_from_zero() {
    let p = AddParams::new(0.5, 0.25, 1.0).unwrap();
    assert_eq!((p.multiplier_a, p.multiplier_b, p.shift), (1 << 21, 1 << 20, 22));
    assert_eq!((p.sum(1, 0), p.sum(-1, 0), p.sum(3, 0), p.sum(-3, 0)), (1, -1, 2, -2));
    assert_eq!(p.sum(1, -1), 0);
    assert_eq!(AddParams::new(1e-9, 1.0, 1.0).unwrap_err().code, Code::Unsupported);
    assert_eq!(AddParams::new(300.0, 1.0, 1.0).unwrap_err().code, Code::Unsupported);
}
