//! Reader of int8 TFLite networks.
//!
//! TFLite files are quantized as they stand: every activation has its scale and zero point, every layer its fused
//! activation. What the file does not say is how a runtime rounds, so a network is read under named [`Semantics`], which
//! decide every rule from accumulators to outputs.
//!
//! Padding that stands as an operator of its own is taken into the shape of the layers that follow it; the operator stays
//! in the graph, so that its tensor can be compared, but nothing depends on it.
//!
//! [`layers`] reads the shapes alone, of float32 networks too, and passes over operators that do not multiply.

mod flat;
mod model;
mod operators;
mod shapes;

use crate::base::diag::{Code, Diagnostic, Result};
use crate::workload::graph::{Layout, Op, QuantGraph, Semantics, Tensor, TensorId};
use crate::workload::network::Network;
use model::{ElementType, ModelInfo, OperatorInfo, TensorInfo};
use std::path::Path;

/// Decoded weights may take this many times the file's size, for layers that share weights.
const SHARING: usize = 16;

/// Reads a TFLite file; the network is named after the file.
///
/// # Errors
/// `E0101` if it cannot be read, else as [`parse`].
pub fn read(path: &Path, semantics: Semantics) -> Result<QuantGraph> {
    let (bytes, name, place) = open(path)?;
    parse(&bytes, &name, &place, semantics)
}

/// The content, the name and the place of a file.
fn open(path: &Path) -> Result<(Vec<u8>, String, String)> {
    let place = path.display().to_string();
    let bytes = std::fs::read(path).map_err(|e| {
        Diagnostic::new(Code::Unreadable, format!("the file cannot be read: {e}"))
            .at(place.clone())
            .expected("a .tflite file")
    })?;
    let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    Ok((bytes, name, place))
}

/// Reads the bytes of a TFLite file as the network `name`; `place` is what errors call the file.
///
/// Tensors are called `t` with their number in the file.
///
/// # Errors
/// `E0101` for bytes that are no complete model, `E0102` for a model that contradicts itself, `E0103` for operators, types
/// or options that are not supported (the operator is named), `E0104` for sizes of zero or beyond any use, `E0106` for
/// semantics that are not of TFLite.
pub fn parse(bytes: &[u8], name: &str, place: &str, semantics: Semantics) -> Result<QuantGraph> {
    if !matches!(semantics, Semantics::Reference | Semantics::Micro | Semantics::Xnnpack) {
        return Err(Diagnostic::new(
            Code::Usage,
            format!("semantics `{}` are not of TFLite", semantics.as_str()),
        )
        .at(place)
        .expected("reference, micro or xnnpack"));
    }
    let graph = || -> Result<QuantGraph> {
        let model = ModelInfo::read(bytes)?;
        let mut reader = Reader::new(&model, name, bytes.len(), semantics);
        reader.read()?;
        reader.graph.with_copies()
    };
    graph().map_err(|e| within(e, place))
}

/// The multiply-accumulate layers of a TFLite file, whatever its types and its other operators are.
///
/// # Errors
/// `E0101` if it cannot be read or is no complete model, `E0102` for a model that contradicts itself or does not multiply,
/// `E0104` for bad sizes.
pub fn read_layers(path: &Path) -> Result<Network> {
    let (bytes, name, place) = open(path)?;
    layers(&bytes, &name, &place)
}

/// As [`read_layers`], of bytes.
///
/// # Errors
/// As [`read_layers`].
pub fn layers(bytes: &[u8], name: &str, place: &str) -> Result<Network> {
    let network = || Network::new(name, shapes::layers(&ModelInfo::read(bytes)?)?);
    network().map_err(|e| within(e, place))
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

/// What an error calls an operator.
fn place_of(operator: &OperatorInfo, index: usize) -> String {
    format!("operator {index} `{}`", operator.name())
}

/// What is known of a tensor of the file while operators are read in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Value {
    /// Nothing has written it yet.
    Unknown,
    /// A declared float32 input that waits for its quantization.
    FloatInput,
    /// An int8 activation of the graph.
    Quantized(TensorId),
    /// The real values of an activation, perhaps through `log(softmax(x))`.
    Real(TensorId, bool),
}

struct Reader<'a> {
    model: &'a ModelInfo<'a>,
    graph: QuantGraph,
    /// One entry per tensor of the file.
    values: Vec<Value>,
    /// Weights that may still be decoded.
    budget: usize,
}

impl<'a> Reader<'a> {
    fn new(model: &'a ModelInfo<'a>, name: &str, file_bytes: usize, semantics: Semantics) -> Self {
        Self {
            model,
            graph: QuantGraph {
                name: name.to_owned(),
                semantics,
                layout: Layout::ChannelsLast,
                tensors: Vec::new(),
                ops: Vec::new(),
                inputs: Vec::new(),
                outputs: Vec::new(),
            },
            values: vec![Value::Unknown; model.tensors.len()],
            budget: file_bytes.saturating_mul(SHARING),
        }
    }

