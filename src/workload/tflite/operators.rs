//! The operators of a TFLite network: parameters, rules and completion.

use super::model::{ElementType, OperatorInfo, TensorInfo};
use super::shapes::{Pads, code, convolution, layer_name, product, same, same_padding, size};
use super::{Reader, Value, malformed, type_error, unsupported};
use crate::base::diag::{Code, Diagnostic, Result};
use crate::workload::graph::{
    AddForm, AddOp, AverageOp, MacOp, MeanOp, Op, OpKind, Pool, Port, QuantizeForm, Semantics, SoftmaxForm, Tensor,
    TensorId,
};
use crate::workload::layer::{Layer, Shape};
use crate::workload::quant::{
    AddParams, AddReference, LayerRules, Requantizer, encode_layer, fp32_scale, quantize_multiplier,
};

/// What the reader supports, as an error says it.
const SUPPORTED: &str = "ADD, AVERAGE_POOL_2D, CONCATENATION, CONV_2D, DEPTHWISE_CONV_2D, DEQUANTIZE, FULLY_CONNECTED, \
                         LOG_SOFTMAX, MAX_POOL_2D, MEAN, PAD, QUANTIZE, RESHAPE, SOFTMAX, TRANSPOSE";

/// The fused activation's bounds: none, ReLU, ReLU to 1, ReLU6. Quotients in float32, halves away from zero.
fn clamp(activation: i8, to: &Tensor) -> Result<(i8, i8)> {
    let bound = |real: f32| to.quantize_as(real, QuantizeForm::QuotientAway);
    match activation {
        0 => Ok((i8::MIN, i8::MAX)),
        1 => Ok((bound(0.0), i8::MAX)),
        2 => Ok((bound(-1.0), bound(1.0))),
        3 => Ok((bound(0.0), bound(6.0))),
        other => {
            Err(unsupported(format!("fused activation {other} of the TFLite schema")).expected("none, ReLU or ReLU6"))
        }
    }
}

impl<'a> Reader<'a> {
    pub(super) fn operator(&mut self, operator: &'a OperatorInfo<'a>, index: usize) -> Result<()> {
        let name = layer_name(operator, index);
        match operator.code {
            code::CONV_2D | code::DEPTHWISE_CONV_2D => self.convolution(operator, name),
            code::FULLY_CONNECTED => self.fully_connected(operator, name),
            code::ADD => self.add(operator, name),
            code::AVERAGE_POOL_2D | code::MAX_POOL_2D => self.pool(operator, name),
            code::MEAN => self.mean(operator, name),
            code::SOFTMAX => self.softmax(operator, name),
            code::RESHAPE | code::SQUEEZE | code::EXPAND_DIMS => self.reshape(operator, name),
            code::PAD => self.pad(operator, name),
            code::TRANSPOSE => self.transpose(operator, name),
            code::CONCATENATION => self.concat(operator, name),
            code::QUANTIZE => self.quantize(operator),
            code::DEQUANTIZE | code::LOG_SOFTMAX => self.real(operator),
            _ => Err(unsupported(format!("operator `{}` is not supported", operator.name()))
                .expected(SUPPORTED)
                .next("search the network's shapes: `naas search` and `naas map` need no more")),
        }
    }

    fn operand(operator: &OperatorInfo, i: usize) -> Result<i32> {
        let operand = operator.inputs.get(i).copied().filter(|&t| t >= 0);
        operand.ok_or_else(|| malformed(format!("the operator lacks input {}", i + 1)))
    }

    fn only_output(operator: &OperatorInfo) -> Result<i32> {
        match operator.outputs.as_slice() {
            &[output] => Ok(output),
            outputs => Err(malformed(format!("the operator has {} outputs", outputs.len()))),
        }
    }

    /// The int8 activation that is input `i`.
    fn activation(&self, operator: &OperatorInfo, i: usize) -> Result<TensorId> {
        let index = Self::operand(operator, i)?;
        match self.value(index)? {
            Value::Quantized(id) => Ok(id),
            Value::Real(..) | Value::FloatInput => Err(type_error(index, self.info(index)?)),
            Value::Unknown if !self.info(index)?.data.is_empty() => Err(unsupported(format!(
                "operand {index} of {} is a constant",
                operator.name()
            ))),
            Value::Unknown => Err(malformed(format!("nothing before this operator writes tensor {index}"))),
        }
    }

