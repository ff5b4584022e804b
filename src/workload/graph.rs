//! A quantized network as a typed graph: int8 tensors, multiply-accumulate layers with their parameters, and the operators
//! between them.
//!
//! Every activation is int8 here. A tensor that its file declares as uint8 is re-biased: 128 is subtracted from its values
//! and from its zero point, which changes no difference `x - zero_point` and so no accumulator. [`Tensor::element`] keeps
//! what the file says, for input and output.

use crate::base::diag::{Code, Diagnostic, Result};
use crate::workload::layer::Layer;
use crate::workload::network::Network;
use crate::workload::quant::{self, AddParams, LayerPost};

/// The most elements of one tensor of a runnable network (128 MiB in int8).
pub const MAX_ELEMENTS: u64 = 1 << 27;

/// Position of a tensor in [`QuantGraph::tensors`].
pub type TensorId = usize;

/// Element type of a tensor in its file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Element {
    /// Stored as it is here.
    Int8,
    /// Stored with 128 more than here.
    Uint8,
}

impl Element {
    /// What the file's values exceed the values here by: 0 or 128.
    #[must_use]
    pub const fn offset(self) -> i32 {
        match self {
            Self::Int8 => 0,
            Self::Uint8 => 128,
        }
    }
}

/// An activation tensor: `real = scale * (value - zero_point)`.
#[derive(Clone, Debug, PartialEq)]
pub struct Tensor {
    /// Name in the file.
    pub name: String,
    /// Extents, outermost first: N, C, H, W for feature maps; rows and columns for matrix products.
    pub shape: Vec<u32>,
    /// Real value of one unit; positive and finite.
    pub scale: f32,
    /// Value that stands for zero, in the re-biased domain.
    pub zero_point: i8,
    /// Type in the file.
    pub element: Element,
}

impl Tensor {
    /// Number of elements.
    #[must_use]
    pub fn len(&self) -> usize {
        self.shape.iter().fold(1usize, |a, &b| a.saturating_mul(b as usize))
    }

    /// Whether there are no elements; readers refuse such tensors.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Quantizes a real value as ONNX `QuantizeLinear` does: quotient in float32, ties to even, saturated.
    #[must_use]
    pub fn quantize(&self, real: f32) -> i8 {
        let steps = i64::from((real / self.scale).round_ties_even() as i32);
        (steps + i64::from(self.zero_point)).clamp(i8::MIN.into(), i8::MAX.into()) as i8
    }

    /// Real value of an element, as ONNX `DequantizeLinear` computes it.
    #[must_use]
    pub fn dequantize(&self, value: i8) -> f32 {
        (i32::from(value) - i32::from(self.zero_point)) as f32 * self.scale
    }
}

/// A multiply-accumulate layer with everything that an accelerator needs to run it.
///
/// Input and output of a convolution are laid out N, C, H, W; those of a matrix product row by row (`[M][K]`, `[M][N]`).
#[derive(Clone, Debug, PartialEq)]
pub struct MacOp {
    /// Name and shape.
    pub layer: Layer,
    /// Weights as K, C/groups, R, S; those of a matrix product as N (outputs), K (inputs). Their zero point is 0.
    pub weights: Vec<i8>,
    /// Scale of each output channel's weights.
    pub weight_scales: Vec<f32>,
    /// Bias of each output channel as the file has it, the input's zero point not folded in.
    pub bias: Vec<i32>,
    /// Output-unit parameters, bias with the input's zero point folded in.
    pub post: LayerPost,
}

/// A residual addition.
#[derive(Clone, Debug, PartialEq)]
pub struct AddOp {
    /// The integer form's parameters.
    pub params: AddParams,
    /// Lower clamp.
    pub lo: i8,
    /// Upper clamp.
    pub hi: i8,
}

/// Windows of a pooling operator; padded positions take no part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pool {
    /// Window rows and columns.
    pub kernel: [u32; 2],
    /// Step over rows, over columns.
    pub stride: [u32; 2],
    /// Padding: top, left, bottom, right.
    pub pad: [u32; 4],
    /// Distance of window positions over rows, over columns.
    pub dilation: [u32; 2],
}

