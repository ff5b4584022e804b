//! A quantized network as a typed graph: int8 tensors, multiply-accumulate layers with their parameters, and the operators
//! between them.
//!
//! Every activation is int8 here. A tensor that its file declares as uint8 is re-biased: 128 is subtracted from its values
//! and from its zero point, which changes no difference `x - zero_point` and so no accumulator. [`Tensor::element`] keeps
//! what the file says, for input and output.

use crate::base::diag::{Code, Diagnostic, Result};
use crate::workload::layer::Layer;
use crate::workload::network::Network;
use crate::workload::quant::{self, AddParams, AddReference, ChannelParams, LayerPost, Requantizer};
use std::ops::RangeInclusive;

/// The most elements of one tensor of a runnable network (128 MiB in int8).
pub const MAX_ELEMENTS: u64 = 1 << 27;

/// Means are taken of fewer values than this.
pub const MAX_WINDOW: u64 = 1 << 22;

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

/// The runtime whose results are met, tensor by tensor and bit by bit. They are different functions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Semantics {
    /// ONNX Runtime on x86: one float32 product per output, additions by fused multiply-adds.
    Fp32Exact,
    /// ONNX Runtime on ARM: as on x86, but additions in integers.
    OrtArm,
    /// TFLite's reference kernels.
    Reference,
    /// TFLite Micro's portable kernels.
    Micro,
    /// TFLite's default, the XNNPACK delegate.
    Xnnpack,
}

impl Semantics {
    /// The name on the command line and in documents.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Fp32Exact => "fp32_exact",
            Self::OrtArm => "ort_arm",
            Self::Reference => "reference",
            Self::Micro => "micro",
            Self::Xnnpack => "xnnpack",
        }
    }
}

/// Order of a feature map's axes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Layout {
    /// Batch, channels, rows, columns: ONNX.
    ChannelsFirst,
    /// Batch, rows, columns, channels: TFLite.
    ChannelsLast,
}

impl Layout {
    /// Batch, channels, rows and columns of a feature map's shape; `None` for a shape of another rank.
    #[must_use]
    pub fn extents(self, shape: &[u32]) -> Option<[u32; 4]> {
        let &[n, a, b, c] = shape else { return None };
        Some(match self {
            Self::ChannelsFirst => [n, a, b, c],
            Self::ChannelsLast => [n, c, a, b],
        })
    }

    /// The axis of a feature map's channels.
    #[must_use]
    pub const fn channel_axis(self) -> usize {
        match self {
            Self::ChannelsFirst => 1,
            Self::ChannelsLast => 3,
        }
    }
}

/// How float32 inputs become int8.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum QuantizeForm {
    /// Quotient in float32, ties to even: ONNX `QuantizeLinear`.
    QuotientEven,
    /// Quotient in float32, halves away from zero: TFLite's reference kernel.
    QuotientAway,
    /// Product with the reciprocal, both in float32, ties to even: XNNPACK.
    ReciprocalEven,
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
        self.quantize_as(real, QuantizeForm::QuotientEven)
    }

    /// Quantizes a real value, saturated.
    #[must_use]
    pub fn quantize_as(&self, real: f32, form: QuantizeForm) -> i8 {
        let steps = match form {
            QuantizeForm::QuotientEven => (real / self.scale).round_ties_even(),
            QuantizeForm::QuotientAway => (real / self.scale).round(),
            QuantizeForm::ReciprocalEven => (real * (1.0 / self.scale)).round_ties_even(),
        };
        let steps = i64::from(steps as i32);
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
/// Input and output of a convolution are feature maps in the graph's [`Layout`]; those of a matrix product lie row by row
/// (`[M][K]`, `[M][N]`). Padding before the layer is part of its shape.
#[derive(Clone, Debug, PartialEq)]
pub struct MacOp {
    /// Name and shape.
    pub layer: Layer,
    /// Weights as K, C/groups, R, S; those of a matrix product as N (outputs), K (inputs). Their zero point is 0. All zero
    /// where the channel's output is constant.
    pub weights: Vec<i8>,
    /// Scale of each output channel's weights.
    pub weight_scales: Vec<f32>,
    /// Bias of each output channel as the file has it, the input's zero point not folded in.
    pub bias: Vec<i32>,
    /// What each output channel has to compute.
    pub rules: Vec<Requantizer>,
    /// Output-unit parameters that do so, bias with the input's zero point folded in.
    pub post: LayerPost,
}

/// How a residual addition is computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AddForm {
    /// Two fused multiply-adds in float32: ONNX Runtime on x86 with AVX2 and later. Not for hardware.
    OrtX86,
    /// One rounding: ONNX Runtime on ARM, XNNPACK.
    Single(AddParams),
    /// Three requantizations: TFLite's reference kernels and TFLite Micro.
    Reference(AddReference),
}