    /// An int8 output of the declared shape, which must be `shape`.
    fn output_of(&mut self, operator: &OperatorInfo, shape: &[u32]) -> Result<(TensorId, i32)> {
        let index = Self::only_output(operator)?;
        let declared = &self.info(index)?.shape;
        if declared != shape {
            return Err(malformed(format!("the output has shape {declared:?}")).expected(format!("{shape:?}")));
        }
        Ok((self.add_tensor(index)?, index))
    }

    pub(super) fn port(&self, index: i32, tensor: TensorId, float: bool) -> Result<Port> {
        let form = match self.graph.semantics {
            Semantics::Xnnpack => QuantizeForm::ReciprocalEven,
            _ => QuantizeForm::QuotientAway,
        };
        Ok(Port {
            form,
            ..Port::new(self.info(index)?.name.clone(), tensor, float)
        })
    }

    /// The activation that a convolution reads: behind a padding operator the one in front of it, with the padding.
    fn unpadded(&self, id: TensorId) -> (TensorId, Pads) {
        let pad = self.graph.ops.iter().rev().find(|op| op.output == id);
        if let Some((OpKind::Pad(pads), &[input])) = pad.map(|op| (&op.kind, op.inputs.as_slice()))
            && let &[[0, 0], [top, bottom], [left, right], [0, 0]] = pads.as_slice()
        {
            return (input, [top, left, bottom, right]);
        }
        (id, [0; 4])
    }

    fn convolution(&mut self, operator: &OperatorInfo, name: String) -> Result<()> {
        let input = self.info(Self::operand(operator, 0)?)?;
        let weights = self.info(Self::operand(operator, 1)?)?;
        let (id, carried) = self.unpadded(self.activation(operator, 0)?);
        let conv = convolution(operator, input, weights, carried)?;
        let shape = Shape::Conv(conv);
        shape.check()?;
        let [rows, cols] = conv.output().unwrap_or_default();
        let depthwise = operator.code == code::DEPTHWISE_CONV_2D;
        let activation = operator.small_option(if depthwise { 4 } else { 3 })?;
        let channel_axis = if depthwise { 3 } else { 0 };
        let values = self.weights(weights, conv.K, channel_axis)?;
        let per_group = (conv.C / conv.groups) as usize;
        // To output channel, input channel, row, column: depthwise weights have the output channel innermost.
        let values = if depthwise {
            interleaved(&values, conv.K as usize)
        } else {
            let filters = values.chunks((per_group * (conv.R * conv.S) as usize).max(1));
            filters.flat_map(|f| interleaved(f, per_group)).collect()
        };
        let output = self.output_of(operator, &[conv.N, rows, cols, conv.K])?;
        self.mac(
            operator,
            Layer { name, shape },
            id,
            output,
            (weights, values),
            activation,
        )
    }

    fn fully_connected(&mut self, operator: &OperatorInfo, name: String) -> Result<()> {
        if operator.small_option(1)? != 0 {
            return Err(unsupported("shuffled weights").expected("weights in the default format"));
        }
        let input = self.info(Self::operand(operator, 0)?)?;
        let weights = self.info(Self::operand(operator, 1)?)?;
        let id = self.activation(operator, 0)?;
        let matmul = product(input, weights)?;
        let shape = Shape::Matmul(matmul);
        shape.check()?;
        let values = self.weights(weights, matmul.N, 0)?;
        let index = Self::only_output(operator)?;
        let declared = self.info(index)?;
        if declared.shape.last() != Some(&matmul.N)
            || declared.len() as u64 != u64::from(matmul.M) * u64::from(matmul.N)
        {
            return Err(malformed(format!("the output has shape {:?}", declared.shape))
                .expected(format!("{} rows of {} outputs", matmul.M, matmul.N)));
        }
        let output = (self.add_tensor(index)?, index);
        let activation = operator.small_option(0)?;
        self.mac(
            operator,
            Layer { name, shape },
            id,
            output,
            (weights, values),
            activation,
        )
    }

