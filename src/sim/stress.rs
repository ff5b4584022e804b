//! Data for layers that exist only to be compared: full ranges everywhere, so that a wrong bit has nowhere to hide.
//!
//! Beside weights and inputs over all of int8, the input's zero point is any byte (padding then differs from zero), biases
//! are large, clamps cut at both ends, and every channel has its own scale and its own rounding; or, one time in two, all round
//! as float32 does, for which hardware of one network has an output unit of its own. One time in eight all weights and inputs are
//! -128, and sums the greatest that psums of such hardware have bits for.

use crate::base::diag::Result;
use crate::base::rng::{Rng, stream};
use crate::sim::golden;
use crate::sim::plan::{LayerData, input_elements, random_weights, uniform};
use crate::workload::graph::Layout;
use crate::workload::layer::{Layer, Shape};
use crate::workload::quant::{ChannelParams, LayerPost, Rounding};
use rand::RngExt as _;

/// All that the output unit can do, float32's last.
const ROUNDINGS: [Rounding; 5] = [
    Rounding::HalfUp,
    Rounding::HalfAway,
    Rounding::Twice,
    Rounding::Even,
    Rounding::Float32,
];

/// Data of layers that run one after the other, each with tensors of its own.
///
/// # Errors
/// As [`golden::layer`], naming the layer.
pub fn data(layers: &[Layer], seed: u64) -> Result<Vec<LayerData>> {
    let alone = stream(seed, &[u64::MAX]).random_range(0..2) == 0;
    let roundings = if alone { &ROUNDINGS[4..] } else { &ROUNDINGS[..] };
    let extreme = stream(seed, &[u64::MAX, 1]).random_range(0..8) == 0;
    let one = |(i, layer): (usize, &Layer)| {
        one(layer, 3 * i, (roundings, extreme), &mut stream(seed, &[i as u64]))
            .map_err(|e| e.at(format!("layer `{}`", layer.name)))
    };
    layers.iter().enumerate().map(one).collect()
}

fn one(layer: &Layer, tensor: usize, (roundings, extreme): (&[Rounding], bool), rng: &mut Rng) -> Result<LayerData> {
    let channels = layer.shape.parameter_sets();
    let mut weights = random_weights(&layer.shape, rng)?;
    let mut input = uniform(rng, input_elements(&layer.shape));
    // Weights of an addition are digits, those of a pooling ones.
    if extreme && !matches!(layer.shape, Shape::Add(_) | Shape::Maxpool(_)) {
        weights.fill(i8::MIN);
        input.fill(i8::MIN);
    }
    // A sum has a spread of about 2^12 * sqrt(taps): this shift spreads outputs over their range and past both clamps. The
    // greatest input has one of 2^8, and lies near 128 where it is one of few.
    let taps = weights.len() as u64 / channels;
    let (shift, bias) = match layer.shape {
        Shape::Maxpool(_) => (25, 300),
        Shape::Add(_) => (29 + 8 + (64 - taps.leading_zeros()) as u8 / 2, 20_000),
        _ => (29 + (64 - taps.leading_zeros()) as u8 / 2, 20_000),
    };
    let post = LayerPost {
        channels: (0..channels).map(|_| channel(rng, roundings, shift, bias)).collect(),
        zero_point: rng.random_range(-20..20),
        lo: rng.random_range(-128..=-60),
        hi: rng.random_range(60..=127),
        input_zero_point: rng.random(),
    };
    let layout = Layout::ChannelsFirst;
    let output = golden::layer(&layer.shape, layout, &input, &weights, &post)?;
    let mut data = LayerData::new(layer, layout, (weights, post), (tensor, &input), (tensor + 1, &output))?;
    data.second = matches!(layer.shape, Shape::Add(_)).then_some(tensor + 2);
    Ok(data)
}

/// A channel whose scale is `2^(24 - shift)`, or up to an eighth of that.
fn channel(rng: &mut Rng, roundings: &[Rounding], shift: u8, bias: i32) -> ChannelParams {
    let rounding = roundings[rng.random_range(0..roundings.len())];
    // Integer roundings use all 31 bits of the multiplier, float32 has 24.
    let more = if rounding == Rounding::Float32 { 0 } else { 7 };
    let fine = rng.random_range(0..1u32 << more);
    ChannelParams {
        bias: rng.random_range(-bias..bias),
        multiplier: rng.random_range(1 << 23..1 << 24) << more | fine,
        shift: shift + more + rng.random_range(0..3u8),
        rounding,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mapping::campaign::{Campaign, Case};
    use crate::mapping::random::Limits;

    /// Outputs reach both clamps, and most lie between.
    #[test]
    fn outputs_fill_their_range() {
        let set = Campaign::new(1, 10, None, Limits::default()).unwrap().triples(0);
        let case = Case::new(&set, 5).unwrap();
        let data = data(&case.layers, case.seed).unwrap();
        assert_eq!(data, super::data(&case.layers, case.seed).unwrap());
        let mut counts = [0usize; 3];
        for d in &data {
            for &v in &d.output.1 {
                counts[if v == d.post.lo {
                    0
                } else {
                    1 + usize::from(v == d.post.hi)
                }] += 1;
            }
        }
        let [low, between, high] = counts;
        assert!(low > 0 && high > 0 && between > low + high, "{counts:?}");
    }
}
