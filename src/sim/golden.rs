//! The golden model: every operator of a quantized network in plain integers, straight from its definition.
//!
//! Written to be obviously right rather than close to the hardware: inputs have their zero point subtracted, the bias is the
//! file's own, padding is skipped. Accumulators are exact, so the order of summation does not matter.
//!
//! Residual additions are the exception to plain integers: [`AddForm::OrtX86`] repeats the float32 steps of ONNX Runtime on
//! x86, [`AddForm::OrtArm`] its integer form on ARM. They differ in a few of a million elements, by one.

use crate::base::diag::{Code, Diagnostic, Result};
use crate::workload::graph::{AddOp, MAX_ELEMENTS, MacOp, Op, OpKind, Pool, QuantGraph, Tensor, TensorId};
use crate::workload::layer::{Conv, Matmul, Shape};
use crate::workload::quant::{LayerPost, output_unit};
use std::collections::BTreeMap;

/// Which residual addition is computed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AddForm {
    /// Integers with 22-bit multipliers, halves away from zero: what the accelerator can do, and ONNX Runtime does on ARM.
    #[default]
    OrtArm,
    /// Two fused multiply-adds in float32: ONNX Runtime on x86 with AVX2 and later.
    OrtX86,
}

/// Elements of every tensor of a network, in the order of [`QuantGraph::tensors`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Activations(pub Vec<Vec<i8>>);

impl Activations {
    /// The elements of one tensor; none for a position that the graph does not have.
    #[must_use]
    pub fn tensor(&self, id: TensorId) -> &[i8] {
        self.0.get(id).map_or(&[], Vec::as_slice)
    }

    /// The elements by tensor name.
    #[must_use]
    pub fn by_name<'a>(&'a self, graph: &'a QuantGraph) -> BTreeMap<&'a str, &'a [i8]> {
        graph
            .tensors
            .iter()
            .zip(&self.0)
            .map(|(tensor, values)| (tensor.name.as_str(), values.as_slice()))
            .collect()
    }
}

/// Runs a network on one batch and returns every tensor.
///
/// `inputs` holds the elements of each of [`QuantGraph::inputs`] in order, re-biased to int8.
///
/// # Errors
/// `E0102` where the inputs do not fit the graph or the graph itself is inconsistent.
pub fn run_graph(graph: &QuantGraph, inputs: &[Vec<i8>], add: AddForm) -> Result<Activations> {
    if inputs.len() != graph.inputs.len() {
        return Err(mismatch("inputs", inputs.len(), graph.inputs.len()));
    }
    let mut values: Vec<Vec<i8>> = vec![Vec::new(); graph.tensors.len()];
    for (port, input) in graph.inputs.iter().zip(inputs) {
        let want = graph.tensor(port.tensor)?.len();
        if input.len() != want {
            return Err(mismatch("input elements", input.len(), want).at(format!("input `{}`", port.name)));
        }
        store(&mut values, port.tensor, input.clone())?;
    }
    for op in &graph.ops {
        let out = run_op(graph, op, &values, add).map_err(|e| e.at(format!("operator `{}`", op.name)))?;
        store(&mut values, op.output, out)?;
    }
    Ok(Activations(values))
}

fn store(values: &mut [Vec<i8>], id: TensorId, value: Vec<i8>) -> Result<()> {
    let slot = values
        .get_mut(id)
        .ok_or_else(|| Diagnostic::new(Code::Malformed, format!("the graph has no tensor {id}")))?;
    *slot = value;
    Ok(())
}

fn mismatch(what: &str, have: usize, want: usize) -> Diagnostic {
    Diagnostic::new(Code::Malformed, format!("{have} {what}")).expected(want.to_string())
}