/// A residual addition.
#[derive(Clone, Debug, PartialEq)]
pub struct AddOp {
    /// How it is computed.
    pub form: AddForm,
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

/// A mean over rows and columns: `rule` of the sum less its zero points.
#[derive(Clone, Debug, PartialEq)]
pub struct MeanOp {
    /// What is computed of `sum(x) - count * post.input_zero_point`.
    pub rule: Requantizer,
    /// One channel, the same for all: parameters of a depthwise layer whose weights are all 1. No channel where the output
    /// unit cannot do it: the mean is the host's then.
    pub post: LayerPost,
}

impl MeanOp {
    /// A mean of `count` values by `rule`, from and to the given tensors, clamped.
    ///
    /// # Errors
    /// `E0102` for a bad scale, `E0104` for too many values.
    pub fn new(rule: Requantizer, count: u64, (from, to): (&Tensor, &Tensor), (lo, hi): (i8, i8)) -> Result<Self> {
        if count == 0 || count >= MAX_WINDOW {
            return Err(Diagnostic::new(Code::BadSize, format!("the mean of {count} values"))
                .expected("a map of less than 2^22 positions"));
        }
        rule.check()?;
        let mut post = LayerPost {
            channels: Vec::new(),
            zero_point: to.zero_point,
            lo,
            hi,
            input_zero_point: from.zero_point,
        };
        let bias = -(count as i32 * i32::from(from.zero_point));
        post.channels = unit_channel(&rule, bias, count, &post)?;
        Ok(Self { rule, post })
    }
}

/// Parameters for a sum of `count` inputs, or none where the output unit cannot meet the rule.
fn unit_channel(rule: &Requantizer, bias: i32, count: u64, post: &LayerPost) -> Result<Vec<ChannelParams>> {
    let count = count as i32;
    let range = bias - 128 * count..=bias + 127 * count;
    match rule.encode(bias, &range, post) {
        Ok(channel) => Ok(vec![channel]),
        Err(e) if e.code == Code::Unsupported => Ok(Vec::new()),
        Err(e) => Err(e),
    }
}

/// Means of windows over the raw values; padded positions take no part, and do not count.
#[derive(Clone, Debug, PartialEq)]
pub struct AverageOp {
    /// The windows.
    pub pool: Pool,
    /// One channel, the same for all, as in [`MeanOp`]; no channel where windows differ in size.
    pub post: LayerPost,
}

impl AverageOp {
    /// Means of these windows, clamped.
    ///
    /// # Errors
    /// `E0104` for too large windows.
    pub fn new(pool: Pool, (lo, hi): (i8, i8)) -> Result<Self> {
        let count = u64::from(pool.kernel[0]) * u64::from(pool.kernel[1]);
        if count == 0 || count >= MAX_WINDOW {
            return Err(Diagnostic::new(Code::BadSize, format!("the mean of {count} values"))
                .expected("a window of less than 2^22 positions"));
        }
        let mut post = LayerPost {
            channels: Vec::new(),
            zero_point: 0,
            lo,
            hi,
            input_zero_point: 0,
        };
        if pool.pad == [0; 4] {
            let rule = Requantizer::Quotient { divisor: count as u32 };
            post.channels = unit_channel(&rule, 0, count, &post)?;
        }
        Ok(Self { pool, post })
    }
}

/// How the exponential function of a softmax is computed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum SoftmaxForm {
    /// TFLite's reference kernels and TFLite Micro, in fixed point: differences times `multiplier * 2^(shift - 31)` have 26
    /// fraction bits.
    Fixed {
        /// 31 bits.
        multiplier: u32,
        /// Left shift.
        shift: u8,
    },
    /// TFLite's default kernel: a table of 256 exponentials in float32, of `-step * i`.
    Table {
        /// Input scale times beta.
        step: f32,
    },
}

