//! Reader of float ONNX networks: the shapes of their layers, nothing else.
//!
//! Nodes are visited in the file's order. Of each value its extents are known, whether it is a constant, and, for the short
//! integer vectors with which exporters compute shapes, its elements ([`Value`]). Weights are never read: their extents
//! suffice, so files whose weights lie elsewhere, or were cut off, are read as well. Every operator has one rule
//! ([`infer::Rule`]); four of them multiply and become layers ([`layers`]).

mod infer;
mod layers;
mod values;

use super::attributes::Attributes;
use super::proto::{GraphProto, NodeProto, TensorProto};
use super::{MAX_RANK, constant, input_shape, malformed, missing, node_label, unsupported, within};
use crate::base::diag::{Code, Diagnostic, Result};
use crate::workload::layer::Layer;
use crate::workload::network::Network;
use infer::Rule;
use std::collections::{BTreeMap, BTreeSet};

/// Integers that are followed through a graph: those of shapes, never those of data.
const FOLLOWED: u64 = 1024;

/// What is known of a value.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Value {
    /// Extents, outermost first; none for a scalar.
    shape: Vec<u32>,
    /// Whether it is the same for every input.
    constant: bool,
    /// Its elements, if it is a short vector (or scalar) of integers; truth values are 0 and 1.
    ints: Option<Vec<i64>>,
}

impl Value {
    fn activation(shape: Vec<u32>) -> Self {
        Self {
            shape,
            ..Self::default()
        }
    }
}

/// One node with what is known of its inputs.
struct Operation<'a> {
    node: &'a NodeProto,
    attributes: Attributes<'a>,
    /// `None` for an input that is left out.
    inputs: Vec<Option<&'a Value>>,
    /// Constant tensors of the file by name, for the few operators that need real numbers.
    tensors: &'a BTreeMap<&'a str, &'a TensorProto>,
}

impl<'a> Operation<'a> {
    /// Input `i`.
    fn input(&self, i: usize) -> Result<&'a Value> {
        self.optional(i)
            .ok_or_else(|| malformed(format!("{} lacks input {}", self.node.op_type, i + 1)))
    }

    /// Input `i`, if it is there.
    fn optional(&self, i: usize) -> Option<&'a Value> {
        self.inputs.get(i).copied().flatten()
    }

    /// The integers of input `i`; `None` if the input is left out.
    fn ints(&self, i: usize) -> Result<Option<&'a [i64]>> {
        let Some(value) = self.optional(i) else {
            return Ok(None);
        };
        let known = value.ints.as_deref().ok_or_else(|| {
            unsupported(format!("input {} of {} depends on data", i + 1, self.node.op_type))
                .expected("a value that follows from the shapes alone")
        })?;
        Ok(Some(known))
    }

    /// A list of integers that older operator sets give as attribute `name`, newer ones as input `i`.
    fn list(&self, name: &str, i: usize) -> Result<Option<Vec<i64>>> {
        match self.attributes.get(name) {
            Some(attribute) => Ok(Some(attribute.ints.clone())),
            None => Ok(self.ints(i)?.map(<[i64]>::to_vec)),
        }
    }

    /// The error for an operand whose extents do not suit the operator.
    fn unfit(&self, i: usize, expected: &str) -> Diagnostic {
        let shape = self.optional(i).map(|v| v.shape.as_slice()).unwrap_or_default();
        malformed(format!("{} of a tensor of shape {shape:?}", self.node.op_type)).expected(expected)
    }
}

/// The layers of a float network.
///
/// # Errors
/// `E0102` for a graph that contradicts itself, `E0103` for an operator that is not supported or whose shape depends on
/// data, `E0104` for sizes of zero or beyond any use; the node is named.
pub(super) fn network(graph: &GraphProto, name: &str) -> Result<Network> {
    let mut reader = Reader::default();
    reader.read(graph)?;
    if reader.layers.is_empty() {
        return Err(malformed("no operator of the network multiplies").expected("Conv, ConvTranspose, Gemm or MatMul"));
    }
    Network::new(name, reader.layers)
}

#[derive(Default)]
struct Reader<'a> {
    tensors: BTreeMap<&'a str, &'a TensorProto>,
    values: BTreeMap<&'a str, Value>,
    layers: Vec<Layer>,
    names: BTreeSet<String>,
}