fn run_op(graph: &QuantGraph, op: &Op, values: &[Vec<i8>], add: AddForm) -> Result<Vec<i8>> {
    let operand = |i: usize| -> Result<(&Tensor, &[i8])> {
        let id = *op
            .inputs
            .get(i)
            .ok_or_else(|| mismatch("operands", op.inputs.len(), i + 1))?;
        let tensor = graph.tensor(id)?;
        let value = values.get(id).map_or(&[][..], Vec::as_slice);
        if value.len() != tensor.len() {
            return Err(mismatch("elements", value.len(), tensor.len()));
        }
        Ok((tensor, value))
    };
    let to = graph.tensor(op.output)?;
    let (from, x) = operand(0)?;
    let out = match &op.kind {
        OpKind::Mac(mac) => mac_layer(mac, x)?,
        OpKind::Add(form) => {
            let (other, y) = operand(1)?;
            if !(1..=62).contains(&form.params.shift) || form.lo > form.hi {
                return Err(Diagnostic::new(
                    Code::Malformed,
                    "the addition's parameters are impossible",
                ));
            }
            match add {
                AddForm::OrtArm => add_integer(form, [from, other, to], x, y),
                AddForm::OrtX86 => add_float(form, [from, other, to], x, y),
            }
        }
        OpKind::GlobalAveragePool(post) => global_average(from, post, x)?,
        OpKind::MaxPool(pool) => max_pool(from, to, pool, x)?,
        OpKind::Reshape => x.to_vec(),
    };
    if out.len() != to.len() {
        return Err(mismatch("output elements", out.len(), to.len()));
    }
    Ok(out)
}

/// One multiply-accumulate layer, input to output elements; layouts as in [`MacOp`].
///
/// # Errors
/// As [`accumulators`].
pub fn mac_layer(mac: &MacOp, input: &[i8]) -> Result<Vec<i8>> {
    layer(&mac.layer.shape, input, &mac.weights, &mac.post)
}

/// One multiply-accumulate layer given by its parts; layouts as in [`MacOp`].
///
/// # Errors
/// As [`accumulators`].
pub fn layer(shape: &Shape, input: &[i8], weights: &[i8], post: &LayerPost) -> Result<Vec<i8>> {
    let sums = accumulators(shape, input, weights, post)?;
    let per_channel = match shape {
        Shape::Conv(c) => c.output().map_or(1, |[y, x]| y as usize * x as usize),
        Shape::Matmul(_) => 1,
    };
    Ok(sums
        .chunks(per_channel)
        .zip(post.channels.iter().cycle())
        .flat_map(|(chunk, channel)| chunk.iter().map(|&acc| output_unit(acc, channel, post)))
        .collect())
}

/// The complete accumulators of a layer, bias included, in the layout of its output.
///
/// # Errors
/// `E0102` where lengths do not fit the shape, `E0103` for a shape that has no weights or is transposed, `E0104` for a bad
/// size or sums that could overflow 32 bits.
pub fn accumulators(shape: &Shape, input: &[i8], weights: &[i8], post: &LayerPost) -> Result<Vec<i32>> {
    shape.nest()?;
    let (inputs, outputs, channels) = extents(shape);
    if inputs.max(outputs) > MAX_ELEMENTS {
        return Err(Diagnostic::new(
            Code::BadSize,
            format!("a layer of {inputs} input and {outputs} output elements"),
        )
        .expected(format!("at most {MAX_ELEMENTS}")));
    }
    for (what, have, want) in [
        ("input elements", input.len(), inputs),
        ("weights", weights.len(), shape.weight_count()?),
        ("output channels", post.channels.len(), channels),
    ] {
        if have as u64 != want {
            return Err(mismatch(what, have, want as usize));
        }
    }
    let biases = biases(weights, post)?;
    let zero = i16::from(post.input_zero_point);
    let centred: Vec<i16> = input.iter().map(|&x| i16::from(x) - zero).collect();
    let weights: Vec<i16> = weights.iter().map(|&w| w.into()).collect();
    Ok(match shape {
        Shape::Conv(conv) => convolve(conv, &centred, &weights, &biases),
        Shape::Matmul(product) => multiply(product, &centred, &weights, &biases),
    })
}