/// What an operator computes.
#[derive(Clone, Debug, PartialEq)]
pub enum OpKind {
    /// A layer of the accelerator; one input.
    Mac(Box<MacOp>),
    /// Sum of two tensors of one shape.
    Add(AddOp),
    /// Mean over rows and columns.
    Mean(Box<MeanOp>),
    /// Each element by itself to another scale and zero point: the mean of one.
    Requantize(Box<MeanOp>),
    /// Mean of each window.
    AveragePool(Box<AverageOp>),
    /// Greatest value of each window; scale and zero point stay.
    MaxPool(Pool),
    /// Softmax over the last axis, on the host.
    Softmax(SoftmaxForm),
    /// The same elements in another shape (`Flatten`, `Reshape`); scale and zero point stay.
    Reshape,
    /// The zero point around the tensor: before and after, per axis. Layers that follow have it in their own shape.
    Pad(Vec<[u32; 2]>),
    /// Axis `i` of the output is axis `order[i]` of the input.
    Transpose(Vec<usize>),
    /// All inputs, one after the other along this axis; scale and zero point stay.
    Concat(usize),
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
    /// The declared type is float32: values pass [`Tensor::quantize_as`] or [`Tensor::dequantize`].
    pub float: bool,
    /// How float32 inputs are quantized.
    pub form: QuantizeForm,
    /// A float32 output passes `log(softmax(x))` over its last axis, on the host.
    pub log_softmax: bool,
}

impl Port {
    /// An input or output as ONNX quantizes it.
    #[must_use]
    pub fn new(name: impl Into<String>, tensor: TensorId, float: bool) -> Self {
        Self {
            name: name.into(),
            tensor,
            float,
            form: QuantizeForm::QuotientEven,
            log_softmax: false,
        }
    }
}

/// A runnable int8 network; operators are in an order in which they can be executed.
#[derive(Clone, Debug, PartialEq)]
pub struct QuantGraph {
    /// Name of the network.
    pub name: String,
    /// Whose results are met.
    pub semantics: Semantics,
    /// Order of the axes of feature maps.
    pub layout: Layout,
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

    /// The same network with residual additions as ONNX Runtime computes them on ARM.
    ///
    /// # Errors
    /// As [`AddParams::ort_arm`], naming the operator.
    pub fn with_arm_additions(mut self) -> Result<Self> {
        for i in 0..self.ops.len() {
            let op = &self.ops[i];
            let (OpKind::Add(_), &[a, b]) = (&op.kind, op.inputs.as_slice()) else {
                continue;
            };
            let [a, b, sum] = [
                self.tensor(a)?.scale,
                self.tensor(b)?.scale,
                self.tensor(op.output)?.scale,
            ];
            let params = AddParams::ort_arm(a, b, sum).map_err(|e| e.at(format!("operator `{}`", op.name)))?;
            if let OpKind::Add(add) = &mut self.ops[i].kind {
                add.form = AddForm::Single(params);
            }
        }
        self.semantics = Semantics::OrtArm;
        Ok(self)
    }

    /// For each operator, whether an output of the network depends on it. (Padding that layers have taken into their own
    /// shape is not needed.)
    #[must_use]
    pub fn needed(&self) -> Vec<bool> {
        let mut read = vec![false; self.tensors.len()];
        let mark = |id: TensorId, read: &mut Vec<bool>| {
            if let Some(slot) = read.get_mut(id) {
                *slot = true;
            }
        };
        for port in &self.outputs {
            mark(port.tensor, &mut read);
        }
        let mut needed = vec![false; self.ops.len()];
        for (op, needed) in self.ops.iter().zip(&mut needed).rev() {
            *needed = read.get(op.output).copied().unwrap_or(false);
            if *needed {
                for &id in &op.inputs {
                    mark(id, &mut read);
                }
            }
        }
        needed
    }

