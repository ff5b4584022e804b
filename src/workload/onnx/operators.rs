//! The operators between dequantization and quantization: shapes, parameters, and their completion.

use super::attributes::Attributes;
use super::proto::NodeProto;
use super::{
    MAX_RANK, Parameter, Reader, Value, checked_elements, checked_scale, constant, input_name, malformed, missing,
    moves, not_supported, unsupported, within,
};
use crate::base::diag::{Code, Diagnostic, Result};
use crate::workload::graph::{AddForm, AddOp, MacOp, MeanOp, Op, OpKind, Pool, QuantGraph, Tensor, TensorId};
use crate::workload::layer::{Conv, Layer, Matmul, Shape};
use crate::workload::quant::{AddParams, Fp32Layer, Requantizer, fp32_exact};

/// An operator whose output scale is not known yet.
pub(super) struct Pending {
    pub name: String,
    pub inputs: Vec<TensorId>,
    pub shape: Vec<u32>,
    /// Real range that activations allow.
    pub range: (f32, f32),
    kind: Kind,
}

enum Kind {
    Mac {
        shape: Shape,
        weights: Weights,
        bias: Vec<i32>,
    },
    Add,
    GlobalAveragePool,
    MaxPool(Pool),
    Concat(usize),
    Reshape,
}

/// Weights with the output channel outermost.
struct Weights {
    values: Vec<i8>,
    /// One per output channel.
    scales: Vec<f32>,
}

impl Pending {
    fn new(kind: Kind, inputs: Vec<TensorId>, shape: Vec<u32>) -> Self {
        Self {
            name: String::new(),
            inputs,
            shape,
            range: (f32::NEG_INFINITY, f32::INFINITY),
            kind,
        }
    }

    /// Puts a requantization in front of each input of a concatenation whose scale or zero point are not those of `output`.
    pub fn requantize_inputs(&mut self, graph: &mut QuantGraph, output: TensorId) -> Result<()> {
        if !matches!(self.kind, Kind::Concat(_)) {
            return Ok(());
        }
        let to = graph.tensor(output)?.clone();
        for (i, id) in self.inputs.iter_mut().enumerate() {
            let from = graph.tensor(*id)?;
            if (from.scale, from.zero_point) == (to.scale, to.zero_point) {
                continue;
            }
            let rule = Requantizer::Ratio {
                from: from.scale,
                to: to.scale,
            };
            let kind = MeanOp::new(rule, 1, (from, &to), (i8::MIN, i8::MAX))?;
            let name = format!("{}_input{i}", self.name);
            graph.tensors.push(Tensor {
                name: name.clone(),
                shape: from.shape.clone(),
                ..to.clone()
            });
            graph.ops.push(Op {
                name,
                kind: OpKind::Requantize(Box::new(kind)),
                inputs: vec![*id],
                output: graph.tensors.len() - 1,
            });
            *id = graph.tensors.len() - 1;
        }
        Ok(())
    }

    /// The operator that writes tensor `output`.
    pub fn complete(self, graph: &QuantGraph, output: TensorId) -> Result<Op> {
        let to = graph.tensor(output)?;
        let from = graph.tensor(*self.inputs.first().unwrap_or(&output))?;
        let clamp = (to.quantize(self.range.0), to.quantize(self.range.1));
        let kind = match self.kind {
            Kind::Mac { shape, weights, bias } => complete_mac(
                Layer {
                    name: self.name.clone(),
                    shape,
                },
                weights,
                bias,
                (from, to),
                clamp,
            )?,
            Kind::Add => {
                let other = graph.tensor(*self.inputs.get(1).unwrap_or(&output))?;
                // Scales that only the float form could add are damaged rather than meant.
                AddParams::ort_arm(from.scale, other.scale, to.scale)?;
                OpKind::Add(AddOp {
                    form: AddForm::OrtX86,
                    lo: clamp.0,
                    hi: clamp.1,
                })
            }
            Kind::GlobalAveragePool => OpKind::Mean(Box::new(average(from, to, clamp)?)),
            Kind::MaxPool(pool) => OpKind::MaxPool(pool),
            Kind::Concat(axis) => OpKind::Concat(axis),
            Kind::Reshape => OpKind::Reshape,
        };
        if moves(&kind) {
            let same = (from.scale, from.zero_point, from.element) == (to.scale, to.zero_point, to.element);
            if !same || clamp != (i8::MIN, i8::MAX) {
                return Err(
                    unsupported("an operator that only moves values changes their scale or range")
                        .expected("the same scale and zero point before and after, and no activation"),
                );
            }
        }
        Ok(Op {
            name: self.name,
            kind,
            inputs: self.inputs,
            output,
        })
    }
}

