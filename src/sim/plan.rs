//! What a design runs: weights, inputs and golden outputs of every layer, in the layouts that the hardware's memory image
//! is made from.
//!
//! A runnable network gives real weights and the golden tensors of one batch. Layers without weights of their own get
//! seeded random ones, with an output unit that spreads their sums over the int8 range: the proof of bits, cycles and
//! counters is the same, only the network's meaning is missing.

use crate::base::diag::{Code, Diagnostic, Result};
use crate::base::rng::{Rng, stream};
use crate::mapping::schedule::Schedule;
use crate::rtl::program::{LayerRun, Predicted, Program, Sharing};
use crate::sim::golden::{self, run_graph};
use crate::sim::host::swap_axes;
use crate::workload::array::ArrayLayer;
use crate::workload::concat::Part;
use crate::workload::graph::{Layout, OpKind, QuantGraph, Semantics, TensorId};
use crate::workload::layer::{Layer, Shape};
use crate::workload::phases::Phases;
use crate::workload::quant::{ChannelParams, LayerPost, Rounding, encode_scale};
use rand::RngExt as _;

/// Root mean square of a uniformly drawn int8.
const INT8_RMS: f32 = 74.0;

/// Root mean square that the outputs of layers with random data should have.
const OUTPUT_RMS: f32 = 40.0;

/// Layout of random feature maps.
const LAYOUT: Layout = Layout::ChannelsFirst;

/// Everything that one layer computes with, in the accelerator's terms: a transposed convolution is the plain one that
/// [`Phases`] makes of it. Tensors are rows of `[image][channel][row][column]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LayerData {
    /// Name and shape.
    pub layer: Layer,
    /// Weights, or what runs in their place, as `[group][K][C][R][S]`.
    pub weights: Vec<i8>,
    /// Output-unit parameters.
    pub post: LayerPost,
    /// Layout of the network's own tensors.
    pub layout: Layout,
    /// Identity and content of the input; of an addition's two operands the identity of the first and both contents.
    pub input: (TensorId, Vec<i8>),
    /// Identity of an addition's second operand.
    pub second: Option<TensorId>,
    /// Identity and golden content of the output.
    pub output: (TensorId, Vec<i8>),
    /// Where input, second operand and output lie within concatenated tensors.
    pub parts: [Option<Part>; 3],
}

impl LayerData {
    /// The data of a layer from what its network says of it. `weights`, `post` and the tensors, each with its identity, are as
    /// [`golden::layer`] takes and returns them.
    ///
    /// # Errors
    /// As [`golden::by_phase`].
    pub(crate) fn new(
        layer: &Layer,
        layout: Layout,
        (weights, post): (Vec<i8>, LayerPost),
        (input, read): (TensorId, &[i8]),
        (output, written): (TensorId, &[i8]),
    ) -> Result<Self> {
        let shape = &layer.shape;
        let mut data = Self {
            input: (input, to_planes(shape, layout, read, Side::Input)),
            second: None,
            output: (output, Vec::new()),
            parts: [None; 3],
            layer: layer.clone(),
            layout,
            weights,
            post,
        };
        if let Shape::Conv(conv) = shape
            && conv.transposed
        {
            let phases = Phases::new(conv)?;
            data.output.1 = golden::by_phase(conv, layout, read, &data.weights, &data.post)?;
            data.post = phases.post(&data.weights, &data.post);
            data.weights = phases.weights(&data.weights);
        } else {
            data.output.1 = to_planes(shape, layout, written, Side::Output);
        }
        Ok(data)
    }
}

/// Seeded inputs for a network, one per input port.
///
/// # Errors
/// `E0102` for a graph that names tensors which it does not have.
pub fn random_inputs(graph: &QuantGraph, seed: u64) -> Result<Vec<Vec<i8>>> {
    let ports = graph.inputs.iter().enumerate();
    ports
        .map(|(i, port)| {
            Ok(uniform(
                &mut stream(seed, &[i as u64]),
                graph.tensor(port.tensor)?.len(),
            ))
        })
        .collect()
}

