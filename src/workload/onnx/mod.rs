//! Reader of ONNX networks: quantized ones in QDQ form with everything that runs them, float ones as shapes (`shapes`).
//!
//! In QDQ form every quantized operator is a real-valued one between `DequantizeLinear` and `QuantizeLinear`. One pattern
//! covers all of them: operands are dequantized int8 tensors, the operator's result waits as a pending value, `Relu` and
//! `Clip` narrow the pending value's range, and the `QuantizeLinear` that follows completes it with scale and zero point.
//!
//! Bytes are decoded by hand-written messages (`proto`). Sizes are checked against the data before anything is allocated,
//! and weights that several layers share are copied only as often as the file's size justifies.

mod attributes;
mod constant;
mod operators;
pub mod proto;
mod shapes;

use crate::base::diag::{Code, Diagnostic, Result};
use crate::workload::graph::{Element, Layout, MAX_ELEMENTS, OpKind, Port, QuantGraph, Semantics, Tensor, TensorId};
use crate::workload::network::Network;
use crate::workload::onnx::operators::Pending;
use attributes::Attributes;
use prost::Message;
use proto::{GraphProto, ModelProto, NodeProto, TensorProto, ValueInfoProto, data_type};
use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// The highest rank of a tensor; no operator of the reader needs more.
const MAX_RANK: usize = 8;

/// Decoded weights may take this many times the file's size, for layers that share weights.
const SHARING: usize = 16;

/// What an ONNX file holds.
#[derive(Clone, Debug, PartialEq)]
pub enum Model {
    /// A quantized network that can run.
    Quantized(Box<QuantGraph>),
    /// The layers of a float network, enough to search and to cost.
    Shapes(Network),
}

/// Reads an ONNX file of either kind; the network is named after the file.
///
/// # Errors
/// `E0101` if it cannot be read, else as [`parse_model`].
pub fn open(path: &Path) -> Result<Model> {
    let (bytes, name, place) = file(path)?;
    parse_model(&bytes, &name, &place)
}

/// Reads a QDQ ONNX file; the network is named after the file.
///
/// # Errors
/// `E0101` if it cannot be read, else as [`parse`].
pub fn read(path: &Path) -> Result<QuantGraph> {
    let (bytes, name, place) = file(path)?;
    parse(&bytes, &name, &place)
}

/// The bytes of a file, the name of its network, and what errors call it.
fn file(path: &Path) -> Result<(Vec<u8>, String, String)> {
    let place = path.display().to_string();
    let bytes = std::fs::read(path).map_err(|e| {
        Diagnostic::new(Code::Unreadable, format!("the file cannot be read: {e}"))
            .at(place.clone())
            .expected("an .onnx file")
    })?;
    let name = path.file_stem().unwrap_or_default().to_string_lossy();
    Ok((bytes, name.into_owned(), place))
}

/// Reads the bytes of a QDQ ONNX file as the network `name`; `place` is what errors call the file.
///
/// # Errors
/// `E0101` for bytes that are no complete model, `E0102` for a model that contradicts itself, `E0103` for operators, types
/// or options that are not supported (the node is named), `E0104` for sizes of zero or beyond any use.
pub fn parse(bytes: &[u8], name: &str, place: &str) -> Result<QuantGraph> {
    let graph = decode(bytes, place)?;
    quantized(&graph, bytes.len(), name).map_err(|e| within(e, place))
}

/// Reads the bytes of an ONNX file of either kind as the network `name`: as a quantized network if any of its nodes
/// quantizes, else as shapes.
///
/// # Errors
/// As [`parse`]; of a float network, `E0103` names the node whose operator is not supported.
pub fn parse_model(bytes: &[u8], name: &str, place: &str) -> Result<Model> {
    let graph = decode(bytes, place)?;
    let quantizes = |node: &NodeProto| matches!(node.op_type.as_str(), "QuantizeLinear" | "DequantizeLinear");
    let model = if graph.node.iter().any(quantizes) {
        quantized(&graph, bytes.len(), name).map(|graph| Model::Quantized(Box::new(graph)))
    } else {
        shapes::network(&graph, name).map(Model::Shapes)
    };
    model.map_err(|e| within(e, place))
}

fn decode(bytes: &[u8], place: &str) -> Result<GraphProto> {
    let model = ModelProto::decode(bytes)
        .map_err(|e| unreadable(format!("the file is no ONNX model or is cut off: {e}")).at(place))?;
    match model.graph {
        Some(graph) if !model.opset_import.is_empty() => Ok(graph),
        _ => Err(unreadable("the file holds no complete ONNX model").at(place)),
    }
}

