//! Cycles, energy and capacity as an earlier study of NAAS's claims counts them.
//!
//! A PE array between two pools of memory. The first, *L1*, holds the tiles of all operands next to the PEs, once per distinct
//! coordinate: a weight that a row of PEs shares is stored once and read once. The second, *L2*, holds the tiles of the level
//! above. Both are pools: each layer divides them among the operands as it likes. A tile that is replaced during a layer has
//! two places, so that the next one arrives meanwhile; one that stays has one.
//!
//! **Time.** Reads from off chip, a loader each for weights and inputs, the array, the drain of sums and writes work at the same
//! time and wait for each other as the template's engines do; a job takes its words over its width, a pass of the array one
//! cycle more than its steps, and what is read is there after the latency. There are no descriptors, pipelines or words.
//!
//! **Energy.** Multiply-accumulates, bytes of L1 and L2 by CACTI, off-chip bytes. No wires, registers or control.
//!
//! Nothing of this can be built as it stands: it is here to compare with that study in its own terms.

use crate::tiling::{Loop, Operand, Shape, Tally, Tiling, loops, smaller};
use crate::timeline::cycles;
use naas::arch::resources::Resources;
use naas::base::dims::{Dim, PerDim};
use naas::search::numeric::pow;
use naas::search::problem::Figures;

/// Bytes per cycle, sums per cycle, and the off-chip latency.
#[derive(Clone, Copy, Debug)]
pub struct Widths {
    /// Bytes per cycle of weights into the array, and as many of inputs.
    pub network: u64,
    /// Sums per cycle out of the array.
    pub drain: u64,
    /// Bytes per cycle off chip, per direction.
    pub offchip: u64,
    /// Cycles until what is read arrives.
    pub latency: u64,
}

impl Widths {
    /// Those of resources; weights and inputs get half of the network each.
    pub fn of(r: &Resources) -> Self {
        Self {
            network: u64::from(r.network_bytes_per_cycle) / 2,
            drain: r.drain_psums_per_cycle.into(),
            offchip: r.offchip_bytes_per_cycle.into(),
            latency: r.offchip_latency_cycles.into(),
        }
    }
}

/// An accelerator.
#[derive(Clone, Copy, Debug)]
pub struct Machine {
    pub pes: u64,
    /// Bytes of L1 per PE: all PEs' together are the pool, one PE's size is what an access costs.
    pub l1: u64,
    /// Bytes of L2.
    pub l2: u64,
    pub widths: Widths,
    prices: Prices,
}

impl Machine {
    pub fn new(pes: u64, [l1, l2]: [u64; 2], widths: Widths) -> Self {
        Self {
            pes,
            l1,
            l2,
            widths,
            prices: Prices::of(l1, l2),
        }
    }

    /// Whether the tiles fit the pools, and outputs leave the chip once, finished.
    pub fn fits(&self, shape: &Shape, t: &Tiling) -> bool {
        let full = smaller(&t.tiles[0], &shape.bounds);
        let [outer, inner] = [
            loops(t.orders[0], &shape.bounds, &t.tiles[0]),
            loops(t.orders[1], &full, &t.tiles[1]),
        ];
        let sums = |l: &Loop| Dim::REDUCTION.contains(&l.dim);
        // Whether a loop over sums stands outside one over outputs.
        let broken = |loops: &[Loop]| {
            let first = loops.iter().position(sums).unwrap_or(loops.len());
            loops[first..].iter().any(|l| !sums(l))
        };
        if broken(&outer) {
            return false;
        }
        // A tile of L2 whose sums are finished in the array holds bytes, else sums of four.
        let finished = !outer.iter().any(sums) && !broken(&inner);
        let replaced = |operand: Operand, loops: &[Loop]| loops.iter().any(|l| shape.dims(operand).contains(l.dim));
        let places = |replaced: bool| 1 + u64::from(replaced);
        let l2 = |o: Operand| {
            let bytes = if o == Operand::O && !finished { 4 } else { 1 };
            bytes * places(replaced(o, &outer)) * shape.words(o, &full)
        };
        let pe = PerDim::from_fn(|d| t.tiles[1][d].min(full[d]).div_ceil(t.positions[d]));
        let l1 = |o: Operand| {
            let bytes = if o == Operand::O { 4 } else { 1 };
            let buffers: u64 = shape.dims(o).iter().map(|d| t.positions[d]).product();
            bytes * places(replaced(o, &outer) || replaced(o, &inner)) * shape.words(o, &pe) * buffers
        };
        Operand::ALL.map(l1).iter().sum::<u64>() <= self.l1 * self.pes
            && Operand::ALL.map(l2).iter().sum::<u64>() <= self.l2
    }