/// A runnable network and those of its operators that run on the accelerator.
#[derive(Clone, Debug)]
pub struct OnArray<'a> {
    graph: &'a QuantGraph,
    /// In the order in which they run.
    layers: Vec<ArrayLayer>,
}

impl<'a> OnArray<'a> {
    /// The operators of `graph` that are `layers`; the others run on the host.
    ///
    /// # Errors
    /// `E0102` where a layer is not the graph's.
    pub fn new(graph: &'a QuantGraph, layers: &[Layer]) -> Result<Self> {
        let all = graph.array_layers()?;
        let find = |layer: &Layer| {
            let found = all.iter().find(|l| l.layer == *layer).cloned();
            found.ok_or_else(|| missing(graph, layer))
        };
        let layers = layers.iter().map(find).collect::<Result<_>>()?;
        Ok(Self { graph, layers })
    }

    /// The data of a run on `inputs`. A layer that reads a reshaped tensor reads what an earlier layer wrote, wherever the
    /// accelerator sees the same elements in the same order.
    ///
    /// # Errors
    /// As [`run_graph`].
    pub fn data(&self, inputs: &[Vec<i8>]) -> Result<Vec<LayerData>> {
        let (graph, layout) = (self.graph, self.graph.layout);
        let values = run_graph(graph, inputs)?;
        let parts = graph.parts();
        let mut all: Vec<LayerData> = Vec::with_capacity(self.layers.len());
        for l in &self.layers {
            let both = l
                .second
                .map(|second| [values.tensor(l.input), values.tensor(second)].concat());
            let mut data = LayerData::new(
                &l.layer,
                layout,
                (l.weights.clone(), l.post.clone()),
                (l.input, both.as_deref().unwrap_or_else(|| values.tensor(l.input))),
                (l.output, values.tensor(l.output)),
            )?;
            data.second = l.second;
            let origin = graph.before_reshapes(l.input);
            let writer = all.iter().find(|d| d.output.0 == origin);
            if writer.is_some_and(|w| same_order(layout, &w.layer.shape, &l.layer.shape, data.input.1.len())) {
                data.input.0 = origin;
            }
            let part = |id: TensorId| parts.get(id).copied().flatten();
            data.parts = [part(data.input.0), l.second.and_then(part), part(l.output)];
            all.push(data);
        }
        Ok(all)
    }

    /// Names of the operators that run on the host, between the accelerator's layers. Reshaping costs nothing, padding is
    /// part of the layers behind it, and concatenations are addresses where layers write all their inputs.
    #[must_use]
    pub fn host_operators(&self) -> Vec<&'a str> {
        let parts = self.graph.parts();
        let ops = self.graph.ops.iter().zip(self.graph.needed()).enumerate();
        let mut here: Vec<TensorId> = self.layers.iter().map(|l| l.output).collect();
        let mut on_host = Vec::new();
        for (i, (op, needed)) in ops {
            let by_address = match op.kind {
                OpKind::Reshape => true,
                OpKind::Concat(_) => {
                    let whole = parts.get(op.output).copied().flatten().map_or(op.output, |p| p.whole);
                    let placed = |id: &TensorId| parts.get(*id).copied().flatten().is_some_and(|p| p.whole == whole);
                    op.inputs.iter().all(|id| here.contains(id) && placed(id))
                }
                _ => self.layers.iter().any(|l| l.op == i),
            };
            if by_address {
                here.push(op.output);
            } else if needed {
                on_host.push(op.name.as_str());
            }
        }
        on_host
    }
}

/// Why a layer of a design is none of the network's.
fn missing(graph: &QuantGraph, layer: &Layer) -> Diagnostic {
    let place = format!("layer `{}`", layer.name);
    if matches!(layer.shape, Shape::Add(_)) && graph.semantics == Semantics::Fp32Exact {
        return Diagnostic::new(
            Code::Unsupported,
            "additions as ONNX Runtime computes them on x86, in floating point, do not run on the accelerator",
        )
        .at(place)
        .expected("additions in integers, as on ARM")
        .next("choose them: `--semantics ort_arm`");
    }
    Diagnostic::new(
        Code::Malformed,
        format!("network `{}` has no such layer of this shape", graph.name),
    )
    .at(place)
    .expected("the network that the design was made for")
    .next("map the network anew: `naas map NETWORK --accelerator DESIGN --out FILE`")
}