fn quantized(graph: &GraphProto, file_bytes: usize, name: &str) -> Result<QuantGraph> {
    let mut reader = Reader::new(name, file_bytes);
    reader.read(graph)?;
    reader.graph.with_copies()
}

fn unreadable(what: impl Into<String>) -> Diagnostic {
    Diagnostic::new(Code::Unreadable, what).next("compare the file's size with its source")
}

fn malformed(what: impl Into<String>) -> Diagnostic {
    Diagnostic::new(Code::Malformed, what)
}

fn unsupported(what: impl Into<String>) -> Diagnostic {
    Diagnostic::new(Code::Unsupported, what)
}

/// Puts an outer place in front of an error's own.
fn within(mut e: Diagnostic, outer: &str) -> Diagnostic {
    e.place = Some(match e.place {
        Some(inner) => format!("{outer}, {inner}"),
        None => outer.to_owned(),
    });
    e
}

/// What is known of a named value while nodes are read in order.
enum Value<'a> {
    /// Declared input in float32, not yet quantized.
    FloatInput(Vec<u32>),
    /// Declared 8-bit input; its scale stands at the node that dequantizes it.
    ByteInput(Vec<u32>, Element),
    /// Quantized tensor.
    Quantized(TensorId),
    /// The real values of a quantized tensor.
    Real(TensorId),
    /// A dequantized constant.
    Parameter(Parameter<'a>),
    /// Result of an operator that is not yet quantized.
    Pending(Box<Pending>),
}

/// A dequantized constant: weights or a bias.
#[derive(Clone, Copy)]
struct Parameter<'a> {
    data: &'a TensorProto,
    scale: &'a TensorProto,
    zero_point: Option<&'a TensorProto>,
    axis: i64,
}

/// Scale and zero point of a quantized activation.
struct Quantization {
    scale: f32,
    zero_point: i8,
    element: Element,
}

struct Reader<'a> {
    graph: QuantGraph,
    constants: BTreeMap<&'a str, &'a TensorProto>,
    values: BTreeMap<&'a str, Value<'a>>,
    names: BTreeSet<String>,
    /// Weights that may still be decoded.
    budget: usize,
}

impl<'a> Reader<'a> {
    fn new(name: &str, file_bytes: usize) -> Self {
        Self {
            graph: QuantGraph {
                name: name.to_owned(),
                semantics: Semantics::Fp32Exact,
                layout: Layout::ChannelsFirst,
                tensors: Vec::new(),
                ops: Vec::new(),
                inputs: Vec::new(),
                outputs: Vec::new(),
            },
            constants: BTreeMap::new(),
            values: BTreeMap::new(),
            names: BTreeSet::new(),
            budget: file_bytes.saturating_mul(SHARING),
        }
    }

    fn read(&mut self, graph: &'a GraphProto) -> Result<()> {
        for tensor in &graph.initializer {
            self.constants.insert(&tensor.name, tensor);
        }
        let declared: Vec<&ValueInfoProto> = graph
            .input
            .iter()
            .filter(|input| !self.constants.contains_key(input.name.as_str()))
            .collect();
        for input in &declared {
            let value = declared_input(input).map_err(|e| within(e, &format!("input `{}`", input.name)))?;
            self.define(&input.name, value)?;
        }
        for (i, node) in graph.node.iter().enumerate() {
            self.node(node, i).map_err(|e| within(e, &node_label(node, i)))?;
        }
        self.order_inputs(&declared)?;
        graph.output.iter().try_for_each(|output| {
            self.output(output)
                .map_err(|e| within(e, &format!("output `{}`", output.name)))
        })?;
        if self.graph.outputs.is_empty() {
            return Err(malformed("the graph declares no outputs"));
        }
        Ok(())
    }

    /// Inputs were found in the order of use; the declared order is the file's interface.
    fn order_inputs(&mut self, declared: &[&ValueInfoProto]) -> Result<()> {
        let mut found: BTreeMap<String, Port> = std::mem::take(&mut self.graph.inputs)
            .into_iter()
            .map(|port| (port.name.clone(), port))
            .collect();
        for input in declared {
            let port = found
                .remove(&input.name)
                .ok_or_else(|| malformed(format!("input `{}` is never used", input.name)))?;
            self.graph.inputs.push(port);
        }
        Ok(())
    }