    /// Proves the output-unit parameters of every channel over all accumulators that int8 inputs can reach.
    ///
    /// Returns the number of channels proven.
    ///
    /// # Errors
    /// `E0103` naming operator, channel and the least accumulator on which the hardware's form differs from the rule.
    pub fn prove(&self) -> Result<usize> {
        self.ops.iter().try_fold(0, |sum, op| {
            let proven = match &op.kind {
                OpKind::Mac(mac) => {
                    let per_channel = (mac.weights.len() / mac.post.channels.len().max(1)).max(1);
                    prove_channels(&mac.post, &mac.rules, mac.weights.chunks(per_channel))
                }
                OpKind::Mean(mean) => {
                    let count = self.window(op)?;
                    let ones = std::iter::once(count.as_slice());
                    prove_channels(&mean.post, std::slice::from_ref(&mean.rule), ones)
                }
                OpKind::Requantize(one) => {
                    let rule = std::slice::from_ref(&one.rule);
                    prove_channels(&one.post, rule, std::iter::once([1i8].as_slice()))
                }
                OpKind::MaxPool(_) => {
                    // Inputs pass unchanged: the bias takes off what the array adds.
                    let post = LayerPost::greatest(1);
                    let passed = i32::from(i8::MIN)..=i32::from(i8::MAX);
                    let rule = Requantizer::Quotient { divisor: 1 };
                    let channel = post.channels.iter();
                    channel
                        .map(|c| prove_range(passed.clone(), c, &rule, &post))
                        .try_fold(0, |n, c| c.map(|()| n + 1))
                }
                OpKind::AveragePool(average) => {
                    let [rows, cols] = average.pool.kernel;
                    let rule = Requantizer::Quotient { divisor: rows * cols };
                    let count = vec![1; rows as usize * cols as usize];
                    prove_channels(&average.post, &[rule], std::iter::once(count.as_slice()))
                }
                OpKind::Add(_) => self.prove_addition(op),
                _ => Ok(0),
            };
            Ok(sum + proven.map_err(|e| within(e, &format!("layer `{}`", op.name)))?)
        })
    }

    /// The unit weights of a mean over the maps of an operator's input.
    fn window(&self, op: &Op) -> Result<Vec<i8>> {
        let input = self.tensor(op.inputs.first().copied().unwrap_or(usize::MAX))?;
        let [_, _, rows, cols] = self.layout.extents(&input.shape).unwrap_or_default();
        Ok(vec![1; rows as usize * cols as usize])
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

/// Proves the channels of one layer; their number.
fn prove_channels<'a>(
    post: &LayerPost,
    rules: &[Requantizer],
    weights: impl Iterator<Item = &'a [i8]>,
) -> Result<usize> {
    let channels = post.channels.iter().zip(rules).zip(weights).enumerate();
    channels
        .map(|(k, ((channel, rule), weights))| {
            let range = quant::reachable(channel.bias, weights);
            prove_range(range, channel, rule, post).map_err(|e| e.at(format!("output channel {k}")))
        })
        .try_fold(0, |proven, channel| channel.map(|()| proven + 1))
}

fn prove_range(
    range: RangeInclusive<i32>,
    channel: &ChannelParams,
    rule: &Requantizer,
    post: &LayerPost,
) -> Result<()> {
    quant::prove(range, channel, rule, post).map(|_| ()).map_err(|acc| {
        Diagnostic::new(
            Code::Unsupported,
            format!("the output unit differs from the network's semantics at accumulator {acc}"),
        )
    })
}

/// Puts an outer place in front of an error's own.
fn within(mut e: Diagnostic, outer: &str) -> Diagnostic {
    e.place = Some(match e.place {
        Some(inner) => format!("{outer}, {inner}"),
        None => outer.to_owned(),
    });
    e
}