fn complete_mac(
    layer: Layer,
    mut weights: Weights,
    bias: Vec<i32>,
    (from, to): (&Tensor, &Tensor),
    clamp: (i8, i8),
) -> Result<OpKind> {
    let parts = Fp32Layer {
        input_scale: from.scale,
        input_zero_point: from.zero_point,
        weight_scales: &weights.scales,
        biases: &bias,
        output_scale: to.scale,
        output_zero_point: to.zero_point,
        clamp,
    };
    let (rules, post) = fp32_exact(&parts, &mut weights.values)?;
    Ok(OpKind::Mac(Box::new(MacOp {
        layer,
        weights: weights.values,
        weight_scales: weights.scales,
        bias,
        rules,
        post,
    })))
}

/// A mean over rows and columns, as ONNX Runtime computes `QLinearGlobalAveragePool`.
fn average(from: &Tensor, to: &Tensor, (lo, hi): (i8, i8)) -> Result<MeanOp> {
    let count: u64 = from.shape.iter().skip(2).map(|&d| u64::from(d)).product();
    let rule = Requantizer::Float32 {
        scale: from.scale / (to.scale * count as f32),
    };
    MeanOp::new(rule, count, (from, to), (lo, hi))
}

impl<'a> Reader<'a> {
    pub(super) fn operator(&mut self, node: &'a NodeProto) -> Result<Pending> {
        let pending = match node.op_type.as_str() {
            "Conv" => self.conv(node),
            "Gemm" => self.gemm(node),
            "MatMul" => self.matmul(node),
            "Add" => self.add(node),
            "GlobalAveragePool" | "AveragePool" => self.average_pool(node),
            "MaxPool" => self.max_pool(node),
            "Concat" => self.concat(node),
            "Flatten" | "Reshape" => self.reshape(node),
            other => Err(not_supported(other)),
        }?;
        checked_elements(&pending.shape)?;
        Ok(pending)
    }

    /// The quantized tensor whose real values are input `i` of a node.
    fn activation(&self, node: &NodeProto, i: usize) -> Result<(TensorId, &Tensor)> {
        let name = input_name(node, i)?;
        match self.values.get(name) {
            Some(Value::Real(id)) => Ok((*id, self.graph.tensor(*id)?)),
            Some(Value::Parameter(_)) => Err(unsupported(format!(
                "operand `{name}` of {} is a constant",
                node.op_type
            ))),
            Some(_) => Err(
                unsupported(format!("operand `{name}` of {} is not quantized", node.op_type))
                    .expected("a DequantizeLinear before the operator")
                    .next("quantize the network to int8 in QDQ form"),
            ),
            None if self.constants.contains_key(name) => Err(unsupported(format!(
                "operand `{name}` of {} is a constant",
                node.op_type
            ))),
            None => Err(missing(name)),
        }
    }

    /// A feature map: batch, channels, rows, columns.
    fn feature_map(&self, node: &NodeProto) -> Result<(TensorId, [u32; 4])> {
        let (id, tensor) = self.activation(node, 0)?;
        let shape = <[u32; 4]>::try_from(tensor.shape.as_slice()).map_err(|_| {
            unsupported(format!("{} of a tensor of shape {:?}", node.op_type, tensor.shape))
                .expected("four dimensions: batch, channels, rows, columns")
        })?;
        Ok((id, shape))
    }