    fn output(&mut self, output: &ValueInfoProto) -> Result<()> {
        let (tensor, float) = match self.values.get(output.name.as_str()) {
            Some(Value::Quantized(id)) => (*id, false),
            Some(Value::Real(id)) => (*id, true),
            Some(_) => return Err(unsupported("an output of the network is not quantized")),
            None => return Err(malformed("no node produces this output")),
        };
        self.graph.outputs.push(Port::new(output.name.clone(), tensor, float));
        Ok(())
    }

    fn define(&mut self, name: &'a str, value: Value<'a>) -> Result<()> {
        if self.constants.contains_key(name) || self.values.insert(name, value).is_some() {
            return Err(malformed(format!("value `{name}` is defined twice")));
        }
        Ok(())
    }

    fn node(&mut self, node: &'a NodeProto, index: usize) -> Result<()> {
        let output = node
            .output
            .first()
            .filter(|name| !name.is_empty())
            .ok_or_else(|| malformed("the node has no output"))?;
        if !matches!(node.domain.as_str(), "" | "ai.onnx") {
            return Err(not_supported(&format!("{}.{}", node.domain, node.op_type)));
        }
        let value = match node.op_type.as_str() {
            "Constant" => {
                let tensor = Attributes::of(node).get("value").and_then(|a| a.t.as_ref());
                let tensor = tensor.ok_or_else(|| unsupported("a `Constant` without a tensor value"))?;
                if self.constants.insert(output, tensor).is_some() {
                    return Err(malformed(format!("value `{output}` is defined twice")));
                }
                return Ok(());
            }
            "DequantizeLinear" => self.dequantize(node)?,
            "QuantizeLinear" => self.quantize(node, output)?,
            "Relu" | "Clip" => self.narrow(node)?,
            "Identity" => self.alias(input_name(node, 0)?)?,
            _ => {
                let mut pending = self.operator(node)?;
                let label = if node.name.is_empty() { output } else { &node.name };
                pending.name = self.unique(label, index);
                Value::Pending(Box::new(pending))
            }
        };
        self.define(output, value)
    }

    fn unique(&mut self, label: &str, index: usize) -> String {
        let mut name = label.to_owned();
        if self.names.contains(&name) {
            name = format!("{label}_{index}");
        }
        while !self.names.insert(name.clone()) {
            name.push('_');
        }
        name
    }

