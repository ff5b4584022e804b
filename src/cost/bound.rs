//! A provable lower bound on cycles, from counts alone.
//!
//! Each engine works off all of its jobs, one after another. It cannot start before the first tile has reached it (head),
//! and after its last job that tile's result must still leave the chip (tail). So head + busy cycles + tail of any engine
//! is a bound, and the largest of the six is returned. It leaves out only waits between engines: where one engine is the
//! bottleneck throughout, it is close to exact, which is where a search looks. A mapping whose bound does not beat the
//! best one so far need not be evaluated.

use crate::base::dims::{Dim, PerDim};
use crate::cost::counts::Tally;
use crate::mapping::schedule::{
    COMPUTE_TO_DRAIN, DRAIN_TO_WRITE, LOAD_TO_COMPUTE, OFFCHIP_LOOPS, OFFCHIP_SET, Operand, READ_TO_USE, Schedule,
};

/// A run time that `s`, whose jobs sum up to `tally`, cannot undercut.
#[must_use]
pub fn lower_bound(s: &Schedule, tally: &Tally) -> u64 {
    let (c, e, busy) = (Constants::of(s), Extents::of(s), &tally.busy);
    // The earliest starts of the first jobs.
    let i = 1 + s.i_beats(&e.first_l2) + c.read_to_use;
    let w = i + s.w_beats(&e.first_l2);
    let p = w + s.p_beats(&e.first_l2);
    let compute = (w + s.w_cycles(&e.first) + c.w_to_compute).max(i + s.i_cycles(&e.first) + c.i_to_compute);
    let drain = p.max(compute + s.compute_cycles(&e.first) + c.compute_to_drain);
    // The first level-2 O tile takes at least the first off-chip step, and its last drain job.
    let write =
        compute + step_compute(s, 0) + c.compute_to_drain + s.drain_cycles(&e.first_complete, true) + c.drain_to_write;
    // What must follow the last jobs.
    let after_drain = c.drain_to_write + s.o_beats(&e.last_l2);
    let after_compute = c.compute_to_drain + s.drain_cycles(&e.last, true) + after_drain;
    let after_load = s.compute_cycles(&e.last) + after_compute;
    [
        after_last_read(s, tally, &c, &e, after_compute),
        w + busy.w + c.w_to_compute + after_load,
        i + busy.i + c.i_to_compute + after_load,
        compute + busy.compute + after_compute,
        drain + busy.drain + after_drain,
        write + busy.write,
    ]
    .into_iter()
    .fold(0, u64::max)
}

/// The read engine's bound. The last off-chip step reads W or I (every loop indexes one of them) and then perhaps P; all
/// passes of that step wait for the former.
fn after_last_read(s: &Schedule, tally: &Tally, c: &Constants, e: &Extents, after_compute: u64) -> u64 {
    let multi = s.loops.multi(0) & OFFCHIP_SET;
    let innermost = (0..OFFCHIP_LOOPS)
        .filter(|l| multi >> l & 1 == 1)
        .find(|&l| s.loops.inner[l] & multi == 0);
    let moved = |o: Operand| innermost.is_none_or(|l| s.loops.moved_l2(o, l, multi));
    let p = if moved(Operand::P) { s.p_beats(&e.last_l2) } else { 0 };
    let load = if moved(Operand::W) {
        s.w_cycles(&e.first_of_last) + c.w_to_compute
    } else {
        s.i_cycles(&e.first_of_last) + c.i_to_compute
    };
    1 + tally.busy.read - p + c.read_to_use + load + step_compute(s, 1) + after_compute
}

/// Issue cycles of all passes of an off-chip step on a full (0) or on the edge tile (1).
fn step_compute(s: &Schedule, class: usize) -> u64 {
    let along = |d: Dim| {
        let [full, last] = [0, class + 1].map(|i| u64::from(s.share(d, s.tile[d][i])));
        u64::from(s.loops.l2[d][class] - 1) * full + last
    };
    Dim::ALL.into_iter().map(along).product()
}

/// Token constants with their register stages.
struct Constants {
    read_to_use: u64,
    w_to_compute: u64,
    i_to_compute: u64,
    compute_to_drain: u64,
    drain_to_write: u64,
}

impl Constants {
    fn of(s: &Schedule) -> Self {
        let p = &s.geometry.pipeline;
        Self {
            read_to_use: s.ports.latency + READ_TO_USE,
            w_to_compute: LOAD_TO_COMPUTE + u64::from(p.w_network),
            i_to_compute: LOAD_TO_COMPUTE + u64::from(p.i_network),
            compute_to_drain: COMPUTE_TO_DRAIN + u64::from(p.tree),
            drain_to_write: DRAIN_TO_WRITE + u64::from(p.output_unit),
        }
    }
}

/// Extents of the tiles at the ends of a run.
struct Extents {
    /// Level-2 tile of the first, of the last off-chip step.
    first_l2: PerDim<u32>,
    last_l2: PerDim<u32>,
    /// Array tile of the first, of the last pass.
    first: PerDim<u32>,
    last: PerDim<u32>,
    /// Array tile of the first pass of the last off-chip step.
    first_of_last: PerDim<u32>,
    /// The last array tile of the first level-2 O tile.
    first_complete: PerDim<u32>,
}

impl Extents {
    fn of(s: &Schedule) -> Self {
        let first = |class: usize| {
            PerDim::from_fn(|d| {
                let single = s.loops.l2[d][class] == 1;
                s.tile[d][if single { class + 1 } else { 0 }]
            })
        };
        Self {
            first_l2: PerDim::from_fn(|d| s.l2_tile[d][0]),
            last_l2: PerDim::from_fn(|d| s.l2_tile[d][1]),
            first: first(0),
            last: PerDim::from_fn(|d| s.tile[d][2]),
            first_of_last: first(1),
            first_complete: PerDim::from_fn(|d| s.tile[d][1]),
        }
    }
}
