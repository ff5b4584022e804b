//! The golden model: every operator of a quantized network in plain integers, straight from its definition.
//!
//! Tensors lie as the network's file declares them. Inputs of multiply-accumulate layers have their zero point subtracted,
//! the bias is the file's own, padding is skipped: written to be obviously right rather than close to the hardware.
//! Accumulators are exact, so the order of summation does not matter.
//!
//! Outputs are finished by the output unit's function, whose parameters [`QuantGraph::prove`] compares with the network's
//! semantics. Exceptions to integers are ONNX Runtime's residual addition on x86 ([`AddForm::OrtX86`]), which repeats its
//! float32 steps, and means and softmaxes that their runtime computes in floating point.

use crate::base::diag::{Code, Diagnostic, Result};
use crate::sim::host;
use crate::sim::kernels::{self, Window};
use crate::workload::graph::{
    AddForm, AddOp, AverageOp, Layout, MAX_ELEMENTS, MacOp, MeanOp, Op, OpKind, Pool, QuantGraph, Tensor, TensorId,
};
use crate::workload::layer::{Addition, Conv, Pooling, Shape};
use crate::workload::phases::Phases;
use crate::workload::quant::{ChannelParams, LayerPost, Requantizer, output_unit};
use rayon::prelude::*;
use std::collections::BTreeMap;

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
pub fn run_graph(graph: &QuantGraph, inputs: &[Vec<i8>]) -> Result<Activations> {
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
        let out = run_op(graph, op, &values).map_err(|e| e.at(format!("operator `{}`", op.name)))?;
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

fn run_op(graph: &QuantGraph, op: &Op, values: &[Vec<i8>]) -> Result<Vec<i8>> {
    let operand = |id: TensorId| -> Result<(&Tensor, &[i8])> {
        let tensor = graph.tensor(id)?;
        let value = values.get(id).map_or(&[][..], Vec::as_slice);
        if value.len() != tensor.len() {
            return Err(mismatch("elements", value.len(), tensor.len()));
        }
        Ok((tensor, value))
    };
    let operands: Vec<(&Tensor, &[i8])> = op.inputs.iter().map(|&id| operand(id)).collect::<Result<_>>()?;
    let to = graph.tensor(op.output)?;
    let &(from, x) = operands.first().ok_or_else(|| mismatch("operands", 0, 1))?;
    let out = match &op.kind {
        OpKind::Mac(mac) => mac_layer(mac, graph.layout, x)?,
        OpKind::Add(form) => {
            let &(other, y) = operands.get(1).ok_or_else(|| mismatch("operands", 1, 2))?;
            add(form, [from, other, to], x, y)?
        }
        OpKind::Mean(mean) => global_mean(mean, map_of(graph, from)?, x)?,
        OpKind::AveragePool(average) => average_pool(average, [map_of(graph, from)?, map_of(graph, to)?], x)?,
        OpKind::MaxPool(pool) => windows(pool, [map_of(graph, from)?, map_of(graph, to)?], x, |window| {
            window.max().unwrap_or(i8::MIN)
        })?,
        OpKind::Requantize(one) => {
            let zero = i32::from(one.post.input_zero_point);
            let values = x.iter().map(|&v| one.rule.value(i32::from(v) - zero));
            values.map(|v| one.post.finish(v)).collect()
        }
        OpKind::Softmax(form) => host::softmax(*form, from, to, x),
        OpKind::Reshape => x.to_vec(),
        OpKind::Pad(pads) => host::pad(&from.shape, pads, from.zero_point, x)?,
        OpKind::Transpose(order) => host::transpose(&from.shape, order, x)?,
        OpKind::Concat(axis) => host::concat(&operands, *axis)?,
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
pub fn mac_layer(mac: &MacOp, layout: Layout, input: &[i8]) -> Result<Vec<i8>> {
    layer(&mac.layer.shape, layout, input, &mac.weights, &mac.post)
}

/// One layer given by its parts; layouts as in [`MacOp`]. The input of an addition is one operand after the other.
///
/// # Errors
/// As [`accumulators`].
pub fn layer(shape: &Shape, layout: Layout, input: &[i8], weights: &[i8], post: &LayerPost) -> Result<Vec<i8>> {
    let sums = channels_last_sums(shape, layout, input, weights, post, None)?;
    Ok(restore(shape, layout, finish(shape, post, &sums)))
}

/// What the accelerator writes of a transposed convolution, as [`Phases::split`] orders it: also the outputs that its
/// reader leaves out.
///
/// # Errors
/// As [`accumulators`].
pub fn by_phase(conv: &Conv, layout: Layout, input: &[i8], weights: &[i8], post: &LayerPost) -> Result<Vec<i8>> {
    let (shape, phases) = (Shape::Conv(*conv), Phases::new(conv)?);
    let [first, size] = phases.window().map(|side| side.map(|v| v as usize));
    let sums = channels_last_sums(&shape, layout, input, weights, post, Some(Window { first, size }))?;
    Ok(phases.split(&finish(&shape, post, &sums)))
}

/// The output unit on all sums of a layer, channels last.
fn finish(shape: &Shape, post: &LayerPost, sums: &[i32]) -> Vec<i8> {
    let mut out = vec![0i8; sums.len()];
    // Positions that share their parameters: all of them, but in each of several products of activations its own.
    let (width, positions) = match shape {
        Shape::Conv(conv) => (conv.K as usize, usize::MAX),
        Shape::Add(sum) => (sum.C as usize, usize::MAX),
        Shape::Maxpool(pooling) => (pooling.C as usize, usize::MAX),
        Shape::Matmul(product) if product.weights => (product.N as usize, usize::MAX),
        Shape::Matmul(product) => (product.N as usize, product.M as usize),
    };
    out.par_chunks_mut(width)
        .with_min_len(1 + 4096 / width)
        .zip(sums.par_chunks(width))
        .enumerate()
        .for_each(|(i, (out, sums))| {
            let first = i / positions * width;
            let channels = post.channels.get(first..first + width).unwrap_or_default();
            for ((out, &acc), channel) in out.iter_mut().zip(sums).zip(channels) {
                *out = output_unit(acc, channel, post);
            }
        });
    out
}

/// The complete accumulators of a layer, bias included, in the layout of its output.
///
/// # Errors
/// `E0102` where lengths do not fit the shape, `E0104` for a bad size or sums that could overflow 32 bits.
pub fn accumulators(shape: &Shape, layout: Layout, input: &[i8], weights: &[i8], post: &LayerPost) -> Result<Vec<i32>> {
    let sums = channels_last_sums(shape, layout, input, weights, post, None)?;
    Ok(restore(shape, layout, sums))
}

/// Sums of a layer, channels last; of a transposed convolution those of `window`, or of its output where there is none.
fn channels_last_sums(
    shape: &Shape,
    layout: Layout,
    input: &[i8],
    weights: &[i8],
    post: &LayerPost,
    window: Option<Window>,
) -> Result<Vec<i32>> {
    shape.nest()?;
    let (inputs, outputs) = extents(shape, window);
    if inputs.max(outputs) > MAX_ELEMENTS {
        return Err(Diagnostic::new(
            Code::BadSize,
            format!("a layer of {inputs} input and {outputs} output elements"),
        )
        .expected(format!("at most {MAX_ELEMENTS}")));
    }
    for (what, have, want) in [
        ("input elements", input.len(), inputs),
        ("weights", weights.len(), shape.filter_count()?),
        ("output channels", post.channels.len(), shape.parameter_sets()),
    ] {
        if have as u64 != want {
            return Err(mismatch(what, have, want as usize));
        }
    }
    match shape {
        Shape::Add(sum) => return addition(sum, layout, input, weights, post),
        Shape::Maxpool(pooling) => return greatest(pooling, layout, input, weights, post),
        Shape::Conv(_) | Shape::Matmul(_) => {}
    }
    let biases = biases(weights, post)?;
    let zero = i16::from(post.input_zero_point);
    let centred: Vec<i16> = input.iter().map(|&x| i16::from(x) - zero).collect();
    Ok(match shape {
        Shape::Conv(conv) => {
            let maps = match layout {
                Layout::ChannelsLast => centred,
                Layout::ChannelsFirst => host::swap_axes(&centred, conv.C as usize, (conv.H * conv.W) as usize),
            };
            if conv.transposed {
                let window = window.unwrap_or_else(|| output_window(conv));
                kernels::transposed(conv, window, &maps, weights, &biases)
            } else {
                kernels::convolve(conv, &maps, weights, &biases)
            }
        }
        Shape::Matmul(product) => kernels::products(product, &centred, weights, &biases),
        Shape::Add(_) | Shape::Maxpool(_) => Vec::new(),
    })
}

/// What the array makes of a pooling, channels last: the greatest input of each window, as 0 to 255, and the bias. Padded
/// positions hold the input's zero point.
fn greatest(pooling: &Pooling, layout: Layout, input: &[i8], weights: &[i8], post: &LayerPost) -> Result<Vec<i32>> {
    if weights.iter().any(|&w| w != 1) {
        return Err(Diagnostic::new(Code::Malformed, "a pooling with weights other than 1"));
    }
    if post.channels.iter().any(|c| c.bias > i32::MAX - 255) {
        return Err(Diagnostic::new(Code::BadSize, "sums can overflow 32 bits"));
    }
    let maps = match layout {
        Layout::ChannelsLast => input.to_vec(),
        Layout::ChannelsFirst => host::swap_axes(input, pooling.C as usize, (pooling.H * pooling.W) as usize),
    };
    let values = kernels::greatest(pooling, &maps, post.input_zero_point);
    let biases = post.channels.iter().cycle();
    Ok(values
        .iter()
        .zip(biases)
        .map(|(&v, c)| c.bias + i32::from(v) + 128)
        .collect())
}

/// Sums of an addition, channels last: each operand times a multiplier of two digits, of which the bias knows the zero points.
fn addition(sum: &Addition, layout: Layout, input: &[i8], weights: &[i8], post: &LayerPost) -> Result<Vec<i32>> {
    let channels = sum.C as usize;
    let maps = match layout {
        Layout::ChannelsLast => input.to_vec(),
        Layout::ChannelsFirst => host::swap_axes(input, channels, (sum.H * sum.W) as usize),
    };
    let (first, second) = maps.split_at(maps.len() / 2);
    let multipliers = weights.as_chunks::<4>().0.iter();
    let sides: Vec<[i32; 2]> = multipliers
        .map(|&[a, ah, b, bh]| [[a, ah], [b, bh]].map(|[low, high]| i32::from(low) + 256 * i32::from(high)))
        .collect();
    let reach = |c: &ChannelParams, m: &[i32; 2]| {
        i64::from(c.bias.unsigned_abs()) + m.iter().map(|m| 128 * i64::from(m.unsigned_abs())).sum::<i64>()
    };
    if post
        .channels
        .iter()
        .zip(&sides)
        .any(|(c, m)| reach(c, m) > i64::from(i32::MAX))
    {
        return Err(Diagnostic::new(Code::BadSize, "sums can overflow 32 bits"));
    }
    let pairs = first.iter().zip(second).zip(post.channels.iter().zip(&sides).cycle());
    Ok(pairs
        .map(|((&a, &b), (channel, [ma, mb]))| channel.bias + i32::from(a) * ma + i32::from(b) * mb)
        .collect())
}

/// Channels-last outputs of a layer in the layout that is wanted.
fn restore<T: Copy>(shape: &Shape, layout: Layout, values: Vec<T>) -> Vec<T> {
    match (shape, layout) {
        (Shape::Conv(conv), Layout::ChannelsFirst) => {
            let [rows, cols] = conv.output().unwrap_or_default();
            host::swap_axes(&values, (rows * cols) as usize, conv.K as usize)
        }
        (Shape::Maxpool(pooling), Layout::ChannelsFirst) => {
            let [rows, cols] = pooling.output().unwrap_or_default();
            host::swap_axes(&values, (rows * cols) as usize, pooling.C as usize)
        }
        (Shape::Add(sum), Layout::ChannelsFirst) => host::swap_axes(&values, (sum.H * sum.W) as usize, sum.C as usize),
        _ => values,
    }
}

/// The output of a transposed convolution within what it would be without padding.
fn output_window(conv: &Conv) -> Window {
    Window {
        first: [conv.pad[0], conv.pad[1]].map(|v| v as usize),
        size: conv.output().unwrap_or_default().map(|v| v as usize),
    }
}

/// Elements of input and of output, or of a window of a transposed convolution's.
fn extents(shape: &Shape, window: Option<Window>) -> (u64, u64) {
    let product = |factors: [u32; 4]| factors.iter().fold(1u64, |a, &b| a.saturating_mul(b.into()));
    match shape {
        Shape::Conv(c) => {
            let [rows, cols] = window.map_or_else(|| c.output().unwrap_or_default(), |w| w.size.map(|v| v as u32));
            (product([c.N, c.C, c.H, c.W]), product([c.N, c.K, rows, cols]))
        }
        Shape::Matmul(m) => (product([m.batch, m.M, m.K, 1]), product([m.batch, m.M, m.N, 1])),
        Shape::Add(a) => {
            let one = product([a.N, a.C, a.H, a.W]);
            (one.saturating_mul(2), one)
        }
        Shape::Maxpool(p) => {
            let [rows, cols] = p.output().unwrap_or_default();
            (product([p.N, p.C, p.H, p.W]), product([p.N, p.C, rows, cols]))
        }
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

fn add(form: &AddOp, tensors: [&Tensor; 3], a: &[i8], b: &[i8]) -> Result<Vec<i8>> {
    if form.lo > form.hi {
        return Err(Diagnostic::new(Code::Malformed, "the addition's range is empty"));
    }
    let [ta, tb, to] = tensors;
    let centred = |value: i8, tensor: &Tensor| i32::from(value) - i32::from(tensor.zero_point);
    let sums = |sum: &dyn Fn(i32, i32) -> i64| {
        let pairs = a.iter().zip(b);
        pairs
            .map(|(&a, &b)| {
                let sum = sum(centred(a, ta), centred(b, tb)) + i64::from(to.zero_point);
                sum.clamp(form.lo.into(), form.hi.into()) as i8
            })
            .collect()
    };
    match form.form {
        AddForm::OrtX86 => Ok(add_float(form, tensors, a, b)),
        AddForm::Single(p) if (1..=62).contains(&p.shift) => Ok(sums(&|a, b| p.sum(a, b))),
        AddForm::Single(_) => Err(Diagnostic::new(
            Code::Malformed,
            "the addition's parameters are impossible",
        )),
        AddForm::Reference(p) => {
            // Each side has 511 values: what is added are table entries.
            let table = |side: &dyn Fn(i32) -> i64| -> Vec<i64> { (-255..=255).map(side).collect() };
            let (ta, tb) = (table(&|v| p.scaled_a(v)), table(&|v| p.scaled_b(v)));
            let entry = |table: &[i64], v: i32| table.get((v + 255) as usize).copied().unwrap_or_default();
            Ok(sums(&|a, b| p.finish(entry(&ta, a) + entry(&tb, b))))
        }
    }
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

/// Batch, channels, rows and columns of a feature map, and where they lie.
#[derive(Clone, Copy)]
struct Map {
    layout: Layout,
    extents: [usize; 4],
}

impl Map {
    fn index(&self, n: usize, c: usize, y: usize, x: usize) -> usize {
        let [_, channels, rows, cols] = self.extents;
        match self.layout {
            Layout::ChannelsFirst => ((n * channels + c) * rows + y) * cols + x,
            Layout::ChannelsLast => ((n * rows + y) * cols + x) * channels + c,
        }
    }
}

fn map_of(graph: &QuantGraph, tensor: &Tensor) -> Result<Map> {
    let extents = graph.layout.extents(&tensor.shape).ok_or_else(|| {
        Diagnostic::new(
            Code::Malformed,
            "an operator over rows and columns of a tensor that has none",
        )
    })?;
    Ok(Map {
        layout: graph.layout,
        extents: extents.map(|e| e as usize),
    })
}

fn global_mean(mean: &MeanOp, map: Map, x: &[i8]) -> Result<Vec<i8>> {
    let [batch, channels, rows, cols] = map.extents;
    let count = i64::try_from(rows * cols).unwrap_or(i64::MAX);
    if count == 0 || count >= 1 << 22 {
        return Err(Diagnostic::new(Code::Malformed, "a mean over too large a map"));
    }
    let zeros = count * i64::from(mean.post.input_zero_point);
    let images = (0..batch).flat_map(|n| (0..channels).map(move |c| (n, c)));
    Ok(images
        .map(|(n, c)| {
            let positions = (0..rows).flat_map(|y| (0..cols).map(move |x| (y, x)));
            let values = positions.filter_map(|(y, col)| x.get(map.index(n, c, y, col)));
            let sum: i64 = values.map(|&v| i64::from(v)).sum();
            mean.post.finish(mean.rule.value((sum - zeros) as i32))
        })
        .collect())
}

fn average_pool(average: &AverageOp, maps: [Map; 2], x: &[i8]) -> Result<Vec<i8>> {
    windows(&average.pool, maps, x, |window| {
        let (mut sum, mut divisor) = (0, 0);
        for value in window {
            sum += i32::from(value);
            divisor += 1;
        }
        average.post.finish(Requantizer::Quotient { divisor }.value(sum))
    })
}

/// Makes each output of the inputs in its window; positions in the padding are left out.
fn windows(
    pool: &Pool,
    [from, to]: [Map; 2],
    input: &[i8],
    make: impl Fn(&mut dyn Iterator<Item = i8>) -> i8,
) -> Result<Vec<i8>> {
    let [batch, channels, height, width] = from.extents;
    let [to_batch, to_channels, rows, cols] = to.extents;
    if (batch, channels) != (to_batch, to_channels) {
        return Err(mismatch("output channels", to_channels, channels));
    }
    let span = |i: usize, at: usize, size: usize| {
        let start = at as i64 * i64::from(pool.stride[i]) - i64::from(pool.pad[i]);
        let positions = (0..pool.kernel[i]).map(move |t| start + i64::from(t) * i64::from(pool.dilation[i]));
        positions
            .filter(move |p| (0..size as i64).contains(p))
            .map(|p| p as usize)
    };
    let mut out = vec![0; batch * channels * rows * cols];
    for n in 0..batch {
        for (y, x) in (0..rows).flat_map(|y| (0..cols).map(move |x| (y, x))) {
            for c in 0..channels {
                let positions = span(0, y, height).flat_map(|row| span(1, x, width).map(move |col| (row, col)));
                let mut values = positions.filter_map(|(row, col)| input.get(from.index(n, c, row, col)).copied());
                out[to.index(n, c, y, x)] = make(&mut values);
            }
        }
    }
    Ok(out)
}

#[cfg(test)]
#[path = "golden_tests.rs"]
mod tests;