    /// Figures that [`Machine::figures`] does not undercut: the busiest engine's cycles, and the energy.
    pub fn bound(&self, shape: &Shape, t: &Tiling) -> Figures {
        let n = Tally::of(shape, t);
        let w = &self.widths;
        let engines = [
            n.steps + n.passes,
            n.l1[0].div_ceil(w.network),
            n.l1[1].div_ceil(w.network),
            n.l1[2].div_ceil(w.drain),
            (n.l2[0] + n.l2[1]).div_ceil(w.offchip) + w.latency,
            n.l2[2].div_ceil(w.offchip),
        ];
        Figures {
            cycles: engines.into_iter().max().unwrap_or(0),
            energy_pj: self.energy(shape, t, &n),
        }
    }

    /// What a mapping costs.
    pub fn figures(&self, shape: &Shape, t: &Tiling) -> Figures {
        Figures {
            cycles: cycles(self, shape, t),
            energy_pj: self.energy(shape, t, &Tally::of(shape, t)),
        }
    }

    /// Picojoules. A PE multiplies what it reads and adds up the taps and channels of its tile before it touches its sum.
    fn energy(&self, shape: &Shape, t: &Tiling, n: &Tally) -> f64 {
        let macs = shape.macs() as f64;
        let array: u64 = t.positions.0.iter().product();
        // PEs that share a buffer.
        let shared = |o: Operand| {
            let buffers: u64 = shape.dims(o).iter().map(|d| t.positions[d]).product();
            (array / buffers) as f64
        };
        let pe = |d: Dim| t.tiles[1][d].min(shape.bounds[d]).div_ceil(t.positions[d]) as f64;
        let summed: f64 = Dim::REDUCTION.map(pe).iter().product();
        let Prices { l1, l2 } = &self.prices;
        let reads = macs / shared(Operand::W) + macs / shared(Operand::I);
        let sums = macs / summed / shared(Operand::O);
        let in_l1 = reads * l1.read + sums * 4.0 * (l1.read + l1.write) + (n.l1[0] + n.l1[1]) as f64 * l1.write;
        let outputs = shape.words(Operand::O, &shape.bounds);
        // Sums that come and go are read and written in full, finished outputs as bytes.
        let out_bytes = if n.l1[2] > outputs { 4 * n.l1[2] } else { outputs };
        let in_l2 =
            (n.l1[0] + n.l1[1] + out_bytes) as f64 * l2.read + (n.l2[0] + n.l2[1] + out_bytes) as f64 * l2.write;
        let offchip: u64 = n.l2.iter().sum();
        macs * MAC_PJ + in_l1 + in_l2 + offchip as f64 * OFFCHIP_PJ
    }
}

/// The multiplication and the addition.
const MAC_PJ: f64 = 0.3;

/// A byte off chip.
const OFFCHIP_PJ: f64 = 64.0;

/// Picojoules of a byte of a memory.
#[derive(Clone, Copy, Debug)]
struct PerByte {
    read: f64,
    write: f64,
}

/// What bytes of both levels cost.
#[derive(Clone, Copy, Debug)]
struct Prices {
    l1: PerByte,
    l2: PerByte,
}

impl Prices {
    /// L1: CACTI's 1.32 and 2.07 pJ per 32-bit access of 1 KiB, and the square root of the size.
    ///
    /// L2: CACTI's 32.29 and 26.07 pJ per 64-bit access of 128 KiB, with exponents of the size from its other points; above 1 MiB
    /// a bank of 1 MiB (3.26 mm2), and 0.64 pJ per mm of the side of all banks.
    fn of(l1: u64, l2: u64) -> Self {
        const BANK: f64 = 1_048_576.0;
        let root = (l1 as f64 / 1024.0).sqrt();
        let size = l2 as f64;
        let side = if size > BANK { (3.26 * size / BANK).sqrt() } else { 0.0 };
        let bank = size.min(BANK) / 131_072.0;
        Self {
            l1: PerByte {
                read: 1.32 / 4.0 * root,
                write: 2.07 / 4.0 * root,
            },
            l2: PerByte {
                read: 32.29 / 8.0 * pow(bank, 0.54) + 0.64 * side,
                write: 26.07 / 8.0 * pow(bank, 0.49) + 0.64 * side,
            },
        }
    }
}

/// What multiplications and bytes off chip take, whatever the accelerator.
pub fn floor_energy(macs: u64, bytes: u64) -> f64 {
    macs as f64 * MAC_PJ + bytes as f64 * OFFCHIP_PJ
}
