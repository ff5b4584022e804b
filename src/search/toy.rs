//! A cost model for tests of the search: exact cycles and counts, rough prices.

use crate::arch::accelerator::Accelerator;
use crate::arch::geometry::Geometry;
use crate::base::dims::PerDim;
use crate::base::rng::stream;
use crate::cost::counts::{Tally, tally};
use crate::cost::cycles::Evaluator;
use crate::mapping::schedule::Schedule;
use crate::search::problem::{CostModel, Figures, LayerModel};

/// Prices by the square root of a memory's size; 64 pJ per byte off chip.
pub(crate) struct Toy;

struct OnAccelerator {
    evaluator: Evaluator,
    bus: f64,
    /// Per compute cycle, per byte of W and I through the network, per byte in and out of level 2.
    cycle: f64,
    network: [f64; 2],
    l2: [f64; 3],
}

fn per_byte(bytes: u32) -> f64 {
    0.33 * (f64::from(bytes) / 1024.0).sqrt()
}

impl CostModel for Toy {
    fn on<'a>(&'a self, a: &'a Accelerator) -> Box<dyn LayerModel + 'a> {
        let g = Geometry::of(a);
        let (b, l) = (&a.buffers, &a.l2);
        let cycle = f64::from(g.w_buffers) * per_byte(b.W.bytes)
            + f64::from(g.i_buffers) * per_byte(b.I.bytes)
            + f64::from(g.psum_buffers) * 8.0 * per_byte(4 * b.psum.words);
        Box::new(OnAccelerator {
            evaluator: Evaluator::new(),
            bus: a.offchip.bytes_per_cycle.into(),
            cycle,
            network: [per_byte(b.W.bytes), per_byte(b.I.bytes)],
            l2: [l.W.bytes, l.I.bytes, l.O.bytes].map(per_byte),
        })
    }

    fn area_um2(&self, a: &Accelerator) -> f64 {
        f64::from(a.pes()) * 1000.0 + a.onchip_bytes() as f64
    }
}

impl OnAccelerator {
    fn energy(&self, t: &Tally) -> f64 {
        let c = &t.counts;
        let f = |n: u64| n as f64;
        let beats = |n: u64| f(n) * self.bus;
        0.3 * f(c.macs)
            + self.cycle * f(c.compute_cycles)
            + f(c.w_words) * (self.network[0] + self.l2[0])
            + f(c.i_words) * self.l2[1]
            + f(c.i_writes) * self.network[1]
            + 4.0 * f(c.psum_words + c.acc_reads) * self.l2[2]
            + beats(t.fills.w) * self.l2[0]
            + beats(t.fills.i) * self.l2[1]
            + beats(c.write_beats) * self.l2[2]
            + 64.0 * beats(c.read_beats + c.write_beats)
    }
}

impl LayerModel for OnAccelerator {
    fn exact(&mut self, s: &Schedule) -> Figures {
        Figures {
            cycles: self.evaluator.cycles(s),
            energy_pj: self.energy(&tally(s)),
        }
    }

    fn bound(&mut self, s: &Schedule) -> Figures {
        let t = tally(s);
        Figures {
            cycles: lower_bound(s, &t),
            energy_pj: self.energy(&t),
        }
    }
}

/// Per engine: what has to happen before its first job, its jobs, what has to happen after its last.
fn lower_bound(s: &Schedule, t: &Tally) -> u64 {
    let first2 = PerDim::from_fn(|d| s.l2_tile[d][0]);
    let last2 = PerDim::from_fn(|d| s.l2_tile[d][1]);
    let first = PerDim::from_fn(|d| s.tile[d][0]);
    let last = PerDim::from_fn(|d| s.tile[d][2]);
    let inputs = s.i_beats(&first2) + s.ports.latency;
    let weights = inputs + s.w_beats(&first2);
    let compute = (inputs + s.i_cycles(&first)).max(weights + s.w_cycles(&first));
    let drain = compute + s.compute_cycles(&first);
    let write = s.o_beats(&last2);
    let drained = s.drain_cycles(&last, true).min(s.drain_cycles(&last, false)) + write;
    let computed = s.compute_cycles(&last) + drained;
    let b = &t.busy;
    [
        // Parameters are read last, and only the drain waits for them.
        b.read - t.fills.p + s.ports.latency + computed,
        b.read + s.ports.latency + drained,
        weights + b.w + computed,
        inputs + b.i + computed,
        compute + b.compute + drained,
        drain + b.drain + write,
        drain + b.write,
    ]
    .into_iter()
    .max()
    .unwrap_or(0)
}

#[test]
fn bounds_are_bounds() {
    use crate::mapping::random::{Limits, random_triple};
    let mut gaps = Vec::new();
    for i in 0..2000 {
        let triple = random_triple(&mut stream(2, &[i]), &Limits::default());
        let s = triple.schedule();
        let mut model = Toy.on(&triple.accelerator);
        let (bound, exact) = (model.bound(&s), model.exact(&s));
        assert!(
            bound.cycles <= exact.cycles && bound.energy_pj <= exact.energy_pj,
            "{triple:?}"
        );
        gaps.push(exact.cycles as f64 / bound.cycles as f64);
    }
    gaps.sort_by(f64::total_cmp);
    assert!(gaps[1000] < 1.5, "{}", gaps[1000]);
}
