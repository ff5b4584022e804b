//! The output-unit parameters of a whole layer: biases folded, constant channels folded, every channel encoded.

use super::{ChannelParams, LayerPost, Requantizer, fp32_scale, reachable};
use crate::base::diag::{Code, Diagnostic, Result};

/// A layer before encoding.
#[derive(Clone, Debug)]
pub struct LayerRules<'a> {
    /// Bias of each channel in units of `input_scale * weight_scale`.
    pub biases: &'a [i32],
    /// Zero point of the input tensor.
    pub input_zero_point: i8,
    /// Zero point of the output tensor.
    pub output_zero_point: i8,
    /// Lower and upper clamp.
    pub clamp: (i8, i8),
}

/// Encodes a layer for the output unit.
///
/// `rules` has one entry per output channel; `weights` have the output channel outermost and zero point 0. Where a channel's
/// output is constant, its rule becomes [`Requantizer::Constant`] and its weights become zero: what the array sums up for it
/// then fits any accumulator.
///
/// # Errors
/// `E0102` where lengths do not fit or a scale is not finite, `E0103` for a channel that no parameters fit, `E0104` where
/// some input could overflow 32-bit sums. The channel is named.
pub fn encode_layer(layer: &LayerRules, rules: &mut [Requantizer], weights: &mut [i8]) -> Result<LayerPost> {
    let count = layer.biases.len();
    let per_channel = weights.len() / count.max(1);
    if count == 0 || per_channel * count != weights.len() || rules.len() != count {
        return Err(Diagnostic::new(
            Code::Malformed,
            format!(
                "{} weights, {} scales and {count} biases do not fit together",
                weights.len(),
                rules.len()
            ),
        ));
    }
    let mut post = LayerPost {
        channels: Vec::with_capacity(count),
        zero_point: layer.output_zero_point,
        lo: layer.clamp.0,
        hi: layer.clamp.1,
        input_zero_point: layer.input_zero_point,
    };
    let rows = weights.chunks_mut(per_channel.max(1)).zip(layer.biases).zip(rules);
    for (k, ((weights, &bias), rule)) in rows.enumerate() {
        let channel = encode_channel(rule, bias, weights, &post).map_err(|e| e.at(format!("output channel {k}")))?;
        post.channels.push(channel);
    }
    Ok(post)
}

fn encode_channel(rule: &mut Requantizer, bias: i32, weights: &mut [i8], post: &LayerPost) -> Result<ChannelParams> {
    rule.check()?;
    let bias = fold_bias(bias, post.input_zero_point, weights)?;
    let range = reachable(bias, weights);
    let [least, greatest] = [range.start(), range.end()].map(|&acc| post.finish(rule.value(acc)));
    if least == greatest {
        weights.fill(0);
        *rule = Requantizer::Constant {
            value: least,
            zero_point: post.zero_point,
        };
    }
    rule.encode(bias, &range, post)
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

/// What [`fp32_exact`] needs to know about a layer; one entry per output channel in `weight_scales` and `biases`.
#[derive(Clone, Debug)]
pub struct Fp32Layer<'a> {
    /// Scale of the input tensor.
    pub input_scale: f32,
    /// Zero point of the input tensor.
    pub input_zero_point: i8,
    /// Scale of each channel's weights; one entry stands for all channels.
    pub weight_scales: &'a [f32],
    /// Bias of each channel in units of `input_scale * weight_scale`.
    pub biases: &'a [i32],
    /// Scale of the output tensor.
    pub output_scale: f32,
    /// Zero point of the output tensor.
    pub output_zero_point: i8,
    /// Lower and upper clamp.
    pub clamp: (i8, i8),
}

/// Encodes a layer with the semantics `fp32_exact` of ONNX Runtime and XNNPACK; the rules come back with the parameters.
///
/// # Errors
/// As [`encode_layer`].
pub fn fp32_exact(layer: &Fp32Layer, weights: &mut [i8]) -> Result<(Vec<Requantizer>, LayerPost)> {
    let scales = layer.weight_scales.len();
    if scales != 1 && scales != layer.biases.len() {
        return Err(Diagnostic::new(
            Code::Malformed,
            format!("{scales} scales and {} biases do not fit together", layer.biases.len()),
        ));
    }
    let mut rules: Vec<Requantizer> = layer
        .weight_scales
        .iter()
        .cycle()
        .take(layer.biases.len())
        .map(|&scale| Requantizer::Float32 {
            scale: fp32_scale(layer.input_scale, scale, layer.output_scale),
        })
        .collect();
    let post = encode_layer(
        &LayerRules {
            biases: layer.biases,
            input_zero_point: layer.input_zero_point,
            output_zero_point: layer.output_zero_point,
            clamp: layer.clamp,
        },
        &mut rules,
        weights,
    )?;
    Ok((rules, post))
}