    fn parameter(&self, node: &NodeProto, i: usize) -> Result<Parameter<'a>> {
        let name = input_name(node, i)?;
        match self.values.get(name) {
            Some(Value::Parameter(parameter)) => Ok(*parameter),
            Some(Value::Real(id)) => {
                let refusal = unsupported(format!("{} of two activations", node.op_type));
                Err(match self.graph.tensor(*id)?.zero_point {
                    0 => refusal.expected("constant weights: activations are not packed in the order of weights"),
                    zero => refusal.expected(format!(
                        "constant weights; multipliers take no zero point of the second operand, which is {zero}"
                    )),
                })
            }
            Some(_) => Err(unsupported(format!("weights `{name}` are computed"))
                .expected("constant int8 weights behind a DequantizeLinear")),
            None if self.constants.contains_key(name) => {
                Err(unsupported(format!("weights `{name}` are not quantized"))
                    .next("quantize the network to int8 in QDQ form"))
            }
            None => Err(missing(name)),
        }
    }

    /// Decodes int8 weights whose output channels lie on `axis`, in the file's order.
    fn weights(&mut self, parameter: &Parameter, axis: usize, channels: u32) -> Result<Weights> {
        let place = |e| within(e, &format!("tensor `{}`", parameter.data.name));
        let values = constant::bytes(parameter.data)?;
        self.budget = self.budget.checked_sub(values.values.len()).ok_or_else(|| {
            Diagnostic::new(
                Code::BadSize,
                "layers share weights more often than the file's size justifies",
            )
        })?;
        let symmetric = match parameter.zero_point {
            Some(tensor) => {
                let zero = constant::bytes(tensor)?;
                zero.element == values.element && zero.values.iter().all(|&z| z == 0)
            }
            None => values.element.offset() == 0,
        };
        if !symmetric {
            return Err(place(
                unsupported("weights with a zero point other than the middle of their range")
                    .expected("symmetric weights: zero point 0 (int8) or 128 (uint8)"),
            ));
        }
        let scales = per_channel(parameter, axis, channels).map_err(place)?;
        Ok(Weights {
            values: values.values,
            scales,
        })
    }

    /// The int32 bias of `count` channels, zeros where there is none.
    fn bias(&self, node: &NodeProto, input_scale: f32, scales: &[f32]) -> Result<Vec<i32>> {
        if node.input.get(2).is_none_or(String::is_empty) {
            return Ok(vec![0; scales.len()]);
        }
        let parameter = self.parameter(node, 2)?;
        let values = constant::int32s(parameter.data)?;
        if values.len() != scales.len() {
            return Err(malformed(format!(
                "{} biases for {} output channels",
                values.len(),
                scales.len()
            )));
        }
        if let Some(zero) = parameter.zero_point
            && constant::int32s(zero)?.iter().any(|&z| z != 0)
        {
            return Err(unsupported("a bias with a zero point").expected("zero point 0"));
        }
        // The accumulator counts in units of input scale times weight scale, and so must the bias.
        let bias_scales = per_channel(&parameter, 0, scales.len() as u32)?;
        for (have, weight) in bias_scales.iter().zip(scales) {
            let want = input_scale * weight;
            if (have - want).abs() > want * 1e-6 {
                return Err(unsupported(format!("a bias of scale {have}"))
                    .expected(format!("input scale times weight scale, {want}")));
            }
        }
        Ok(values)
    }

    fn conv(&mut self, node: &NodeProto) -> Result<Pending> {
        let (id, [n, c, h, w]) = self.feature_map(node)?;
        let parameter = self.parameter(node, 1)?;
        let dims = constant::dims(parameter.data)?;
        let [k, c_per_group, r, s] = <[u32; 4]>::try_from(dims).map_err(|dims| {
            unsupported(format!("convolution weights of shape {dims:?}")).expected("four dimensions")
        })?;
        let attributes = Attributes::of(node);
        if attributes.get("kernel_shape").is_some() && attributes.sizes("kernel_shape", 1, 1)? != [r, s] {
            return Err(malformed("`kernel_shape` is not the weights' shape"));
        }
        // A number that is no size becomes 0 groups, which fit no input.
        let groups = u32::try_from(attributes.int("group", 1)).unwrap_or(0);
        if u64::from(c_per_group) * u64::from(groups) != u64::from(c) {
            return Err(malformed(format!(
                "{groups} groups of {c_per_group} channels do not make the input's {c}"
            )));
        }
        let stride = attributes.sizes("strides", 1, 1)?;
        let dilation = attributes.sizes("dilations", 1, 1)?;
        let conv = Conv {
            N: n,
            K: k,
            C: c,
            H: h,
            W: w,
            R: r,
            S: s,
            stride,
            pad: attributes.padding([h, w], [r, s], stride, dilation)?,
            dilation,
            groups,
            transposed: false,
        };
        let shape = Shape::Conv(conv);
        shape.check()?;
        let [rows, cols] = conv.output().unwrap_or_default();
        let weights = self.weights(&parameter, 0, k)?;
        self.mac(node, id, shape, weights, vec![n, k, rows, cols])
    }

    fn mac(
        &self,
        node: &NodeProto,
        input: TensorId,
        shape: Shape,
        weights: Weights,
        output: Vec<u32>,
    ) -> Result<Pending> {
        let input_scale = self.graph.tensor(input)?.scale;
        let bias = self.bias(node, input_scale, &weights.scales)?;
        let kind = Kind::Mac { shape, weights, bias };
        Ok(Pending::new(kind, vec![input], output))
    }

    fn gemm(&mut self, node: &NodeProto) -> Result<Pending> {
        let attributes = Attributes::of(node);
        attributes.only("transA", 0)?;
        for name in ["alpha", "beta"] {
            if attributes.float(name, 1.0) != 1.0 {
                return Err(unsupported(format!("Gemm with `{name}` other than 1")));
            }
        }
        let transposed = attributes.int("transB", 0) != 0;
        if self.activation(node, 0)?.1.shape.len() != 2 {
            return Err(malformed("Gemm of a tensor that is no matrix"));
        }
        self.product(node, transposed)
    }

    fn matmul(&mut self, node: &NodeProto) -> Result<Pending> {
        self.product(node, false)
    }

    /// A matrix product; `transposed` if the weights lie as outputs x inputs.
    fn product(&mut self, node: &NodeProto, transposed: bool) -> Result<Pending> {
        let (id, tensor) = self.activation(node, 0)?;
        let mut output = tensor.shape.clone();
        let rank = output.len();
        let parameter = self.parameter(node, 1)?;
        let dims = constant::dims(parameter.data)?;
        let (Some(last), [d0, d1]) = (output.last_mut(), dims.as_slice()) else {
            return Err(unsupported(format!("weights of shape {dims:?}")).expected("a matrix"));
        };
        let (inputs, outputs) = if transposed { (*d1, *d0) } else { (*d0, *d1) };
        if rank < 2 || *last != inputs {
            return Err(malformed(format!(
                "an input of shape {output:?} does not fit weights of {inputs} inputs"
            )));
        }
        *last = outputs;
        let rows = checked_elements(&output[..rank - 1])?;
        let shape = Shape::Matmul(Matmul {
            batch: 1,
            M: u32::try_from(rows).unwrap_or(u32::MAX),
            N: outputs,
            K: inputs,
            weights: true,
        });
        shape.check()?;
        let mut weights = self.weights(&parameter, usize::from(!transposed), outputs)?;
        if !transposed {
            weights.values = transpose(&weights.values, outputs as usize);
        }
        self.mac(node, id, shape, weights, output)
    }

    fn add(&self, node: &NodeProto) -> Result<Pending> {
        let (a, ta) = self.activation(node, 0)?;
        let (b, tb) = self.activation(node, 1)?;
        if ta.shape != tb.shape {
            return Err(
                unsupported(format!("an addition of shapes {:?} and {:?}", ta.shape, tb.shape))
                    .expected("two tensors of one shape"),
            );
        }
        Ok(Pending::new(Kind::Add, vec![a, b], ta.shape.clone()))
    }

    /// A mean over the whole map, also where it is written as a window that covers the map.
    fn average_pool(&self, node: &NodeProto) -> Result<Pending> {
        let (id, [n, c, h, w]) = self.feature_map(node)?;
        if node.op_type == "AveragePool" {
            let attributes = Attributes::of(node);
            let kernel: [u32; 2] = attributes.sizes("kernel_shape", 0, 1)?;
            let pad = attributes.padding([h, w], kernel, [1, 1], [1, 1])?;
            if kernel != [h, w] || pad != [0; 4] {
                return Err(not_supported("AveragePool with a window smaller than its input"));
            }
        }
        Ok(Pending::new(Kind::GlobalAveragePool, vec![id], vec![n, c, 1, 1]))
    }

    fn max_pool(&self, node: &NodeProto) -> Result<Pending> {
        let (id, [n, c, h, w]) = self.feature_map(node)?;
        let attributes = Attributes::of(node);
        attributes.only("ceil_mode", 0)?;
        let kernel = attributes.sizes("kernel_shape", 0, 1)?;
        let stride = attributes.sizes("strides", 1, 1)?;
        let dilation = attributes.sizes("dilations", 1, 1)?;
        let pad = attributes.padding([h, w], kernel, stride, dilation)?;
        // A pooling window slides as a depthwise convolution does.
        let window = Conv {
            N: n,
            K: c,
            C: c,
            H: h,
            W: w,
            R: kernel[0],
            S: kernel[1],
            stride,
            pad,
            dilation,
            groups: c,
            transposed: false,
        };
        Shape::Conv(window).check()?;
        let reach = |i: usize| (u64::from(kernel[i]) - 1) * u64::from(dilation[i]);
        if pad.iter().enumerate().any(|(i, &p)| u64::from(p) > reach(i % 2)) {
            return Err(malformed("some pooling windows lie in the padding alone"));
        }
        let [rows, cols] = window.output().unwrap_or_default();
        let pool = Pool {
            kernel,
            stride,
            pad,
            dilation,
        };
        Ok(Pending::new(Kind::MaxPool(pool), vec![id], vec![n, c, rows, cols]))
    }

    /// Tensors one after the other along an axis.
    fn concat(&self, node: &NodeProto) -> Result<Pending> {
        let inputs: Vec<TensorId> = (0..node.input.len())
            .map(|i| self.activation(node, i).map(|(id, _)| id))
            .collect::<Result<_>>()?;
        let mut shape = self.activation(node, 0)?.1.shape.clone();
        let axis = Attributes::of(node).int("axis", 0);
        let axis = if axis < 0 { axis + shape.len() as i64 } else { axis };
        let axis = usize::try_from(axis)
            .ok()
            .filter(|&a| a < shape.len())
            .ok_or_else(|| malformed(format!("there is no axis {axis} to concatenate along")))?;
        for &id in &inputs[1..] {
            let other = &self.graph.tensor(id)?.shape;
            if other.len() != shape.len() || (0..shape.len()).any(|i| i != axis && other[i] != shape[i]) {
                return Err(malformed(format!(
                    "shapes {shape:?} and {other:?} cannot be concatenated"
                )));
            }
            shape[axis] = shape[axis].saturating_add(other[axis]);
        }
        Ok(Pending::new(Kind::Concat(axis), inputs, shape))
    }

    fn reshape(&self, node: &NodeProto) -> Result<Pending> {
        let (id, tensor) = self.activation(node, 0)?;
        let attributes = Attributes::of(node);
        let shape = if node.op_type == "Flatten" {
            let axis = attributes.int("axis", 1);
            let rank = tensor.shape.len();
            let axis = if axis < 0 { axis + rank as i64 } else { axis };
            let at = usize::try_from(axis)
                .ok()
                .filter(|&at| at <= rank)
                .ok_or_else(|| malformed(format!("attribute `axis` is {axis}")))?;
            let (outer, inner) = tensor.shape.split_at(at);
            // The tensor's own size was checked, so these products fit.
            vec![outer.iter().product(), inner.iter().product()]
        } else {
            attributes.only("allowzero", 0)?;
            let target = constant::int64s(self.constant(input_name(node, 1)?)?)?;
            reshaped(&tensor.shape, &target)?
        };
        if checked_elements(&shape)? != checked_elements(&tensor.shape)? {
            return Err(malformed(format!("shape {:?} cannot become {shape:?}", tensor.shape)));
        }
        Ok(Pending::new(Kind::Reshape, vec![id], shape))
    }
}

