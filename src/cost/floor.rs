//! What no mapping of a layer on an accelerator can undercut: the bound that a mapping's gap is measured against.
//!
//! Every weight, every input position that some tap touches, and every output crosses each level at least once, in whole
//! vectors of its lanes; an untiled run does so exactly once, and rounding up tile by tile never gives less than rounding
//! up once. Energy is a sum of counts times prices, so least counts give least energy. No engine finishes before it has
//! done its least work, and nothing starts before the first word has arrived from off chip.

use crate::arch::accelerator::Accelerator;
use crate::base::dims::{Dim, PerDim};
use crate::cost::counts::{Tally, tally};
use crate::cost::energy::Prices;
use crate::cost::tech::{Technology, real};
use crate::mapping::plane;
use crate::mapping::schedule::{READ_TO_USE, Schedule};
use crate::mapping::tiling::{Level, Mapping, UNSPLIT};
use crate::workload::layer::LoopNest;

/// Figures that every legal mapping meets or exceeds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Floor {
    /// End of the last write job.
    pub cycles: u64,
    /// Energy, in pJ.
    pub energy_pj: f64,
}

impl Floor {
    /// An energy-delay product for a run of `overhead` cycles around its schedule.
    #[must_use]
    pub fn edp(&self, overhead: u64) -> f64 {
        self.energy_pj * real(self.cycles + overhead)
    }
}

/// The floor of `nest` on `a`, which must be valid; the layer must [`fits`](crate::cost::cycles::fits).
#[must_use]
pub fn floor(t: &Technology, a: &Accelerator, nest: &LoopNest) -> Floor {
    let nest = &plane::on(nest, a);
    let whole = Level {
        tile: nest.bounds,
        order: Dim::ALL,
    };
    let s = Schedule::new(
        nest,
        a,
        &Mapping {
            offchip: whole,
            l2: whole,
            pe: Dim::ALL,
            split: UNSPLIT,
        },
    );
    let mut least = least(&s);
    // No split of an axis gets more than its size out of it.
    let shared = s.geometry.shared.iter().map(|s| u64::from(s.size)).product();
    least.busy.compute = least.busy.compute.div_ceil(shared);
    least.counts.compute_cycles = least.counts.compute_cycles.div_ceil(shared);
    let b = &least.busy;
    let busiest = [b.read, b.w, b.i, b.compute, b.drain, b.write]
        .into_iter()
        .fold(0, u64::max);
    Floor {
        cycles: busiest + s.ports.latency + READ_TO_USE,
        energy_pj: Prices::of(t, a).energy(&least, nest.depthwise()).total(),
    }
}

/// The least counts of any mapping: those of the untiled run `s`, except where tiles could skip inputs that no tap touches.
fn least(s: &Schedule) -> Tally {
    let mut t = tally(s);
    let n = &s.nest;
    let sides = [(Dim::Y, Dim::R), (Dim::X, Dim::S)];
    let touched: [[u64; 2]; 2] = std::array::from_fn(|i| touched(n, i, sides[i].0, sides[i].1));
    let positions = |which: usize| touched[0][which] * touched[1][which] * u64::from(n.n) * u64::from(n.g);
    let channels = u64::from(n.input_channels());
    let vectors = |lanes: u64| channels.div_ceil(lanes) * positions(0);
    t.counts.i_cycles = vectors(s.ports.i_lanes).min(t.counts.i_cycles);
    t.counts.i_words = (channels * positions(1)).min(t.counts.i_words);
    t.counts.i_writes = (channels * positions(0)).min(t.counts.i_writes);
    t.busy.i = t.counts.i_cycles;
    // Requested are touched positions inside the input; issued are all touched ones.
    let blocks = channels.div_ceil(s.ports.bus);
    let skipped = t.fills.i - (blocks * positions(1)).min(t.fills.i);
    t.fills.i -= skipped;
    t.counts.read_beats -= skipped;
    let issued = s.i_beats(&n.bounds) * u64::from(n.n) * u64::from(n.g);
    t.busy.read -= issued - (blocks * positions(0)).min(issued);
    t
}

/// Input rows (`side` 0) or columns (1) that some tap of some output touches: padding included, and within the input.
pub(super) fn touched(n: &LoopNest, side: usize, out: Dim, taps: Dim) -> [u64; 2] {
    let bounds: &PerDim<u32> = &n.bounds;
    let (stride, dilation) = (n.stride[side] as usize, n.dilation[side] as usize);
    let reach = (bounds[out] as usize - 1) * stride + (bounds[taps] as usize - 1) * dilation + 1;
    let (pad, size) = (n.pad[side] as usize, n.input[side] as usize);
    let mut seen = vec![false; reach];
    for o in 0..bounds[out] as usize {
        for tap in 0..bounds[taps] as usize {
            seen[o * stride + tap * dilation] = true;
        }
    }
    let within = |p: usize| (pad..pad + size).contains(&p);
    let count = |inside: bool| (0..reach).filter(|&p| seen[p] && (!inside || within(p))).count() as u64;
    [count(false), count(true)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::rng::stream;
    use crate::cost::layer::Model;
    use crate::mapping::random::{Limits, random_triple};

    #[test]
    fn no_random_mapping_undercuts_the_floor() {
        let t = Technology::named("45nm").unwrap();
        let (mut closest_cycles, mut closest_energy) = (f64::INFINITY, f64::INFINITY);
        for i in 0..2000 {
            let triple = random_triple(&mut stream(9, &[i]), &Limits::default());
            let cost = Model::new(&t, &triple.accelerator).cost(&triple.schedule());
            let floor = floor(&t, &triple.accelerator, &triple.nest);
            let cycles = real(cost.cycles) / real(floor.cycles);
            let energy = cost.energy.total() / floor.energy_pj;
            assert!(
                cycles >= 1.0 && energy >= 1.0 - 1e-12,
                "{i}: {cycles} {energy} {triple:?}"
            );
            closest_cycles = closest_cycles.min(cycles);
            closest_energy = closest_energy.min(energy);
        }
        // A bound far below everything would hold as well, and say nothing.
        assert!(
            closest_cycles < 1.2 && closest_energy < 1.02,
            "{closest_cycles} {closest_energy}"
        );
    }
}