    /// Int8 weights in the file's order, checked to be symmetric.
    fn weights(&mut self, info: &TensorInfo, channels: u32, axis: i32) -> Result<Vec<i8>> {
        let place = || format!("weights `{}`", info.name);
        if info.element != ElementType::Int8 || info.sparse {
            return Err(unsupported("weights that are not plain int8")
                .at(place())
                .next("quantize the network to int8"));
        }
        if info.data.len() != info.len() {
            return Err(malformed(format!(
                "weights of shape {:?} hold {} bytes",
                info.shape,
                info.data.len()
            ))
            .at(place()));
        }
        if info.zero_points.iter().any(|&z| z != 0) {
            return Err(unsupported("weights with a zero point")
                .at(place())
                .expected("zero point 0"));
        }
        let per_channel = info.scales.len() == channels as usize && (channels == 1 || info.axis == axis);
        if info.scales.len() != 1 && !per_channel {
            return Err(
                unsupported(format!("{} scales along axis {}", info.scales.len(), info.axis))
                    .at(place())
                    .expected(format!("one scale, or {channels} along axis {axis}")),
            );
        }
        self.budget = self.budget.checked_sub(info.data.len()).ok_or_else(|| {
            Diagnostic::new(
                Code::BadSize,
                "layers share weights more often than the file's size justifies",
            )
        })?;
        Ok(info.data.iter().map(|&b| b as i8).collect())
    }

    /// The int32 bias, zeros where there is none.
    fn bias(&self, operator: &OperatorInfo, channels: usize, input_scale: f32, scales: &[f32]) -> Result<Vec<i32>> {
        let Some(&index) = operator.inputs.get(2).filter(|&&t| t >= 0) else {
            return Ok(vec![0; channels]);
        };
        let info = self.info(index)?;
        let values = info.integers()?;
        if values.len() != channels {
            return Err(malformed(format!(
                "{} biases for {channels} output channels",
                values.len()
            )));
        }
        // The accumulator counts in units of input scale times weight scale, and so must the bias.
        for (have, weight) in info.scales.iter().zip(scales) {
            let want = input_scale * weight;
            if (have - want).abs() > want * 1e-5 {
                return Err(unsupported(format!("a bias of scale {have}"))
                    .expected(format!("input scale times weight scale, {want}")));
            }
        }
        Ok(values)
    }

    fn mac(
        &mut self,
        operator: &OperatorInfo,
        layer: Layer,
        input: TensorId,
        (output, index): (TensorId, i32),
        (info, mut weights): (&TensorInfo, Vec<i8>),
        activation: i8,
    ) -> Result<()> {
        let (from, to) = (self.graph.tensor(input)?, self.graph.tensor(output)?);
        let channels = match layer.shape {
            Shape::Conv(c) => c.K,
            Shape::Matmul(m) => m.N,
            Shape::Add(a) => a.C,
            Shape::Maxpool(p) => p.C,
        } as usize;
        let bias = self.bias(operator, channels, from.scale, &info.scales)?;
        let scales: Vec<f32> = info.scales.iter().copied().cycle().take(channels).collect();
        let connected = operator.code == code::FULLY_CONNECTED;
        let mut rules: Vec<Requantizer> = scales
            .iter()
            .map(|&weight| self.rule([from.scale, weight, to.scale], connected, info.scales.len()))
            .collect::<Result<_>>()?;
        let parts = LayerRules {
            biases: &bias,
            input_zero_point: from.zero_point,
            output_zero_point: to.zero_point,
            clamp: clamp(activation, to)?,
        };
        let post = encode_layer(&parts, &mut rules, &mut weights)?;
        let name = layer.name.clone();
        let mac = MacOp {
            layer,
            weights,
            weight_scales: scales,
            bias,
            rules,
            post,
        };
        let op = Op {
            name,
            kind: OpKind::Mac(Box::new(mac)),
            inputs: vec![input],
            output,
        };
        self.push(op, index)
    }

    /// What a channel has to compute; scales of input, weights and output.
    fn rule(&self, [x, w, y]: [f32; 3], connected: bool, weight_scales: usize) -> Result<Requantizer> {
        let double = f64::from(x) * f64::from(w) / f64::from(y);
        let gemmlowp = |scale: f64| {
            let (multiplier, exponent) = quantize_multiplier(scale)?;
            Ok(Requantizer::Gemmlowp { multiplier, exponent })
        };
        match self.graph.semantics {
            Semantics::Xnnpack => Ok(Requantizer::Float32 {
                scale: fp32_scale(x, w, y),
            }),
            Semantics::Reference if connected => Ok(Requantizer::HalfAway { scale: double }),
            // Micro multiplies the two scales of a fully connected layer in float32 first.
            Semantics::Micro if connected && weight_scales == 1 => gemmlowp(f64::from(x * w) / f64::from(y)),
            _ => gemmlowp(double),
        }
    }