/// Elements of input and output, and output channels.
fn extents(shape: &Shape) -> (u64, u64, u64) {
    let product = |factors: [u32; 4]| factors.iter().fold(1u64, |a, &b| a.saturating_mul(b.into()));
    match shape {
        Shape::Conv(c) => {
            let [rows, cols] = c.output().unwrap_or_default();
            (
                product([c.N, c.C, c.H, c.W]),
                product([c.N, c.K, rows, cols]),
                c.K.into(),
            )
        }
        Shape::Matmul(m) => (
            product([m.batch, m.M, m.K, 1]),
            product([m.batch, m.M, m.N, 1]),
            m.N.into(),
        ),
    }
}

/// The layer's own bias per channel: the folded one with the zero point's share put back.
fn biases(weights: &[i8], post: &LayerPost) -> Result<Vec<i32>> {
    let zero = i64::from(post.input_zero_point);
    let per_channel = (weights.len() / post.channels.len().max(1)).max(1);
    weights
        .chunks(per_channel)
        .zip(&post.channels)
        .map(|(weights, channel)| {
            let sum: i64 = weights.iter().map(|&w| i64::from(w)).sum();
            let reach: i64 = weights.iter().map(|&w| 255 * i64::from(w.unsigned_abs())).sum();
            let bias = i64::from(channel.bias) + zero * sum;
            i32::try_from(bias)
                .ok()
                .filter(|b| i64::from(b.unsigned_abs()) + reach <= i64::from(i32::MAX))
                .ok_or_else(|| Diagnostic::new(Code::BadSize, "sums can overflow 32 bits"))
        })
        .collect()
}

fn convolve(conv: &Conv, input: &[i16], weights: &[i16], biases: &[i32]) -> Vec<i32> {
    let [rows, cols] = conv.output().unwrap_or_default().map(|v| v as usize);
    let (map, taps) = ((conv.H * conv.W) as usize, (conv.R * conv.S) as usize);
    let inputs = (conv.C / conv.groups) as usize;
    let outputs = (conv.K / conv.groups) as usize;
    let length = inputs * taps;
    let mut sums = Vec::with_capacity(conv.N as usize * biases.len() * rows * cols);
    let mut patches = vec![0; cols * length];
    for (i, maps) in input.chunks(map * inputs).enumerate() {
        // Groups follow each other within an image, and images within the batch.
        let g = i % conv.groups as usize;
        let first = sums.len();
        sums.resize(first + outputs * rows * cols, 0);
        for y in 0..rows {
            gather(conv, maps, y, &mut patches);
            let filters = weights.chunks(length).zip(biases).skip(g * outputs).take(outputs);
            for ((filter, &bias), map) in filters.zip(sums[first..].chunks_mut(rows * cols)) {
                let line = map.chunks_mut(cols).nth(y).unwrap_or_default();
                for (sum, patch) in line.iter_mut().zip(patches.chunks(length)) {
                    *sum = bias + dot(filter, patch);
                }
            }
        }
    }
    sums
}

/// The inputs under the kernel at every column of output row `y`, in the order of the weights; padding is zero.
fn gather(conv: &Conv, maps: &[i16], y: usize, patches: &mut [i16]) {
    let taps = (conv.R * conv.S) as usize;
    let length = maps.len() / (conv.H * conv.W) as usize * taps;
    let at = |out: usize, tap: usize, i: usize| -> Option<usize> {
        let padded = out * conv.stride[i] as usize + tap * conv.dilation[i] as usize;
        let size = [conv.H, conv.W][i] as usize;
        padded.checked_sub(conv.pad[i] as usize).filter(|&p| p < size)
    };
    for (x, patch) in patches.chunks_mut(length).enumerate() {
        patch.fill(0);
        for tap in 0..taps {
            let (r, s) = (tap / conv.S as usize, tap % conv.S as usize);
            let (Some(row), Some(column)) = (at(y, r, 0), at(x, s, 1)) else {
                continue;
            };
            let position = row * conv.W as usize + column;
            let channels = maps.iter().skip(position).step_by((conv.H * conv.W) as usize);
            for (slot, &value) in patch.iter_mut().skip(tap).step_by(taps).zip(channels) {
                *slot = value;
            }
        }
    }
}

