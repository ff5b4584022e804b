//! Layers placed in off-chip memory: the image that the host loads, the control table, and what to expect afterwards.

use crate::arch::accelerator::Accelerator;
use crate::base::diag::{Code, Diagnostic, Result};
use crate::base::dims::Dim;
use crate::base::int::round_up;
use crate::mapping::schedule::{RECORD_BYTES, Schedule};
use crate::rtl::activations::{self, ALIGN};
use crate::rtl::compile::{Placement, descriptor};
use crate::rtl::descriptor::Descriptor;
use crate::rtl::hardware::{COUNTERS, Features, Hardware};
use crate::rtl::layout::{Blocked, pack_params, pack_weights};
use crate::workload::concat::Part;
use crate::workload::layer::Shape;
use crate::workload::quant::LayerPost;

/// What a model says of one layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Predicted {
    /// Cycles from the previous record to this layer's.
    pub cycles: u64,
    /// Values of [`COUNTERS`].
    pub counters: [u64; 12],
}

/// One layer to run. Weights and parameters are those of the schedule's loops, tensors rows of
/// `[image][channel][row][column]`.
#[derive(Clone, Debug)]
pub struct LayerRun<'a> {
    /// Name.
    pub name: String,
    /// Shape.
    pub shape: Shape,
    /// How it runs.
    pub schedule: Schedule,
    /// Weights as `[group][K][C][R][S]`.
    pub weights: &'a [i8],
    /// Output-unit parameters.
    pub post: &'a LayerPost,
    /// Identity and content of the input tensor; of an addition's two operands the identity of the first and both contents.
    pub input: (usize, &'a [i8]),
    /// Identity of an addition's second operand.
    pub second: Option<usize>,
    /// Identity and expected content of the output tensor.
    pub output: (usize, &'a [i8]),
    /// Where input, second operand and output lie within concatenated tensors.
    pub parts: [Option<Part>; 3],
    /// What the model says.
    pub predicted: Predicted,
}

/// A piece of the memory image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    /// Name of its file, without extension.
    pub name: String,
    /// Byte address.
    pub address: u64,
    /// Content.
    pub bytes: Vec<u8>,
}

/// One placed layer.
#[derive(Clone, Debug)]
pub struct PlacedLayer {
    /// Name.
    pub name: String,
    /// Kind, as reports name it.
    pub kind: String,
    /// Multiply-accumulates of the layer's definition.
    pub macs: u64,
    /// Where its data lies.
    pub placement: Placement,
    /// Layout of its output.
    pub output: Blocked,
    /// Extents of its output tiles over K, Y, X: of level 2, and of the array tile of one pass.
    pub tiles: [[u32; 3]; 2],
    /// Its descriptor.
    pub descriptor: Descriptor,
    /// Expected output, in the layout of [`PlacedLayer::output`].
    pub expected: Vec<u8>,
    /// What the model says.
    pub predicted: Predicted,
    /// Whether the output is still there after the run.
    pub kept: bool,
}

/// Whether tensors share memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sharing {
    /// No: every layer's output can be read after the run.
    Kept,
    /// Tensors that are never needed at the same time do; what no layer reads stays.
    Shared,
}

/// Off-chip memory that activations take.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Activations {
    /// From the first to the last one.
    pub bytes: u64,
    /// The most that some layer needs to be there: no placement takes less.
    pub needed: u64,
    /// What they would take without sharing.
    pub unshared: u64,
}

/// A whole run: memory image, control table, expectations.
#[derive(Clone, Debug)]
pub struct Program {
    /// Design hash.
    pub hash: u64,
    /// Byte address of the control table, whose last field is the hardware's to fill: `folder` encodes it.
    pub table: u64,
    /// Byte address of the records.
    pub records: u64,
    /// Weights and parameters of all layers.
    pub weights: Segment,
    /// Tensors that the host provides.
    pub inputs: Vec<Segment>,
    /// Layers in order.
    pub layers: Vec<PlacedLayer>,
    /// Layers that read what an earlier layer wrote, but in another layout: the host provides it.
    pub rearranged: Vec<String>,
    /// Memory of activations.
    pub activations: Activations,
    /// Size of the memory that all of this needs.
    pub memory_bytes: u64,
    /// Predicted cycles of the whole run.
    pub total_cycles: u64,
    /// Bytes of a beat.
    pub bus: u64,
    /// Off-chip latency that the prediction assumes.
    pub latency: u64,
    /// The least options of the hardware that run all layers.
    pub features: Features,
}

/// Hands out aligned addresses, upwards.
struct Allocator(u64);

impl Allocator {
    fn take(&mut self, bytes: u64) -> u64 {
        let at = self.0;
        self.0 = round_up(at + bytes.max(1), ALIGN);
        at
    }
}

/// Bits of the hardware's count of layers.
const LAYER_BITS: u32 = 16;

/// The most memory that 32-bit addresses reach.
const MEMORY_LIMIT: u64 = 1 << 32;

