//! Energy and area by component: counts times prices.
//!
//! Nothing is simulated here: every term is one of the exact counts times the price of one such event, and the prices
//! follow from the accelerator's geometry, once per accelerator ([`Prices`]).
//!
//! | component | events |
//! |---|---|
//! | mac | multiply-accumulates |
//! | operand buffers | bytes written; every buffer is read in every issue cycle of a pass, since all PEs run in lockstep |
//! | psums | every buffer is read and written in every issue cycle; drained words are read once more |
//! | networks | bits through each register stage from level 2 to the buffers, through the tree, and back; and over the wires between them, by length and fan-out ([`crate::cost::wires`]) |
//! | l2 | words written by reads from off chip and by drains, words read by loaders, accumulation and writes |
//! | offchip | bits of all beats |
//! | output unit | one 32-bit multiplication and two additions per finished output |
//! | control | counters and addresses of busy engines |
//!
//! Leakage and the clock tree are left out: the cited figures do not give them.

use crate::arch::accelerator::{Accelerator, Memory, PARAM_BYTES};
use crate::arch::geometry::{Geometry, TREE_RADIX};
use crate::base::dims::Dim;
use crate::cost::counts::Tally;
use crate::cost::tech::{MemoryPrice, Place, Technology, real};
use crate::cost::wires::Wires;
use serde::Serialize;

/// Register bits that an engine's counters and addresses change per issue cycle; also what its control takes in area,
/// [`CONTROL_AREA_FACTOR`] times over.
const CONTROL_BITS: u64 = 128;

/// Bits of loop counters, bounds, strides and shadow registers of an engine, relative to those that change per cycle.
const CONTROL_AREA_FACTOR: f64 = 8.0;

/// Engines.
const ENGINES: f64 = 6.0;

/// One figure per component: energy in pJ, or area in um2.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Components {
    /// Multipliers and adders.
    pub mac: f64,
    /// W and I buffers.
    pub operand_buffers: f64,
    /// Psum buffers.
    pub psums: f64,
    /// Networks, decoders and tree registers.
    pub networks: f64,
    /// Level-2 memories.
    pub l2: f64,
    /// Off-chip port.
    pub offchip: f64,
    /// Output unit.
    pub output_unit: f64,
    /// Control.
    pub control: f64,
}

impl Components {
    /// Names and figures, for tables.
    #[must_use]
    pub const fn named(&self) -> [(&'static str, f64); 8] {
        [
            ("mac", self.mac),
            ("operand buffers", self.operand_buffers),
            ("psums", self.psums),
            ("networks", self.networks),
            ("l2", self.l2),
            ("off-chip", self.offchip),
            ("output unit", self.output_unit),
            ("control", self.control),
        ]
    }

    /// Sum of all components.
    #[must_use]
    pub fn total(&self) -> f64 {
        self.named().iter().map(|c| c.1).sum()
    }

    /// Sum with `other`, component by component.
    #[must_use]
    pub fn plus(&self, other: &Self) -> Self {
        Self {
            mac: self.mac + other.mac,
            operand_buffers: self.operand_buffers + other.operand_buffers,
            psums: self.psums + other.psums,
            networks: self.networks + other.networks,
            l2: self.l2 + other.l2,
            offchip: self.offchip + other.offchip,
            output_unit: self.output_unit + other.output_unit,
            control: self.control + other.control,
        }
    }

    /// `times` as much of every component.
    #[must_use]
    pub fn times(&self, times: f64) -> Self {
        Self {
            mac: self.mac * times,
            operand_buffers: self.operand_buffers * times,
            psums: self.psums * times,
            networks: self.networks * times,
            l2: self.l2 * times,
            offchip: self.offchip * times,
            output_unit: self.output_unit * times,
            control: self.control * times,
        }
    }
}

/// Energy per byte of one memory, in pJ.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct PerByte {
    read: f64,
    write: f64,
}

/// What one event of each kind costs on one accelerator, in pJ.
#[derive(Clone, Debug, PartialEq)]
pub struct Prices {
    mac: f64,
    /// Operand buffers per issue cycle of a pass: in a convolution, in a depthwise layer.
    operand_cycle: [f64; 2],
    w_write_byte: f64,
    i_write_byte: f64,
    psum_cycle: f64,
    psum_drain: f64,
    w_network_byte: f64,
    i_network_byte: f64,
    /// Products on their way through the tree, and bytes from their buffers to the PEs, per issue cycle of a pass.
    array_cycle: f64,
    drain_network_psum: f64,
    l2_w: PerByte,
    l2_i: PerByte,
    l2_o: PerByte,
    l2_p: PerByte,
    bus_bytes: f64,
    offchip_byte: f64,
    output: f64,
    control_cycle: f64,
}