/// What an operator computes.
#[derive(Clone, Debug, PartialEq)]
pub enum OpKind {
    /// A layer of the accelerator; one input.
    Mac(Box<MacOp>),
    /// Sum of two tensors of one shape.
    Add(AddOp),
    /// Mean over rows and columns: a depthwise layer whose weights are all 1, with these output-unit parameters.
    GlobalAveragePool(LayerPost),
    /// Greatest value of each window; scale and zero point stay.
    MaxPool(Pool),
    /// The same elements in another shape (`Flatten`, `Reshape`); scale and zero point stay.
    Reshape,
}

/// One operator.
#[derive(Clone, Debug, PartialEq)]
pub struct Op {
    /// Name, unique in the graph.
    pub name: String,
    /// What it computes.
    pub kind: OpKind,
    /// Tensors read, in the operator's order.
    pub inputs: Vec<TensorId>,
    /// Tensor written; each tensor is written by one operator at most.
    pub output: TensorId,
}

/// A tensor that the file declares as input or output of the network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Port {
    /// Name of the declared tensor, which may be the real-valued one before quantization.
    pub name: String,
    /// The quantized tensor.
    pub tensor: TensorId,
    /// The declared type is float32: values pass [`Tensor::quantize`] or [`Tensor::dequantize`].
    pub float: bool,
}

/// A runnable int8 network; operators are in an order in which they can be executed.
#[derive(Clone, Debug, PartialEq)]
pub struct QuantGraph {
    /// Name of the network.
    pub name: String,
    /// All activation tensors.
    pub tensors: Vec<Tensor>,
    /// All operators.
    pub ops: Vec<Op>,
    /// Inputs.
    pub inputs: Vec<Port>,
    /// Outputs.
    pub outputs: Vec<Port>,
}

impl QuantGraph {
    /// The multiply-accumulate layers with the operator that holds each, in order.
    pub fn mac_ops(&self) -> impl Iterator<Item = (&Op, &MacOp)> {
        self.ops.iter().filter_map(|op| match &op.kind {
            OpKind::Mac(mac) => Some((op, mac.as_ref())),
            _ => None,
        })
    }

    /// The shapes alone.
    ///
    /// # Errors
    /// `E0102` where no operator multiplies, or as [`Network::new`].
    pub fn network(&self) -> Result<Network> {
        let layers = self.mac_ops().map(|(_, mac)| mac.layer.clone()).collect();
        Network::new(self.name.clone(), layers)
    }

    /// Proves the output-unit parameters of every channel over all accumulators that int8 inputs can reach.
    ///
    /// Returns the number of channels proven.
    ///
    /// # Errors
    /// `E0103` naming layer, channel and the least accumulator on which the integer form differs from `fp32_exact`.
    pub fn prove(&self) -> Result<usize> {
        let mut proven = 0;
        for (op, mac) in self.mac_ops() {
            let input = self.tensor(op.inputs.first().copied().unwrap_or(usize::MAX))?;
            let output = self.tensor(op.output)?;
            let per_channel = mac.weights.len() / mac.post.channels.len().max(1);
            let weights = mac.weights.chunks(per_channel.max(1));
            let channels = mac.post.channels.iter().zip(&mac.weight_scales).zip(weights);
            for (k, ((channel, &scale), weights)) in channels.enumerate() {
                let scale = quant::fp32_scale(input.scale, scale, output.scale);
                let range = quant::reachable(channel.bias, weights);
                quant::prove_channel(range, channel, &mac.post, scale).map_err(|acc| {
                    Diagnostic::new(
                        Code::Unsupported,
                        format!("the output unit differs from fp32_exact at accumulator {acc}"),
                    )
                    .at(format!("layer `{}`, output channel {k}", op.name))
                })?;
                proven += 1;
            }
        }
        Ok(proven)
    }

    /// The tensor of a name.
    #[must_use]
    pub fn tensor_id(&self, name: &str) -> Option<TensorId> {
        self.tensors.iter().position(|t| t.name == name)
    }

    /// The tensor at `id`.
    ///
    /// # Errors
    /// `E0102` for a position that the graph does not have.
    pub fn tensor(&self, id: TensorId) -> Result<&Tensor> {
        self.tensors
            .get(id)
            .ok_or_else(|| Diagnostic::new(Code::Malformed, format!("the graph has no tensor {id}")))
    }
}