/// Exact: the caller has bounded the sum of the magnitudes.
fn dot(a: &[i16], b: &[i16]) -> i32 {
    a.iter().zip(b).map(|(&a, &b)| i32::from(a) * i32::from(b)).sum()
}

fn multiply(product: &Matmul, input: &[i16], weights: &[i16], biases: &[i32]) -> Vec<i32> {
    let length = product.K as usize;
    let columns = || weights.chunks(length).zip(biases);
    input
        .chunks(length)
        .flat_map(|row| columns().map(|(column, &bias)| bias + dot(row, column)))
        .collect()
}

/// ONNX Runtime's addition on x86. It works on the values as the file types them: re-biasing them would change the float32
/// roundings.
fn add_float(form: &AddOp, [ta, tb, to]: [&Tensor; 3], a: &[i8], b: &[i8]) -> Vec<i8> {
    let stored = |value: i8, tensor: &Tensor| (i32::from(value) + tensor.element.offset()) as f32;
    let (ratio_a, ratio_b) = (ta.scale / to.scale, tb.scale / to.scale);
    let zero = |tensor: &Tensor| stored(tensor.zero_point, tensor);
    let fixed = zero(to) - ratio_a.mul_add(zero(ta), ratio_b * zero(tb));
    a.iter()
        .zip(b)
        .map(|(&a, &b)| {
            let inner = stored(b, tb).mul_add(ratio_b, fixed);
            let sum = stored(a, ta).mul_add(ratio_a, inner);
            let units = i64::from(sum.round_ties_even() as i32) - i64::from(to.element.offset());
            units.clamp(form.lo.into(), form.hi.into()) as i8
        })
        .collect()
}

fn add_integer(form: &AddOp, [ta, tb, to]: [&Tensor; 3], a: &[i8], b: &[i8]) -> Vec<i8> {
    let centred = |value: i8, tensor: &Tensor| i32::from(value) - i32::from(tensor.zero_point);
    a.iter()
        .zip(b)
        .map(|(&a, &b)| {
            let sum = form.params.sum(centred(a, ta), centred(b, tb)) + i64::from(to.zero_point);
            sum.clamp(form.lo.into(), form.hi.into()) as i8
        })
        .collect()
}

fn global_average(from: &Tensor, post: &LayerPost, x: &[i8]) -> Result<Vec<i8>> {
    let map = from.shape.iter().skip(2).map(|&d| d as usize).product();
    let channel = post
        .channels
        .first()
        .filter(|_| map > 0 && map < 1 << 22)
        .ok_or_else(|| Diagnostic::new(Code::Malformed, "a mean without parameters"))?;
    Ok(x.chunks(map)
        .map(|map| {
            let sum: i32 = map.iter().map(|&v| i32::from(v)).sum();
            output_unit(sum.wrapping_add(channel.bias), channel, post)
        })
        .collect())
}

fn max_pool(from: &Tensor, to: &Tensor, pool: &Pool, x: &[i8]) -> Result<Vec<i8>> {
    let (&[_, _, height, width], &[_, _, rows, cols]) = (from.shape.as_slice(), to.shape.as_slice()) else {
        return Err(Diagnostic::new(
            Code::Malformed,
            "pooling of a tensor without rows and columns",
        ));
    };
    let mut out = Vec::with_capacity(to.len());
    for plane in x.chunks((height as usize * width as usize).max(1)) {
        for y in 0..rows {
            for x in 0..cols {
                let window = |i: usize, at: u32, size: u32| {
                    let start = i64::from(at) * i64::from(pool.stride[i]) - i64::from(pool.pad[i]);
                    (0..pool.kernel[i])
                        .map(move |t| start + i64::from(t) * i64::from(pool.dilation[i]))
                        .filter(move |p| (0..i64::from(size)).contains(p))
                };
                let greatest = window(0, y, height)
                    .flat_map(|row| window(1, x, width).map(move |col| row * i64::from(width) + col))
                    .filter_map(|at| plane.get(at as usize))
                    .max();
                out.push(greatest.copied().unwrap_or(i8::MIN));
            }
        }
    }
    Ok(out)
}

#[cfg(test)]
#[path = "golden_tests.rs"]
mod tests;
