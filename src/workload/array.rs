//! What a runnable network puts on the accelerator: its multiply-accumulate layers, and the operators between them that the
//! same hardware runs as layers of their own.
//!
//! | operator | layer |
//! |---|---|
//! | max pooling | depthwise, every weight 1, of which the array keeps the greatest product; outputs pass unchanged |
//! | requantization of single elements | depthwise, one tap of weight 1 |
//! | concatenation of channels | none: by address, see [`super::concat`] |
//! | mean over rows and columns, average pooling | depthwise, every weight 1, with the output-unit parameters of the operator |
//! | addition in integers | depthwise, a row of taps per operand, a column per digit of its multiplier: [`AddUnit`] |
//! | matrix product of a flattened feature map | convolution whose kernel is the whole map: it reads the map as it lies |
//!
//! Each is proven like any other layer ([`QuantGraph::prove`]); the golden model runs the operator itself, from its definition.

use crate::base::diag::{Code, Diagnostic, Result};
use crate::workload::graph::{AddForm, Layout, MacOp, Op, OpKind, QuantGraph, TensorId};
use crate::workload::layer::{Addition, Conv, Layer, Pooling, Shape};
use crate::workload::network::Network;
use crate::workload::quant::{AddRange, AddRule, AddUnit, LayerPost};

/// A layer of the accelerator with all that it computes with.
#[derive(Clone, Debug, PartialEq)]
pub struct ArrayLayer {
    /// Position of its operator in [`QuantGraph::ops`].
    pub op: usize,
    /// Name and shape.
    pub layer: Layer,
    /// Weights as K, C/groups, R, S; those of a matrix product as N, K.
    pub weights: Vec<i8>,
    /// Output-unit parameters.
    pub post: LayerPost,
    /// Tensor read; of an addition the first.
    pub input: TensorId,
    /// An addition's second operand.
    pub second: Option<TensorId>,
    /// Tensor written.
    pub output: TensorId,
}

impl QuantGraph {
    /// All layers of the accelerator, in the order of their operators.
    ///
    /// # Errors
    /// `E0102` for a graph that names tensors which it does not have.
    pub fn array_layers(&self) -> Result<Vec<ArrayLayer>> {
        let mut layers = Vec::new();
        for (i, (op, needed)) in self.ops.iter().zip(self.needed()).enumerate() {
            if needed && let Some(layer) = self.array_layer(i, op)? {
                layers.push(layer);
            }
        }
        Ok(layers)
    }

    /// The shapes of all layers of the accelerator. Additions in floating point count as if they were in integers: which
    /// semantics run is not known before.
    ///
    /// # Errors
    /// As [`QuantGraph::array_layers`] and [`Network::new`].
    pub fn array_network(&self) -> Result<Network> {
        let float = |op: &Op| matches!(&op.kind, OpKind::Add(add) if add.form == AddForm::OrtX86);
        let integers = if self.ops.iter().any(float) {
            self.clone().with_arm_additions().ok()
        } else {
            None
        };
        let layers = integers.as_ref().unwrap_or(self).array_layers()?;
        let layers = layers.into_iter().map(|l| l.layer).collect();
        Network::new(self.name.clone(), layers)
    }

    /// The tensor whose elements, in the same order, are those of `id`: what stands in front of all reshaping.
    #[must_use]
    pub fn before_reshapes(&self, mut id: TensorId) -> TensorId {
        for op in self.ops.iter().rev() {
            if op.output == id
                && let (OpKind::Reshape, &[input]) = (&op.kind, op.inputs.as_slice())
            {
                id = input;
            }
        }
        id
    }

    fn array_layer(&self, index: usize, op: &Op) -> Result<Option<ArrayLayer>> {
        let Some(&input) = op.inputs.first() else {
            return Ok(None);
        };
        let layer = |input, shape, weights, post| ArrayLayer {
            op: index,
            layer: Layer {
                name: op.name.clone(),
                shape,
            },
            weights,
            post,
            input,
            second: None,
            output: op.output,
        };
        Ok(match &op.kind {
            OpKind::Mac(mac) => {
                let flattened = self.flattened(mac, input)?;
                Some(flattened.map_or_else(
                    || layer(input, mac.layer.shape, mac.weights.clone(), mac.post.clone()),
                    |(map, conv, weights)| layer(map, Shape::Conv(conv), weights, mac.post.clone()),
                ))
            }
            OpKind::Mean(mean) => {
                let map = self.layout.extents(&self.tensor(input)?.shape);
                let [_, _, rows, cols] = map.unwrap_or_default();
                let conv = map.map(|map| pooling(map, [rows, cols], [1, 1], [1, 1]));
                conv.and_then(|conv| unit_layer(conv, &mean.post))
                    .map(|(conv, weights, post)| layer(input, Shape::Conv(conv), weights, post))
            }
            OpKind::Requantize(one) => {
                let map = self.layout.extents(&self.tensor(input)?.shape);
                let conv = map.map(|map| pooling(map, [1, 1], [1, 1], [1, 1]));
                conv.and_then(|conv| unit_layer(conv, &one.post))
                    .map(|(conv, weights, post)| layer(input, Shape::Conv(conv), weights, post))
            }
            OpKind::AveragePool(average) => {
                let (map, p) = (self.layout.extents(&self.tensor(input)?.shape), &average.pool);
                let conv = map.map(|map| pooling(map, p.kernel, p.stride, p.dilation));
                conv.and_then(|conv| unit_layer(conv, &average.post))
                    .map(|(conv, weights, post)| layer(input, Shape::Conv(conv), weights, post))
            }
            OpKind::MaxPool(p) => self
                .layout
                .extents(&self.tensor(input)?.shape)
                .map(|[n, c, rows, cols]| {
                    let pooling = Pooling {
                        N: n,
                        C: c,
                        H: rows,
                        W: cols,
                        R: p.kernel[0],
                        S: p.kernel[1],
                        stride: p.stride,
                        pad: p.pad,
                        dilation: p.dilation,
                    };
                    let taps = c as usize * p.kernel[0] as usize * p.kernel[1] as usize;
                    layer(
                        input,
                        Shape::Maxpool(pooling),
                        vec![1; taps],
                        LayerPost::greatest(c as usize),
                    )
                }),
            OpKind::Add(_) => self.addition(op)?.and_then(|addition| {
                let [n, channels, rows, cols] = self.layout.extents(&self.tensor(input).ok()?.shape)?;
                let shape = Shape::Add(Addition {
                    N: n,
                    C: channels,
                    H: rows,
                    W: cols,
                });
                let post = LayerPost {
                    channels: vec![addition.unit.channel; channels as usize],
                    ..addition.post
                };
                let weights = addition.unit.weights().repeat(channels as usize);
                Some(ArrayLayer {
                    second: op.inputs.get(1).copied(),
                    ..layer(input, shape, weights, post)
                })
            }),
            _ => None,
        })
    }