    fn read(&mut self) -> Result<()> {
        for &input in &self.model.inputs {
            self.input(input)
                .map_err(|e| within(e, &format!("input tensor {input}")))?;
        }
        for (i, operator) in self.model.operators.iter().enumerate() {
            self.operator(operator, i)
                .map_err(|e| within(e, &place_of(operator, i)))?;
        }
        if let Some(&input) = self
            .model
            .inputs
            .iter()
            .find(|&&i| self.value(i) == Ok(Value::FloatInput))
        {
            return Err(malformed(format!("input tensor {input} is never used")));
        }
        for &output in &self.model.outputs {
            self.output(output)
                .map_err(|e| within(e, &format!("output tensor {output}")))?;
        }
        if self.graph.outputs.is_empty() || self.graph.inputs.is_empty() {
            return Err(malformed("the network declares no inputs or no outputs"));
        }
        Ok(())
    }

    /// A tensor of the file.
    fn info(&self, index: i32) -> Result<&'a TensorInfo<'a>> {
        usize::try_from(index)
            .ok()
            .and_then(|i| self.model.tensors.get(i))
            .ok_or_else(|| malformed(format!("there is no tensor {index}")))
    }

    fn value(&self, index: i32) -> Result<Value> {
        usize::try_from(index)
            .ok()
            .and_then(|i| self.values.get(i).copied())
            .ok_or_else(|| malformed(format!("there is no tensor {index}")))
    }

    /// Says what a tensor of the file is; each is written once.
    fn define(&mut self, index: i32, value: Value) -> Result<()> {
        if self.value(index)? != Value::Unknown {
            return Err(malformed(format!("tensor {index} is written twice")));
        }
        self.set(index, value);
        Ok(())
    }

    fn set(&mut self, index: i32, value: Value) {
        if let Some(slot) = usize::try_from(index).ok().and_then(|i| self.values.get_mut(i)) {
            *slot = value;
        }
    }

    /// Adds the int8 activation that a tensor of the file is.
    fn add_tensor(&mut self, index: i32) -> Result<TensorId> {
        let info = self.info(index)?;
        if info.element != ElementType::Int8 {
            return Err(type_error(index, info));
        }
        let (&[scale], &[zero_point]) = (info.scales.as_slice(), info.zero_points.as_slice()) else {
            return Err(unsupported(format!(
                "tensor {index} has {} scales and {} zero points",
                info.scales.len(),
                info.zero_points.len()
            ))
            .expected("one of each per activation"));
        };
        if !(scale.is_finite() && scale > 0.0) {
            return Err(malformed(format!("tensor {index} has scale {scale}")).expected("a finite number above zero"));
        }
        let zero_point = i8::try_from(zero_point)
            .map_err(|_| malformed(format!("tensor {index} has zero point {zero_point}")).expected("-128 to 127"))?;
        self.graph.tensors.push(Tensor {
            name: format!("t{index}"),
            shape: info.shape.clone(),
            scale,
            zero_point,
            element: crate::workload::graph::Element::Int8,
        });
        Ok(self.graph.tensors.len() - 1)
    }

    fn input(&mut self, index: i32) -> Result<()> {
        let info = self.info(index)?;
        if info.element == ElementType::Float32 {
            return self.define(index, Value::FloatInput);
        }
        let id = self.add_tensor(index)?;
        self.graph.inputs.push(self.port(index, id, false)?);
        self.define(index, Value::Quantized(id))
    }

    fn output(&mut self, index: i32) -> Result<()> {
        let port = match self.value(index)? {
            Value::Quantized(id) => self.port(index, id, false)?,
            Value::Real(id, log_softmax) => crate::workload::graph::Port {
                log_softmax,
                ..self.port(index, id, true)?
            },
            Value::Unknown | Value::FloatInput => return Err(malformed("no operator writes this output")),
        };
        self.graph.outputs.push(port);
        Ok(())
    }

    fn push(&mut self, op: Op, index: i32) -> Result<()> {
        self.define(index, Value::Quantized(op.output))?;
        self.graph.ops.push(op);
        Ok(())
    }
}

fn type_error(index: i32, info: &TensorInfo) -> Diagnostic {
    let have = match info.element {
        ElementType::Float32 => "float32".into(),
        ElementType::Int32 => "int32".into(),
        ElementType::Int8 => "int8".into(),
        ElementType::Other(code) => format!("of element type {code} of the TFLite schema"),
    };
    unsupported(format!("tensor {index} `{}` is {have}", info.name))
        .expected("int8 activations and weights")
        .next("quantize the network to int8")
}

#[cfg(test)]
mod tests;