    fn alias(&mut self, name: &str) -> Result<Value<'a>> {
        match self.values.get(name) {
            Some(Value::Quantized(id)) => Ok(Value::Quantized(*id)),
            Some(Value::Real(id)) => Ok(Value::Real(*id)),
            Some(Value::Parameter(parameter)) => Ok(Value::Parameter(*parameter)),
            Some(Value::Pending(_)) => self.take_pending(name).map(Value::Pending),
            _ => Err(unsupported("`Identity` of an input or a constant")),
        }
    }

    /// Takes a pending value out: one whose result is used twice before it is quantized is not supported.
    fn take_pending(&mut self, name: &str) -> Result<Box<Pending>> {
        match self.values.remove(name) {
            Some(Value::Pending(pending)) => Ok(pending),
            _ => Err(unsupported(format!(
                "`{name}` is not the result of an operator that waits for its quantization"
            ))),
        }
    }

    /// Folds an activation into the range of the value before it.
    fn narrow(&mut self, node: &'a NodeProto) -> Result<Value<'a>> {
        let attributes = Attributes::of(node);
        let (lower, upper) = if node.op_type == "Relu" {
            (0.0, f32::INFINITY)
        } else {
            let bound = |i: usize, name: &str, default: f32| match node.input.get(i) {
                Some(input) if !input.is_empty() => one(&constant::floats(self.constant(input)?)?),
                _ => Ok(attributes.float(name, default)),
            };
            (bound(1, "min", f32::NEG_INFINITY)?, bound(2, "max", f32::INFINITY)?)
        };
        if lower.partial_cmp(&upper).is_none_or(Ordering::is_gt) {
            return Err(malformed(format!("the range {lower}..{upper} is empty")));
        }
        let mut pending = self.take_pending(input_name(node, 0)?)?;
        // Nested ranges: the later operator has the last word where they do not overlap.
        pending.range = (pending.range.0.clamp(lower, upper), pending.range.1.clamp(lower, upper));
        Ok(Value::Pending(pending))
    }

    fn dequantize(&mut self, node: &'a NodeProto) -> Result<Value<'a>> {
        let attributes = Attributes::of(node);
        attributes.only("block_size", 0)?;
        let name = input_name(node, 0)?;
        if let Some(&data) = self.constants.get(name) {
            return Ok(Value::Parameter(Parameter {
                data,
                scale: self.constant(input_name(node, 1)?)?,
                zero_point: self.optional_constant(node, 2)?,
                axis: attributes.int("axis", 1),
            }));
        }
        let value = self.values.get(name);
        let element = match value {
            Some(Value::ByteInput(_, element)) => *element,
            Some(Value::Quantized(id)) => self.graph.tensor(*id)?.element,
            Some(_) => {
                return Err(malformed(format!("`{name}` is dequantized but not quantized")));
            }
            None => return Err(missing(name)),
        };
        let quantization = self.quantization(node, Some(element))?;
        let id = match value {
            Some(Value::Quantized(id)) => *id,
            Some(Value::ByteInput(shape, _)) => {
                let shape = shape.clone();
                let id = self.add_tensor(name, shape, &quantization)?;
                self.input_port(name, id, false);
                self.values.insert(name, Value::Quantized(id));
                id
            }
            _ => return Err(missing(name)),
        };
        self.same_quantization(id, &quantization)?;
        Ok(Value::Real(id))
    }

    fn quantize(&mut self, node: &'a NodeProto, output: &'a str) -> Result<Value<'a>> {
        let attributes = Attributes::of(node);
        attributes.only("block_size", 0)?;
        attributes.only("output_dtype", 0)?;
        let quantization = self.quantization(node, None)?;
        let name = input_name(node, 0)?;
        let id = match self.values.get(name) {
            Some(Value::Real(id)) => {
                // Quantizing what was just dequantized changes nothing if scale and zero point are the same.
                let id = *id;
                self.same_quantization(id, &quantization)?;
                id
            }
            Some(Value::FloatInput(shape)) => {
                let shape = shape.clone();
                let id = self.add_tensor(output, shape, &quantization)?;
                self.input_port(name, id, true);
                id
            }
            Some(Value::Pending(_)) => {
                let mut pending = self.take_pending(name)?;
                let id = self.add_tensor(output, pending.shape.clone(), &quantization)?;
                pending.requantize_inputs(&mut self.graph, id)?;
                let op = pending.complete(&self.graph, id)?;
                self.graph.ops.push(op);
                id
            }
            Some(_) => return Err(unsupported(format!("`{name}` is quantized twice"))),
            None => return Err(missing(name)),
        };
        Ok(Value::Quantized(id))
    }

    fn same_quantization(&self, id: TensorId, q: &Quantization) -> Result<()> {
        let t = self.graph.tensor(id)?;
        let same = (t.scale, t.zero_point, t.element) == (q.scale, q.zero_point, q.element);
        if same {
            return Ok(());
        }
        Err(unsupported(format!(
            "tensor `{}` is used with another scale or zero point than it was quantized with",
            t.name
        ))
        .expected(format!("scale {} and the same zero point", t.scale)))
    }

    fn input_port(&mut self, name: &str, tensor: TensorId, float: bool) {
        if self.graph.inputs.iter().all(|port| port.name != name) {
            self.graph.inputs.push(Port::new(name, tensor, float));
        }
    }

    fn add_tensor(&mut self, name: &str, shape: Vec<u32>, q: &Quantization) -> Result<TensorId> {
        checked_elements(&shape)?;
        self.graph.tensors.push(Tensor {
            name: name.to_owned(),
            shape,
            scale: q.scale,
            zero_point: q.zero_point,
            element: q.element,
        });
        Ok(self.graph.tensors.len() - 1)
    }

    /// Scale and zero point of a `QuantizeLinear` or `DequantizeLinear`; `given` is the tensor's type if it is known.
    fn quantization(&self, node: &NodeProto, given: Option<Element>) -> Result<Quantization> {
        let scale = one(&constant::floats(self.constant(input_name(node, 1)?)?)?)?;
        let (zero_point, element) = match self.optional_constant(node, 2)? {
            Some(tensor) => {
                let bytes = constant::bytes(tensor)?;
                (one(&bytes.values)?, bytes.element)
            }
            None => match given.unwrap_or(Element::Uint8) {
                Element::Int8 => (0, Element::Int8),
                Element::Uint8 => (i8::MIN, Element::Uint8),
            },
        };
        if given.is_some_and(|given| given != element) {
            return Err(malformed("the zero point's type is not the tensor's"));
        }
        Ok(Quantization {
            scale: checked_scale(scale)?,
            zero_point,
            element,
        })
    }

    fn constant(&self, name: &str) -> Result<&'a TensorProto> {
        self.constants.get(name).copied().ok_or_else(|| {
            if self.values.contains_key(name) {
                unsupported(format!("`{name}` is computed")).expected("a constant")
            } else {
                missing(name)
            }
        })
    }

    fn optional_constant(&self, node: &NodeProto, i: usize) -> Result<Option<&'a TensorProto>> {
        match node.input.get(i) {
            Some(name) if !name.is_empty() => self.constant(name).map(Some),
            _ => Ok(None),
        }
    }
}