/// Whether `elements` elements written by one layer lie as the other reads them, when both tensors hold them in one order.
fn same_order(layout: Layout, writer: &Shape, reader: &Shape, elements: usize) -> bool {
    let order: Vec<usize> = (0..elements).collect();
    to_planes(writer, layout, &order, Side::Output) == to_planes(reader, layout, &order, Side::Input)
}

/// Seeded random data for layers that come without.
///
/// # Errors
/// As [`golden::layer`], naming the layer.
pub fn random(layers: &[Layer], seed: u64) -> Result<Vec<LayerData>> {
    let one = |(i, layer): (usize, &Layer)| {
        random_layer(layer, 3 * i, &mut stream(seed, &[i as u64])).map_err(|e| e.at(format!("layer `{}`", layer.name)))
    };
    layers.iter().enumerate().map(one).collect()
}

fn random_layer(layer: &Layer, tensor: TensorId, rng: &mut Rng) -> Result<LayerData> {
    let nest = layer.shape.nest()?;
    let channels = layer.shape.parameter_sets();
    let weights = random_weights(&layer.shape, rng)?;
    let length = match layer.shape {
        // Two products whose multipliers have a second digit.
        Shape::Add(_) => 2.0 * 256.0 * 256.0,
        _ => weights.len() as f32 / channels as f32,
    };
    let (multiplier, shift) = encode_scale(OUTPUT_RMS / (INT8_RMS * INT8_RMS * length.sqrt()))?;
    let mut channel = || ChannelParams {
        bias: rng.random_range(-10_000..=10_000),
        // Every channel its own scale, within an octave.
        multiplier: multiplier / 2 + rng.random_range(0..multiplier / 2),
        shift,
        rounding: Rounding::Float32,
    };
    let post = if matches!(layer.shape, Shape::Maxpool(_)) {
        LayerPost::greatest(channels as usize)
    } else {
        LayerPost {
            channels: (0..channels).map(|_| normal(channel())).collect(),
            zero_point: rng.random_range(-8..=8),
            lo: i8::MIN,
            hi: i8::MAX,
            input_zero_point: rng.random_range(-8..=8),
        }
    };
    debug_assert!(nest.macs() > 0);
    let input = uniform(rng, input_elements(&layer.shape));
    let output = golden::layer(&layer.shape, LAYOUT, &input, &weights, &post)?;
    let mut data = LayerData::new(layer, LAYOUT, (weights, post), (tensor, &input), (tensor + 1, &output))?;
    data.second = matches!(layer.shape, Shape::Add(_)).then_some(tensor + 2);
    Ok(data)
}

/// Elements that a layer reads; of an addition both operands.
pub(crate) fn input_elements(shape: &Shape) -> usize {
    let extents = match shape {
        Shape::Conv(c) => [c.N, c.C, c.H, c.W],
        Shape::Matmul(m) => [m.batch, m.M, m.K, 1],
        Shape::Add(a) => [2 * a.N, a.C, a.H, a.W],
        Shape::Maxpool(p) => [p.N, p.C, p.H, p.W],
    };
    extents.iter().map(|&e| e as usize).product()
}

/// Weights of a layer that has none: random ones, but those of a pooling are 1.
///
/// # Errors
/// As [`Shape::filter_count`].
pub(crate) fn random_weights(shape: &Shape, rng: &mut Rng) -> Result<Vec<i8>> {
    let count = shape.filter_count()? as usize;
    Ok(match shape {
        Shape::Maxpool(_) => vec![1; count],
        _ => uniform(rng, count),
    })
}