impl<'a> Reader<'a> {
    fn read(&mut self, graph: &'a GraphProto) -> Result<()> {
        for tensor in &graph.initializer {
            self.constant(&tensor.name, tensor)?;
        }
        for input in &graph.input {
            if !self.values.contains_key(input.name.as_str()) {
                let (shape, _) = input_shape(input).map_err(|e| within(e, &format!("input `{}`", input.name)))?;
                self.define(&input.name, Value::activation(shape))?;
            }
        }
        for (i, node) in graph.node.iter().enumerate() {
            self.node(node).map_err(|e| within(e, &node_label(node, i)))?;
        }
        match graph.output.iter().find(|o| !self.values.contains_key(o.name.as_str())) {
            Some(output) => Err(malformed(format!("no node produces output `{}`", output.name))),
            None => Ok(()),
        }
    }

    fn constant(&mut self, name: &'a str, tensor: &'a TensorProto) -> Result<()> {
        self.tensors.insert(name, tensor);
        let value = values::of(tensor).map_err(|e| within(e, &format!("tensor `{name}`")))?;
        self.define(name, value)
    }

    fn define(&mut self, name: &'a str, value: Value) -> Result<()> {
        if value.shape.len() > MAX_RANK {
            return Err(unsupported(format!("a tensor of rank {}", value.shape.len()))
                .expected(format!("at most {MAX_RANK} dimensions")));
        }
        if !value.constant && value.shape.contains(&0) {
            return Err(Diagnostic::new(
                Code::BadSize,
                format!("`{name}` is empty: its shape is {:?}", value.shape),
            ));
        }
        match self.values.insert(name, value) {
            None => Ok(()),
            Some(_) => Err(malformed(format!("value `{name}` is defined twice"))),
        }
    }

    fn node(&mut self, node: &'a NodeProto) -> Result<()> {
        let rule = Some(node.op_type.as_str())
            .filter(|_| matches!(node.domain.as_str(), "" | "ai.onnx"))
            .and_then(Rule::of);
        let rule = rule.ok_or_else(|| not_supported(node))?;
        if rule == Rule::Constant
            && let (Some(tensor), [output]) = (Attributes::of(node).get("value"), node.output.as_slice())
        {
            let tensor = tensor.t.as_ref().ok_or_else(|| malformed("`value` is no tensor"))?;
            return self.constant(output, tensor);
        }
        let outputs = self.outputs(node, rule)?;
        for (name, value) in node.output.iter().zip(outputs) {
            if !name.is_empty() {
                self.define(name, value)?;
            }
        }
        Ok(())
    }

    /// The values of a node's outputs, in order; those of no interest may be left out at the end.
    fn outputs(&mut self, node: &'a NodeProto, rule: Rule) -> Result<Vec<Value>> {
        let known = |name: &String| match self.values.get(name.as_str()) {
            _ if name.is_empty() => Ok(None),
            Some(value) => Ok(Some(value)),
            None => Err(missing(name)),
        };
        let operation = Operation {
            node,
            attributes: Attributes::of(node),
            inputs: node.input.iter().map(known).collect::<Result<_>>()?,
            tensors: &self.tensors,
        };
        let shapes = rule.shapes(&operation)?;
        let constant = operation.inputs.iter().flatten().all(|v| v.constant);
        let layer = if constant {
            None
        } else {
            layers::shape(rule, &operation)?
        };
        let ints = values::fold(rule, &operation, &shapes)?;
        let first = ints.map(Some).into_iter().chain(std::iter::repeat(None));
        let outputs = shapes
            .into_iter()
            .zip(first)
            .map(|(shape, ints)| Value {
                shape,
                // What follows from shapes alone is as constant as they are.
                constant: constant || ints.is_some(),
                ints,
            })
            .collect();
        if let Some(shape) = layer {
            shape.check()?;
            let name = self.unique(node);
            self.layers.push(Layer { name, shape });
        }
        Ok(outputs)
    }

    fn unique(&mut self, node: &NodeProto) -> String {
        let label = [&node.name]
            .into_iter()
            .chain(node.output.first())
            .find(|text| !text.is_empty());
        let mut name = label.map_or_else(|| format!("{}{}", node.op_type, self.layers.len()), Clone::clone);
        while !self.names.insert(name.clone()) {
            name.push('_');
        }
        name
    }
}

fn not_supported(node: &NodeProto) -> Diagnostic {
    let operator = match node.domain.as_str() {
        "" | "ai.onnx" => node.op_type.clone(),
        domain => format!("{domain}.{}", node.op_type),
    };
    unsupported(format!("operator `{operator}` is not supported"))
        .expected(format!("one of {}", Rule::names().join(", ")))
        .next("search the network's shapes from a workload .json file")
}

/// Extents of a constant tensor; zero is allowed, since empty tensors stand for omitted inputs.
fn extents(dims: &[i64]) -> Result<Vec<u32>> {
    let one = |&d: &i64| {
        if d == 0 { Ok(0) } else { constant::extent(d) }
    };
    dims.iter().map(one).collect()
}

#[cfg(test)]
mod tests;