    fn add(&mut self, operator: &OperatorInfo, name: String) -> Result<()> {
        let inputs = vec![self.activation(operator, 0)?, self.activation(operator, 1)?];
        let [a, b] = [self.graph.tensor(inputs[0])?, self.graph.tensor(inputs[1])?];
        if a.shape != b.shape {
            return Err(
                unsupported(format!("an addition of shapes {:?} and {:?}", a.shape, b.shape))
                    .expected("two tensors of one shape"),
            );
        }
        let (scales, shape) = ([a.scale, b.scale], a.shape.clone());
        let (output, index) = self.output_of(operator, &shape)?;
        let to = self.graph.tensor(output)?;
        let form = match self.graph.semantics {
            Semantics::Xnnpack => AddForm::Single(AddParams::xnnpack(scales[0], scales[1], to.scale)?),
            _ => AddForm::Reference(AddReference::new(scales[0], scales[1], to.scale)?),
        };
        let (lo, hi) = clamp(operator.small_option(0)?, to)?;
        let kind = OpKind::Add(AddOp { form, lo, hi });
        self.push(
            Op {
                name,
                kind,
                inputs,
                output,
            },
            index,
        )
    }

    fn pool(&mut self, operator: &OperatorInfo, name: String) -> Result<()> {
        let id = self.activation(operator, 0)?;
        let from = self.graph.tensor(id)?;
        let &[n, rows, cols, c] = from.shape.as_slice() else {
            return Err(
                unsupported(format!("pooling of a tensor of shape {:?}", from.shape)).expected("four dimensions")
            );
        };
        let kernel = [
            size(operator, 4, 0, "the window's height")?,
            size(operator, 3, 0, "the window's width")?,
        ];
        let stride = [
            size(operator, 2, 1, "the stride over rows")?,
            size(operator, 1, 1, "the stride over columns")?,
        ];
        let (sides, pad) = if same_padding(operator)? {
            let [y, top, bottom] = same(rows, kernel[0], stride[0], 1);
            let [x, left, right] = same(cols, kernel[1], stride[1], 1);
            ([y, x], [top, left, bottom, right])
        } else if kernel[0] <= rows && kernel[1] <= cols {
            (
                [(rows - kernel[0]) / stride[0] + 1, (cols - kernel[1]) / stride[1] + 1],
                [0; 4],
            )
        } else {
            return Err(malformed(format!("a window of {kernel:?} in a map of {rows} x {cols}")));
        };
        let before = (from.scale, from.zero_point);
        let (output, index) = self.output_of(operator, &[n, sides[0], sides[1], c])?;
        let to = self.graph.tensor(output)?;
        if before != (to.scale, to.zero_point) {
            return Err(unsupported("pooling that changes the scale")
                .expected("the same scale and zero point before and after"));
        }
        let range = clamp(operator.small_option(5)?, to)?;
        let pool = Pool {
            kernel,
            stride,
            pad,
            dilation: [1, 1],
        };
        let kind = if operator.code == code::AVERAGE_POOL_2D {
            OpKind::AveragePool(Box::new(AverageOp::new(pool, range)?))
        } else if range == (i8::MIN, i8::MAX) {
            OpKind::MaxPool(pool)
        } else {
            return Err(unsupported("MAX_POOL_2D with an activation that narrows its range"));
        };
        self.push(
            Op {
                name,
                kind,
                inputs: vec![id],
                output,
            },
            index,
        )
    }

    fn mean(&mut self, operator: &OperatorInfo, name: String) -> Result<()> {
        let id = self.activation(operator, 0)?;
        let axes = self.info(Self::operand(operator, 1)?)?.integers()?;
        let from = self.graph.tensor(id)?;
        let rank = from.shape.len() as i32;
        let mut axes: Vec<i32> = axes.into_iter().map(|a| if a < 0 { a + rank } else { a }).collect();
        axes.sort_unstable();
        let (&[n, rows, cols, c], [1, 2]) = (from.shape.as_slice(), axes.as_slice()) else {
            return Err(
                unsupported(format!("a mean over axes {axes:?} of shape {:?}", from.shape))
                    .expected("over rows and columns of a feature map"),
            );
        };
        let from = from.clone();
        let kept = operator.small_option(0)? != 0;
        let shape = if kept { vec![n, 1, 1, c] } else { vec![n, c] };
        let (output, index) = self.output_of(operator, &shape)?;
        let to = self.graph.tensor(output)?;
        let count = u64::from(rows) * u64::from(cols);
        let rule = mean_rule(self.graph.semantics, &from, to, count)?;
        let mean = MeanOp::new(rule, count, (&from, to), (i8::MIN, i8::MAX))?;
        self.push(
            Op {
                name,
                kind: OpKind::Mean(Box::new(mean)),
                inputs: vec![id],
                output,
            },
            index,
        )
    }