impl Prices {
    /// The prices of `a` in technology `t`.
    #[must_use]
    pub fn of(t: &Technology, a: &Accelerator) -> Self {
        let g = Geometry::of(a);
        let bit = t.register_bit.pj;
        let wires = Wires::of(t, a, &area(t, a));
        let stages = |stages: u32| 8.0 * bit * f64::from(stages);
        let [w, psum] = [w_buffer(t, a, &g), psum_buffer(t, a, &g)];
        // A convolution reads one word of a row, a depthwise layer the row; a write touches one word.
        let [i, i_row] = [g.i_conv_word, g.i_word].map(|word| i_buffer(t, a, word));
        let [w_buffers, i_buffers, psum_buffers] = [g.w_buffers, g.i_buffers, g.psum_buffers].map(f64::from);
        let l2 = |m: &Memory, width: u32| {
            let price = l2_memory(t, *m, width);
            PerByte {
                read: price.read_pj / f64::from(width),
                write: price.write_pj / f64::from(width),
            }
        };
        Self {
            mac: t.multiply8.pj + t.add32.pj,
            operand_cycle: [i, i_row].map(|i| w_buffers * w.read_pj + i_buffers * i.read_pj),
            w_write_byte: w.write_pj / f64::from(g.w_word),
            i_write_byte: i.write_pj / f64::from(g.i_conv_word),
            psum_cycle: psum_buffers * (psum.read_pj + psum.write_pj),
            psum_drain: psum.read_pj / f64::from(g.psum_word),
            w_network_byte: stages(g.pipeline.w_network) + 8.0 * wires.into_array,
            i_network_byte: stages(g.pipeline.i_network) + 8.0 * wires.into_array,
            array_cycle: bit * real(tree_bits(&g)) + wires.cycle,
            drain_network_psum: 32.0 * (bit + wires.out_of_array),
            l2_w: l2(&a.l2.W, g.l2_w_word),
            l2_i: l2(&a.l2.I, g.l2_i_word),
            l2_o: l2(&a.l2.O, a.l2.output_bytes() * g.l2_o_word),
            l2_p: l2(&a.l2.P, PARAM_BYTES * g.l2_p_word),
            bus_bytes: a.offchip.bytes_per_cycle.into(),
            offchip_byte: 8.0 * t.offchip_bit.pj,
            output: t.multiply32.pj + 2.0 * t.add32.pj,
            control_cycle: bit * real(CONTROL_BITS),
        }
    }

    /// Energy of a run, in pJ.
    #[must_use]
    pub fn energy(&self, tally: &Tally, depthwise: bool) -> Components {
        let (c, b) = (&tally.counts, &tally.busy);
        let cycles = real(c.compute_cycles);
        // Every output is drained once for the first time, without reading back.
        let outputs = real(c.psum_words - c.acc_reads);
        let busy = b.read + b.w + b.i + b.compute + b.drain + b.write;
        Components {
            mac: real(c.macs) * self.mac,
            operand_buffers: cycles * self.operand_cycle[usize::from(depthwise)]
                + real(c.w_words) * self.w_write_byte
                + real(c.i_writes) * self.i_write_byte,
            psums: cycles * self.psum_cycle + real(c.psum_words) * self.psum_drain,
            networks: real(c.w_words) * self.w_network_byte
                + real(c.i_words) * self.i_network_byte
                + cycles * self.array_cycle
                + real(c.psum_words) * self.drain_network_psum,
            l2: self.l2(tally, outputs),
            offchip: real(c.read_beats + c.write_beats) * self.bus_bytes * self.offchip_byte,
            output_unit: outputs * self.output,
            control: real(busy) * self.control_cycle,
        }
    }