impl Program {
    /// Places `layers`, which run one after the other on a design of this hash.
    ///
    /// # Errors
    /// `E0203` where a figure exceeds the control table, or all data exceeds 4 GiB; `E0104` for a layer of a bad size.
    pub fn new(hash: u64, layers: &[LayerRun], sharing: Sharing) -> Result<Self> {
        if layers.len() >= 1 << LAYER_BITS {
            return Err(Diagnostic::new(
                Code::IllegalMapping,
                format!("the network has {} layers to run", layers.len()),
            )
            .expected("fewer than 65536"));
        }
        let ports = layers.first().map(|l| l.schedule.ports).ok_or_else(|| {
            Diagnostic::new(Code::Malformed, "the network has no layer to run").expected("at least one layer")
        })?;
        let mut memory = Allocator(0);
        let mut program = Self {
            hash,
            table: 0,
            records: 0,
            weights: Segment {
                name: "weights".into(),
                address: 0,
                bytes: Vec::new(),
            },
            inputs: Vec::new(),
            layers: Vec::new(),
            rearranged: Vec::new(),
            activations: Activations::default(),
            memory_bytes: 0,
            total_cycles: layers.iter().map(|l| l.predicted.cycles).sum::<u64>() + ports.finish_cycles(),
            bus: ports.bus,
            latency: ports.latency,
            features: Features::for_layers(layers.iter().map(|l| (&l.schedule.nest, l.post))),
        };
        program.table = memory.take(u64::from(crate::rtl::descriptor::bytes()) * layers.len() as u64);
        program.records = memory.take(RECORD_BYTES * layers.len() as u64);
        let packed: Vec<(u64, u64)> = layers.iter().map(|l| program.append_weights(l)).collect();
        program.weights.address = memory.take(program.weights.bytes.len() as u64);
        let tensors = activations::Activations::new(layers, ports.bus);
        let (shared, unshared) = (tensors.places(Sharing::Shared), tensors.places(Sharing::Kept));
        program.activations.needed = shared.needed;
        program.activations.unshared = unshared.bytes;
        let places = match sharing {
            Sharing::Shared => shared,
            Sharing::Kept => unshared,
        };
        program.activations.bytes = places.bytes;
        let base = memory.take(places.bytes);
        program.rearranged.clone_from(&tensors.rearranged);
        program.inputs = tensors.segments(base, &places.offsets);
        for (i, (layer, (weights, params))) in layers.iter().zip(packed).enumerate() {
            let used = tensors.layers[i];
            let at = used.map(|place| base + places.offsets[place.tensor] + place.offset);
            let mut placed = program.place(layer, [weights, params], at, memory.0)?;
            placed.kept = sharing == Sharing::Kept || tensors.is_result(used[2]);
            program.layers.push(placed);
        }
        program.memory_bytes = memory.0;
        if memory.0 > MEMORY_LIMIT {
            return Err(Diagnostic::new(
                Code::IllegalMapping,
                format!("the network needs {} bytes off chip", memory.0),
            )
            .expected("at most 4 GiB, the reach of 32-bit addresses"));
        }
        Ok(program)
    }

    /// The least hardware on this accelerator that runs these layers.
    #[must_use]
    pub fn hardware(&self, a: &Accelerator) -> Hardware {
        Hardware::for_layers(a, self.features, self.descriptors()).counting(self.counts())
    }

    /// The access counters of a whole run.
    #[must_use]
    pub fn counts(&self) -> [u64; COUNTERS.len()] {
        std::array::from_fn(|n| self.layers.iter().map(|l| l.predicted.counters[n]).sum())
    }

    /// What the hardware is told of each layer.
    pub fn descriptors(&self) -> impl Iterator<Item = &Descriptor> {
        self.layers.iter().map(|l| &l.descriptor)
    }

    /// Appends a layer's weights and parameters; their offsets within the segment.
    fn append_weights(&mut self, layer: &LayerRun) -> (u64, u64) {
        let out = &mut self.weights.bytes;
        let mut append = |bytes: Vec<u8>| {
            out.resize(round_up(out.len() as u64, self.bus * 16) as usize, 0);
            let at = out.len() as u64;
            out.extend(bytes);
            at
        };
        let weights = append(pack_weights(&layer.schedule, layer.weights));
        (weights, append(pack_params(&layer.schedule, &layer.post.channels)))
    }

    /// `at`: addresses of input, second operand and output. `end`: of all memory.
    fn place(&self, layer: &LayerRun, [weights, params]: [u64; 2], at: [u64; 3], end: u64) -> Result<PlacedLayer> {
        let s = &layer.schedule;
        let output = Blocked::output(&s.nest, self.bus as u32);
        let beat = |bytes: u64| (bytes / self.bus) as u32;
        let placement = Placement {
            input: beat(at[0]),
            second: beat(at[1]),
            output: beat(at[2]),
            weights: beat(self.weights.address + weights),
            params: beat(self.weights.address + params),
            highest: beat(end - 1),
            stored: stored_input(&layer.shape, s),
        };
        Ok(PlacedLayer {
            name: layer.name.clone(),
            kind: s.nest.kind.as_str().to_owned(),
            macs: layer.shape.macs()?,
            placement,
            output,
            tiles: [&s.mapping.offchip.tile, &s.mapping.l2.tile].map(|t| [t[Dim::K], t[Dim::Y], t[Dim::X]]),
            descriptor: descriptor(s, &placement, layer.post, self.hash, layer.predicted.cycles),
            expected: output.pack(layer.output.1),
            predicted: layer.predicted,
            kept: true,
        })
    }
}

/// Rows and columns of the input as the loops find it in memory.
pub(super) fn stored_input(shape: &Shape, s: &Schedule) -> [u32; 2] {
    match shape {
        Shape::Conv(c) if s.nest.subsample != [1, 1] => [c.H, c.W],
        Shape::Maxpool(p) if s.nest.subsample != [1, 1] => [p.H, p.W],
        _ => s.nest.input,
    }
}