    /// What an addition is on the array; `None` where it is not computed in integers, or no parameters fit.
    fn addition(&self, op: &Op) -> Result<Option<ArrayAddition>> {
        let (OpKind::Add(add), &[a, b]) = (&op.kind, op.inputs.as_slice()) else {
            return Ok(None);
        };
        let rule = match add.form {
            AddForm::OrtX86 => return Ok(None),
            AddForm::Single(p) => AddRule::Single(p),
            AddForm::Reference(p) => AddRule::Reference(p),
        };
        let post = LayerPost {
            channels: Vec::new(),
            zero_point: self.tensor(op.output)?.zero_point,
            lo: add.lo,
            hi: add.hi,
            input_zero_point: 0,
        };
        let zero_points = [self.tensor(a)?.zero_point, self.tensor(b)?.zero_point];
        let range = AddRange {
            zero_points,
            post: &post,
        };
        match AddUnit::encode(&rule, &range) {
            Ok(unit) => Ok(Some(ArrayAddition {
                rule,
                unit,
                zero_points,
                post,
            })),
            Err(e) if e.code == Code::Unsupported => Ok(None),
            Err(e) => Err(e.at(format!("operator `{}`", op.name))),
        }
    }

    /// Compares an addition on the array with its definition on every pair of operands; the number of parameter sets proven.
    pub(super) fn prove_addition(&self, op: &Op) -> Result<usize> {
        let Some(a) = self.addition(op)? else {
            return Ok(0);
        };
        let range = AddRange {
            zero_points: a.zero_points,
            post: &a.post,
        };
        a.unit.prove(&a.rule, &range).map(|()| 1).map_err(|[x, y]| {
            Diagnostic::new(
                Code::Unsupported,
                format!("the array differs from the network's semantics at operands {x} and {y}"),
            )
        })
    }

    /// A matrix product of one row that is a whole feature map: the map, the convolution that it is, and its weights.
    fn flattened(&self, mac: &MacOp, input: TensorId) -> Result<Option<(TensorId, Conv, Vec<i8>)>> {
        let Shape::Matmul(product) = mac.layer.shape else {
            return Ok(None);
        };
        let map = self.before_reshapes(input);
        let written = self.ops.iter().any(|op| op.output == map);
        let Some([1, channels, rows, cols]) = self.layout.extents(&self.tensor(map)?.shape) else {
            return Ok(None);
        };
        let whole = u64::from(channels) * u64::from(rows) * u64::from(cols) == u64::from(product.K);
        if !written || !whole || rows * cols == 1 || (product.batch, product.M, product.weights) != (1, 1, true) {
            return Ok(None);
        }
        let conv = Conv {
            K: product.N,
            ..pooling([1, channels, rows, cols], [rows, cols], [1, 1], [1, 1])
        };
        let (channels, positions) = (channels as usize, (rows * cols) as usize);
        let weights = match self.layout {
            Layout::ChannelsFirst => mac.weights.clone(),
            Layout::ChannelsLast => {
                let rows = mac.weights.chunks(channels * positions);
                let planes = rows.flat_map(|row| {
                    (0..channels).flat_map(move |c| (0..positions).map(move |p| row[p * channels + c]))
                });
                planes.collect()
            }
        };
        Ok(Some((map, Conv { groups: 1, ..conv }, weights)))
    }
}

/// An addition as its runtime defines it and as the array computes it.
struct ArrayAddition {
    rule: AddRule,
    unit: AddUnit,
    zero_points: [i8; 2],
    post: LayerPost,
}

/// The depthwise convolution with the windows of a pooling without padding.
const fn pooling(
    [batch, channels, rows, cols]: [u32; 4],
    kernel: [u32; 2],
    stride: [u32; 2],
    dilation: [u32; 2],
) -> Conv {
    Conv {
        N: batch,
        K: channels,
        C: channels,
        H: rows,
        W: cols,
        R: kernel[0],
        S: kernel[1],
        stride,
        pad: [0; 4],
        dilation,
        groups: channels,
        transposed: false,
    }
}

/// Unit weights, and for every channel the same parameters; `None` where the output unit cannot do it.
fn unit_layer(conv: Conv, post: &LayerPost) -> Option<(Conv, Vec<i8>, LayerPost)> {
    let &[channel] = post.channels.as_slice() else {
        return None;
    };
    let channels = conv.K as usize;
    let weights = vec![1; channels * conv.R as usize * conv.S as usize];
    let post = LayerPost {
        channels: vec![channel; channels],
        ..post.clone()
    };
    Some((conv, weights, post))
}