    fn l2(&self, tally: &Tally, outputs: f64) -> f64 {
        let (c, f) = (&tally.counts, &tally.fills);
        let beats = |beats: u64| real(beats) * self.bus_bytes;
        // Sums that still accumulate have four bytes, finished outputs one.
        let sums = 4.0 * (real(c.psum_words) - outputs);
        beats(f.w) * self.l2_w.write
            + real(c.w_words) * self.l2_w.read
            + beats(f.i) * self.l2_i.write
            + real(c.i_words) * self.l2_i.read
            + beats(f.p) * self.l2_p.write
            + outputs * f64::from(PARAM_BYTES) * self.l2_p.read
            + (sums + outputs) * self.l2_o.write
            + 4.0 * real(c.acc_reads) * self.l2_o.read
            + beats(c.write_beats) * self.l2_o.read
    }
}

/// Area of `a` in technology `t`, in um2.
#[must_use]
pub fn area(t: &Technology, a: &Accelerator) -> Components {
    let g = Geometry::of(a);
    let bit = t.register_bit.um2;
    // Lanes are dealt per K and per C position; rows and columns are compared per base of a window.
    let [k, c] = [Dim::K, Dim::C].map(|d| g.most(d));
    // Those of an axis over several dimensions have a window each, whatever the layer makes of them.
    let windows = |out: Dim, tap: Dim| g.most(out) * g.most(tap);
    let decoders: u32 = [k, c, windows(Dim::Y, Dim::R), windows(Dim::X, Dim::S)]
        .into_iter()
        .filter(|&positions| positions > 1)
        .sum();
    let stages = 8 * (a.lanes.W * g.pipeline.w_network + a.lanes.I * g.pipeline.i_network) + 32 * a.lanes.drain;
    let [w, i, psum] = [w_buffer(t, a, &g), i_buffer(t, a, g.i_word), psum_buffer(t, a, &g)].map(|price| price.um2);
    Components {
        mac: f64::from(a.pes()) * (t.multiply8.um2 + t.add32.um2),
        operand_buffers: f64::from(g.w_buffers) * w + f64::from(g.i_buffers) * i,
        psums: f64::from(g.psum_buffers) * psum,
        networks: f64::from(decoders) * t.window_decoder.um2 + bit * (f64::from(stages) + real(tree_bits(&g))),
        l2: [
            (&a.l2.W, g.l2_w_word),
            (&a.l2.I, g.l2_i_word),
            (&a.l2.O, a.l2.output_bytes() * g.l2_o_word),
            (&a.l2.P, PARAM_BYTES * g.l2_p_word),
        ]
        .iter()
        .map(|(m, width)| l2_memory(t, **m, *width).um2)
        .sum(),
        // Registered in and out; the memory itself is not on the chip.
        offchip: bit * f64::from(2 * 8 * a.offchip.bytes_per_cycle),
        output_unit: f64::from(a.requantizers) * (t.multiply32.um2 + 2.0 * t.add32.um2),
        control: ENGINES * real(CONTROL_BITS) * CONTROL_AREA_FACTOR * bit,
    }
}

fn w_buffer(t: &Technology, a: &Accelerator, g: &Geometry) -> MemoryPrice {
    t.memory(Place::Operands, slots(a.buffers.W), u64::from(8 * g.w_word))
}

/// An I buffer, accessed `word` bytes at a time.
fn i_buffer(t: &Technology, a: &Accelerator, word: u32) -> MemoryPrice {
    t.memory(Place::Operands, slots(a.buffers.I), u64::from(8 * word))
}

fn psum_buffer(t: &Technology, a: &Accelerator, g: &Geometry) -> MemoryPrice {
    let psum = &a.buffers.psum;
    let bytes = 4 * u64::from(psum.words) * u64::from(psum.slots);
    t.memory(Place::Psums, bytes, u64::from(32 * g.psum_word))
}

/// A level-2 memory, accessed `width` bytes at a time.
fn l2_memory(t: &Technology, m: Memory, width: u32) -> MemoryPrice {
    t.memory(Place::Level2, slots(m), u64::from(8 * width))
}

fn slots(m: Memory) -> u64 {
    u64::from(m.bytes) * u64::from(m.slots)
}

/// Registers of the array's products and of its adder trees: 16 bits per product, 32 per sum.
fn tree_bits(g: &Geometry) -> u64 {
    let products = u64::from(g.reduced());
    let (mut inputs, mut sums) = (products, 0);
    while inputs > 1 {
        inputs = inputs.div_ceil(u64::from(TREE_RADIX));
        sums += inputs;
    }
    u64::from(g.psum_buffers) * (16 * products + 32 * sums)
}