/// One scale per channel, from one per tensor or one per channel of `axis`.
fn per_channel(parameter: &Parameter, axis: usize, channels: u32) -> Result<Vec<f32>> {
    let scales = constant::floats(parameter.scale)?;
    scales.iter().try_for_each(|&s| checked_scale(s).map(|_| ()))?;
    let rank = parameter.data.dims.len() as i64;
    let scale_axis = if parameter.axis < 0 {
        parameter.axis + rank
    } else {
        parameter.axis
    };
    match scales.as_slice() {
        [scale] => Ok(vec![*scale; channels as usize]),
        many if many.len() == channels as usize && scale_axis == axis as i64 => Ok(scales),
        many => Err(
            unsupported(format!("{} scales along axis {}", many.len(), parameter.axis))
                .expected(format!("one, or {channels} along axis {axis}")),
        ),
    }
}

/// Turns rows of `columns` elements into columns.
fn transpose(values: &[i8], columns: usize) -> Vec<i8> {
    (0..columns)
        .flat_map(|column| values.iter().skip(column).step_by(columns).copied())
        .collect()
}

/// The shape that a `Reshape` asks for: 0 keeps an extent, one -1 takes what is left.
fn reshaped(from: &[u32], target: &[i64]) -> Result<Vec<u32>> {
    let refuse = || malformed(format!("shape {from:?} cannot become {target:?}"));
    if target.len() > MAX_RANK || target.iter().filter(|&&d| d == -1).count() > 1 {
        return Err(refuse());
    }
    let known = |(i, &d): (usize, &i64)| match d {
        0 => from.get(i).copied(),
        -1 => Some(1),
        d => u32::try_from(d).ok(),
    };
    let mut shape: Vec<u32> = target
        .iter()
        .enumerate()
        .map(known)
        .collect::<Option<_>>()
        .ok_or_else(refuse)?;
    let rest = checked_elements(from)? / checked_elements(&shape)?;
    for (extent, &d) in shape.iter_mut().zip(target) {
        if d == -1 {
            *extent = u32::try_from(rest).map_err(|_| refuse())?;
        }
    }
    Ok(shape)
}