    fn softmax(&mut self, operator: &OperatorInfo, name: String) -> Result<()> {
        let id = self.activation(operator, 0)?;
        let (scale, shape) = {
            let from = self.graph.tensor(id)?;
            (from.scale, from.shape.clone())
        };
        let beta = operator.options.map_or(Ok(1.0), |o| o.number::<f32>(0, 0.0))?;
        let (output, index) = self.output_of(operator, &shape)?;
        let to = self.graph.tensor(output)?;
        if to.scale != 1.0 / 256.0 || to.zero_point != i8::MIN || !(beta.is_finite() && beta > 0.0) {
            return Err(unsupported("a softmax of another output scale, zero point or beta")
                .expected("scale 1/256, zero point -128, beta above zero"));
        }
        let form = if self.graph.semantics == Semantics::Xnnpack {
            SoftmaxForm::Table { step: scale * beta }
        } else {
            // 26 fraction bits, saturated at 31 bits.
            let scaled = f64::from(beta) * f64::from(scale) * f64::from(1u32 << 26);
            let (multiplier, shift) = quantize_multiplier(scaled.min(f64::from(i32::MAX)))?;
            let shift = u8::try_from(shift)
                .map_err(|_| unsupported(format!("a softmax of inputs of scale {scale}")).expected("at least 2^-26"))?;
            SoftmaxForm::Fixed { multiplier, shift }
        };
        self.push(
            Op {
                name,
                kind: OpKind::Softmax(form),
                inputs: vec![id],
                output,
            },
            index,
        )
    }

    /// An operator that moves elements without changing them: the same scale before and after.
    fn moved(
        &mut self,
        name: String,
        kind: OpKind,
        inputs: Vec<TensorId>,
        (output, index): (TensorId, i32),
    ) -> Result<()> {
        let to = self.graph.tensor(output)?;
        for &id in &inputs {
            let from = self.graph.tensor(id)?;
            if (from.scale, from.zero_point) != (to.scale, to.zero_point) {
                return Err(unsupported("an operator that only moves values changes their scale")
                    .expected("the same scale and zero point before and after"));
            }
        }
        self.push(
            Op {
                name,
                kind,
                inputs,
                output,
            },
            index,
        )
    }

    fn reshape(&mut self, operator: &OperatorInfo, name: String) -> Result<()> {
        let id = self.activation(operator, 0)?;
        let elements = self.graph.tensor(id)?.len();
        let index = Self::only_output(operator)?;
        let output = self.add_tensor(index)?;
        let to = self.graph.tensor(output)?;
        if to.len() != elements {
            return Err(
                malformed(format!("the output of shape {:?} has other elements", to.shape))
                    .expected(format!("{elements} elements")),
            );
        }
        self.moved(name, OpKind::Reshape, vec![id], (output, index))
    }

    fn pad(&mut self, operator: &OperatorInfo, name: String) -> Result<()> {
        let id = self.activation(operator, 0)?;
        let info = self.info(Self::operand(operator, 1)?)?;
        let from = self.graph.tensor(id)?;
        let pads: Option<Vec<[u32; 2]>> = info
            .integers()?
            .as_chunks::<2>()
            .0
            .iter()
            .map(|&[before, after]| Some([u32::try_from(before).ok()?, u32::try_from(after).ok()?]))
            .collect();
        let pads = pads
            .filter(|p| p.len() == from.shape.len())
            .ok_or_else(|| malformed("padding that does not fit its tensor"))?;
        let padded = from.shape.iter().zip(&pads);
        let shape: Vec<u32> = padded
            .map(|(&d, p)| d.saturating_add(p[0]).saturating_add(p[1]))
            .collect();
        let output = self.output_of(operator, &shape)?;
        self.moved(name, OpKind::Pad(pads), vec![id], output)
    }

    fn transpose(&mut self, operator: &OperatorInfo, name: String) -> Result<()> {
        let id = self.activation(operator, 0)?;
        let order = self.info(Self::operand(operator, 1)?)?.integers()?;
        let from = self.graph.tensor(id)?;
        let order: Vec<usize> = order.iter().filter_map(|&a| usize::try_from(a).ok()).collect();
        let mut sorted = order.clone();
        sorted.sort_unstable();
        if !sorted.into_iter().eq(0..from.shape.len()) {
            return Err(malformed(format!("{order:?} is no order of {} axes", from.shape.len())));
        }
        let shape: Vec<u32> = order.iter().filter_map(|&a| from.shape.get(a).copied()).collect();
        let output = self.output_of(operator, &shape)?;
        self.moved(name, OpKind::Transpose(order), vec![id], output)
    }