/// The same channel with its multiplier in 24 bits, the highest set.
fn normal(mut channel: ChannelParams) -> ChannelParams {
    while channel.multiplier > 0 && channel.multiplier < 1 << 23 && channel.shift < 62 {
        channel.multiplier *= 2;
        channel.shift += 1;
    }
    channel
}

pub(crate) fn uniform(rng: &mut Rng, count: usize) -> Vec<i8> {
    (0..count).map(|_| rng.random_range(i8::MIN..=i8::MAX)).collect()
}

/// Which tensor of a layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// What it reads.
    Input,
    /// What it writes.
    Output,
}

/// Positions and channels of a tensor whose channels lie innermost; `None` where they lie outermost already.
fn interleaved(shape: &Shape, layout: Layout, side: Side) -> Option<(usize, usize)> {
    let (positions, channels) = match (shape, side) {
        (Shape::Matmul(m), _) => {
            // Each product of two activations has channels of its own.
            let positions = if m.weights { m.batch * m.M } else { m.M };
            (positions, if side == Side::Input { m.K } else { m.N })
        }
        (Shape::Conv(_) | Shape::Add(_) | Shape::Maxpool(_), _) if layout == Layout::ChannelsFirst => return None,
        (Shape::Add(a), _) => (a.H * a.W, a.C),
        (Shape::Conv(c), Side::Input) => (c.H * c.W, c.C),
        (Shape::Maxpool(p), Side::Input) => (p.H * p.W, p.C),
        (Shape::Maxpool(p), Side::Output) => {
            let [rows, cols] = p.output().unwrap_or_default();
            (rows * cols, p.C)
        }
        (Shape::Conv(c), Side::Output) => {
            let [rows, cols] = c.output().unwrap_or_default();
            (rows * cols, c.K)
        }
    };
    Some((positions as usize, channels as usize))
}

/// A tensor as a graph holds it, channels outermost: matrix products there are rows of positions.
fn to_planes<T: Copy>(shape: &Shape, layout: Layout, values: &[T], side: Side) -> Vec<T> {
    match interleaved(shape, layout, side) {
        Some((positions, channels)) => swap_axes(values, positions, channels),
        None => values.to_vec(),
    }
}

/// A tensor as a graph holds it, from what the accelerator read or wrote.
#[must_use]
pub fn from_planes(shape: &Shape, layout: Layout, planes: &[i8], side: Side) -> Vec<i8> {
    let phases = match shape {
        Shape::Conv(conv) if conv.transposed && side == Side::Output => Phases::new(conv).ok(),
        _ => None,
    };
    let joined = phases.map(|phases| phases.join(planes));
    let planes = joined.as_deref().unwrap_or(planes);
    match interleaved(shape, layout, side) {
        Some((positions, channels)) => swap_axes(planes, channels, positions),
        None => planes.to_vec(),
    }
}