/// What errors call a node: its name, else its first output's, else its position.
fn node_label(node: &NodeProto, index: usize) -> String {
    let label = [&node.name, node.output.first().unwrap_or(&node.name)]
        .into_iter()
        .find(|text| !text.is_empty())
        .map_or_else(|| index.to_string(), Clone::clone);
    format!("node `{label}`")
}

fn missing(name: &str) -> Diagnostic {
    malformed(format!("nothing before this node produces `{name}`"))
}

fn not_supported(operator: &str) -> Diagnostic {
    unsupported(format!("operator `{operator}` is not supported"))
        .expected("int8 QDQ form of Conv, Gemm, MatMul, Add, GlobalAveragePool, MaxPool, Concat, Flatten, Reshape, Relu, Clip")
        .next("search the network's shapes from a workload .json file")
}

fn input_name(node: &NodeProto, i: usize) -> Result<&str> {
    node.input
        .get(i)
        .map(String::as_str)
        .filter(|name| !name.is_empty())
        .ok_or_else(|| malformed(format!("{} lacks input {}", node.op_type, i + 1)))
}

/// The only element of a list.
fn one<T: Copy>(values: &[T]) -> Result<T> {
    match values {
        [value] => Ok(*value),
        _ => Err(
            unsupported(format!("{} values where activations have one", values.len()))
                .expected("one scale, zero point or bound per tensor"),
        ),
    }
}

fn checked_scale(scale: f32) -> Result<f32> {
    if scale.is_finite() && scale > 0.0 {
        return Ok(scale);
    }
    Err(malformed(format!("a scale is {scale}")).expected("a finite number above zero"))
}

/// The number of elements of an activation, at most [`MAX_ELEMENTS`].
fn checked_elements(shape: &[u32]) -> Result<u64> {
    if shape.len() > MAX_RANK {
        return Err(
            unsupported(format!("a tensor of rank {}", shape.len())).expected(format!("at most {MAX_RANK} dimensions"))
        );
    }
    shape
        .iter()
        .try_fold(1u64, |a, &b| a.checked_mul(b.into()))
        .filter(|&n| n > 0 && n <= MAX_ELEMENTS)
        .ok_or_else(|| {
            Diagnostic::new(
                Code::BadSize,
                format!("a tensor of shape {shape:?} has no or too many elements"),
            )
            .expected(format!("1 to {MAX_ELEMENTS} elements"))
        })
}

/// Shape and type of a declared input; a variable batch is taken as 1.
fn input_shape(input: &ValueInfoProto) -> Result<(Vec<u32>, i32)> {
    let tensor = input.r#type.as_ref().and_then(|t| t.tensor_type.as_ref());
    let tensor = tensor.ok_or_else(|| malformed("the input has no tensor type"))?;
    let shape = tensor
        .shape
        .as_ref()
        .ok_or_else(|| unsupported("the input has no shape"))?;
    if shape.dim.len() > MAX_RANK {
        return Err(unsupported(format!("a tensor of rank {}", shape.dim.len())));
    }
    let shape = shape
        .dim
        .iter()
        .enumerate()
        .map(|(i, dim)| match dim.dim_value {
            Some(value) => constant::extent(value),
            None if i == 0 => Ok(1),
            None => Err(unsupported(format!("dimension {} has no fixed size", i + 1))),
        })
        .collect::<Result<Vec<u32>>>()?;
    Ok((shape, tensor.elem_type))
}

/// The value of an input of a quantized network.
fn declared_input<'a>(input: &ValueInfoProto) -> Result<Value<'a>> {
    let (shape, elem_type) = input_shape(input)?;
    match elem_type {
        data_type::FLOAT => Ok(Value::FloatInput(shape)),
        data_type::INT8 => Ok(Value::ByteInput(shape, Element::Int8)),
        data_type::UINT8 => Ok(Value::ByteInput(shape, Element::Uint8)),
        other => {
            Err(unsupported(format!("element type {other} of the ONNX schema")).expected("float32, int8 or uint8"))
        }
    }
}

/// Whether an operator moves values without changing them.
fn moves(kind: &OpKind) -> bool {
    matches!(kind, OpKind::MaxPool(_) | OpKind::Concat(_) | OpKind::Reshape)
}

#[cfg(test)]
mod tests;