    fn concat(&mut self, operator: &OperatorInfo, name: String) -> Result<()> {
        let inputs: Vec<TensorId> = (0..operator.inputs.len())
            .map(|i| self.activation(operator, i))
            .collect::<Result<_>>()?;
        if operator.small_option(1)? != 0 {
            return Err(unsupported("a concatenation with an activation"));
        }
        let first = self.graph.tensor(self.activation(operator, 0)?)?;
        let mut shape = first.shape.clone();
        let axis = operator.option(0, 0)?;
        let axis = if axis < 0 { axis + shape.len() as i32 } else { axis };
        let axis = usize::try_from(axis)
            .ok()
            .filter(|&a| a < shape.len())
            .ok_or_else(|| malformed(format!("there is no axis {axis} to concatenate along")))?;
        for &id in &inputs[1..] {
            let other = &self.graph.tensor(id)?.shape;
            let fits = other.len() == shape.len() && (0..shape.len()).all(|i| i == axis || other[i] == shape[i]);
            if !fits {
                return Err(malformed(format!(
                    "shapes {shape:?} and {other:?} cannot be concatenated"
                )));
            }
            shape[axis] = shape[axis].saturating_add(other[axis]);
        }
        let output = self.output_of(operator, &shape)?;
        self.moved(name, OpKind::Concat(axis), inputs, output)
    }

    /// QUANTIZE: of a declared float32 input, which becomes the network's int8 input.
    fn quantize(&mut self, operator: &OperatorInfo) -> Result<()> {
        let index = Self::operand(operator, 0)?;
        if self.value(index)? != Value::FloatInput {
            return Err(unsupported("QUANTIZE of anything but a float32 input of the network"));
        }
        let shape = self.info(index)?.shape.clone();
        let (output, to) = self.output_of(operator, &shape)?;
        let port = self.port(index, output, true)?;
        self.graph.inputs.push(port);
        self.set(index, Value::Real(output, false));
        self.define(to, Value::Quantized(output))
    }

    /// DEQUANTIZE, and LOG_SOFTMAX behind it: float32 outputs of the network.
    fn real(&mut self, operator: &OperatorInfo) -> Result<()> {
        let index = Self::operand(operator, 0)?;
        let value = match (operator.code, self.value(index)?) {
            (code::DEQUANTIZE, Value::Quantized(id)) => Value::Real(id, false),
            (code::LOG_SOFTMAX, Value::Real(id, false)) => Value::Real(id, true),
            _ => return Err(unsupported(format!("{} of this tensor", operator.name()))),
        };
        let output = Self::only_output(operator)?;
        if self.info(output)?.shape != self.info(index)?.shape {
            return Err(malformed("the output has another shape than the input"));
        }
        self.define(output, value)
    }
}

/// `[outer][inner]` to `[inner][outer]`.
fn interleaved(values: &[i8], inner: usize) -> Vec<i8> {
    (0..inner)
        .flat_map(|i| values.iter().skip(i).step_by(inner.max(1)))
        .copied()
        .collect()
}

/// The rule of MEAN over `count` positions.
fn mean_rule(semantics: Semantics, from: &Tensor, to: &Tensor, count: u64) -> Result<Requantizer> {
    let too_many = || Diagnostic::new(Code::BadSize, format!("the mean of {count} values"));
    if count == 0 || count >= crate::workload::graph::MAX_WINDOW {
        return Err(too_many());
    }
    if semantics == Semantics::Xnnpack {
        let scale = from.scale / to.scale * (1.0 / count as f32);
        let zero_sum = count as i32 * i32::from(from.zero_point);
        return Ok(Requantizer::Float32Mean {
            scale,
            offset: f32::from(to.zero_point) - zero_sum as f32 * scale,
            zero_sum,
            zero_point: to.zero_point,
        });
    }
    let (multiplier, exponent) = quantize_multiplier(f64::from(from.scale) / f64::from(to.scale))?;
    // 1/count goes into the multiplier, with as many bits more as keep it below 2^31 and the shift in range.
    let more = count.ilog2().min(32).min((31 + exponent).max(0) as u32);
    Ok(Requantizer::Gemmlowp {
        multiplier: ((u64::from(multiplier) << more) / count) as u32,
        exponent: exponent - more as i32,
    })
}