/// Places layers for a run, one after the other, on the design of this hash.
///
/// # Errors
/// As [`Program::new`].
pub fn program(
    hash: u64,
    data: &[LayerData],
    schedules: &[Schedule],
    predicted: &[Predicted],
    sharing: Sharing,
) -> Result<Program> {
    let runs: Vec<LayerRun> = data
        .iter()
        .zip(schedules)
        .zip(predicted)
        .map(|((d, schedule), &predicted)| LayerRun {
            name: d.layer.name.clone(),
            shape: d.layer.shape,
            schedule: schedule.clone(),
            weights: &d.weights,
            post: &d.post,
            input: (d.input.0, &d.input.1),
            second: d.second,
            output: (d.output.0, &d.output.1),
            parts: d.parts,
            predicted,
        })
        .collect();
    Program::new(hash, &runs, sharing)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workload::graph::{AverageOp, Element, MacOp, Op, Pool, Port, Tensor};
    use crate::workload::layer::{Conv, Matmul};
    use crate::workload::zoo;

    #[test]
    fn matrices_turn_and_turn_back() {
        let shape = Shape::Matmul(Matmul {
            batch: 1,
            M: 2,
            N: 3,
            K: 4,
            weights: true,
        });
        let rows = [1, 2, 3, 4, 5, 6];
        let planes = to_planes(&shape, LAYOUT, &rows, Side::Output);
        assert_eq!(planes, [1, 4, 2, 5, 3, 6]);
        assert_eq!(from_planes(&shape, LAYOUT, &planes, Side::Output), rows);
        // Products of two activations turn one by one.
        let shape = Shape::Matmul(Matmul {
            batch: 2,
            M: 3,
            N: 1,
            K: 2,
            weights: false,
        });
        let rows = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12];
        let planes = to_planes(&shape, LAYOUT, &rows, Side::Input);
        assert_eq!(planes, [1, 3, 5, 2, 4, 6, 7, 9, 11, 8, 10, 12]);
        assert_eq!(from_planes(&shape, LAYOUT, &planes, Side::Input), rows);
    }

    /// What the accelerator writes by phase is the layer's output once it is read as its network holds it.
    #[test]
    fn transposed_outputs_are_put_together() {
        let conv = Conv {
            N: 2,
            K: 3,
            C: 2,
            H: 4,
            W: 3,
            R: 4,
            S: 3,
            stride: [2, 2],
            pad: [1, 0, 1, 1],
            dilation: [1, 1],
            groups: 1,
            transposed: true,
        };
        let shape = Shape::Conv(conv);
        let layer = Layer {
            name: "up".into(),
            shape,
        };
        let mut rng = stream(3, &[]);
        let (input, weights) = (uniform(&mut rng, 48), uniform(&mut rng, 72));
        let post = random(std::slice::from_ref(&layer), 5).unwrap()[0].post.clone();
        let post = LayerPost {
            channels: post.channels[..3].to_vec(),
            ..post
        };
        for layout in [Layout::ChannelsFirst, Layout::ChannelsLast] {
            let output = golden::layer(&shape, layout, &input, &weights, &post).unwrap();
            let owned = (weights.clone(), post.clone());
            let data = LayerData::new(&layer, layout, owned, (0, &input), (1, &output)).unwrap();
            assert_eq!(data.post.channels.len(), 12);
            assert_eq!(from_planes(&shape, layout, &data.output.1, Side::Output), output);
        }
    }

    #[test]
    fn random_outputs_are_spread_and_repeat() {
        let layers = zoo::network("resnet8").unwrap().layers;
        let data = random(&layers[..3], 7).unwrap();
        assert_eq!(random(&layers[..3], 7).unwrap(), data);
        for d in &data {
            let clipped = d.output.1.iter().filter(|&&v| v == i8::MIN || v == i8::MAX).count();
            let large = d.output.1.iter().filter(|&&v| v.unsigned_abs() > 20).count();
            assert!(clipped * 10 < d.output.1.len() && large * 10 > d.output.1.len());
            assert!(d.post.channels.iter().all(|c| c.multiplier >> 23 == 1));
        }
    }

    /// Operators that run as layers, with the parameters of layers, give what the golden model makes of the operators.
    #[test]
    fn layers_equal_their_operators() {
        let graph = zoo::resnet8().unwrap().with_arm_additions().unwrap();
        let values = run_graph(&graph, &random_inputs(&graph, 2).unwrap()).unwrap();
        let layers = graph.array_layers().unwrap();
        assert_eq!(layers.len(), 10 + 3 + 1);
        for l in layers {
            let operands = [Some(l.input), l.second]
                .into_iter()
                .flatten()
                .map(|id| values.tensor(id));
            let input = operands.collect::<Vec<_>>().concat();
            let out = golden::layer(&l.layer.shape, graph.layout, &input, &l.weights, &l.post).unwrap();
            assert!(out == values.tensor(l.output), "{}", l.layer.name);
        }
    }

    fn operator(kind: OpKind, name: &str, input: TensorId, output: TensorId) -> Op {
        Op {
            name: name.into(),
            kind,
            inputs: vec![input],
            output,
        }
    }

    /// A multiply-accumulate operator with random weights and parameters.
    fn random_mac(name: &str, shape: Shape, seed: u64) -> OpKind {
        let layer = Layer {
            name: name.into(),
            shape,
        };
        let LayerData { weights, post, .. } = random(std::slice::from_ref(&layer), seed).unwrap().remove(0);
        OpKind::Mac(Box::new(MacOp {
            layer,
            weights,
            weight_scales: Vec::new(),
            bias: Vec::new(),
            rules: Vec::new(),
            post,
        }))
    }

    /// Channels last: pooling and a product of what is left, flattened, run as layers that read each other's outputs.
    #[test]
    fn flattened_maps_are_read_as_they_lie() {
        let tensor = |name: &str, shape: &[u32]| Tensor {
            name: name.into(),
            shape: shape.to_vec(),
            scale: 0.1,
            zero_point: 3,
            element: Element::Int8,
        };
        let conv = Conv {
            N: 1,
            K: 5,
            C: 2,
            H: 6,
            W: 4,
            R: 1,
            S: 1,
            stride: [1, 1],
            pad: [0; 4],
            dilation: [1, 1],
            groups: 1,
            transposed: false,
        };
        let product = Matmul {
            batch: 1,
            M: 1,
            N: 7,
            K: 30,
            weights: true,
        };
        let pool = Pool {
            kernel: [2, 2],
            stride: [2, 2],
            pad: [0; 4],
            dilation: [1, 1],
        };
        let average = AverageOp::new(pool, (i8::MIN, i8::MAX)).unwrap();
        let graph = QuantGraph {
            name: "small".into(),
            semantics: Semantics::Reference,
            layout: Layout::ChannelsLast,
            tensors: vec![
                tensor("x", &[1, 6, 4, 2]),
                tensor("c", &[1, 6, 4, 5]),
                tensor("p", &[1, 3, 2, 5]),
                tensor("f", &[1, 30]),
                tensor("y", &[1, 7]),
            ],
            ops: vec![
                operator(random_mac("c", Shape::Conv(conv), 1), "c", 0, 1),
                operator(OpKind::AveragePool(Box::new(average)), "p", 1, 2),
                operator(OpKind::Reshape, "f", 2, 3),
                operator(random_mac("y", Shape::Matmul(product), 2), "y", 3, 4),
            ],
            inputs: vec![Port::new("x", 0, false)],
            outputs: vec![Port::new("y", 4, false)],
        };
        let layers = graph.array_network().unwrap().layers;
        let on_array = OnArray::new(&graph, &layers).unwrap();
        let inputs = random_inputs(&graph, 1).unwrap();
        let values = run_graph(&graph, &inputs).unwrap();
        let data = on_array.data(&inputs).unwrap();
        assert_eq!((data.len(), on_array.host_operators().len()), (3, 0));
        for (d, (input, output)) in data.iter().zip([(0, 1), (1, 2), (2, 4)]) {
            assert_eq!((d.input.0, d.output.0), (input, output));
            let out = golden::layer(&d.layer.shape, graph.layout, values.tensor(input), &d.weights, &d.post).unwrap();
            assert!(out == values.tensor(output), "{}", d.layer.name);
        }
    }

    #[test]
    fn graphs_give_their_own_weights() {
        let graph = zoo::resnet8().unwrap();
        let network = graph.network().unwrap();
        let inputs = random_inputs(&graph, 1).unwrap();
        let on_array = OnArray::new(&graph, &network.layers).unwrap();
        let data = on_array.data(&inputs).unwrap();
        let weights: usize = data.iter().map(|d| d.weights.len()).sum();
        assert_eq!((data.len(), weights as u64), (10, network.weight_count().unwrap()));
        // Three additions, and the mean that these layers leave out.
        assert_eq!(on_array.host_operators().len(), 4);
        let mut other = network.layers[0].clone();
        other.name = "other".into();
        assert_eq!(OnArray::new(&graph, &[other]).unwrap_err().code, Code::Malformed);
    }
}
